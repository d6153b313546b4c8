"""What may be published, under which name, and who certifies it."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check, file_check
from homelab.cloudflare.model import SECTION
from homelab.plan import Plan
from homelab.problems import Problem

ACME_UNTIL = file_check(
    "acme-until", "warning", "A DNS-01 token that has ended renews no certificate."
)


@check("no-public-record", rows="S0-14")
def no_public_record(plan: Plan) -> Iterator[Problem]:
    """A site says once how far it may be seen; no single route goes beyond that."""
    exposure = plan.stack.site.exposure
    for route in plan.routes:
        if exposure == "internal-only" and route.publish == "tunnel":
            yield Problem(
                route.at("publish"),
                f"the route {route.name} is published ({route.publish}), "
                "but site.exposure is internal-only",
                "make it publish: internal, or set site.exposure to tunnel-only or mixed",
            )
        elif exposure == "tunnel-only" and route.publish == "direct":
            yield Problem(
                route.at("publish"),
                f"the route {route.name} is published ({route.publish}), "
                "but site.exposure is tunnel-only",
                "use publish: tunnel",
            )
    for page in plan.cloudflare.pages if plan.cloudflare else ():
        if exposure == "internal-only":
            yield Problem(
                page.source,
                f"{page.domain} is on the internet, but site.exposure is internal-only",
                "leave it out, or set site.exposure to tunnel-only or mixed",
            )


@check("cloudflare-missing", rows="S0-14 S0-16")
def cloudflare_missing(plan: Plan) -> Iterator[Problem]:
    """A published name needs a zone to be published in, and a tunnel a host to end on."""
    for route in plan.routes:
        if route.publish != "tunnel":
            continue
        if plan.stack.cloudflare is None:
            yield Problem(
                route.at("publish"),
                f"the route {route.name} is published ({route.publish}), "
                "but there is no cloudflare section",
                f"add {SECTION}, or make it publish: internal",
            )
        elif plan.stack.cloudflare.tunnel is None:
            yield Problem(
                route.at("publish"),
                f"the route {route.name} goes through a tunnel, but no host runs one",
                f"add cloudflare.tunnel: {{host: {plan.stack.network.entry.host}}}",
            )


@check("direct-address", rows="S0-13 S0-14 S3-01")
def direct_address(plan: Plan) -> Iterator[Problem]:
    """A direct name needs a public address, and nothing in the stack config holds one. So what is
    open to the internet comes through the tunnel, where somebody must say why it is open.
    """
    exposure = plan.stack.site.exposure
    way = "internal" if exposure == "internal-only" else "tunnel"
    for route in plan.routes:
        if route.publish == "direct" and exposure != "tunnel-only":
            yield Problem(
                route.at("publish"),
                f"no public address of {plan.stack.network.entry.host} is known, "
                f"so {route.public} can have no record",
                f"use publish: {way}",
            )


@check("tunnel-hostname-depth", rows="S1-05")
def tunnel_hostname_depth(plan: Plan) -> Iterator[Problem]:
    """Cloudflare's own certificate covers the zone and one label below it, no more."""
    config = plan.stack.cloudflare
    if config is None or config.advanced_certificates:
        return
    for public, source in _published(plan):
        below = public.removesuffix(config.zone.name).rstrip(".")
        if _within(public, config.zone.name) and "." in below:
            yield Problem(
                "site.names.public",
                f"{public} (of {source}) lies {below.count('.') + 1} labels below "
                f"{config.zone.name}, where Cloudflare's certificate does not reach",
                'use a pattern like "{name}-home.{zone}", or pay for them and set '
                "cloudflare.advanced_certificates: true",
            )


@check("acme-dns01", rows="S0-16")
def acme_dns01(plan: Plan) -> Iterator[Problem]:
    """Names and certificates can only be made in the zone that the token may edit."""
    if plan.cloudflare is None:
        return
    zone = plan.cloudflare.zone_name
    for certificate in plan.cloudflare.certificates:
        if not _within(certificate.domain, zone):
            yield Problem(
                "site.domain",
                f"a certificate for *.{certificate.domain} cannot be proven: the zone is {zone}",
                f"use a domain in {zone}, or write its zone, cloudflare.zone: {{name: …, id: …}}",
            )
    for public, source in _published(plan):
        if not _within(public, zone):
            yield Problem(
                "site.names.public",
                f"{public} (of {source}) lies outside the zone {zone}",
                'use a pattern that ends in "{zone}"',
            )


@check("host-unique", rows="S2-07")
def host_unique(plan: Plan) -> Iterator[Problem]:
    """One name leads to one app."""
    first: dict[str, str] = {}
    named = [(r.source, tuple(sorted(set(r.names)))) for r in plan.routes]
    named += [(p.source, (p.domain,)) for p in plan.cloudflare.pages] if plan.cloudflare else []
    for source, names in named:
        for name in names:
            owner = first.setdefault(name, source)
            if owner != source:
                yield Problem(
                    f"{source}.name",
                    f"{name} is already the name of {owner}",
                    "give one of them another name",
                )


def ended(plan: Plan, today: str) -> Iterator[Problem]:
    """DNS-01 tokens that ended before this day (`2026-12-31`). No check: it needs a clock."""
    until = plan.stack.cloudflare.acme.until if plan.stack.cloudflare else None
    if until is not None and until < today and plan.certificates.kind == "cloudflare":
        yield Problem(
            "cloudflare.acme.until",
            f"the DNS-01 tokens ended on {until}, and certificates are no longer renewed",
            "move the day, or leave it out",
            check=ACME_UNTIL,
            severity="warning",
        )


@check("acme-expiry-alert", rows="S0-17")
def acme_expiry_alert(plan: Plan) -> Iterator[Problem]:
    """A token that ends stops certificates from being renewed, weeks before anybody notices."""
    config = plan.stack.cloudflare
    if config is None or config.acme.until is None or plan.stack.monitoring.ntfy is not None:
        return
    if plan.certificates.kind != "cloudflare":
        return  # acme-token-unused tells
    yield Problem(
        "cloudflare.acme.until",
        f"the DNS-01 tokens end on {config.acme.until}, and nobody would hear of it: Cloudflare "
        "sends no notice about such a token",
        "add monitoring.ntfy: {topic: {sops: ntfy/topic}}, so that the host gives the alarm; or "
        "leave until out",
    )


@check("caa-issuer", rows="S0-16")
def caa_issuer(plan: Plan) -> Iterator[Problem]:
    """Whoever lists authorities and leaves out his own gets no more certificates."""
    config = plan.stack.cloudflare
    if config is None or not plan.certificates.is_acme:
        return
    if config.caa and ISSUER not in config.caa:
        yield Problem(
            "cloudflare.caa",
            f"our own certificates come from {ISSUER}, which would be forbidden to make them",
            f"add {ISSUER}",
        )


ISSUER = "letsencrypt.org"
"""Where `security.acme` has certificates made."""


def _published(plan: Plan) -> Iterator[tuple[str, str]]:
    """Every name on the internet, and where it comes from."""
    for route in plan.routes:
        if route.publish != "internal":
            yield route.public, route.source
    for page in plan.cloudflare.pages if plan.cloudflare else ():
        yield page.domain, page.source


def _within(name: str, zone: str) -> bool:
    return name == zone or name.endswith(f".{zone}")
