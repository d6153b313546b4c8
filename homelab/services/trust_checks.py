"""Checks of apps that trust the identity headers of the auth proxy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from homelab.catalog.references import WEB
from homelab.check import check
from homelab.config.service_containers import PodmanService
from homelab.config.services import recovers
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.declared import declared_options, path_parts
from homelab.services.model import Service
from homelab.tailnet.evaluate import allowed
from homelab.tailnet.members import OWNERS
from homelab.tailnet.model import Grant


@check("proxy-header-trust")
def proxy_header_trust(plan: Plan) -> Iterator[Problem]:
    """A client that reaches the app without the reverse proxy could set its identity header."""
    believing = {r.service: r for r in plan.routes if r.headers}
    for route in plan.routes:
        if route.is_direct and route.service in believing:
            header = believing[route.service].headers[0][0]
            yield Problem(
                route.at("lan_direct" if route.lan_direct else "tailnet_direct"),
                f"{route.service} trusts {header}, and devices that connect to it directly could "
                "set that header themselves",
                f"leave it out, or choose auth: native for every route of {route.service}",
            )

    direct = {r.service for r in plan.routes if r.is_direct}
    open_ports = {(p.host, p.port) for p in plan.firewall.ports}
    grants = plan.tailnet.grants if plan.tailnet else ()
    stated = [grant for grant in grants if grant.source.startswith("tailnet.grants")]
    for route in plan.routes:
        if route.headers and route.service not in direct:
            yield from _callers(plan, route)
            if (route.host, route.port) in open_ports:
                yield from _granted(plan, route, stated)


def _callers(plan: Plan, route: Route) -> Iterator[Problem]:
    """Services that reach the app's port without the reverse proxy. A container is not its host: a
    port that is open to its network is open to every container there.
    """
    entry = plan.stack.network.entry.host
    native = f"choose auth: native for every route of {route.service}"
    header = route.headers[0][0]
    for user, use in plan.users_of(route.service):
        near = user.host in (route.host, entry)
        contained = near and isinstance(user.config, PodmanService)
        if use.port == WEB and (contained or not near):
            who = f"the container {user.name}" if contained else user.host
            yield Problem(
                user.at("uses") if use.is_stated else user.used_at(use),
                f"{route.service} trusts {header}, and {who} would connect to it directly, "
                "where anybody could set that header",
                f"leave {route.service} out and let it use https://{route.title}, or {native}",
            )


def _granted(plan: Plan, route: Route, stated: Sequence[Grant]) -> Iterator[Problem]:
    """Grants that reach the app's port, other than those of the entry host and the owners."""
    entry = plan.stack.network.entry.host
    native = f"choose auth: native for every route of {route.service}"
    header = route.headers[0][0]
    tailnet = plan.tailnet
    if tailnet is None or not stated:
        return
    known = {entry, tailnet.hosts.get(entry, entry), OWNERS, *tailnet.groups.get(OWNERS, ())}
    known |= {tag for tag, hosts in tailnet.tags.items() if hosts == (entry,)}
    for grant in stated:
        others = [src for src in grant.src if src not in known]
        if not others:
            continue
        # From any source: only destination and ports matter here.
        alone = replace(tailnet, grants=(replace(grant, src=("*",)),))
        if allowed(alone, entry, route.host, route.port):
            yield Problem(
                grant.source,
                f"{route.service} trusts {header}, and {', '.join(others)} would connect directly "
                f"to {route.host}:{route.port}, where anybody could set that header",
                f"drop the grant and let them use https://{route.title}, or {native}",
            )


@check("grafana-auth-scope")
def grafana_auth_scope(plan: Plan) -> Iterator[Problem]:
    """An app that makes every visitor an administrator is safe only if nobody else reaches it."""
    for service in plan.services:
        for path, value in _powers(service):
            for route in plan.routes_of(service.name):
                if not is_for_admins(route):
                    yield Problem(
                        route.source,
                        f"{path}: {value} makes everybody who passes {route.title} an "
                        "administrator, and that route is not only for administrators",
                        "write auth: forward, policy: two_factor and groups: [admins] there; or "
                        "drop that from the options",
                    )


ADMINS = "admins"
"""The group of the homelab's administrators."""


def is_for_admins(route: Route) -> bool:
    """Whether only administrators of the homelab pass a route."""
    if route.auth == "forward":
        return route.policy == "two_factor" and set(route.groups) == {ADMINS}
    return route.publish == "internal" and route.audience == "operator"


def _powers(service: Service) -> Iterator[tuple[str, str]]:
    stated = {s.path: s.value for s in declared_options(service.config)}
    for path, value in service.entry.sign_in.admin_options.items():
        said = stated.get(path_parts(path))
        if makes_admin(path, said, value):
            yield path, str(said)


def makes_admin(path: str, said: object, value: object) -> bool:
    """Whether an option of `admin_options` makes every visitor an administrator: by the value of
    the entry, or by any name of a user.
    """
    if path.lower().endswith(("_username", "auto_login")):
        return said not in (None, "", False)
    return said is not None and str(said).lower() == str(value).lower()


@check("recovery-useful")
def recovery_useful(plan: Plan) -> Iterator[Problem]:
    """The sign-in of an app that is shown for an emergency stays shown until somebody leaves it
    out.
    """
    for service in plan.each_service():
        if not recovers(service.config):
            continue
        where, title = service.at("recovery"), service.entry.title
        routes = plan.routes_of(service.name)
        if not service.entry.sign_in.recovery:
            yield Problem(where, f"homelab hides no sign-in of {title}", "leave it out")
        elif not any(route.auth == "forward" for route in routes):
            yield Problem(
                where,
                f"no route of {service.name} uses the auth proxy, so its own sign-in is shown",
                "leave it out",
            )
        else:
            yield Problem(
                where,
                f"{title} shows its own sign-in to everybody who passes the auth proxy",
                "leave it out as soon as you are in",
                severity="warning",
            )
