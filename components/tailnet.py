"""The tailnet: its policy, its DNS, and a key for each machine that has not joined."""

from __future__ import annotations

from typing import TypedDict

import pulumi
import pulumi_tailscale as tailscale

from homelab.tailnet.model import TailnetPlan
from homelab.tailnet.policy import policy_json

KEY_SECONDS = 24 * 60 * 60
"""A join key lives for a day: it is minted in the run that uses it."""


class TailnetArgs(TypedDict):
    """What the tailnet needs."""

    plan: TailnetPlan


class Tailnet(pulumi.ComponentResource):
    """Policy, DNS and join keys.

    The policy carries tests of its own, which Tailscale runs before it takes it: a policy that
    would lock its owner out is refused there, after our own evaluation has refused it here.
    """

    policy: tailscale.Acl
    dns: tailscale.DnsConfiguration
    keys: dict[str, pulumi.Output[str]]
    """Join key by host, secret."""

    def __init__(
        self, name: str, args: TailnetArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        plan = args["plan"]
        super().__init__("homelab:tailnet:Tailnet", name, {"tailnet": plan.name}, opts)
        # Destroying the stack must not leave the tailnet open or without DNS.
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        self.policy = tailscale.Acl(
            f"{name}-policy",
            acl=policy_json(plan),
            overwrite_existing_content=plan.adopt,
            reset_acl_on_destroy=False,
            opts=kept,
        )
        self.dns = tailscale.DnsConfiguration(
            f"{name}-dns",
            magic_dns=True,
            override_local_dns=plan.override_local_dns,
            nameservers=[
                {"address": a, "use_with_exit_node": True} for a in sorted(plan.nameservers)
            ],
            split_dns=[
                {
                    "domain": domain,
                    "nameservers": [{"address": a, "use_with_exit_node": True} for a in servers],
                }
                for domain, servers in plan.split
            ],
            search_paths=list(plan.search),
            opts=kept,
        )
        self.keys = {}
        for key in plan.keys:
            minted = tailscale.TailnetKey(
                f"{key.host}-join",
                description=f"{key.host} joins",
                expiry=KEY_SECONDS,
                ephemeral=False,
                preauthorized=True,
                # A key that was used is not missed.
                recreate_if_invalid="never",
                reusable=False,
                tags=list(key.tags),
                # The policy says who may use the tags.
                opts=pulumi.ResourceOptions(
                    parent=self, depends_on=[self.policy], additional_secret_outputs=["key"]
                ),
            )
            self.keys[key.host] = minted.key
        self.register_outputs({})
