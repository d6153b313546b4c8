"""An Access application: Cloudflare's sign-in in front of one name or one site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import pulumi

from homelab.components import cloudflare_resources as cloudflare


class Guard(TypedDict):
    """Whom an application admits, and for how long."""

    account: str
    session: str
    policies: Sequence[str]
    """Keys of the policies, in order of precedence."""
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
    """An application for one domain, or for several destinations."""
    return cloudflare.ZeroTrustAccessApplication(
        name,
        {
            "account_id": guard["account"],
            "name": title,
            "type": type_,
            "domain": domain,
            "destinations": [{"type": "public", "uri": uri} for uri in uris] or None,
            "session_duration": guard["session"],
            # Set explicitly: the API returns its defaults, which would differ in every preview.
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
