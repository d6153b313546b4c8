"""Services on the internet whose first account is for whoever comes first."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.openings.model import Opening
from homelab.plan import Plan

FIRST = "first-account"
_WHAT = {
    "visitor": "makes whoever opens its pages first its administrator",
    "published": "starts with an administrator whose password its documentation states",
}


def first_accounts(plan: Plan) -> Iterator[tuple[str, Opening]]:
    """Routes that everyone on the internet reaches without the auth proxy or Cloudflare Access, to
    a service whose first account is not the owner's: (place, opening).
    """
    services = {(s.name, s.host): s for s in plan.services}
    for route in plan.routes:
        service = services.get((route.service, route.host))
        first = service.entry.sign_in.first_account if service is not None else ""
        # `tunnel-requires-access` reports a tunnel without Access and without a reason.
        behind_access = route.publish == "tunnel" and (route.access or not route.public_reason)
        if not first or service is None or not route.public or behind_access:
            continue
        without = ", leave public out," if route.public_reason else ""
        if route.auth != "forward":
            yield (
                route.source,
                Opening(
                    FIRST,
                    f"{service.entry.title} {_WHAT[first]}, and {route.public} is open to the "
                    "internet",
                    f"write publish: internal{without} until you have set its password",
                    acceptable=True,
                ),
            )
