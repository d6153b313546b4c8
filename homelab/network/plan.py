"""Routes, names and open ports, derived from the services and their hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from homelab.config.base import Audience, Auth, Publish
from homelab.config.routes import RouteConfig, is_web
from homelab.config.stack import StackConfig
from homelab.grouping import grouped
from homelab.nested import texts
from homelab.network.auth import default_auth
from homelab.network.between import dialled
from homelab.network.model import LOOPBACK_HTTP_PORT, DnsPlan, FirewallPlan, PortUse
from homelab.network.route import Route, internal_names, main_first
from homelab.services.model import Service
from homelab.system.model import Host, nixos_hosts


def plan_routes(
    stack: StackConfig, hosts: Mapping[str, Host], services: tuple[Service, ...]
) -> tuple[Route, ...]:
    """Every route of every service, sorted by name."""
    routes = []
    seen: set[tuple[str, int]] = set()
    for service in services:
        for index, (config, source) in enumerate(_configs(stack, service)):
            # A service on several hosts has one route, to the first host.
            if (service.name, index) not in seen:
                seen.add((service.name, index))
                routes.append(_route(stack, hosts, service, config, index, source))
    return tuple(sorted(routes, key=lambda r: (r.name, r.service)))


def _configs(stack: StackConfig, service: Service) -> list[tuple[RouteConfig, str]]:
    config = service.config
    # A service that another section requires may still have its own section for routes.
    source = f"services.{service.name}" if service.name in stack.services else service.source
    if config.routes is not None:
        return [(r, f"{source}.routes[{i}]") for i, r in enumerate(config.routes)]
    stated = (config.name, config.audience, config.publish, config.auth)
    never = (config.never_publish or service.entry.never_publish) and not any(stated)
    if not service.port or never or not service.entry.page:
        return []
    name = config.name
    if name is None and stack.identity is not None and service.name == stack.identity.service:
        name = stack.identity.name
    described = RouteConfig(
        name=name,
        audience=config.audience,
        publish=config.publish,
        auth=config.auth,
        public=config.public,
    )
    return [(described, source)]


def _route(
    stack: StackConfig,
    hosts: Mapping[str, Host],
    service: Service,
    config: RouteConfig,
    position: int,
    source: str,
) -> Route:
    entry = service.entry
    name = config.name or service.name
    publish: Publish = config.publish or stack.site.publish
    audience: Audience = config.audience or entry.audience
    zone = stack.cloudflare.zone.name if stack.cloudflare else stack.site.domain
    fields = {"name": name, "domain": stack.site.domain, "zone": zone}
    entry_host = stack.network.entry.host
    remote = service.host != entry_host
    auth: Auth = config.auth or default_auth(audience, entry.sign_in.kinds)
    port = next((p.port for p in service.ports if p.label == config.port), service.port)
    stated = config.upstream if "upstream" in config.model_fields_set else entry.upstream
    upstream = stated if service.external is None else service.external
    tunnel_service = config.tunnel_service or ""
    public = "" if publish == "internal" else stack.site.names.public.format(**fields)
    internal = stack.site.names.internal.format(**fields)
    # Without a resolver at home, a published name resolves to Cloudflare on the LAN as well. A
    # listener for it would let a client that knows the entry address bypass Access.
    outside = publish == "tunnel" and internal == public and stack.network.dns.server == "none"
    served = internal if is_web(tunnel_service) and not outside else ""

    labels = tuple(dict.fromkeys(config.redirect_from))

    def moved(template: str, to: str) -> tuple[tuple[str, str], ...]:
        names = (template.format(**{**fields, "name": label}) for label in labels)
        return tuple((name, to) for name in names) if to else ()

    return Route(
        name=name,
        service=service.name,
        position=position,
        host=service.host,
        internal=served,
        public=public,
        redirect_from=labels,
        moved=moved(stack.site.names.internal, served),
        moved_public=moved(stack.site.names.public, public),
        audience=audience,
        publish=publish,
        auth=auth,
        port=port,
        address=dialled(stack, entry_host, service.host) if remote else service.address,
        remote=remote,
        scheme=upstream.scheme,
        host_header=upstream.host_header or "",
        verify=upstream.verify,
        certificate=(service.external.certificate or "") if service.external else "",
        server_name=(service.external.server_name or "") if service.external else "",
        exempt=tuple(config.exempt if config.exempt is not None else entry.sign_in.exempt),
        groups=tuple(config.groups or ()),
        policy=config.policy or "one_factor",
        access=config.access and config.public is None,
        public_reason=config.public or "",
        headers=tuple(entry.sign_in.headers.items()) if auth == "forward" else (),
        believes=tuple(entry.sign_in.headers),
        upload=config.upload or entry.upload,
        sources=config.sources,
        tailnet_direct=config.tailnet_direct,
        lan_direct=config.lan_direct,
        tunnel=_tunnel(stack, config, publish),
        tunnel_service=tunnel_service,
        origin=config.origin,
        main=config.main,
        access_groups=tuple(sorted(set(config.access_groups))),
        service_tokens=tuple(sorted(set(config.service_tokens))),
        source=source,
        published_by=f"{source}.publish" if config.publish else "site.publish",
    )


def _tunnel(
    stack: StackConfig, config: RouteConfig, publish: Publish
) -> Literal["", "proxy", "app"]:
    """What the tunnel dials: the proxy if both are on one host and `via` is not `direct`."""
    if publish != "tunnel":
        return ""
    tunnel = stack.cloudflare.tunnel if stack.cloudflare else None
    apart = tunnel is not None and tunnel.host != stack.network.entry.host
    direct = tunnel is not None and tunnel.via == "direct"
    return "app" if config.tunnel_service or apart or direct else "proxy"


def legacy_names(stack: StackConfig, routes: tuple[Route, ...]) -> tuple[tuple[str, str, str], ...]:
    """(legacy domain, old name, current internal name), for every internal name."""
    now, end = {r.internal for r in routes}, f".{stack.site.domain}"
    names: dict[str, tuple[str, str]] = {}
    for legacy in stack.site.legacy_domains:
        for route in routes:
            old = f"{route.internal.removesuffix(end)}.{legacy.domain}"
            if route.internal.endswith(end) and old not in now:
                names.setdefault(old, (legacy.domain, route.internal))
    return tuple((domain, old, new) for old, (domain, new) in sorted(names.items()))


def local_names(stack: StackConfig) -> tuple[str, ...]:
    """Names and addresses of the entry host that work without the homelab's resolver."""
    host = nixos_hosts(stack.hosts).get(stack.network.entry.host)
    if host is None:
        return ()  # reported by host-known
    own = (f"{stack.network.entry.host}.local",) if host.mdns else ()
    return (*own, *(str(a) for a in (host.address.lan, host.address.tailnet) if a))


