"""Checks of apps behind Cloudflare: upload size, and phone apps."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.check import check
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.problems import Problem

LARGEST = 100
"""MB of the largest request that Cloudflare takes on a free or a Pro plan; 413 for more."""

_FACTORS = {"KB": 0.001, "MB": 1, "GB": 1000}
_SIZE = re.compile(r"([0-9]+)(KB|MB|GB)")


@check("tunnel-upload", severity="warning")
def tunnel_upload(plan: Plan) -> Iterator[Problem]:
    """Cloudflare refuses large uploads with 413, whatever limit the reverse proxy has."""
    for route in plan.routes:
        if route.publish == "tunnel" and _megabytes(route.upload) > LARGEST:
            yield Problem(
                route.source,
                f"{route.service} takes uploads of up to {route.upload}, but Cloudflare refuses "
                f"more than {LARGEST} MB",
                f"{_direct_path(route)}; or write {_limit(route)}, so that the proxy refuses more",
            )


@check("access-apps", severity="warning")
def access_apps(plan: Plan) -> Iterator[Problem]:
    """Access answers with a browser page, so phone apps without Access support fail."""
    for route in plan.routes:
        service = plan.service_of(route)
        apps = service.entry.sign_in.apps if service is not None else ""
        if not apps or route.publish != "tunnel" or not route.access or route.service_tokens:
            continue
        yield Problem(
            route.source,
            f"{apps} cannot pass Cloudflare Access in front of {route.public}",
            f"{_direct_path(route)}; or write public: … with the reason why Access is not needed",
            cause="site.publish" if route.published_by == "site.publish" else "",
        )


def _limit(route: Route) -> str:
    """The line that sets a smaller limit; a service without a list of routes gets one."""
    listed = route.source.endswith("]")
    return f"upload: {LARGEST}MB" if listed else f"routes: [{{…, upload: {LARGEST}MB}}]"


def _direct_path(route: Route) -> str:
    """The way out that does not use Cloudflare."""
    if route.internal == route.public:
        return f"use {route.internal} on the LAN, where it does not pass Cloudflare"
    if route.internal:
        return f"use https://{route.internal} instead, which stays on the LAN or the tailnet"
    if route.lan_direct or route.tailnet_direct:
        return "use the address and port of its host"
    return "give the route tailnet_direct: true, and use the address and port of its host"


def _megabytes(size: str) -> float:
    match = _SIZE.fullmatch(size)
    return int(match[1]) * _FACTORS[match[2]] if match else 0
