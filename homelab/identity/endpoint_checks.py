"""A check of endpoints: apps that want single URLs of a provider, which only its owner knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.catalog.references import references
from homelab.check import check
from homelab.config.oidc import ENDPOINTS
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.misread import read_fields
from homelab.services.templates import fields


@check("oidc-endpoint")
def oidc_endpoint(plan: Plan) -> Iterator[Problem]:
    """Some apps want single endpoints. The issuer of an external provider does not tell them, and
    with empty ones nobody could sign in.
    """
    for service in plan.services:
        values = fields(plan, service)
        # Fields without a value in the owner's options are reported where they are.
        asked = _asked(service.entry.options)
        missing = [name for name in ENDPOINTS if name in asked and not values[name]]
        if missing and plan.identity is not None:
            stated = ", ".join(f"{name}: https://…" for name in missing)
            yield Problem(
                "identity.endpoints",
                f"{service.name} needs the {' and the '.join(missing)} of the provider, and its "
                "issuer does not tell",
                f"add identity.endpoints: {{{stated}}}, as {values['discovery']} states it",
            )


def _asked(options: Mapping[str, object]) -> set[str]:
    """The fields of the texts in these options."""
    found = (r for value in options.values() for r in references(value))
    return {f.written for word, text in found if word == "$text" for f in read_fields(str(text))}
