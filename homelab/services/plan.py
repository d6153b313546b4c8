"""Plan the services: host, ports, callers and state of each."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import get_args

from homelab.catalog import ENTRIES, find
from homelab.catalog.model import OIDC, Entry
from homelab.catalog.options import sign_in_options
from homelab.catalog.references import WEB
from homelab.cloudflare.model import tunnel_name
from homelab.config.fact_parts import Oidc, PortFact, SecretFact, referred
from homelab.config.identity import Provider
from homelab.config.lock import Lock
from homelab.config.network import Scope
from homelab.config.service_base import ServiceConfig
from homelab.config.service_containers import PodmanService
from homelab.config.service_modules import CatalogService
from homelab.config.service_programs import ExternalService
from homelab.config.services import (
    client_of,
    datasets_of,
    extends_of,
    is_made,
    ports_of,
    recovers,
)
from homelab.config.stack import StackConfig
from homelab.connections.keys import API_KEY, with_api_key
from homelab.connections.pairs import keyed
from homelab.databases.elsewhere import connected_entry, facts_elsewhere
from homelab.databases.plan import databases_for, with_databases
from homelab.network.auth import asked_auths
from homelab.network.between import dialled, lan_callers, path_between
from homelab.network.model import LOOPBACK, PortUse, resolver_entry
from homelab.services.containers import bridge_of
from homelab.services.custom import custom_entry, extended
from homelab.services.ids import with_ids, with_static_user
from homelab.services.jobs import with_jobs
from homelab.services.mail import MAIL, with_mail
from homelab.services.memory import with_memory
from homelab.services.model import Service
from homelab.services.own import facts_of, for_release, original_entry
from homelab.services.parts import network_of
from homelab.services.ports import assign_ports
from homelab.services.readers import Readers
from homelab.services.uses import Use, uses_of
from homelab.storage.shares import SAMBA, plan_shares
from homelab.system.model import Host, nixos_hosts
from homelab.system.renamed import renamed_hosts
from homelab.vpn.plan import namespace_of

ANYWHERE = "0.0.0.0"  # noqa: S104 - the firewall is the boundary, and opens it only to callers


def plan_services(
    stack: StackConfig,
    hosts: Mapping[str, Host],
    lock: Lock,
    stated: Mapping[str, ServiceConfig],
) -> tuple[Service, ...]:
    """Every enabled service on every host that runs it, sorted by name, then host.

    Infrastructure (reverse proxy, resolver, identity provider, tunnel, tailnet) is included, with
    ports, state and a sandbox like any other service. Services whose host or entry does not exist
    are left out; the checks report them. `stated` are the services without the options of an
    owner's facts, which differ between hosts of several releases.
    """
    calling: dict[str, tuple[tuple[str, str], ...]] = {}
    for name, config in stack.services.items():
        for use in uses_of(config) if config.runs else ():
            calling[use.name] = (*calling.get(use.name, ()), (use.port, name))
    readers = Readers(stack, hosts_of)
    with_key = keyed(stack)
    placed = [
        _place(name, host, config, entry, readers, hosts, source, calling, with_key)
        for name, host, config, entry, source in _wanted(stack, hosts, stated)
        if host in hosts
    ]
    known = with_memory(
        tuple(sorted(placed, key=lambda s: (s.name, s.host))), lock, renamed_hosts(stack, lock)
    )
    return assign_ports(stack, with_ids(known, lock))


def hosts_of(name: str, stack: StackConfig) -> tuple[str, ...]:
    """Hosts that run a service of the stack config."""
    config = stack.services[name]
    if isinstance(config, ExternalService):
        # The reverse proxy serves its name.
        return (stack.network.entry.host,)
    if config.host is not None:
        return (config.host,)
    return tuple(h for h, c in nixos_hosts(stack.hosts).items() if set(c.tags) & set(config.tags))


def entry_of(
    name: str, stack: StackConfig, config: ServiceConfig | None = None, host: str | None = None
) -> Entry | None:
    """The entry of a service of the stack config, with its additions. `config` is the service on
    one host, if the hosts differ. The default of `host` is the host that the service names.
    """
    config = config or stack.services[name]
    if is_made(config):
        return custom_entry(name, config, find(extends_of(config)))
    entry = original_entry(stack, name, config, host)
    return extended(entry, config) if entry is not None else None


def implied(stack: StackConfig) -> dict[str, tuple[tuple[str, str], ...]]:
    """Services that other sections need: name to (host, place in the stack config)."""
    out: dict[str, tuple[tuple[str, str], ...]] = {}
    if has_proxy(stack):
        out[stack.network.entry.proxy] = ((stack.network.entry.host, "network.entry"),)
    if stack.network.dns.host is not None:
        resolver = resolver_entry(stack.network.dns.server)
        out[resolver] = ((stack.network.dns.host, "network.dns"),)
    if stack.identity is not None:
        place = ((stack.identity.host, "identity"),)
        if stack.identity.provider != "external":
            out[stack.identity.provider] = place
        if stack.identity.provider != "authelia":
            out["oauth2-proxy"] = place
        if stack.identity.directory is not None:
            out[stack.identity.directory.kind] = place
    if stack.tailnet is not None:
        out["tailscale"] = tuple(
            (name, f"hosts.{name}.tailscale")
            for name, host in nixos_hosts(stack.hosts).items()
            if host.tailscale is not None
        )
    if shares := tuple(plan_shares(stack)):
        out[SAMBA] = tuple({s.host: (s.host, s.source) for s in reversed(shares)}.values())
    if stack.cloudflare is not None and stack.cloudflare.tunnel is not None:
        out["cloudflared"] = ((stack.cloudflare.tunnel.host, "cloudflare.tunnel"),)
    return out


_PLACES = {
    **dict.fromkeys((*get_args(Provider), "oauth2-proxy", "lldap", "openldap"), "identity"),
    "cloudflared": "cloudflare.tunnel",
    "tailscale": "tailnet",
}
"""Section that places a service of the infrastructure."""


def lacking_section(stack: StackConfig, name: str) -> str:
    """The section that would place a service, if the stack config does not have it; else empty."""
    section = _PLACES.get(name, "")
    value: object = stack
    for key in section.split(".") if section else ():
        value = getattr(value, key, None)
    return section if value is None else ""


def has_proxy(stack: StackConfig) -> bool:
    """Whether the entry host runs the proxy. An adopted one runs none while no service needs it."""
    entry = nixos_hosts(stack.hosts).get(stack.network.entry.host)
    return entry is None or entry.manages("proxy") or bool(stack.services)


def _wanted(
    stack: StackConfig, hosts: Mapping[str, Host], stated: Mapping[str, ServiceConfig]
) -> Iterator[tuple[str, str, ServiceConfig, Entry, str]]:
    asked = implied(stack)
    for name, places in asked.items():
        config = stack.services.get(name)
        if not isinstance(config, CatalogService):
            config = CatalogService()  # service-single reports it
        if name == "caddy" and stack.network.entry.variables == "exec_wrapper":
            config = _wrapped(config)
        placed = extended(ENTRIES[name], config)
        on_lan = {s.host for s in plan_shares(stack) if s.lan} if name == SAMBA else set()
        for host, source in places:
            yield name, host, config, _on_lan(placed) if host in on_lan else placed, source
    for name, config in stack.services.items():
        entry = entry_of(name, stack)
        if name in asked or not config.runs or entry is None:
            continue
        for host in hosts_of(name, stack):
            here: ServiceConfig = config
            if host in hosts and facts_of(stack, name, config) is not None:
                plain = config.model_copy(update={"options": stated[name].options})
                here = for_release(stack, name, plain, hosts[host].release)
            yield name, host, here, entry_of(name, stack, here, host) or entry, f"services.{name}"


def _wrapped(caddy: CatalogService) -> CatalogService:
    """Caddy with its variables as files, which its wrapper reads."""
    files = {n: s.model_copy(update={"env": None}) for n, s in caddy.secrets.items()}
    return caddy.model_copy(update={"secrets": files})


def _on_lan(samba: Entry) -> Entry:
    """The entry of Samba on a host that shares a drive with the LAN."""
    ports = {
        label: fact.model_copy(update={"scope": "lan", "why": "network drives for the LAN"})
        for label, fact in samba.ports.items()
    }
    return samba.model_copy(update={"ports": ports})


def settled(
    entry: Entry, config: ServiceConfig, stack: StackConfig, original: Entry | None
) -> Entry:
    """The entry with its state in the dataset, for a service that keeps it there; `original` is the
    entry without the settings of the stack config.
    """
    for part, below in entry.state_in.items():
        dataset = stack.datasets.get(datasets_of(config).get(part, ""))
        if dataset is not None and entry.state and not _is_elsewhere(entry, original):
            here, there = entry.state[0], f"{dataset.path}/{below}"
            dumps = tuple(d.at(d.source.replace(here, there, 1)) for d in entry.dumps)
            return entry.model_copy(
                update={
                    "state": tuple(d.source for d in dumps if d.kind == "builtin"),
                    "exclude": tuple(e.replace(here, there, 1) for e in entry.exclude),
                    "dumps": dumps,
                }
            )
    return entry


def _said_at(name: str, label: str, stack: StackConfig, source: str, *, movable: bool) -> str:
    """The place in the stack that sets a port, or otherwise the one that needs the service."""
    config = stack.services.get(name)
    if config is not None and label in ports_of(config):
        return f"services.{name}.ports.{label}"
    is_set = movable and label == "web" and config is not None
    return f"services.{name}.port" if is_set else source


def _installed(entry: Entry, state_version: str, original: Entry | None) -> Entry:
    """The entry with its former state directory, for a host installed before the change."""
    if entry.former_state is None or state_version >= entry.former_state.before:
        return entry
    here, former, below = entry.state[0], entry.former_state.directory, entry.former_state.files
    files = f"{former}/{below}" if below else former
    if _is_elsewhere(entry, original):
        return entry
    return entry.model_copy(
        update={
            "state": (former, *entry.state[1:]),
            "exclude": tuple(e.replace(here, files, 1) for e in entry.exclude),
            "dumps": tuple(d.at(d.source.replace(here, files, 1)) for d in entry.dumps),
        }
    )


def _is_elsewhere(entry: Entry, original: Entry | None) -> bool:
    """Whether an option of the stack config moves its state."""
    return original is not None and original.state[:1] != entry.state[:1]


def _asking(entry: Entry, config: ServiceConfig, stack: StackConfig) -> Entry:
    """The entry with its OIDC options and secret if a route uses OIDC, and with its options for
    identity headers if a route uses the auth proxy.
    """
    asked = asked_auths(config, entry.audience, entry.sign_in.kinds)
    oidc = entry.sign_in.oidc if OIDC in asked else None
    return entry.model_copy(
        update={
            "options": {
                **entry.options,
                **sign_in_options(entry.sign_in, asked, recovery=recovers(config)),
            },
            "secrets": {**entry.secrets, OIDC: _client_secret(oidc, config, stack)}
            if oidc and not oidc.public
            else entry.secrets,
        }
    )


def _client_secret(oidc: Oidc, config: ServiceConfig, stack: StackConfig) -> SecretFact:
    """The client secret of an app: derived, or stored if someone created it at the provider."""
    identity = stack.identity
    if identity is None or identity.provider != "external" or identity.kanidm is not None:
        return oidc.secret
    stored = oidc.secret.model_copy(update={"source": "stored"})
    return referred(stored, client_of(config).client_secret)


def _place(
    name: str,
    host: str,
    config: ServiceConfig,
    entry: Entry,
    readers: Readers,
    hosts: Mapping[str, Host],
    source: str,
    calling: Mapping[str, tuple[tuple[str, str], ...]],
    with_key: Container[str],
) -> Service:
    stack = readers.stack
    release = hosts[host].release
    original = original_entry(stack, name, config, host)
    entry = _installed(entry, hosts[host].config.state_version, original)
    entry = _asking(settled(entry, config, stack, original), config, stack)
    if name in with_key:
        entry = with_api_key(entry, config)
    databases = databases_for(stack, name, host, config, entry, network_of(config, name))
    elsewhere = facts_elsewhere(config, entry, host)
    entry = with_databases(connected_entry(entry, elsewhere), databases)
    relayed = with_mail(entry, name, stack)
    has_password = MAIL in relayed.secrets.keys() - entry.secrets.keys()
    entry = with_static_user(with_jobs(relayed, name, config), config)
    reading = readers.callers(host, entry, config)
    called = _called(name, host, entry, config, stack, calling.get(name, ()), reading)
    bridges = _bridges(host, config, stack, calling.get(name, ()))
    callers = called.get(WEB, ())
    direct = _direct(config)
    ports = tuple(
        PortUse(
            host=host,
            port=fact.port,
            protocol=fact.protocol,
            owner=name,
            label=label,
            scope=scope,
            peers=lan_callers(stack, called.get(label, ()), host) if _is_narrow(scope) else (),
            source=_said_at(name, label, stack, source, movable=entry.moves_port(release)),
            why=_why(called.get(label, ()), direct.get(label), fact),
        )
        for label, fact in sorted(entry.ports.items())
        for scope in (direct.get(label) or _scope(stack, host, fact.scope, called.get(label, ())),)
    )
    web = entry.ports.get("web")
    namespace = namespace_of(stack, host, config)
    units = tuple(u.replace("{tunnel}", tunnel_name(stack.site.domain)) for u in entry.units)
    return Service(
        name=name,
        host=host,
        config=config,
        entry=entry.model_copy(update={"units": units}),
        ports=ports,
        port=web.port if web else _external_port(config),
        bind=ANYWHERE if callers or direct or namespace or WEB in bridges else LOOPBACK,
        called=called,
        uses=_uses(stack, config, readers.read_by(entry)),
        bridges=bridges,
        called_at=tuple(dict.fromkeys(a for c in callers if (a := dialled(stack, c, host)))),
        state=entry.state,
        release=release,
        source=source,
        role=hosts[host].role,
        is_backed_up=hosts[host].config.manages("backup"),
        namespace=namespace,
        databases=databases,
        known_secrets=frozenset(original.secrets if original else ())
        | ({API_KEY} if name in with_key else set())
        | ({MAIL} if has_password else set()),
    )


def _uses(stack: StackConfig, config: ServiceConfig, read: tuple[str, ...]) -> tuple[Use, ...]:
    """What a service calls on hosts of the stack."""
    stated = uses_of(config)
    reading = (Use(n, WEB, "") for n in read)
    named = {(u.name, u.port) for u in stated}
    return tuple(
        u
        for u in (*stated, *(u for u in reading if (u.name, u.port) not in named))
        if not isinstance(stack.services.get(u.name), ExternalService)
    )


def _called(
    name: str,
    host: str,
    entry: Entry,
    config: ServiceConfig,
    stack: StackConfig,
    calling: tuple[tuple[str, str], ...],
    reading: tuple[str, ...],
) -> dict[str, tuple[str, ...]]:
    """Other hosts that call a port, by its label: the entry host calls every port with a route,
    services that use the service call a port of it, and those that read its metrics the web port.
    """
    # The route of a service on several hosts leads to the first of them.
    first = next(iter(hosts_of(name, stack)), host) if name in stack.services else host
    never = (config.never_publish or entry.never_publish) and config.routes is None
    routed = [r.port or "web" for r in config.routes or ()]
    if config.routes is None and entry.page and not never:
        routed = ["web"]
    found: dict[str, set[str]] = {}
    for label in routed if host == first else ():
        found.setdefault(label, set()).add(stack.network.entry.host)
    found.setdefault(WEB, set()).update(reading)
    for label, other in calling:
        found.setdefault(label, set()).update(hosts_of(other, stack))
    return {
        label: tuple(sorted(hosts - {host}))
        for label, hosts in found.items()
        if label in entry.ports and hosts - {host}
    }


def _bridges(
    host: str, config: ServiceConfig, stack: StackConfig, calling: tuple[tuple[str, str], ...]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Containers of the same host that use a service outside of containers, by the label of its
    port and by bridge: they cannot reach the host's loopback. Two containers use their common
    network.
    """
    out: dict[str, dict[str, set[str]]] = {}
    for label, other in calling if not isinstance(config, PodmanService) else ():
        user = stack.services[other]
        if isinstance(user, PodmanService) and host in hosts_of(other, stack):
            bridge = bridge_of(network_of(user, other))
            out.setdefault(label, {}).setdefault(bridge, set()).add(other)
    return {
        label: {bridge: tuple(sorted(users)) for bridge, users in sorted(found.items())}
        for label, found in sorted(out.items())
    }


