"""Records, certificates, tokens and tunnel rules, derived from the routes."""

from __future__ import annotations

import json
from collections.abc import Iterator

from homelab.certificates.model import Certificate, CertificatesPlan
from homelab.cloudflare.access import plan_apps, plan_policies, policy_keys
from homelab.cloudflare.model import ACME_TOKEN, bucket_name, tunnel_name
from homelab.cloudflare.resources import (
    Bucket,
    CaaRecord,
    CloudflarePlan,
    DnsToken,
    Group,
    Ingress,
    OriginRequest,
    PagesSite,
    Record,
    Token,
)
from homelab.config.cloudflare import CloudflareConfig
from homelab.config.stack import StackConfig
from homelab.network.model import LOOPBACK, LOOPBACK_HTTP_PORT
from homelab.network.route import Route

DNS_WRITE = "4755a26eedb94da69e1066d98aa820be"
"""Permission group that may edit the records of a zone."""
ZONE_READ = "c8fed203ed3043cba015a93ad1616f1f"
"""Permission group that may look a zone up by its name."""
BUCKET_WRITE = "2efd5506f9c8494dacb1fa10a3e7d5b6"
"""Permission group that may read, write and list what lies in a bucket."""


def plan_cloudflare(
    stack: StackConfig, routes: tuple[Route, ...], certificates: CertificatesPlan
) -> CloudflarePlan | None:
    """Every Cloudflare resource; None without a `cloudflare` section.

    Internal routes need none. A direct route gets no record, because the stack config has no public
    address of the entry host; `direct-address` reports it.
    """
    config = stack.cloudflare
    if config is None:
        return None
    tunnelled = tuple(
        sorted((r for r in routes if r.publish == "tunnel"), key=lambda r: (r.public, r.service))
    )
    signed = certificates.certificates
    proven = signed if certificates.kind == "cloudflare" else ()
    epoch = stack.secrets.epoch(ACME_TOKEN[0])
    connector = config.tunnel.host if config.tunnel else ""
    pages = tuple(_pages(stack, config))
    access = config.access
    return CloudflarePlan(
        account=config.account,
        zone=config.zone.id,
        zone_name=config.zone.name,
        records=tuple(
            Record(
                r.name, r.public, "CNAME", "", True, r.source, config.adopt.records.get(r.name, "")
            )
            for r in tunnelled
        )
        + tuple(
            Record(
                label,
                name,
                "CNAME",
                "",
                True,
                r.at("redirect_from"),
                config.adopt.records.get(label, ""),
            )
            for r in tunnelled
            for label, (name, _) in zip(r.redirect_from, r.moved_public, strict=False)
        ),
        caa=_caa(stack, config, signed),
        apps=plan_apps(config, tunnelled),
        policies=plan_policies(stack, config, tunnelled, pages),
        groups=tuple(
            Group(n, tuple(sorted(set(g.emails))), tuple(sorted(set(g.domains))))
            for n, g in sorted(access.groups.items())
        ),
        service_tokens=tuple(
            Token(n, t.duration, t.version, t.host or "")
            for n, t in sorted(access.service_tokens.items())
        ),
        one_time_pin=access.one_time_pin,
        adopt_one_time_pin=config.adopt.one_time_pin or "",
        session=access.session,
        tokens=tuple(
            DnsToken(
                host,
                # A token's value never changes, so a new one is another token.
                f"acme-{host}" + (f"-{epoch}" if epoch > 1 else ""),
                config.zone.id,
                tuple(sorted(set(config.acme.allow_from))),
                config.acme.until or "",
            )
            for host in sorted({c.host for c in proven})
        ),
        certificates=proven,
        # Unique in the account, and kept when the connector moves to another host.
        tunnel=tunnel_name(stack.site.domain) if config.tunnel else "",
        tunnel_host=connector,
        adopt_tunnel=config.adopt.tunnel or "",
        ingress=tuple(i for r in tunnelled for i in _ingresses(connector, r)),
        pages=pages,
        buckets=tuple(
            Bucket(key, bucket_name(config, key), b.location or "")
            for key, b in sorted(config.buckets.items())
        ),
        alert_email=stack.monitoring.email or "",
    )


