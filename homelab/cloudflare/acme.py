"""Certificates by DNS-01, as `security.acme` gets them; the proxy reads /var/lib/acme/<domain>."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.cloudflare.model import ACME_TOKEN
from homelab.nix import Comment, Module, Nix, attrs
from homelab.secrets.model import secret_path

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """Wildcard certificates on the host that serves them."""
    if plan.cloudflare is None:
        return
    domains = [c.domain for c in plan.cloudflare.certificates if c.host == host.name]
    if not domains:
        return
    proxy = plan.site.network.entry.proxy
    certificate: dict[str, Nix] = {
        "dnsProvider": "cloudflare",
        "dnsResolver": Comment(
            "The home resolver answers these names by itself and would never see the challenge.",
            "1.1.1.1:53",
        ),
        "credentialFiles": {"CF_DNS_API_TOKEN_FILE": secret_path(*ACME_TOKEN, "minted", "file")},
        "group": proxy,
        "reloadServices": [f"{proxy}.service"],
    }
    acme: dict[str, Nix] = {
        "acceptTerms": True,
        "defaults": {"email": plan.site.site.owner.email},
        "certs": {domain: {"domain": f"*.{domain}", **certificate} for domain in domains},
    }
    yield Module(
        "certificates.nix",
        "Wildcard certificates by DNS-01",
        derived=attrs("security.acme", acme),
    )
