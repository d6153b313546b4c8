"""Reachability of every name and every open port from every origin.

Answers follow from the plan alone (DNS names, firewall, tailnet policy, public records, tunnel
rules, access rules), and state the places in the stack config.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from homelab.backup.rest import SERVER
from homelab.cloudflare.resources import PagesSite
from homelab.identity.model import ADAPTER
from homelab.network.between import path_between as between
from homelab.network.model import PortUse
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.reach.containers import container_answers
from homelab.reach.hops import Ground, Hop
from homelab.reach.model import Answer, Barrier, Origin, Path, Reach, Reason, Target
from homelab.reach.origins import INTERNET, plan_origins
from homelab.reach.rules import sign_in_of
from homelab.storage.shares import SAMBA, plan_shares
from homelab.tailnet.members import DNS, HTTPS


def plan_reach(
    plan: Plan, origins: tuple[Origin, ...] | None = None, services: frozenset[str] | None = None
) -> Reach:
    """Every answer, names first, then ports; limited to some origins or services if given."""
    ground = Ground(plan)
    chosen = plan_origins(plan) if origins is None else origins
    entry = plan.stack.network.entry.host
    routes = [r for r in plan.routes if r.host in plan.hosts]
    uses = [p for p in plan.firewall.ports if p.host in plan.hosts]
    if services is not None:
        routes = [r for r in routes if r.service in services]
        uses = [p for p in uses if p.owner in services]
    pages = ground.plan.cloudflare.pages if ground.plan.cloudflare and services is None else ()
    uses.sort(key=lambda p: (p.host, p.port, p.protocol, p.owner))
    names = {_route_target(r): r for r in routes}
    sites = {_page_target(p): p for p in pages}
    ports = {_port_target(plan, p): p for p in uses}
    # A host is no origin of its own targets.
    answers = [
        *(_to_route(ground, a, t, r) for t, r in names.items() for a in chosen if a.name != entry),
        *(_answer(a, t, _to_page(ground, p)) for t, p in sites.items() for a in chosen),
        *(_to_port(ground, a, t, p) for t, p in ports.items() for a in chosen if a.name != t.host),
    ]
    inside = list(container_answers(plan)) if origins is None and services is None else []
    answers += inside
    origins_inside = dict.fromkeys(a.origin for a in inside)
    return Reach(
        origins=(*chosen, *origins_inside),
        targets=(*names, *sites, *ports, *dict.fromkeys(a.target for a in inside)),
        answers=tuple(answers),
        at_home=tuple(h.name for h in plan.hosts.values() if h.lan),
        notes=_tinker(plan),
    )


def _tinker(plan: Plan) -> tuple[str, ...]:
    tinker = plan.stack.policy.tinker
    if tinker is None:
        return ()
    hosts = ", ".join(sorted(tinker.hosts))
    return (f"Tinker mode: lan reaches every port of {hosts} until {tinker.last_day}",)


def _route_target(route: Route) -> Target:
    names = route.names or (route.name,)
    return Target("route", route.name, route.service, route.host, names, route.source)


def _page_target(page: PagesSite) -> Target:
    return Target("route", page.key, "Cloudflare Pages", "", (page.domain,), page.source)


def _port_target(plan: Plan, use: PortUse) -> Target:
    host = plan.hosts[use.host]
    addresses = tuple(a for a in (host.tailnet, host.lan, host.public) if a)
    name = f"{use.host}:{use.port}/{use.protocol}"
    return Target("port", name, use.owner, use.host, addresses, use.source)


def _answer(origin: Origin, target: Target, *hops: Hop) -> Answer:
    """The hops of a path as one answer; the first hop that is stopped ends it."""
    end = next((i for i, w in enumerate(hops) if w.stopped), None)
    if end is not None:
        hops = hops[: end + 1]
    stopped = hops[-1].stopped
    path: Path = "nobody" if stopped else next(w.path for w in hops if w.path != "nobody")
    return Answer(
        origin=origin,
        target=target,
        path=path,
        via="" if stopped else next((w.via for w in hops if w.via), ""),
        barriers=() if stopped else tuple(g for w in hops for g in w.barriers),
        why=tuple(r for w in hops for r in w.why),
        stopped=stopped,
    )


# --- open ports -----------------------------------------------------------------------------------


def _to_port(ground: Ground, origin: Origin, target: Target, use: PortUse) -> Answer:
    """The answer for the first address that works, else the reason for the first address."""
    host = ground.plan.hosts[use.host]
    addresses = [host.tailnet] if origin.place == "tailnet" and host.tailnet else []
    addresses += [host.lan] if origin.place != "internet" else []
    addresses += [host.public] if use.internet or not addresses else []
    hops = [ground.hop(origin, host, a, use.port, use.protocol) for a in addresses]
    hop = next((w for w in hops if w.stopped is None), hops[0])
    barrier = _own_sign_in(ground.plan, use)
    return _answer(origin, target, replace(hop, barriers=(*hop.barriers, *barrier)))


def _own_sign_in(plan: Plan, use: PortUse) -> tuple[Barrier, ...]:
    """The sign-in of a port that is reached without the reverse proxy."""
    if use.owner == "ssh":
        return (Barrier("app", "SSH key", "site.owner"),)
    if use.owner == SAMBA:
        drives = [s for s in plan_shares(plan.stack) if s.host == use.host and not s.guest]
        return (Barrier("app", "Samba password", drives[0].source),) if drives else ()
    if any(d.owner == use.owner for d in plan.databases_on(use.host)):
        return (Barrier("app", "database password", use.source),)
    if use.owner == SERVER:
        return (Barrier("app", "password of a backup client", use.source),)
    service = next((s for s in plan.on(use.host) if s.name == use.owner), None)
    if service is None or use.label != "web" or "native" not in service.entry.sign_in.kinds:
        return ()
    # For a service without facts, only `auth` of its routes says that it has a sign-in.
    own = any(r.auth in ("native", "oidc") for r in plan.routes_of(service.name))
    if service.is_made and not own:
        return ()
    return (Barrier("app", "the app's sign-in", service.source),)


# --- names ----------------------------------------------------------------------------------------


def _to_route(ground: Ground, origin: Origin, target: Target, route: Route) -> Answer:
    # Without a resolver at home, a name resolves to its public address for everybody.
    known = route.internal and ground.plan.stack.network.dns.server != "none"
    if origin.place == "internet" or (route.public and not known):
        return _answer(origin, target, *_from_internet(ground, INTERNET, route))
    named = _name(ground, origin, route)
    if named.stopped:
        return _answer(origin, target, named)
    entry = ground.plan.hosts[ground.plan.stack.network.entry.host]
    address = ground.names.get(route.internal, entry.lan)
    to_entry = ground.hop(origin, entry, address, HTTPS)
    hops = (named, to_entry, _network(ground, origin, route, to_entry), _backend(ground, route))
    return _answer(origin, target, *hops, _at_proxy(ground.plan, route))


def _to_page(ground: Ground, page: PagesSite) -> Hop:
    """The hop to a site that Cloudflare serves; no host takes part."""
    cloud = ground.plan.cloudflare
    policies = cloud.policies_of(page.policies) if cloud else ()
    return Hop(
        "edge",
        barriers=(Barrier("access", "Cloudflare Access", page.source),) if policies else (),
        why=(
            Reason(f"{page.domain} has a public record", page.source),
            *(Reason(f"Access allows {p.who}", page.source) for p in policies),
        ),
    )


def _name(ground: Ground, origin: Origin, route: Route) -> Hop:
    """The lookup of the route's internal name by the origin's resolver."""
    plan = ground.plan
    if not route.internal:
        what = f"{route.tunnel_service} is reached only through the tunnel: no internal name"
        return Hop("nobody", stopped=Reason(what, route.at("tunnel_service")))
    dns = plan.dns
    if plan.stack.network.dns.server == "elsewhere" and plan.stack.network.entry.host in plan.hosts:
        what = f"a resolver outside of the stack answers {route.internal}"
        return Hop("nobody", why=(Reason(what, "network.dns.server"),))
    address = ground.names.get(route.internal, "")
    resolver = plan.hosts.get(dns.host)
    if resolver is None or not address or plan.stack.network.entry.host not in plan.hosts:
        what = f"no resolver of the homelab answers {route.internal}"
        return Hop("nobody", stopped=Reason(what, "network.dns"))
    if origin.place == "tailnet":
        if plan.tailnet is None or not plan.tailnet.nameservers:
            what = f"the tailnet's DNS settings do not send {route.internal} to {resolver.name}"
            return Hop("nobody", stopped=Reason(what, f"hosts.{resolver.name}.address"))
        server = resolver.tailnet
    else:
        server = resolver.lan
    if origin.name != resolver.name:
        hop = ground.hop(origin, resolver, server, DNS, "udp")
        if hop.stopped:
            return replace(hop, path="nobody", barriers=(), why=())
    why = (
        Reason(f"{resolver.name} answers {route.internal} with {address}", "network.dns"),
        Reason(f"{route.internal} is a name of {route.service}", route.source),
    )
    return Hop("nobody", why=why)


def _network(ground: Ground, origin: Origin, route: Route, to_entry: Hop) -> Hop:
    """The `sources` of a route, which the reverse proxy compares with the source address."""
    # Another subnet router replaces the source address with its own LAN address.
    routed = to_entry.via not in ("", ground.plan.stack.network.entry.host)
    place = "lan" if routed else origin.place
    if route.sources == "any":
        return Hop("nobody")
    what = f"the proxy answers {route.name} only for sources: {route.sources}"
    reason = Reason(what, route.at("sources"))
    if route.sources == place or (route.sources == "internal" and place != "internet"):
        return Hop("nobody", why=(reason,))
    return Hop("nobody", stopped=reason)


def _backend(ground: Ground, route: Route) -> Hop:
    """The hop from the proxy to the app."""
    if not route.remote:
        return Hop("nobody")
    plan = ground.plan
    entry = plan.stack.network.entry.host
    found = between(plan.stack, entry, route.host)
    network = found.network if found is not None else "lan"
    origin = Origin(entry, network, entry, "network.entry")
    hop = ground.hop(origin, plan.hosts[route.host], route.address, route.port)
    if hop.stopped:
        what = f"{entry} does not reach {route.service}: {hop.stopped.what}"
        return Hop("nobody", stopped=Reason(what, hop.stopped.source))
    source = hop.barriers[0].source if hop.barriers else route.source
    why = Reason(f"{entry} calls {route.service} on {route.host}:{route.port}", source)
    return Hop("nobody", why=(why,))


def _at_proxy(plan: Plan, route: Route) -> Hop:
    """The sign-in at the proxy or at the app."""
    if route.auth in ("native", "oidc"):
        return Hop("nobody", barriers=(_app(route),))
    if route.auth != "forward" or plan.identity is None:
        return Hop("nobody")
    if plan.identity.auth_proxy.kind == ADAPTER:
        exempt = f", except {' '.join(route.exempt)}" if route.exempt else ""
        what = plan.identity.portal if plan.identity.external else "passkey"
        who = f"{what}, {' or '.join(route.groups)}" if route.groups else what
        barrier = Barrier("forward", f"sign-in ({who}){exempt}", route.source)
        return Hop("nobody", barriers=(barrier,))
    rule = sign_in_of(plan.identity, route)
    return Hop("nobody", barriers=(rule,) if rule else ())


def _app(route: Route) -> Barrier:
    if route.tunnel_service.startswith("ssh:"):
        return Barrier("app", "SSH key", route.source)
    what = "the app's sign-in (OIDC)" if route.auth == "oidc" else "the app's sign-in"
    return Barrier("app", what, route.source)


def _from_internet(ground: Ground, origin: Origin, route: Route) -> Iterator[Hop]:
    """The hops to a public name: its record, then Cloudflare or the entry host."""
    cloud = ground.plan.cloudflare
    records = [r for r in cloud.records if r.name == route.public] if cloud and route.public else []
    if route.publish == "internal" or cloud is None or not records:
        name = route.public or route.internal
        what = f"{name} has no public record (publish: {route.publish})"
        yield Hop("nobody", stopped=Reason(what, route.source))
        return
    record = Reason(f"{route.public} has a public record", records[0].source)
    if route.publish == "direct":
        entry = ground.plan.hosts[ground.plan.stack.network.entry.host]
        to_entry = ground.hop(origin, entry, records[0].content, HTTPS)
        yield replace(to_entry, why=(record, *to_entry.why))
        yield _network(ground, origin, route, to_entry)
        yield _backend(ground, route)
        yield _at_proxy(ground.plan, route)
        return
    rule = next((i for i in cloud.ingress if i.hostname == route.public), None)
    if not cloud.tunnel or rule is None:
        what = f"no rule of the tunnel leads to {route.service}"
        yield Hop("nobody", why=(record,), stopped=Reason(what, route.source))
        return
    app = next((a for a in cloud.apps if a.domain == route.public), None)
    policies = cloud.policies_of(app.policies) if app else ()
    yield Hop(
        "tunnel",
        via=cloud.tunnel_host,
        barriers=(Barrier("access", "Cloudflare Access", app.source),) if app else (),
        why=(
            record,
            *(Reason(f"Access allows {p.who}", app.source) for p in policies if app),
            Reason(f"the tunnel leads to {rule.service}", "cloudflare.tunnel"),
        ),
    )
    if route.tunnel == "proxy":
        yield _network(ground, origin, route, Hop("tunnel"))
        yield _backend(ground, route)
        yield _at_proxy(ground.plan, route)
    elif route.auth in ("native", "oidc"):
        # The connector dials the app directly, without the reverse proxy and its forward auth.
        yield Hop("nobody", barriers=(_app(route),))
