"""What the tunnel can carry, and from where."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.check import check
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean

SCHEMES = ("http", "https", "rdp", "smb", "ssh", "tcp", "unix")
"""What cloudflared can dial."""


@check("tunnel-host", rows="S1-05")
def tunnel_host(plan: Plan) -> Iterator[Problem]:
    """The connector runs on a host of ours, and reaches by loopback what it publishes."""
    config = plan.stack.cloudflare
    if config is None or config.tunnel is None:
        return
    host = plan.hosts.get(config.tunnel.host)
    if host is None or not host.is_nixos or plan.stack.network.entry.host not in plan.hosts:
        return  # host-known and host-runs-services tell
    entry = plan.stack.network.entry.host
    if config.tunnel.via == "proxy" and host.name != entry:
        yield Problem(
            "cloudflare.tunnel.via",
            f"the tunnel ends on {host.name}, and the proxy that it is to ask is on {entry}",
            f"host: {entry}, or via: direct",
        )
    beside = (
        "cloudflare.tunnel: leave via out"
        if host.name == entry
        else f"set cloudflare.tunnel.host to {entry}, the entry host"
    )
    for route in plan.routes:
        if route.tunnel != "app":
            continue
        if route.host != host.name and _is_beside(route.tunnel_service):
            app = plan.hosts[route.host]
            there = _LOOPBACK.sub(app.lan or app.tailnet, route.tunnel_service)
            is_socket = there == route.tunnel_service
            yield Problem(
                route.at("tunnel_service"),
                f"{route.tunnel_service} is on {host.name}, where the tunnel ends, but "
                f"{route.service} runs on {route.host}",
                f"write services.{route.service}.host: {host.name}"
                if is_socket
                else f"name that host: {there}",
            )
        elif route.host != host.name and not route.tunnel_service:
            yield Problem(
                route.at("publish"),
                f"the tunnel ends on {host.name}, but {route.service} runs on {route.host}",
                beside,
            )
        elif route.auth == "forward":
            yield Problem(
                route.at("auth"),
                f"the tunnel on {host.name} goes straight to {route.service}, "
                "past the proxy that asks for the sign-in",
                "leave tunnel_service out" if route.tunnel_service else beside,
            )


def _is_beside(target: str) -> bool:
    """Whether the connector finds it on its own host alone."""
    return target.startswith("unix:") or bool(_LOOPBACK.search(target))


_LOOPBACK = re.compile(r"(?<=://)(localhost|127\.[0-9.]+)(?=:|$)")


@check("tunnel-scheme", rows="S2-08")
def tunnel_scheme(plan: Plan) -> Iterator[Problem]:
    """Cloudflared starts with a target that it cannot dial, and answers 502 for it."""
    for route in plan.routes:
        if not route.tunnel_service:
            continue
        where, said = route.at("tunnel_service"), route.tunnel_service
        scheme, colon, rest = said.partition(":")
        if route.publish != "tunnel":
            yield Problem(
                where,
                f"{said} is for the tunnel, and {route.name} is not published through it",
                "publish: tunnel, or leave tunnel_service out",
            )
        elif not colon or scheme not in SCHEMES:
            yield Problem(
                where,
                f'cloudflared dials no "{scheme}"',
                did_you_mean(scheme, SCHEMES, "schemes") + "; as ssh://localhost:22",
            )
        elif not re.fullmatch(_UNIX if scheme == "unix" else _HOST, rest) or _port(rest) > _LAST:
            yield Problem(
                where,
                f"{said} names nothing that cloudflared could dial",
                f"write {_well_formed(scheme, rest)}",
            )


def _well_formed(scheme: str, rest: str) -> str:
    """The same in the form that cloudflared takes, or an example of that form."""
    bare = rest.strip("/")
    if scheme == "unix":
        return f"unix:/{bare}" if re.fullmatch(_UNIX, f"/{bare}") else "unix:/run/app.sock"
    good = re.fullmatch(_HOST, f"//{bare}") and _port(bare) <= _LAST
    return f"{scheme}://{bare if good else 'localhost:22'}"


_UNIX = r"/[^\s:]+"
_HOST = r"//[A-Za-z0-9.-]+(:[1-9][0-9]{0,4})?"
_LAST = 65535


def _port(target: str) -> int:
    number = target.rpartition(":")[2]
    return int(number) if number.isdigit() else 0


@check("tunnel-origin", rows="S2-08 S4-32")
def tunnel_origin(plan: Plan) -> Iterator[Problem]:
    """A setting without an effect is read as if it had one."""
    for route in plan.routes:
        origin = route.origin
        said = [name for name in type(origin).model_fields if getattr(origin, name) is not None]
        if said and route.tunnel != "app":
            yield Problem(
                route.at("origin"),
                f"the tunnel asks the proxy for {route.name}, over plain HTTP on loopback",
                "leave origin out, or name what it dials: tunnel_service",
            )
            continue
        tls = [name for name in said if name != "connect_timeout"]
        if tls and not _is_tls(route):
            yield Problem(
                route.at(f"origin.{tls[0]}"),
                f"{route.name} is dialled without TLS, so there is no certificate to look at",
                f"leave it out, or write {_over_tls(route)}",
            )


def _over_tls(route: Route) -> str:
    """How the stack config says that the tunnel dials a route's app over TLS."""
    if route.tunnel_service:
        return f"tunnel_service: https:{route.tunnel_service.partition(':')[2]}"
    return "upstream: {scheme: https}"


def _is_tls(route: Route) -> bool:
    return (route.tunnel_service or route.scheme).partition(":")[0] == "https"
