"""The tunnel's connector as NixOS knows it: rules here, identity in a file minted by Pulumi."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.cloudflare.model import TUNNEL_CREDENTIALS
from homelab.nix import Comment, Module, Nix, attrs
from homelab.secrets.model import secret_path

if TYPE_CHECKING:
    from homelab.cloudflare.resources import Ingress
    from homelab.plan import Plan
    from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """The connector, on the tunnel's host."""
    cloudflare = plan.cloudflare
    if cloudflare is None or not cloudflare.tunnel or cloudflare.tunnel_host != host.name:
        return
    credentials: Nix = secret_path(*TUNNEL_CREDENTIALS, "minted", "file")
    tunnel: dict[str, Nix] = {
        "credentialsFile": Comment(
            "Holds the tunnel's id too; its name is enough in this file.", credentials
        ),
        "default": "http_status:404",
    }
    if cloudflare.ingress:
        tunnel["ingress"] = {rule.hostname: _rule(rule) for rule in cloudflare.ingress}
    yield Module(
        "tunnel.nix",
        "Cloudflare tunnel: public names, and what answers them",
        derived=attrs(
            "services.cloudflared", {"enable": True, "tunnels": {cloudflare.tunnel: tunnel}}
        ),
    )


def _rule(rule: Ingress) -> Nix:
    if not rule.origin:
        return rule.service
    return {"service": rule.service, "originRequest": dict(rule.origin)}
