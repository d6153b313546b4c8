"""Certificates by DNS-01, as `security.acme` gets them; the proxy reads /var/lib/acme/<domain>."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import TYPE_CHECKING

from homelab.cloudflare.model import ACME_TOKEN
from homelab.nix import Attrs, Comment, Module, Nix, Raw, Script, attrs, merge
from homelab.secrets.model import secret_path

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.system.model import Host

_EXPIRY_FILE = "lib/acme-token-expiry.sh"
_EXPIRY = (resources.files("homelab.cloudflare") / "expiry.sh").read_text(encoding="utf-8")


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
        "dnsResolver": _resolver(plan),
        "credentialFiles": {"CF_DNS_API_TOKEN_FILE": secret_path(*ACME_TOKEN, "minted", "file")},
        "group": proxy,
        "reloadServices": [f"{proxy}.service"],
    }
    acme: dict[str, Nix] = {
        "acceptTerms": True,
        "defaults": {"email": plan.site.site.owner.email},
        "certs": {domain: {"domain": f"*.{domain}", **certificate} for domain in domains},
    }
    ends = next((t.until for t in plan.cloudflare.tokens if t.host == host.name), "")
    yield Module(
        "certificates.nix",
        "Wildcard certificates by DNS-01",
        derived=merge(attrs("security.acme", acme), _expiry(ends) if ends else {}),
        extra=((_EXPIRY_FILE, _EXPIRY),) if ends else (),
    )


def _resolver(plan: Plan) -> Nix:
    public = "1.1.1.1:53"
    if not plan.dns.host:
        return public
    return Comment(
        "The home resolver answers these names by itself and would never see the challenge.",
        public,
    )


def _expiry(day: str) -> Attrs:
    """A unit that fails once a week while the token is about to end: Cloudflare tells nobody."""
    return merge(
        attrs(
            'systemd.services."acme-token-expiry"',
            {
                "description": f"See whether the DNS-01 token, which ends on {day}, ends soon",
                "startAt": "weekly",
                "onFailure": ["notify@%N.service"],
                "script": Script.of("set -- ", day, "\n. ", Raw(f"./{_EXPIRY_FILE}"), "\n"),
                "serviceConfig": {"Type": "oneshot", "DynamicUser": True},
            },
        ),
        attrs('systemd.timers."acme-token-expiry".timerConfig.Persistent', True),
    )
