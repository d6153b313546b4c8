"""The guide to client devices: DNS server, root certificate and Tailscale, which people set up by
hand.
"""

from __future__ import annotations

from collections.abc import Iterator

from homelab.certificates.page import markdown
from homelab.network.route import internal_names
from homelab.network.table import route_table
from homelab.plan import Plan


def guide(plan: Plan) -> str:
    """The guide as a page of Markdown."""
    parts = [*_lan(plan), *_authority(plan), *_tailnet(plan), *_direct(plan), *_public(plan)]
    return "# Devices\n\n" + "\n\n".join(parts) + "\n"


def _lan(plan: Plan) -> Iterator[str]:
    lan, host = plan.stack.network.lan, plan.hosts.get(plan.dns.host)
    yield f"## On the LAN, {lan.cidr}"
    local = sorted(h.name for h in plan.hosts.values() if h.config.mdns)
    if local:
        names = ", ".join(f"`{n}.local`" for n in local)
        yield f"Devices on the LAN resolve {names} without any setting."
    if plan.stack.network.dns.server == "elsewhere":
        yield from _elsewhere(plan)
        return
    if host is None or not host.lan:
        yield "There is no DNS server to set."
        return
    yield (
        f"The DNS server is `{host.lan}` ({host.name}). Do not add a second one: a device may use "
        "either, and another server does not know the names of this homelab."
    )
    yield (
        f"Set it as the DNS server in the DHCP settings of the router (`{lan.gateway}`). If the "
        "router has no such setting, set it on each device: keep the address automatic, and set "
        "only DNS:"
    )
    yield "\n".join(f"- {system}: {how}" for system, how in _systems(host.lan))
    name, address = next(iter(plan.dns.names), ("", ""))
    if name:
        yield f"To test it, run `nslookup {name}`: the answer is `{address}`."


def _elsewhere(plan: Plan) -> Iterator[str]:
    """What the resolver outside of the stack has to know."""
    entry = plan.hosts.get(plan.stack.network.entry.host)
    page = plan.certificates.page
    names = internal_names(plan.routes) | ({page} if page else set())
    if entry is None or not entry.lan or not names:
        yield "There is no DNS server to set."
        return
    yield (
        f"A resolver outside of the stack answers for internal names. It must answer each of these "
        f"with `{entry.lan}` ({entry.name}):"
    )
    yield "\n".join(f"- `{name}`" for name in sorted(names))


def _authority(plan: Plan) -> Iterator[str]:
    issuer = plan.stack.network.entry.acme
    if not plan.certificates.page or issuer is None:
        return
    yield "## Certificates on the LAN"
    yield (
        "The homelab's own certificate authority signs the certificates of internal names. Its "
        f"root certificate is at <http://{plan.certificates.page}>, once the DNS server is set. "
        "Before you install it, compare its fingerprint with the output of this command beside the "
        f"stack file: `openssl x509 -in {issuer.root} -noout -fingerprint -sha256`."
    )
    yield markdown()


def _systems(server: str) -> Iterator[tuple[str, str]]:
    yield "Windows", f"Settings, Network, the connection, DNS assignment: manual, IPv4, `{server}`"
    yield "macOS", f"System Settings, Network, the connection, Details, DNS: only `{server}`"
    yield "iOS", f"Settings, Wi-Fi, the network's (i), Configure DNS: manual, only `{server}`"
    yield "Android", f"the network's IP settings: static, DNS 1 `{server}`; Private DNS: off"
    yield "Linux", f"`nmcli connection modify NAME ipv4.dns {server} ipv4.ignore-auto-dns yes`"
    yield "Browsers", "switch off secure DNS (DNS over HTTPS), which bypasses this server"


def _tailnet(plan: Plan) -> Iterator[str]:
    tailnet = plan.tailnet
    if tailnet is None:
        return
    yield f"## On the tailnet, {tailnet.name}"
    servers = ", ".join(f"`{a}`" for a in tailnet.nameservers)
    if not plan.dns.host:
        yield "Install Tailscale and sign in; there is no DNS server to set."
        return
    if not servers:
        yield f"{plan.dns.host} has not joined yet, so there is no DNS server to set."
        return
    yield f"Install Tailscale and sign in. Tailscale sets the DNS server, {servers}."
    routes = ", ".join(f"`{r}`" for r in tailnet.routes)
    if routes:
        yield (
            f"Names resolve to addresses in {routes}, reached by a subnet router. Phones, Windows "
            "and macOS accept its routes by default; on Linux run `tailscale set --accept-routes` "
            "once, on devices that are used outside the LAN."
        )


def _direct(plan: Plan) -> Iterator[str]:
    rows = route_table(plan)
    if any(r.local or r.tailnet for r in rows):
        yield "## Direct addresses"
        yield "Apps that also answer at an address and port, without the reverse proxy:"
        yield "| App | On the LAN | LAN alias | On the tailnet |\n| --- | --- | --- | --- |\n" + (
            "\n".join(
                f"| {r.name} | {r.url(r.local)} | {r.url(r.alias)} | {r.url(r.tailnet)} |"
                for r in rows
                if r.local or r.tailnet
            )
        )


def _public(plan: Plan) -> Iterator[str]:
    urls = [r.url for r in plan.routes if r.publish != "internal"]
    if urls:
        yield "## Anywhere"
        yield "These names need no setting:"
        yield "\n".join(f"- <{url}>" for url in sorted(urls))
