"""What an app behind a published name cannot do there."""

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


@check("tunnel-upload", rows="S2-08", severity="warning")
def tunnel_upload(plan: Plan) -> Iterator[Problem]:
    """Cloudflare refuses a large body with 413, whatever the proxy at home lets through: an upload
    fails on its last step, and only for those who are out.
    """
    for route in plan.routes:
        if route.publish == "tunnel" and _megabytes(route.upload) > LARGEST:
            yield Problem(
                route.source,
                f"{route.service} takes uploads of up to {route.upload}, and Cloudflare ends each "
                f"at {LARGEST} MB",
                f"{_way(route)}; or say {_limit(route)}, so that more is refused at once",
            )


@check("access-apps", rows="S2-06", severity="warning")
def access_apps(plan: Plan) -> Iterator[Problem]:
    """Access answers a phone app with a page for browsers, so the app finds no server there."""
    by_place = {(s.name, s.host): s for s in plan.services}
    for route in plan.routes:
        service = by_place.get((route.service, route.host))
        apps = service.entry.sign_in.apps if service is not None else ""
        if not apps or route.publish != "tunnel" or not route.access or route.service_tokens:
            continue
        yield Problem(
            route.source,
            f"{apps} cannot pass Cloudflare Access in front of {route.public}",
            f"{_way(route)}; or say public: …, why anyone may ask {route.service} itself",
        )


def _limit(route: Route) -> str:
    """How the stack config says a smaller limit: a service that has no list of routes gets one."""
    listed = route.source.endswith("]")
    return f"upload: {LARGEST}MB" if listed else f"routes: [{{…, upload: {LARGEST}MB}}]"


def _way(route: Route) -> str:
    """The way to the app that passes by Cloudflare."""
    if route.internal == route.public:
        return f"ask it at home, where {route.internal} does not pass Cloudflare"
    if route.internal:
        return f"ask https://{route.internal} instead, which never leaves home or the tailnet"
    if route.lan_direct or route.tailnet_direct:
        return "ask it at its host's own address and port"
    return "give the route tailnet_direct: true, and ask it at its host's own address and port"


def _megabytes(size: str) -> float:
    match = _SIZE.fullmatch(size)
    return int(match[1]) * _FACTORS[match[2]] if match else 0
