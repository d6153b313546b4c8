"""Checks of the tunnel: its host, targets and origin settings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.check import check
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean

SCHEMES = ("http", "https", "rdp", "smb", "ssh", "tcp", "unix")
"""What cloudflared can dial."""


@check("tunnel-host")
def tunnel_host(plan: Plan) -> Iterator[Problem]:
    """The connector can dial a loopback address only on its own host."""
    config = plan.stack.cloudflare
    if config is None or config.tunnel is None:
        return
    host = plan.hosts.get(config.tunnel.host)
    if host is None or not host.is_nixos or plan.stack.network.entry.host not in plan.hosts:
        return  # reported by host-known and host-runs-services
    entry = plan.stack.network.entry.host
    if config.tunnel.via == "proxy" and host.name != entry:
        yield Problem(
            "cloudflare.tunnel.via",
            f"the tunnel ends on {host.name}, but the proxy that it dials is on {entry}",
            f"write host: {entry}, or via: direct",
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
                f"the tunnel on {host.name} dials {route.service} directly, "
                "which bypasses the sign-in at the proxy",
                "leave tunnel_service out" if route.tunnel_service else beside,
                cause="identity" if plan.stack.identity is None else "",
            )


def _is_beside(target: str) -> bool:
    """Whether the connector can reach it only on its own host."""
    return target.startswith("unix:") or bool(_LOOPBACK.search(target))


_LOOPBACK = re.compile(r"(?<=://)(localhost|127\.[0-9.]+)(?=:|$)")


@check("tunnel-scheme")
def tunnel_scheme(plan: Plan) -> Iterator[Problem]:
    """For a target that it cannot dial, cloudflared starts anyway and answers 502."""
    for route in plan.routes:
        if not route.tunnel_service:
            continue
        where, target = route.at("tunnel_service"), route.tunnel_service
        scheme, colon, rest = target.partition(":")
        if route.publish != "tunnel":
            yield Problem(
                where,
                f"{target} is for the tunnel, but {route.name} is not published through it",
                "write publish: tunnel, or leave tunnel_service out",
                cause=route.published_by,
            )
        elif not colon or scheme not in SCHEMES:
            yield Problem(
                where,
                f'cloudflared does not support "{scheme}"',
                did_you_mean(scheme, SCHEMES, "schemes") + "; as ssh://localhost:22",
            )
        elif not re.fullmatch(_UNIX if scheme == "unix" else _HOST, rest) or _port(rest) > _LAST:
            yield Problem(
                where,
                f"{target} is not a target that cloudflared can dial",
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


@check("tunnel-origin")
def tunnel_origin(plan: Plan) -> Iterator[Problem]:
    """An origin setting has no effect if the tunnel dials the proxy or uses no TLS."""
    for route in plan.routes:
        origin = route.origin
        fields = [name for name in type(origin).model_fields if getattr(origin, name) is not None]
        if fields and route.tunnel != "app":
            yield Problem(
                route.at("origin"),
                f"the tunnel dials the proxy for {route.name}, over plain HTTP on loopback",
                "leave origin out, or write its target: tunnel_service",
            )
            continue
        tls = [name for name in fields if name != "connect_timeout"]
        if tls and not _is_tls(route):
            yield Problem(
                route.at(f"origin.{tls[0]}"),
                f"{route.name} is dialled without TLS, so there is no certificate to verify",
                f"leave it out, or write {_over_tls(route)}",
            )


def _over_tls(route: Route) -> str:
    """How the stack config says that the tunnel dials a route's app over TLS."""
    if route.tunnel_service:
        return f"tunnel_service: https:{route.tunnel_service.partition(':')[2]}"
    return "upstream: {scheme: https}"


def _is_tls(route: Route) -> bool:
    return (route.tunnel_service or route.scheme).partition(":")[0] == "https"
