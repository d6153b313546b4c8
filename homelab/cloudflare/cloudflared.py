"""NixOS options of cloudflared: rules in Nix, credentials in a file that Pulumi issues."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.cloudflare.model import TUNNEL_CREDENTIALS
from homelab.cloudflare.resources import Ingress
from homelab.nix import Comment, Module, Nix, attrs
from homelab.plan import Plan
from homelab.secret_paths import secret_path
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """The connector, on the tunnel's host."""
    cloudflare = plan.cloudflare
    if cloudflare is None or not cloudflare.tunnel or cloudflare.tunnel_host != host.name:
        return
    credentials: Nix = secret_path(*TUNNEL_CREDENTIALS, "issued", "file")
    tunnel: dict[str, Nix] = {
        "credentialsFile": Comment(
            "The tunnel's id is in the credentials; here its name is enough.", credentials
        ),
        "default": "http_status:404",
    }
    if cloudflare.ingress:
        tunnel["ingress"] = {rule.hostname: _rule(rule) for rule in cloudflare.ingress}
    yield Module(
        "tunnel.nix",
        "Cloudflare tunnel: public names, and their targets",
        derived=attrs(
            "services.cloudflared", {"enable": True, "tunnels": {cloudflare.tunnel: tunnel}}
        ),
    )


def _rule(rule: Ingress) -> Nix:
    if not rule.origin:
        return rule.service
    return {"service": rule.service, "originRequest": dict(rule.origin)}