def internal_name(stack: StackConfig, name: str) -> str:
    """The host name at home of a label."""
    zone = stack.cloudflare.zone.name if stack.cloudflare else stack.site.domain
    return stack.site.names.internal.format(name=name, domain=stack.site.domain, zone=zone)


SSH = "ssh"
"""Label of a port that speaks SSH, which no reverse proxy carries."""


def ssh_name(
    stack: StackConfig, hosts: Mapping[str, Host], service: Service, route: Route | None
) -> str:
    """The name under which SSH reaches a service: that of its route on the entry host, elsewhere,
    or where only the tailnet reaches the port, one of its own; without the home resolver an
    address.
    """
    found = hosts.get(service.host)
    at_entry = service.host == stack.network.entry.host and not _on_tailnet_only(service)
    if route is not None and (at_entry or found is None):
        return route.url.removeprefix("https://")
    if route is not None and route.internal and stack.network.dns.host is not None:
        return internal_name(stack, f"{route.name}-ssh")
    return _ssh_address(found, service) if found is not None else "localhost"


def _ssh_address(host: Host, service: Service) -> str:
    """Where SSH of a service listens for others: on the LAN, if its port is open there."""
    if _on_tailnet_only(service):
        return host.tailnet or host.lan
    return host.lan or host.tailnet


