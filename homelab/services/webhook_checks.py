"""Checks of the webhooks of sites: whether a git server can call them."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.service_base import OF_ROUTE
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.model import Service
from homelab.services.site import HOOK

_GIT_SERVERS = ("forgejo", "gitea")
"""Programs of the catalog that call webhooks, also on their own host."""


@check("webhook-called", severity="warning")
def webhook_called(plan: Plan) -> Iterator[Problem]:
    """A git server calls a webhook over the network, and cannot sign in."""
    for service in plan.services:
        build = service.static.build if service.static is not None else None
        if build is None or build.webhook is None:
            continue
        routes = [r for r in plan.routes_of(service.name) if r.port == build.webhook.port]
        for route in routes:
            if obstacle := _obstacle(plan, route):
                name = route.public or route.internal
                yield Problem(
                    route.source,
                    f"{obstacle} stops the calls of git servers to {name}, because they cannot "
                    "sign in",
                    _open(route),
                )
        if routes and service.host != routes[0].host and not (build.schedule or build.watch):
            yield Problem(
                service.at("static.build.webhook"),
                f"a call builds the site on {routes[0].host} alone, and {service.host} keeps the "
                "old one",
                "add schedule: hourly, so that every host builds it",
            )
        if not routes and not service.called.get(HOOK) and not _has_git_server(plan, service):
            yield Problem(
                service.at("static.build.webhook"),
                f"nothing but {service.host} itself reaches port {build.webhook.port}, and no git "
                "server runs there",
                _to_add(service),
            )


def _obstacle(plan: Plan, route: Route) -> str:
    """What asks every call for a sign-in; empty if a git server passes."""
    if route.publish == "tunnel" and route.access:
        return "" if route.service_tokens else "Cloudflare Access"
    rules = plan.identity.rules if plan.identity is not None else ()
    is_exempt = route.exempt or any(r.policy == "bypass" and r.route == route.name for r in rules)
    return "the sign-in" if route.auth == "forward" and not is_exempt else ""


def _to_add(service: Service) -> str:
    """The route that a webhook needs. A list of routes is the whole list."""
    config, route = service.config, f"{{name: {service.name}-hook, port: {HOOK}, auth: none"
    route += ", audience: operator}"
    stated = [f for f in OF_ROUTE if getattr(config, f) is not None]
    said = {"name": service.name} | {f: getattr(config, f) for f in stated}
    own = ", ".join(f"{f}: {'…' if f == 'public' else value}" for f, value in said.items())
    line = f"write routes: [{{{own}}}, {route}]"
    if config.routes is not None:
        line = f"add to routes: {route}"
    elif stated:
        line = f"leave {' and '.join(stated)} out, and {line}"
    return (
        f"{line} for a git server on the LAN or the tailnet; for one on the internet with "
        "audience: public, publish: tunnel and public: … instead"
    )


def _open(route: Route) -> str:
    """The keys of a route that lets every call through."""
    why = "the webhook refuses calls without the right signature"
    if route.publish == "internal":
        return f"write auth: none and audience: operator; {why}"
    return f"write auth: none, audience: public and public: … with the reason; {why}"


def _has_git_server(plan: Plan, service: Service) -> bool:
    """Whether a git server on the host of the site calls it there without a route."""
    here = (s for s in plan.services if s.host == service.host)
    return any(s.entry.name in _GIT_SERVERS for s in here)
