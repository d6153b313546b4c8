"""What may be published, and what must stand in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.checks import check
from homelab.cloudflare.plan import through_proxy
from homelab.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from homelab.plan import Plan


@check("no-public-record", rows="S0-14")
def no_public_record(plan: Plan) -> Iterator[Problem]:
    """A site says once how far it may be seen; no single route goes beyond that."""
    exposure = plan.site.site.exposure
    for route in plan.routes:
        if exposure == "internal-only" and route.publish != "internal":
            yield Problem(
                f"{route.source}.publish",
                f"the route {route.name} is published ({route.publish}), "
                "but site.exposure is internal-only",
                "make it publish: internal, or set site.exposure to tunnel-only or mixed",
            )
        elif exposure == "tunnel-only" and route.publish == "direct":
            yield Problem(
                f"{route.source}.publish",
                f"the route {route.name} is published directly, but site.exposure is tunnel-only",
                "make it publish: tunnel, or set site.exposure to mixed",
            )


@check("cloudflare-missing", rows="S0-14 S0-16")
def cloudflare_missing(plan: Plan) -> Iterator[Problem]:
    """A published name needs a zone to be published in, and a tunnel a host to end on."""
    for route in plan.routes:
        if route.publish == "internal":
            continue
        if plan.site.cloudflare is None:
            yield Problem(
                f"{route.source}.publish",
                f"the route {route.name} is published ({route.publish}), "
                "but there is no cloudflare section",
                "add homelab:cloudflare with account, zone and token, or make it publish: internal",
            )
        elif route.publish == "tunnel" and plan.site.cloudflare.tunnel is None:
            yield Problem(
                f"{route.source}.publish",
                f"the route {route.name} goes through a tunnel, but no host runs one",
                f"add cloudflare.tunnel: {{host: {plan.site.network.entry.host}}}",
            )


@check("direct-address", rows="S0-14")
def direct_address(plan: Plan) -> Iterator[Problem]:
    """A direct name needs a public address, and nothing in the stack config holds one."""
    for route in plan.routes:
        if route.publish == "direct" and plan.cloudflare is not None:
            yield Problem(
                f"{route.source}.publish",
                f"no public address of {plan.site.network.entry.host} is known, "
                f"so {route.public} can have no record",
                "use publish: tunnel",
            )


@check("tunnel-host", rows="S1-05")
def tunnel_host(plan: Plan) -> Iterator[Problem]:
    """The connector runs on a host of ours, and reaches by loopback what it publishes."""
    config = plan.site.cloudflare
    if config is None or config.tunnel is None:
        return
    host = plan.hosts.get(config.tunnel.host)
    if host is None:
        yield Problem(
            "cloudflare.tunnel.host",
            f'there is no host "{config.tunnel.host}"',
            did_you_mean(config.tunnel.host, plan.hosts, "hosts"),
        )
        return
    if not host.is_nixos:
        yield Problem(
            "cloudflare.tunnel.host",
            f"{host.name} is not a NixOS host, so it cannot run cloudflared",
            f"name {plan.site.network.entry.host}, the entry host",
        )
    if through_proxy(plan.site, host.name):
        return
    for route in plan.routes:
        if route.publish != "tunnel":
            continue
        if route.host != host.name:
            yield Problem(
                f"{route.source}.publish",
                f"the tunnel ends on {host.name}, but {route.service} runs on {route.host}",
                f"set cloudflare.tunnel.host to {plan.site.network.entry.host}, the entry host",
            )
        elif route.auth == "forward":
            yield Problem(
                f"{route.source}.auth",
                f"the tunnel on {host.name} goes straight to {route.service}, "
                "past the proxy that asks for the sign-in",
                f"set cloudflare.tunnel.host to {plan.site.network.entry.host}, the entry host",
            )


@check("tunnel-requires-access", rows="S2-06")
def tunnel_requires_access(plan: Plan) -> Iterator[Problem]:
    """Through the tunnel anyone on the internet arrives; Access stops all but the household."""
    for route in plan.routes:
        if route.publish == "tunnel" and not route.access and not route.public_reason:
            yield Problem(
                f"{route.source}.access",
                f"the route {route.name} goes through the tunnel without Access",
                "leave access out, or say why anyone may reach it: public: …",
            )


@check("public-explicit", rows="S0-13")
def public_explicit(plan: Plan) -> Iterator[Problem]:
    """What is open to the whole internet is so because somebody said why."""
    for route in plan.routes:
        if route.publish == "direct" and not route.public_reason:
            yield Problem(
                f"{route.source}.public",
                f"the route {route.name} is on the internet without Access and without a reason",
                "say why: public: …, or use publish: tunnel",
            )


@check("tunnel-hostname-depth", rows="S1-05")
def tunnel_hostname_depth(plan: Plan) -> Iterator[Problem]:
    """Cloudflare's own certificate covers the zone and one label below it, no more."""
    config = plan.site.cloudflare
    if config is None or config.advanced_certificates:
        return
    for route in plan.routes:
        below = route.public.removesuffix(config.zone.name).rstrip(".")
        if route.publish == "tunnel" and _within(route.public, config.zone.name) and "." in below:
            yield Problem(
                "site.names.public",
                f"{route.public} (of {route.source}) lies {below.count('.') + 1} labels below "
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
                f"use a domain in {zone}, or name its zone in cloudflare.zone",
            )
    for route in plan.routes:
        if route.publish != "internal" and not _within(route.public, zone):
            yield Problem(
                "site.names.public",
                f"{route.public} (of {route.source}) lies outside the zone {zone}",
                'use a pattern that ends in "{zone}"',
            )


@check("token-scope", rows="S0-17")
def token_scope(plan: Plan) -> Iterator[Problem]:
    """A DNS-01 token edits one zone, and only a host that asks for certificates has one."""
    if plan.cloudflare is None:
        return
    hosts = {c.host for c in plan.cloudflare.certificates}
    for token in plan.cloudflare.tokens:
        if token.zone != plan.cloudflare.zone or token.host not in hosts:
            yield Problem(
                "cloudflare.zone.id",
                f"the token {token.name} would reach further than {plan.cloudflare.zone_name}",
                "a token is good for one zone, on a host that makes certificates",
            )


@check("host-unique", rows="S2-07")
def host_unique(plan: Plan) -> Iterator[Problem]:
    """One name leads to one app."""
    first: dict[str, str] = {}
    for route in plan.routes:
        for name in sorted(set(route.names)):
            owner = first.setdefault(name, route.source)
            if owner != route.source:
                yield Problem(
                    f"{route.source}.name",
                    f"{name} is already the name of {owner}",
                    "give one of them another name",
                )


def _within(name: str, zone: str) -> bool:
    return name == zone or name.endswith(f".{zone}")