def _on_tailnet_only(service: Service) -> bool:
    return any(p.label == SSH and p.scope == "tailnet" for p in service.ports)


def ssh_names(
    stack: StackConfig,
    hosts: Mapping[str, Host],
    services: tuple[Service, ...],
    routes: tuple[Route, ...],
) -> dict[str, tuple[Service, str]]:
    """Names for SSH, each with its service and address: of services whose options use `{ssh}`, or
    that others reach at a port called ssh, where the name is not that of their route.
    """
    out: dict[str, tuple[Service, str]] = {}
    of_service = grouped(routes, lambda r: r.service)
    for service in services:
        host, own = hosts.get(service.host), main_first(of_service.get(service.name, ()))
        if host is None or not own or not own[0].internal or not _has_ssh(service):
            continue
        name = ssh_name(stack, hosts, service, own[0])
        if name != own[0].internal:
            out[name] = (service, _ssh_address(host, service))
    return out


def _has_ssh(service: Service) -> bool:
    """Whether its texts use `{ssh}`, or others reach it at a port called ssh."""
    if any(p.label == SSH and p.scope != "loopback" for p in service.ports):
        return True
    return any("{ssh}" in t for t in texts((service.entry.options, service.config.model_dump())))


def plan_dns(
    stack: StackConfig,
    hosts: Mapping[str, Host],
    services: tuple[Service, ...],
    routes: tuple[Route, ...],
    page: str = "",
) -> DnsPlan:
    """The names of the home resolver: every internal name, and the page with the root certificate,
    resolve to the entry host's LAN address, names for SSH to the host of their service, and names
    of devices to those devices.
    """
    dns = stack.network.dns
    entry = hosts.get(stack.network.entry.host)
    address = entry.lan if entry else ""
    internal = internal_names(routes) | ({page} if page else set())
    served = internal | {old for _, old, _ in legacy_names(stack, routes)}
    devices = {internal_name(stack, n): str(a) for n, a in dns.names.items()}
    shells = {n: at for n, (_, at) in ssh_names(stack, hosts, services, routes).items()}
    names = sorted((shells | devices | dict.fromkeys(served, address)).items())
    return DnsPlan(
        host=dns.host or "",
        names=tuple(names) if dns.host else (),
        upstreams=tuple(dns.upstreams),
        query_log=dns.query_log,
        bootstrap=tuple(str(a) for a in dns.bootstrap),
        blocklists=tuple(dns.blocklists),
        ttl=dns.ttl,
    )


def loopback_http(stack: StackConfig, routes: tuple[Route, ...]) -> tuple[PortUse, ...]:
    """The proxy's port for the tunnel, if a route is published through it."""
    if not any(r.tunnel == "proxy" for r in routes):
        return ()
    return (
        PortUse(
            host=stack.network.entry.host,
            port=LOOPBACK_HTTP_PORT,
            protocol="tcp",
            owner=stack.network.entry.proxy,
            label="tunnel",
            scope="loopback",
            source="network.entry",
            why="what the tunnel connects to",
        ),
    )


def plan_firewall(
    stack: StackConfig, ports: tuple[PortUse, ...], routes: tuple[Route, ...]
) -> FirewallPlan:
    """The ports that each host opens: exactly those that another machine must reach.

    If every name is published through the tunnel only, the proxy's ports stay closed on the LAN.
    """
    closed: tuple[str, ...] = () if any(r.internal for r in routes) else ("https", "http3")
    proxy = stack.network.entry.proxy
    return FirewallPlan(
        tuple(
            p
            for p in ports
            if p.scope != "loopback" and not (p.owner == proxy and p.label in closed)
        )
    )
