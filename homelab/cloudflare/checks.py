"""Checks of published names and their certificates."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check, file_check
from homelab.cloudflare.model import SECTION
from homelab.plan import Plan
from homelab.problems import Problem

ACME_UNTIL = file_check(
    "acme-until", "warning", "After its token expires, DNS-01 renews no certificate."
)


@check("no-public-record")
def no_public_record(plan: Plan) -> Iterator[Problem]:
    """`site.exposure` limits every route; a route beyond it is published by mistake."""
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


@check("cloudflare-missing")
def cloudflare_missing(plan: Plan) -> Iterator[Problem]:
    """A published name needs a Cloudflare zone, and a tunnel needs a host."""
    for route in plan.routes:
        if route.publish != "tunnel":
            continue
        if plan.stack.cloudflare is None:
            yield Problem(
                route.at("publish"),
                f"the route {route.name} is published ({route.publish}), "
                "but there is no cloudflare section",
                f"add {SECTION}, or make it publish: internal",
                cause="cloudflare",
            )
        elif plan.stack.cloudflare.tunnel is None:
            yield Problem(
                route.at("publish"),
                f"the route {route.name} goes through a tunnel, but no host runs one",
                f"add cloudflare.tunnel: {{host: {plan.stack.network.entry.host}}}",
                cause="cloudflare.tunnel",
            )


@check("direct-address")
def direct_address(plan: Plan) -> Iterator[Problem]:
    """`publish: direct` needs a web server on the internet, and no firewall opens one."""
    exposure = plan.stack.site.exposure
    publish = "internal" if exposure == "internal-only" else "tunnel"
    for route in plan.routes:
        if route.publish == "direct" and exposure != "tunnel-only":
            yield Problem(
                route.at("publish"),
                f"no public address of {plan.stack.network.entry.host} is known, "
                f"so {route.public} can have no record",
                f"use publish: {publish}",
            )


@check("tunnel-hostname-depth")
def tunnel_hostname_depth(plan: Plan) -> Iterator[Problem]:
    """Cloudflare's free certificate covers only the zone and one label below it."""
    config = plan.stack.cloudflare
    if config is None or config.advanced_certificates:
        return
    zone = config.zone.name
    deep = [
        f"{public} (of {source})"
        for public, source in _published(plan)
        if _within(public, zone) and "." in public.removesuffix(zone).rstrip(".")
    ]
    if deep:
        yield Problem(
            "site.names.public",
            f"Cloudflare's certificate covers one label below {zone}, and these names have more: "
            f"{', '.join(deep)}",
            'use a pattern like "{name}-home.{zone}", or buy advanced certificates and set '
            "cloudflare.advanced_certificates: true",
        )


@check("acme-dns01")
def acme_dns01(plan: Plan) -> Iterator[Problem]:
    """Records and certificates need the zone that the API token may edit."""
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
    outside = [
        f"{public} (of {source})"
        for public, source in _published(plan)
        if not _within(public, zone)
    ]
    if outside:
        yield Problem(
            "site.names.public",
            f"the pattern puts names outside the zone {zone}: {', '.join(outside)}",
            'use a pattern that ends in "{zone}"',
        )


@check("host-unique")
def host_unique(plan: Plan) -> Iterator[Problem]:
    """Two routes with one name conflict."""
    first: dict[str, str] = {}
    named = [(f"{r.source}.name", r.source, tuple(sorted(set(r.names)))) for r in plan.routes]
    pages = plan.cloudflare.pages if plan.cloudflare else ()
    named += [(f"{p.source}.name", p.source, (p.domain,)) for p in pages]
    for route in plan.routes:
        place = f"{route.source}.redirect_from"
        moved = sorted({name for name, _ in (*route.moved, *route.moved_public)})
        named.append((place, place, tuple(moved)))
    for place, source, names in named:
        for name in names:
            owner = first.setdefault(name, source)
            if owner != source:
                yield Problem(
                    place,
                    f"{name} is already the name of {owner}",
                    "give one of them another name"
                    if place.endswith(".name")
                    else f"leave {name.partition('.')[0]} out",
                )


@check("redirect-served")
def redirect_served(plan: Plan) -> Iterator[Problem]:
    """A published name leads to another only where the reverse proxy answers for it. If the tunnel
    dials the app itself, visitors of the old name get an error.
    """
    for route in plan.routes:
        if route.tunnel == "app" and route.moved_public:
            yield Problem(
                route.at("redirect_from"),
                f"the tunnel dials {route.service} itself, so nothing leads "
                f"{route.moved_public[0][0]} to {route.public}",
                f"leave redirect_from out, or move cloudflare.tunnel.host to "
                f"{plan.stack.network.entry.host} and leave cloudflare.tunnel.via and the route's "
                "tunnel_service out",
            )


def ended(plan: Plan, today: str) -> Iterator[Problem]:
    """DNS-01 tokens that expired before this day (`2026-12-31`): a file check."""
    until = plan.stack.cloudflare.acme.until if plan.stack.cloudflare else None
    if until is not None and until < today and plan.certificates.kind == "cloudflare":
        yield Problem(
            "cloudflare.acme.until",
            f"the DNS-01 tokens expired on {until}, and certificates are no longer renewed",
            "set a later date, or leave it out",
            check=ACME_UNTIL,
            severity="warning",
        )


@check("acme-expiry-alert")
def acme_expiry_alert(plan: Plan) -> Iterator[Problem]:
    """When the token expires, renewals stop without a notification from Cloudflare."""
    config = plan.stack.cloudflare
    if config is None or config.acme.until is None or plan.stack.monitoring.ntfy is not None:
        return
    if plan.certificates.kind != "cloudflare":
        return  # reported by acme-token-unused
    yield Problem(
        "cloudflare.acme.until",
        f"the DNS-01 tokens expire on {config.acme.until} without a notification: Cloudflare "
        "sends none for such a token",
        "add monitoring.ntfy: {topic: {sops: ntfy/topic}}, so that the host sends an alert; or "
        "leave until out",
    )


@check("caa-issuer")
def caa_issuer(plan: Plan) -> Iterator[Problem]:
    """CAA records without the certificate authority in use stop renewals."""
    config = plan.stack.cloudflare
    if config is None or not plan.certificates.is_acme:
        return
    if config.caa and ISSUER not in config.caa:
        yield Problem(
            "cloudflare.caa",
            f"certificates come from {ISSUER}, which these CAA records do not allow",
            f"add {ISSUER}",
        )


ISSUER = "letsencrypt.org"
"""The certificate authority that `security.acme` uses."""


def _published(plan: Plan) -> Iterator[tuple[str, str]]:
    """Every public name, and its place in the stack config."""
    for route in plan.routes:
        if route.publish != "internal":
            yield route.public, route.source
    for page in plan.cloudflare.pages if plan.cloudflare else ():
        yield page.domain, page.source


def _within(name: str, zone: str) -> bool:
    return name == zone or name.endswith(f".{zone}")
