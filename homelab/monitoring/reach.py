"""How to ask an app whether it works: by its name, or past a gate that would answer for it."""

from __future__ import annotations

from dataclasses import dataclass

from homelab.config.stack import StackConfig
from homelab.network.between import dialled as address_of
from homelab.network.route import Route
from homelab.services.model import Service


@dataclass(frozen=True)
class Question:
    """A URL to ask, and whether its answer is the app's own."""

    url: str
    proves: bool
    """False where the gate answers in the app's place."""
    headers: tuple[tuple[str, str], ...] = ()
    """What the proxy would have said: many an app refuses a host name that it does not know."""


def question(stack: StackConfig, route: Route, service: Service, watcher: str) -> Question:
    """What `watcher` asks to learn whether the app behind a route works.

    By its internal name that is the whole way: name, certificate, proxy and app. Behind the
    forward-auth gate the gate would answer instead, so the app is asked at its own port, if the
    watcher may dial it: on the app's host, on the entry host, or on one that the app is open to.
    """
    health = service.config.monitor.path or service.entry.health
    address = dialled(stack, service, route.port, watcher)
    if service.entry.monitor == "tcp":
        return Question(f"tcp://{address or route.title + ':443'}", bool(address))
    named = f"https://{route.title}{health}"
    # Without a resolver of ours the name leads to Cloudflare, where Access would answer.
    ours = stack.network.dns.host is not None
    if ours and (route.auth != "forward" or _is_exempt(health, route.exempt)):
        return Question(named, True)
    if address:
        said = (("Host", route.host_header or route.title), ("X-Forwarded-Proto", "https"))
        return Question(f"{route.scheme}://{address}{health}", True, said)
    return Question(named, False)


def dialled(stack: StackConfig, service: Service, port: int, watcher: str) -> str:
    """The app's own address and a port of it, as the watcher dials it; empty if it may not."""
    if watcher == service.host:
        outside = next(iter(service.called_at), "")
        return f"{outside if service.is_outside_only else service.address}:{port}"
    outside = address_of(stack, watcher, service.host) if watcher in service.callers else ""
    return f"{outside}:{port}" if outside else ""


def _is_exempt(path: str, exempt: tuple[str, ...]) -> bool:
    return any(path.startswith(e[:-1]) if e.endswith("*") else path == e for e in exempt)
