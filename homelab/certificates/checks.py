"""Checks of certificates: their issuer, the root certificate page, and container trust."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.certificates.internal import BUNDLE
from homelab.check import check
from homelab.cloudflare.model import SECTION
from homelab.config.service_containers import PodmanService
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.parts import parts_of

WHERE = "network.entry.acme"
BUNDLES = (BUNDLE, "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs", "/etc/pki/tls/certs")
"""Where NixOS has the authorities that a host trusts."""


@check("certificate-issuer")
def certificate_issuer(plan: Plan) -> Iterator[Problem]:
    """Browsers refuse a name without a certificate."""
    if plan.certificates.kind == "none" and plan.certificates.certificates:
        domains = ", ".join(f"*.{c.domain}" for c in plan.certificates.certificates)
        yield Problem(
            WHERE,
            f"no issuer for the certificate of {domains}: there is neither homelab:cloudflare nor "
            "another one",
            "add acme: {provider: internal, root: ca/root.crt, key: {sops: ca/key}} for an "
            "authority of your own; or the DNS provider of the domain, as {provider: desec, "
            f"credentials: {{DESEC_TOKEN: {{sops: acme/desec}}}}}}; or {SECTION}",
            cause="" if plan.stack.cloudflare else "cloudflare",
        )


@check("authority-page")
def authority_page(plan: Plan) -> Iterator[Problem]:
    """A route with the name of the root certificate page hides that page."""
    for route in plan.routes:
        if plan.certificates.page and plan.certificates.page in route.names:
            yield Problem(
                route.at("name"),
                f"{plan.certificates.page} is the page with the root certificate",
                f"give {route.service} another name",
            )


@check("authority-container", severity="warning")
def authority_container(plan: Plan) -> Iterator[Problem]:
    """A container does not use the host's trusted certificate authorities."""
    if plan.certificates.kind != "internal":
        return
    for route in plan.routes:
        config = plan.stack.services.get(route.service)
        if route.auth != "oidc" or not isinstance(config, PodmanService):
            continue
        parts = parts_of(route.service, config)
        part = next((p for p in parts if p.is_web), parts[0])
        if not any(mount.source in BUNDLES for mount in part.config.mounts):
            yield Problem(
                route.at("auth"),
                f"{route.service} connects to the identity provider from a container, which does "
                "not trust the homelab's authority",
                f"add {part.place}.mounts: [{{source: {BUNDLE}, target: {BUNDLE}, "
                "read_only: true}], and set it in the app, for example with "
                f"{part.place}.environment: {{SSL_CERT_FILE: {BUNDLE}}}",
            )


@check("acme-token-unused")
def acme_token_unused(plan: Plan) -> Iterator[Problem]:
    """Limits of a DNS-01 token have no effect with another certificate issuer."""
    config, kind = plan.stack.cloudflare, plan.certificates.kind
    if config is None or kind == "cloudflare":
        return
    for field, said in (("allow_from", config.acme.allow_from), ("until", config.acme.until)):
        if said:
            yield Problem(
                f"cloudflare.acme.{field}",
                f"no DNS-01 token is created at Cloudflare: {WHERE} sets another issuer",
                f"leave it out, or {WHERE}",
            )
