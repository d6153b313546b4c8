"""Names and URLs at which the reverse proxy serves a service."""

from __future__ import annotations

from homelab.network.route import Route, main_first
from homelab.plan import Plan
from homelab.services.model import Service


def names_of(plan: Plan, service: Service, kind: str) -> list[str]:
    """The host names of a service that the proxy serves, that of `{url}` first. `kind` is one of
    `NAMES`. A service without a route is at localhost.
    """
    routes = main_first(plan.routes_of(service.name))
    if not routes and kind != "public":
        return ["localhost"]
    return list(dict.fromkeys(n for r in routes if r.is_web for n in _served(r, kind)))


def urls_of(plan: Plan, service: Service, kind: str) -> list[str]:
    """The same names as URLs, without a path."""
    if plan.main_route(service.name) is None and kind != "public":
        return [f"http://127.0.0.1:{service.port}"]
    return [f"https://{name}" for name in names_of(plan, service, kind)]


def _served(route: Route, kind: str) -> list[str]:
    inside = [route.internal] if kind != "public" else []
    outside = [route.public] if kind != "internal" else []
    names = [*inside, *outside] if route.publish == "internal" else [*outside, *inside]
    return [n for n in names if n]
