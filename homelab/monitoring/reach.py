"""How to check an app: by its name, or at its port if the auth proxy would answer instead."""

from __future__ import annotations

from dataclasses import dataclass

from homelab.config.stack import StackConfig
from homelab.network.between import dialled as address_of
from homelab.network.route import Route
from homelab.services.model import Service


@dataclass(frozen=True)
class Question:
    """A URL to request, and whether the app itself answers."""

    url: str
    proves: bool
    """False if the auth proxy answers instead of the app."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers that the reverse proxy would set. Many apps refuse an unknown host name."""


def question(stack: StackConfig, route: Route, service: Service, watcher: str) -> Question:
    """The request with which the host `watcher` checks the app behind a route.

    A request by the internal name tests everything: name, certificate, proxy and app. With forward
    auth, the auth proxy would answer. Then the request goes to the port of the app, if the watcher
    may call it: it is the host of the app, the entry host, or a host that the app is open to.
    """
    health = service.config.monitor.path or service.entry.health
    address = dialled(stack, service, route.port, watcher)
    if service.entry.monitor == "tcp":
        return Question(f"tcp://{address or route.title + ':443'}", bool(address))
    named = f"https://{route.title}{health}"
    # Without a resolver in the stack, the name resolves to Cloudflare, and Access would answer.
    ours = stack.network.dns.host is not None
    if ours and (route.auth != "forward" or _is_exempt(health, route.exempt)):
        return Question(named, True)
    if address:
        headers = (("Host", route.host_header or route.title), ("X-Forwarded-Proto", "https"))
        return Question(f"{route.scheme}://{address}{health}", True, headers)
    return Question(named, False)


def dialled(stack: StackConfig, service: Service, port: int, watcher: str) -> str:
    """Address and port at which the watcher calls the app; empty if it may not."""
    if watcher == service.host:
        outside = next(iter(service.called_at), "")
        return f"{outside if service.is_outside_only else service.address}:{port}"
    outside = address_of(stack, watcher, service.host) if watcher in service.callers else ""
    return f"{outside}:{port}" if outside else ""


def _is_exempt(path: str, exempt: tuple[str, ...]) -> bool:
    return any(path.startswith(e[:-1]) if e.endswith("*") else path == e for e in exempt)