def token_policies(zone: str) -> list[dict[str, object]]:
    """What a DNS-01 token may do: edit one zone's records, and find that zone."""
    return _policies((DNS_WRITE, ZONE_READ), f"com.cloudflare.api.account.zone.{zone}")


def bucket_policies(account: str, bucket: str) -> list[dict[str, object]]:
    """What the keys of a bucket may do: read and write what lies in it, and in no other."""
    resource = f"com.cloudflare.edge.r2.bucket.{account}_default_{bucket}"
    return _policies((BUCKET_WRITE,), resource)


def _policies(groups: tuple[str, ...], resource: str) -> list[dict[str, object]]:
    """Ids ascend and the resources are compact JSON, as Cloudflare gives them back; in any other
    form they would differ in every preview.
    """
    return [
        {
            "effect": "allow",
            "permission_groups": [{"id": group} for group in sorted(groups)],
            "resources": json.dumps({resource: "*"}, separators=(",", ":")),
        }
    ]


def _ingresses(connector: str, route: Route) -> Iterator[Ingress]:
    """What the tunnel dials for a route, and for the names that lead to it."""
    if (found := _ingress(connector, route)) is not None:
        yield found
    for name, _ in route.moved_public if route.tunnel == "proxy" else ():
        yield Ingress(name, f"http://{LOOPBACK}:{LOOPBACK_HTTP_PORT}", route.name)


def _ingress(connector: str, route: Route) -> Ingress | None:
    if route.tunnel_service:
        return Ingress(route.public, route.tunnel_service, route.name, _origin(route))
    if route.tunnel == "proxy":
        proxy = f"http://{LOOPBACK}:{LOOPBACK_HTTP_PORT}"
        return Ingress(route.public, proxy, route.name)
    if route.host != connector:
        return None
    # The tunnel dials an app on its own host as the proxy does.
    address = LOOPBACK if route.remote else route.address
    app = f"{route.scheme}://{address}:{route.port}"
    return Ingress(route.public, app, route.name, _origin(route))


def _origin(route: Route) -> OriginRequest:
    """What differs from cloudflared's defaults, by name."""
    said: dict[str, str | bool | None] = {
        "caPool": route.origin.ca_file,
        "connectTimeout": route.origin.connect_timeout,
        "httpHostHeader": route.host_header,
        "noTLSVerify": route.origin.unverified is not None
        or (route.scheme == "https" and not route.verify),
        "originServerName": route.origin.server_name,
    }
    return tuple((name, value) for name, value in said.items() if value)


def _pages(stack: StackConfig, config: CloudflareConfig) -> list[PagesSite]:
    return [
        PagesSite(
            key=key,
            project=page.project or key,
            branch=page.branch,
            domain=stack.site.names.public.format(
                name=page.name or key, domain=stack.site.domain, zone=config.zone.name
            ),
            access_groups=(groups := tuple(sorted(set(page.access_groups)))),
            policies=() if page.public else policy_keys(groups, ()),
            public_reason=page.public or "",
            source=f"cloudflare.pages.{key}",
        )
        for key, page in sorted(config.pages.items())
    ]


def _caa(
    stack: StackConfig, config: CloudflareConfig, certificates: tuple[Certificate, ...]
) -> tuple[CaaRecord, ...]:
    """Where the certificates are. Only if that is the zone itself do they bind the whole zone."""
    if not config.caa:
        return ()
    zone = config.zone.name
    domains = sorted({c.domain for c in certificates if f".{c.domain}".endswith(f".{zone}")})
    owner = f"mailto:{stack.site.owner.email}"
    return tuple(
        record
        for domain in domains
        for record in (
            *(CaaRecord(domain, "issue", ca) for ca in sorted(set(config.caa))),
            CaaRecord(domain, "iodef", owner),
        )
    )