def _scope(stack: StackConfig, host: str, own: Scope, callers: tuple[str, ...]) -> Scope:
    """The scope of a port: its own scope, widened for its callers."""
    if not callers or own not in ("loopback", "link"):
        return own
    networks = {w.network for c in callers if (w := path_between(stack, c, host)) is not None}
    return "tailnet" if "tailnet" in networks else "hosts"


def _external_port(config: ServiceConfig) -> int:
    return config.external.port if isinstance(config, ExternalService) else 0


def _is_narrow(scope: Scope) -> bool:
    """Whether LAN hosts need firewall rules of their own: `lan` already admits all of them."""
    return scope in ("hosts", "tailnet")


def _direct(config: ServiceConfig) -> dict[str, Scope]:
    """Ports that devices may use directly, without the reverse proxy, with the scope of each."""
    out: dict[str, Scope] = {}
    for route in config.routes or ():
        label = route.port or "web"
        if route.lan_direct:
            out[label] = "lan"
        elif route.tailnet_direct:
            out.setdefault(label, "tailnet")
    return out


def _why(callers: tuple[str, ...], direct: Scope | None, fact: PortFact) -> str:
    who = [*callers]
    if direct:
        who = [*who, "devices on the LAN" if direct == "lan" else "devices of the tailnet"]
    return f"called by {', '.join(who)}" if who else fact.why
