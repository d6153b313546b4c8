"""The tunnel between Cloudflare and a host. Its rules are in the host's Nix files."""

from __future__ import annotations

import json
from typing import TypedDict

import pulumi

from homelab.cloudflare.resources import CloudflarePlan
from homelab.components import cloudflare_resources as cloudflare
from homelab.components.adopt import adopting
from homelab.components.component import Component
from homelab.components.secret_resolver import SecretResolver


class TunnelArgs(TypedDict):
    """What a tunnel needs."""

    plan: CloudflarePlan
    resolver: SecretResolver


class Tunnel(Component):
    """A locally managed tunnel, and an e-mail notification when it goes down.

    The connector reads the tunnel's id from its credentials file. No Nix file contains the id, so a
    first preview can show every file.
    """

    token = "homelab:cloudflare:Tunnel"
    former = ("homelab:tunnel:Tunnel",)

    tunnel_id: pulumi.Output[str]
    """Id of the tunnel at Cloudflare."""
    target: pulumi.Output[str]
    """What a public name's CNAME points to."""
    credentials: pulumi.Output[str]
    """Content of the connector's credentials file, secret."""

    def __init__(
        self, name: str, args: TunnelArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        plan = args["plan"]
        super().__init__(name, {"host": plan.tunnel_host}, opts)
        child = pulumi.ResourceOptions(parent=self)
        # The derived secret is 32 bytes in base64url. The provider requires standard base64.
        secret = args["resolver"].derived_for(f"tunnel/{name}").apply(_standard_base64)
        id_ = f"{plan.account}/{plan.adopt_tunnel}" if plan.adopt_tunnel else ""
        tunnel = cloudflare.ZeroTrustTunnelCloudflared(
            f"{name}-tunnel",
            {
                "account_id": plan.account,
                "name": name,
                "config_src": "local",
                "tunnel_secret": secret,
            },
            adopting(child, id_),
        )
        self.tunnel_id = tunnel.id
        self.target = tunnel.id.apply(lambda id_: f"{id_}.cfargotunnel.com")
        self.credentials = pulumi.Output.all(tunnel.id, secret).apply(
            lambda both: json.dumps(
                {"AccountTag": plan.account, "TunnelID": both[0], "TunnelSecret": both[1]}
            )
        )
        if plan.alert_email:
            _alert(name, plan, tunnel, child)
        self.register_outputs({"target": self.target, "tunnel_id": self.tunnel_id})


def _alert(
    name: str,
    plan: CloudflarePlan,
    tunnel: cloudflare.ZeroTrustTunnelCloudflared,
    opts: pulumi.ResourceOptions,
) -> None:
    cloudflare.NotificationPolicy(
        f"{name}-down",
        {
            "account_id": plan.account,
            "name": f"Tunnel {name} is down",
            "alert_type": "tunnel_health_event",
            "enabled": True,
            "filters": {"new_statuses": ["TUNNEL_STATUS_TYPE_DOWN"], "tunnel_ids": [tunnel.id]},
            "mechanisms": {"emails": [{"id": plan.alert_email}]},
        },
        opts,
    )


def _standard_base64(text: str) -> str:
    return text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
