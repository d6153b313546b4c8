"""What stays at Cloudflare and Tailscale when nobody runs `pulumi up` any more."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.plan import Plan


def remaining(plan: Plan) -> Iterator[str]:
    """One line for each resource, with the name under which the account shows it."""
    yield from _cloudflare(plan)
    yield from _tailscale(plan)


def _cloudflare(plan: Plan) -> Iterator[str]:
    cloud = plan.cloudflare
    if cloud is None:
        return
    zone = f"Cloudflare, zone {cloud.zone_name}"
    for record in cloud.records:
        yield f"{zone}: record `{record.name}` ({record.type}), of the route {record.route}"
    for caa in cloud.caa:
        yield f"{zone}: CAA record `{caa.name}`, {caa.tag} {caa.value}"
    if cloud.tunnel:
        yield (
            f"Cloudflare: tunnel `{cloud.tunnel}`, run by {cloud.tunnel_host}; its rules are in "
            f"`hosts/{cloud.tunnel_host}/tunnel.nix`"
        )
    for app in cloud.apps:
        yield f"Cloudflare Access: application `{app.name}` in front of `{app.domain}`"
    for policy in cloud.policies:
        yield f"Cloudflare Access: policy `{policy.name}` ({policy.decision})"
    for group in cloud.groups:
        yield f"Cloudflare Access: group `homelab {group.name}`"
    for token in cloud.service_tokens:
        version = f"-{token.version}" if token.version > 1 else ""
        yield (
            f"Cloudflare Access: service token `homelab {token.name}{version}`, valid for "
            f"{token.duration}"
        )
    if cloud.one_time_pin:
        yield "Cloudflare Access: sign-in method `One-time PIN`"
    for dns in cloud.tokens:
        yield f"Cloudflare: API token `homelab {dns.name}` for certificates of {dns.host}"
    for site in cloud.pages:
        yield f"Cloudflare Pages: project `{site.project}`, and record `{site.domain}`"
        if site.policies:
            yield f"Cloudflare Access: application `{site.key} ({site.domain})`"
    for bucket in cloud.buckets:
        yield (
            f"Cloudflare R2: bucket `{bucket.name}`, with its content, and its API token "
            f"`homelab bucket {bucket.name}`"
        )
    if cloud.alert_email and cloud.tunnel:
        yield f"Cloudflare: notification `Tunnel {cloud.tunnel} is down`"
    if cloud.alert_email and any(t.duration != "forever" for t in cloud.service_tokens):
        yield "Cloudflare: notification `A service token of the homelab ends`"


def _tailscale(plan: Plan) -> Iterator[str]:
    tailnet = plan.tailnet
    if tailnet is None:
        return
    where = f"Tailscale, {tailnet.name}"
    for name, host in sorted(plan.hosts.items()):
        if host.tailnet:
            yield f"{where}: device {name} at {host.tailnet}, with its tags and routes"
    for key in tailnet.keys:
        yield f"{where}: a join key of {key.host}, which expires"
    if plan.stack.tailnet is not None and plan.stack.tailnet.policy == "elsewhere":
        return
    yield f"{where}: the policy file, last written by homelab; edit it in the admin console"
    for server in tailnet.nameservers:
        yield f"{where}: DNS server {server}"
    for domain, servers in tailnet.split:
        yield f"{where}: DNS of `{domain}` at {', '.join(servers)}"
