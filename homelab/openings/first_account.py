"""Services on the internet whose first account is not the owner's."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.config.expansion import KUMA
from homelab.identity.pocket_id_apps import PROVIDER, makes_owner
from homelab.network.route import Route
from homelab.openings.model import Opening
from homelab.plan import Plan

FIRST = "first-account"
_WHAT = {
    "visitor": "makes its first visitor the administrator",
    "published": "has an administrator with a published password",
}


def first_accounts(plan: Plan) -> Iterator[tuple[str, Opening]]:
    """Routes that everyone on the internet reaches without the auth proxy or Cloudflare Access, to
    a service whose first account is not the owner's: (place, opening).
    """
    for route in plan.routes:
        service = plan.service_of(route)
        first = service.entry.sign_in.first_account if service is not None else ""
        if service is None or not first or not _is_open(route):
            continue
        if service.name == PROVIDER and makes_owner(plan.hosts[service.host]):
            continue
        # The unit that makes its monitors makes the account first.
        if service.name == KUMA and plan.stack.monitoring.kuma is not None:
            continue
        without = ", leave public out," if route.public_reason else ""
        yield (
            route.source,
            Opening(
                FIRST,
                f"{service.entry.title} {_WHAT[first]}, and {route.public} is open to the internet",
                f"write publish: internal{without} until you have set its password",
                acceptable=True,
            ),
        )


def _is_open(route: Route) -> bool:
    """Whether the internet reaches the app itself. A tunnel without Access needs a reason;
    `tunnel-requires-access` reports one without.
    """
    asked = route.publish == "tunnel" and (route.access or not route.public_reason)
    return bool(route.public) and not asked and route.auth != "forward"
