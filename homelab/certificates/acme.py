"""Certificates by DNS-01 with `security.acme`; the proxy reads /var/lib/acme/<domain>."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

from homelab.certificates.model import CREDENTIALS, secret_of
from homelab.cloudflare.model import ACME_TOKEN
from homelab.config.certificates import Issuer
from homelab.hardening.baseline import sandbox
from homelab.nix import Attrs, Comment, Module, Nix, Path, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import referred_path, secret_path
from homelab.services.unit import reported
from homelab.system.model import Host

_EXPIRY_FILE = "lib/acme-token-expiry.sh"
_EXPIRY = (resources.files("homelab.certificates") / "expiry.sh").read_text(encoding="utf-8")
_SETTINGS_FILE = "lib/acme.env"
PUBLIC_RESOLVER = "1.1.1.1:53"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """Wildcard certificates on the host that serves them."""
    said = plan.stack.network.entry.acme
    domains = [c.domain for c in plan.certificates.certificates if c.host == host.name]
    if not domains or not plan.certificates.is_acme:
        return
    proxy = plan.stack.network.entry.proxy
    certificate: dict[str, Nix] = {
        "dnsProvider": said.provider if said else "cloudflare",
        "dnsResolver": _resolver(plan, said),
        "credentialFiles": _credentials(said),
        "group": proxy,
        "reloadServices": [f"{proxy}.service"],
    }
    extra: list[tuple[str, str]] = []
    if said is not None and said.settings:
        certificate["environmentFile"] = Path(_SETTINGS_FILE)
        extra.append((_SETTINGS_FILE, "".join(f"{k}={v}\n" for k, v in _sorted(said.settings))))
    acme: dict[str, Nix] = {
        "acceptTerms": True,
        "defaults": {"email": plan.stack.site.owner.email},
        "certs": {domain: {"domain": f"*.{domain}", **certificate} for domain in domains},
    }
    tokens = plan.cloudflare.tokens if plan.cloudflare else ()
    ends = next((t.until for t in tokens if t.host == host.name), "")
    if ends:
        extra.append((_EXPIRY_FILE, _EXPIRY))
    yield Module(
        "certificates.nix",
        "Wildcard certificates by DNS-01",
        derived=merge(
            attrs("security.acme", acme), _expiry(ends, reported(plan, host.name)) if ends else {}
        ),
        extra=tuple(extra),
    )


def _credentials(said: Issuer | None) -> Attrs:
    """Files with the values: lego takes each variable as a file, too."""
    if said is None:
        return {"CF_DNS_API_TOKEN_FILE": secret_path(*ACME_TOKEN, "issued", "file")}
    return {
        f"{variable}_FILE": referred_path(ref, CREDENTIALS, secret_of(variable))
        for variable, ref in sorted(said.credentials.items())
    }


def _sorted(settings: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(settings.items())


def _resolver(plan: Plan, said: Issuer | None) -> Nix:
    public = (said.resolver if said else None) or PUBLIC_RESOLVER
    if not plan.dns.host:
        return public
    return Comment(
        "The home resolver answers these names itself, without the challenge record.",
        public,
    )


def _expiry(day: str, failing: Attrs) -> Attrs:
    """A weekly unit that fails while the token is about to expire: Cloudflare sends no notice."""
    return merge(
        attrs(
            'systemd.services."acme-token-expiry"',
            {
                "description": f"Check whether the DNS-01 token expires soon ({day})",
                "startAt": "weekly",
                **failing,
                "script": Script.of("set -- ", day, "\n. ", Raw(f"./{_EXPIRY_FILE}"), "\n"),
                "serviceConfig": {
                    "Type": "oneshot",
                    "DynamicUser": True,
                    "PrivateNetwork": True,
                    **sandbox(),
                },
            },
        ),
        attrs('systemd.timers."acme-token-expiry".timerConfig.Persistent', True),
    )
