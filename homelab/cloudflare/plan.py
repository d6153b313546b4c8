"""Which records, Access applications, tokens and tunnel rules follow from the routes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from homelab.cloudflare.model import (
    AccessApp,
    Certificate,
    CloudflarePlan,
    DnsToken,
    Ingress,
    Record,
    tunnel_name,
)
from homelab.network.model import LOOPBACK_HTTP_PORT, Route
from homelab.site.model import Site
from homelab.system.model import Host

DNS_WRITE = "4755a26eedb94da69e1066d98aa820be"
"""Permission group that may edit the records of a zone."""
ZONE_READ = "c8fed203ed3043cba015a93ad1616f1f"
"""Permission group that may look a zone up by its name."""


def plan_cloudflare(
    site: Site,
    hosts: Mapping[str, Host],
    routes: tuple[Route, ...],
) -> CloudflarePlan | None:
    """Everything that Cloudflare is asked for; None without a `cloudflare` section.

    A route that stays internal leaves no trace here. A direct route makes no record as long as
    nobody says which address the internet finds the entry host at; a check tells.
    """
    config = site.cloudflare
    if config is None:
        return None
    tunnelled = sorted(
        (r for r in routes if r.publish == "tunnel"), key=lambda r: (r.public, r.service)
    )
    certificates = _certificates(site, hosts, routes)
    connector = config.tunnel.host if config.tunnel else ""
    return CloudflarePlan(
        account=config.account,
        zone=config.zone.id,
        zone_name=config.zone.name,
        records=tuple(Record(r.name, r.public, "CNAME", "", True, r.source) for r in tunnelled),
        apps=tuple(
            AccessApp(r.name, f"{r.name} ({r.public})", r.public, r.source)
            for r in tunnelled
            if r.access
        ),
        emails=allowed_emails(site),
        session=config.access.session,
        tokens=tuple(
            DnsToken(host, f"acme-{host}", config.zone.id)
            for host in sorted({c.host for c in certificates})
        ),
        certificates=certificates,
        # Unique in the account, and kept when the connector moves to another host.
        tunnel=tunnel_name(site.site.domain) if config.tunnel else "",
        tunnel_host=connector,
        ingress=tuple(i for r in tunnelled if (i := _ingress(site, connector, r)) is not None),
        alert_email=(site.monitoring.email or "") if config.tunnel else "",
    )


def allowed_emails(site: Site) -> tuple[str, ...]:
    """Who passes Access: the owner, the members, and whom the stack config adds."""
    extra: Iterable[str] = site.cloudflare.access.emails if site.cloudflare else ()
    members = (m.email for m in site.site.members.values())
    return tuple(sorted({site.site.owner.email, *members, *extra}))


def token_policies(zone: str) -> list[dict[str, object]]:
    """What a DNS-01 token may do: edit one zone's records, and find that zone.

    Ids ascend and the resources are compact JSON, as Cloudflare gives them back; in any other form
    they would differ in every preview.
    """
    resources = {f"com.cloudflare.api.account.zone.{zone}": "*"}
    return [
        {
            "effect": "allow",
            "permission_groups": [{"id": group} for group in sorted((DNS_WRITE, ZONE_READ))],
            "resources": json.dumps(resources, separators=(",", ":"), sort_keys=True),
        }
    ]


def through_proxy(site: Site, connector: str) -> bool:
    """Whether the tunnel ends where the proxy is, which it reaches by loopback."""
    return connector == site.network.entry.host


def _ingress(site: Site, connector: str, route: Route) -> Ingress | None:
    if through_proxy(site, connector):
        proxy = f"http://127.0.0.1:{LOOPBACK_HTTP_PORT}"
        return Ingress(route.public, proxy, route.name, "")
    if route.host == connector:
        app = f"{route.scheme}://127.0.0.1:{route.port}"
        return Ingress(route.public, app, route.name, route.host_header)
    return None


def _certificates(
    site: Site, hosts: Mapping[str, Host], routes: tuple[Route, ...]
) -> tuple[Certificate, ...]:
    """One wildcard for each domain that names lie directly below: with one scheme, just one."""
    entry = site.network.entry.host
    if entry not in hosts:
        return ()
    names = [r.internal for r in routes]
    names += [r.public for r in routes if r.publish == "direct"]
    return tuple(Certificate(entry, d) for d in sorted({n.partition(".")[2] for n in names}))
