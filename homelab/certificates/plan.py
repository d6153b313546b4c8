"""Which certificates the routes need, and who signs them."""

from __future__ import annotations

from collections.abc import Mapping

from homelab.certificates.model import (
    PAGE_NAME,
    PAGE_PORT,
    Certificate,
    CertificatesPlan,
    Kind,
)
from homelab.config.stack import StackConfig
from homelab.network.model import PortUse
from homelab.network.route import Route, internal_names
from homelab.system.model import Host


def plan_certificates(
    stack: StackConfig, hosts: Mapping[str, Host], routes: tuple[Route, ...]
) -> CertificatesPlan:
    """One certificate for each domain that names lie directly below: with one scheme, just one."""
    return CertificatesPlan(issuer_of(stack), _certificates(stack, hosts, routes), page_name(stack))


def issuer_of(stack: StackConfig) -> Kind:
    """Who signs: what the stack says, else Cloudflare's zone, else nobody."""
    said = stack.network.entry.acme
    if said is not None:
        return "internal" if said.is_internal else "dns"
    return "cloudflare" if stack.cloudflare is not None else "none"


def page_name(stack: StackConfig) -> str:
    """The name at home that hands out the authority's root; empty without an authority."""
    if issuer_of(stack) != "internal":
        return ""
    return stack.site.names.internal.format(name=PAGE_NAME, domain=stack.site.domain, zone="")


def page_port(stack: StackConfig) -> tuple[PortUse, ...]:
    """What the proxy asks for the page of the root."""
    if not page_name(stack):
        return ()
    return (
        PortUse(
            host=stack.network.entry.host,
            port=PAGE_PORT,
            protocol="tcp",
            owner="static-web-server",
            label="page",
            scope="loopback",
            source="network.entry.acme",
            why="the page that hands out the root certificate",
        ),
    )


def _certificates(
    stack: StackConfig, hosts: Mapping[str, Host], routes: tuple[Route, ...]
) -> tuple[Certificate, ...]:
    entry = stack.network.entry.host
    if entry not in hosts:
        return ()
    names = internal_names(routes)
    names |= {r.public for r in routes if r.publish == "direct"}
    names |= {name for r in routes if r.publish == "direct" for name, _ in r.moved_public}
    domains: dict[str, list[str]] = {}
    for name in sorted(names):
        domains.setdefault(name.partition(".")[2], []).append(name)
    return tuple(Certificate(entry, d, tuple(n)) for d, n in sorted(domains.items()))
