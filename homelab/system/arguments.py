"""`homelab`, the argument of hand-written modules: values of the stack by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.check import file_check
from homelab.network.between import dialled
from homelab.network.model import LOOPBACK
from homelab.nix import Attrs, Call, Module, Nix, attrs, merge
from homelab.nix.code import attributes_in
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.devices import devices_on
from homelab.services.model import Service
from homelab.system.model import Host
from homelab.system.own import Sources, own_paths, reached

ARGUMENT = "homelab"
FILE = "arguments.nix"
_BY_NAME = ("datasets", "devices", "hosts", "members", "routes", "services")
"""Sets of which a module gets only the members that it names."""
OWN_FACT = file_check(
    "own-fact", "error", "A hand-written module that reads a fact that does not exist fails."
)

DEVICE_UNUSED = file_check(
    "device-unused",
    "warning",
    "A device that no service and no hand-written module names has no effect.",
)


def modules(plan: Plan, host: Host, sources: Sources) -> Iterator[Module]:
    """`arguments.nix`, on a host with modules that use the argument: exactly what they use, so that
    other changes of the stack do not change the host.
    """
    homes = [path for _, path, _ in host.member_homes]
    homes += [host.config.home] if host.config.home else []
    system = [path for path in own_paths(host) if path not in homes]
    body: Attrs = {}
    if system and (asked := _asked(system, sources)):
        body = _argument(_chosen(plan, host, asked))
    if homes and (asked := _asked(homes, sources)):
        chosen = _chosen(plan, host, asked)
        at_home = attrs("home-manager.extraSpecialArgs", {ARGUMENT: chosen})
        body = merge(body, at_home if host.is_nixos else _argument(chosen))
    if body:
        yield Module(
            FILE, "The argument `homelab` of hand-written modules: what they use of it", stated=body
        )


def check_arguments(plan: Plan, sources: Sources) -> Iterator[Problem]:
    """Facts that hand-written modules read and that do not exist."""
    for host in plan.hosts.values():
        known = facts(plan, host)
        for file, text in reached(own_paths(host), sources).items():
            if not file.endswith(".nix") or not isinstance(text, str):
                continue
            for path in sorted(attributes_in(text, ARGUMENT)):
                yield from _unknown(host, file, path, known)
        yield from _unused_devices(plan, host, sources)


def _unused_devices(plan: Plan, host: Host, sources: Sources) -> Iterator[Problem]:
    used = {device for s in plan.services if s.host == host.name for device in s.devices.values()}
    asked = _asked(own_paths(host), sources)
    for name, device in devices_on(plan.stack, host.name).items():
        path = device.at(name)
        texts = (t for t in reached(own_paths(host), sources).values() if isinstance(t, str))
        in_module = asked & {(), ("devices",), ("devices", name)} or any(path in t for t in texts)
        if name not in used and not in_module:
            yield Problem(
                f"{host.source}.devices.{name}",
                f"nothing on {host.name} uses the device {name}",
                f"write devices: {{…: {name}}} at a service, {ARGUMENT}.devices.{name} in a module "
                "of yours, or leave the device out",
                severity="warning",
                check=DEVICE_UNUSED,
            )


def _unknown(host: Host, file: str, path: tuple[str, ...], known: Attrs) -> Iterator[Problem]:
    inside: Nix = known
    for depth, name in enumerate(path):
        if not isinstance(inside, Mapping):
            return  # a method of a text, such as a length, is Nix's to report
        if name not in inside:
            above = ".".join((ARGUMENT, *path[:depth]))
            yield Problem(
                host.source,
                f"{file} reads {above}.{name}, which does not exist",
                did_you_mean(name, sorted(inside), "names") if inside else f"{above} is empty",
                check=OWN_FACT,
            )
            return
        inside = inside[name]


def _argument(chosen: Attrs) -> Attrs:
    # A module of the owner may define an argument of this name itself.
    return attrs("_module.args", {ARGUMENT: Call("lib.mkDefault", (chosen,))})


def _asked(paths: list[str], sources: Sources) -> set[tuple[str, ...]]:
    return {
        path
        for name, content in reached(paths, sources).items()
        if name.endswith(".nix") and isinstance(content, str)
        for path in attributes_in(content, ARGUMENT)
    }


def _chosen(plan: Plan, host: Host, asked: set[tuple[str, ...]]) -> Attrs:
    whole = facts(plan, host)
    if () in asked:
        return whole
    out: Attrs = {}
    for first, *further in sorted(asked):
        inside = whole.get(first)
        if first in _BY_NAME and further and isinstance(inside, Mapping):
            chosen = out.setdefault(first, {})
            if isinstance(chosen, dict) and further[0] in inside:
                chosen[further[0]] = inside[further[0]]
    for path in asked:
        if path[0] in whole and (len(path) == 1 or path[0] not in _BY_NAME):
            out[path[0]] = whole[path[0]]
    return out


def facts(plan: Plan, host: Host) -> Attrs:
    """Everything that the argument has on this host. It contains no secret."""
    site = plan.stack.site
    network = plan.stack.network
    owner: Attrs = {"email": site.owner.email, "user": site.owner.user}
    lan: Attrs = {"cidr": str(network.lan.cidr), "gateway": str(network.lan.gateway)}
    return {
        "datasets": {d.name: {"host": d.host, "path": d.path} for d in plan.datasets},
        "devices": {n: d.at(n) for n, d in devices_on(plan.stack, host.name).items()},
        "domain": site.domain,
        "host": host.name,
        "hosts": {name: _host(other) for name, other in plan.hosts.items()},
        "lan": lan,
        "locale": host.config.locale or site.locale,
        "members": {name: {"email": member.email} for name, member in site.members.items()},
        "owner": owner,
        "routes": {
            r.name: {"service": r.service, "url": r.url, "fqdn": r.url.partition("://")[2]}
            for r in plan.routes
        },
        "services": {
            name: _service(plan, [s for s in plan.services if s.name == name], host)
            for name in sorted({s.name for s in plan.services})
        },
        "timezone": host.config.timezone or site.timezone,
    }


def _host(host: Host) -> Attrs:
    return {
        "addresses": {**host.addresses},
        "platform": host.config.platform,
        "role": host.role,
    }


def _service(plan: Plan, instances: list[Service], host: Host) -> Attrs:
    """A service: its instance on this host if there is one, otherwise its first."""
    service = next((s for s in instances if s.host == host.name), instances[0])
    state: list[Nix] = [*service.state]
    units: list[Nix] = [f"{unit}.service" for unit in service.units]
    away = service.host != host.name
    body: Attrs = {
        "address": (dialled(plan.stack, host.name, service.host) or "") if away else LOOPBACK,
        "bind": service.bind,
        "host": service.host,
        "ports": {port.label: port.port for port in service.ports},
        "state": state,
        "units": units,
    }
    if service.port:
        body["port"] = service.port
    if service.entry.user:
        body["user"] = service.entry.user
    route = plan.main_route(service.name)
    if route is not None:
        body["url"] = route.url
    return body
