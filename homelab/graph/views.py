"""The subjects of pictures: what each shows of a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from textwrap import wrap

from homelab.config.base import Auth
from homelab.databases.servers import servers_of
from homelab.graph.model import Edge, Kind, Node, Picture
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.problems import UsageError, did_you_mean
from homelab.system.model import Host

_INTERNET, _LAN, _TAILNET = "network internet", "network lan", "network tailnet"
_WIDE = 44
"""Letters of a line of text."""
_SIGN_IN: Mapping[Auth, str] = {
    "forward": "auth proxy",
    "oidc": "OpenID Connect",
    "native": "users of the app",
    "none": "no sign-in",
}


def machines(plan: Plan) -> Picture:
    """Networks and hosts: addresses, subnet routes, exit nodes, builders and offline hosts."""
    networks = {_LAN: Node(_LAN, ("LAN", str(plan.stack.network.lan.cidr)), 1, "network")}
    if plan.tailnet is not None:
        name = plan.stack.tailnet.name if plan.stack.tailnet else ""
        networks[_TAILNET] = Node(_TAILNET, ("Tailnet", name), 1, "network")
    edges: list[Edge] = []
    tunnel = any(r.tunnel for r in plan.routes)
    if tunnel or any(h.public for h in plan.hosts.values()):
        lines = ("Internet", *(["Cloudflare tunnel"] if tunnel else []))
        networks[_INTERNET] = Node(_INTERNET, lines, 0, "network")
    if tunnel and plan.stack.network.entry.host in plan.hosts:
        edges.append(Edge(_INTERNET, _host(plan.stack.network.entry.host), "tunnel"))
    for host in plan.hosts.values():
        if host.lan:
            edges.append(Edge(_LAN, _host(host.name)))
        if host.public:
            edges.append(Edge(_INTERNET, _host(host.name), "SSH"))
        if plan.tailnet is not None and host.is_nixos:
            edges.append(Edge(_TAILNET, _host(host.name)))
        edges += _between(plan, host)
    hosts = [
        Node(_host(h.name), _described(plan, h), 2, "host" if h.config.state == "live" else "off")
        for h in plan.hosts.values()
    ]
    return _picture("Machines", ("", "networks", "machines"), [*networks.values(), *hosts], edges)


def services(plan: Plan) -> Picture:
    """Every service on its host, the services that it calls, and the databases that it has."""
    here = {(s.name, s.host): _service(s.name, s.host) for s in plan.services}
    databases: dict[str, Node] = {}
    edges: dict[Edge, None] = {}
    for service in plan.services:
        start = here[service.name, service.host]
        for use in service.uses:
            near = here.get((use.name, service.host))
            ends = [near] if near else [_service(s.name, s.host) for s in plan.instances(use.name)]
            # A service may call a port of its own.
            edges |= dict.fromkeys(Edge(start, end) for end in ends if end != start)
        for kind, host in servers_of(service):
            key = f"database {kind} {host}"
            databases[key] = Node(key, (kind,), 2, "target", host)
            edges[Edge(start, key)] = None
    called = {edge.end for edge in edges}
    nodes = [
        Node(key, _titled(plan, name, host), 1 if key in called else 0, "service", host)
        for (name, host), key in here.items()
    ]
    order = {host: number for number, host in enumerate(plan.hosts)}
    ordered = sorted((*nodes, *databases.values()), key=lambda n: order.get(n.box, len(order)))
    return _picture("Services", ("service", "called by others", "database"), ordered, edges)


def _titled(plan: Plan, name: str, host: str) -> tuple[str, ...]:
    """A service with the names at which people find it."""
    found = [r.internal or r.public for r in plan.routes_of(name) if r.host == host]
    return (name, *dict.fromkeys(filter(None, found)))


def names(plan: Plan) -> Picture:
    """Every name: from where it is reached, and the service and host that answer."""
    nodes: dict[str, Node] = {}
    edges: dict[Edge, None] = {}
    for route in plan.routes:
        service = _service(route.service, route.host)
        nodes[service] = Node(service, (route.service,), 2, "service", route.host)
        for source, name in _names(plan, route):
            at, key = f"from {source}", f"name {name}"
            nodes[at] = Node(at, source, 0, "network")
            nodes[key] = Node(key, (name,), 1, "name")
            edges[Edge(at, key)] = edges[Edge(key, service)] = None
    return _picture("Names", ("from", "name", "service"), nodes.values(), edges)


def sign_in(plan: Plan) -> Picture:
    """Every name, how people sign in there, and where their accounts are."""
    nodes: dict[str, Node] = {}
    edges: dict[Edge, None] = {}
    identity = plan.identity
    for route in plan.routes:
        name, way = f"name {route.source}", f"way {route.auth}"
        known = tuple(filter(None, (route.internal, route.public)))
        nodes[name] = Node(name, (*known, *_who(route)), 0, "name")
        kind: Kind = "off" if route.auth == "none" else "service"
        nodes[way] = Node(way, (_SIGN_IN[route.auth],), 1, kind)
        edges[Edge(name, way)] = None
        if route.public and route.access:
            nodes["access"] = Node("access", ("Cloudflare Access", "on the internet"), 1, "service")
            edges[Edge(name, "access")] = None
        if identity is not None and route.auth in ("forward", "oidc"):
            where = identity.external or identity.host
            nodes["provider"] = Node("provider", (identity.provider, where), 2, "target")
            edges[Edge(way, "provider")] = None
    directory = plan.stack.identity.directory if plan.stack.identity else None
    if directory is not None and "provider" in nodes:
        nodes["directory"] = Node("directory", (directory.kind,), 3, "target")
        edges[Edge("provider", "directory")] = None
    columns = ("name", "sign-in", "accounts", "directory")
    return _picture("Sign-in", columns, nodes.values(), edges)


def backups(plan: Plan) -> Picture:
    """Every backup job and its targets, and what is not backed up, with the reason."""
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    hosts = {f"dataset-{d.name}": d.host for d in plan.datasets}
    for job in plan.backup.jobs:
        key, target = f"job {job.name} {job.host}", f"target {job.target}"
        nodes[key] = Node(key, (job.name, f"{job.tier}, {job.at}"), 0, "service", job.host)
        config = plan.stack.backup.targets.get(job.target)
        kind = (config.kind, config.host or config.bucket or "") if config else ()
        lines = filter(None, (job.target, " ".join(kind).strip()))
        nodes[target] = Node(target, tuple(lines), 1, "target")
        edges.append(Edge(key, target))
    for service, why in plan.backup.skipped:
        key = f"skipped {service}"
        name, _, host = service.partition("@")
        found = plan.service(name)
        box = host or (found.host if found else hosts.get(name, ""))
        nodes[key] = Node(key, (name, *wrap(f"not backed up: {why}", _WIDE)), 0, "off", box)
    order = {host: number for number, host in enumerate(plan.hosts)}
    ordered = sorted(nodes.values(), key=lambda n: order.get(n.box, len(order)))
    return _picture("Backups", ("data", "target"), ordered, edges)


VIEWS: Mapping[str, Callable[[Plan], Picture]] = {
    "machines": machines,
    "services": services,
    "names": names,
    "sign-in": sign_in,
    "backups": backups,
}


def pictures(plan: Plan, view: str = "") -> dict[str, Picture]:
    """The pictures by view; one if a view is named. Raises `HomelabError` for an unknown view."""
    if view and view not in VIEWS:
        raise UsageError(f'view: there is no view "{view}"; {did_you_mean(view, VIEWS, "views")}')
    return {name: draw(plan) for name, draw in VIEWS.items() if view in ("", name)}


def _picture(
    title: str, columns: tuple[str, ...], nodes: Iterable[Node], edges: Iterable[Edge]
) -> Picture:
    """The picture, without columns that have no nodes."""
    given = tuple(nodes)
    used = sorted({n.column for n in given})
    place = {column: number for number, column in enumerate(used)}
    moved = tuple(
        Node(n.key, n.lines, place[n.column], n.kind, n.box)
        for n in sorted(given, key=lambda n: n.column)
    )
    return Picture(title, tuple(columns[c] for c in used), moved, tuple(edges))


def _between(plan: Plan, host: Host) -> list[Edge]:
    """Edges from other hosts to this one."""
    config, found = host.config, []
    for builder in (config.build.host, config.build.copy_from):
        if builder is not None and builder in plan.hosts:
            found.append(Edge(_host(builder), _host(host.name), "builds"))
    if config.offline is not None:
        label = "wakes" if config.offline.wake_by else "keeps its release"
        if config.offline.host in plan.hosts:
            found.append(Edge(_host(config.offline.host), _host(host.name), label))
    return found


def _described(plan: Plan, host: Host) -> tuple[str, ...]:
    config = host.config
    kind = f"{config.platform}, {host.role if host.is_nixos else 'home-manager'}"
    count = len(plan.on(host.name))
    lines = [host.name, kind, ", ".join(host.addresses.values())]
    lines.append(f"{count} service{'' if count == 1 else 's'}" if count else "")
    if config.tailscale is not None:
        lines += [f"subnet route {network}" for network in config.tailscale.subnet_routes]
        lines.append("exit node" if config.tailscale.exit_node else "")
    lines.append("" if config.state == "live" else config.state)
    return tuple(filter(None, lines))


def _host(name: str) -> str:
    return f"host {name}"


def _service(name: str, host: str) -> str:
    return f"service {name} {host}"


def _names(plan: Plan, route: Route) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each name of a route, after the place from where it is reached."""
    inside = {"lan": "LAN", "tailnet": "Tailnet"}.get(route.sources, "LAN and tailnet")
    if route.internal:
        yield (inside if plan.tailnet is not None else "LAN",), route.internal
    if route.public:
        yield ("Internet", "Cloudflare Access" if route.access else "everybody"), route.public


def _who(route: Route) -> tuple[str, ...]:
    return (f"groups: {', '.join(route.groups)}",) if route.groups else ()
