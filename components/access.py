"""An Access application: what stands before one name, or one site, at Cloudflare's edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import pulumi

from homelab.components import cloudflare_resources as cloudflare


class Guard(TypedDict):
    """Who passes an application, for how long."""

    account: str
    session: str
    policies: Sequence[str]
    """Keys of the policies, the first asked first."""
    ids: Mapping[str, pulumi.Input[str]]
    """Ids of the policies, by key."""


def application(
    name: str,
    title: str,
    guard: Guard,
    opts: pulumi.ResourceOptions,
    *,
    type_: str = "self_hosted",
    domain: str | None = None,
    uris: Sequence[pulumi.Input[str]] = (),
) -> cloudflare.ZeroTrustAccessApplication:
    """An application for a domain, or for several addresses together."""
    return cloudflare.ZeroTrustAccessApplication(
        name,
        {
            "account_id": guard["account"],
            "name": title,
            "type": type_,
            "domain": domain,
            "destinations": [{"type": "public", "uri": uri} for uri in uris] or None,
            "session_duration": guard["session"],
            # Said outright, for the API answers with defaults that would differ for ever.
            "app_launcher_visible": True,
            "auto_redirect_to_identity": False,
            "http_only_cookie_attribute": True,
            "policies": [
                {"id": guard["ids"][key], "precedence": place}
                for place, key in enumerate(guard["policies"], start=1)
            ],
        },
        opts,
    )
