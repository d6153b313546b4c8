"""What people have to set on their devices, which no `up` can do for them."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.certificates.page import markdown
from homelab.network.table import route_table
from homelab.plan import Plan


def guide(plan: Plan) -> str:
    """A page of Markdown for whoever has a device to set up."""
    parts = [*_lan(plan), *_authority(plan), *_tailnet(plan), *_direct(plan), *_public(plan)]
    return "# Devices\n\n" + "\n\n".join(parts) + "\n"


def _lan(plan: Plan) -> Iterator[str]:
    lan, host = plan.stack.network.lan, plan.hosts.get(plan.dns.host)
    yield f"## At home, {lan.cidr}"
    local = sorted(h.name for h in plan.hosts.values() if h.config.mdns)
    if local:
        names = ", ".join(f"`{n}.local`" for n in local)
        yield f"Without any setting, devices at home know {names}."
    if host is None or not host.lan:
        yield "There is no DNS server to set."
        return
    yield (
        f"The DNS server is `{host.lan}` ({host.name}), and there is no second one: a device "
        "that knows another asks it whenever it likes, and then finds no name of this homelab."
    )
    yield (
        f"Best, the router (`{lan.gateway}`) hands it out by DHCP. A router that cannot leaves "
        "each device to be set by hand; keep its address automatic, and set DNS alone:"
    )
    yield "\n".join(f"- {system}: {how}" for system, how in _systems(host.lan))
    name, address = next(iter(plan.dns.names), ("", ""))
    if name:
        yield f"To see whether it works: `nslookup {name}` answers `{address}`."


def _authority(plan: Plan) -> Iterator[str]:
    said = plan.stack.network.entry.acme
    if not plan.certificates.page or said is None:
        return
    yield "## Certificates at home"
    yield (
        f"Names at home are certified by an authority of the homelab's own. Its root is at "
        f"<http://{plan.certificates.page}>, which a device opens once the DNS server is set. "
        "Whoever installs it compares the fingerprint first, with what this says beside the stack "
        f"file: `openssl x509 -in {said.root} -noout -fingerprint -sha256`."
    )
    yield markdown()


def _systems(server: str) -> Iterator[tuple[str, str]]:
    yield "Windows", f"Settings, Network, the connection, DNS assignment: manual, IPv4, `{server}`"
    yield "macOS", f"System Settings, Network, the connection, Details, DNS: `{server}` alone"
    yield "iOS", f"Settings, Wi-Fi, the network's (i), Configure DNS: manual, `{server}` alone"
    yield "Android", f"the network's IP settings: static, DNS 1 `{server}`; Private DNS: off"
    yield "Linux", f"`nmcli connection modify NAME ipv4.dns {server} ipv4.ignore-auto-dns yes`"
    yield "Browsers", "switch off secure DNS (DNS over HTTPS), which asks somebody else"


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
        yield f"{plan.dns.host} has not joined yet, so there is no DNS server to ask."
        return
    yield f"Install Tailscale and sign in. The DNS server, {servers}, comes by itself."
    routes = ", ".join(f"`{r}`" for r in tailnet.routes)
    if routes:
        yield (
            f"Names lead to {routes}, which the tailnet forwards. Phones, Windows and macOS take "
            "that by default; Linux wants `tailscale set --accept-routes` once, away from home."
        )


def _direct(plan: Plan) -> Iterator[str]:
    rows = route_table(plan)
    if any(r.local or r.tailnet for r in rows):
        yield "## Straight to the app"
        yield "For apps that pass no gate, without a name of their own:"
        yield "| App | At home | Alias at home | On the tailnet |\n| --- | --- | --- | --- |\n" + (
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
