"""What Cloudflare holds for the whole homelab: who may pass, and tokens for certificates."""

from __future__ import annotations

from typing import TypedDict, cast

import pulumi

from homelab.cloudflare.model import CloudflarePlan
from homelab.cloudflare.plan import token_policies


class EdgeArgs(TypedDict):
    """What the edge needs."""

    plan: CloudflarePlan


class Edge(pulumi.ComponentResource):
    """One reusable Access policy, and one DNS token for each host that fetches certificates."""

    policy: pulumi.Output[str] | None
    """Id of the policy that every tunnelled name shares; none where nothing is tunnelled."""
    tokens: dict[str, pulumi.Output[str]]
    """DNS-01 token by name, secret."""

    def __init__(
        self, name: str, args: EdgeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        plan = args["plan"]
        super().__init__("homelab:edge:Edge", name, {"zone": plan.zone_name}, opts)
        import pulumi_cloudflare as cloudflare

        child = pulumi.ResourceOptions(parent=self)
        self.policy = None
        if plan.apps:
            self.policy = cloudflare.ZeroTrustAccessPolicy(
                "members",
                account_id=plan.account,
                name="homelab members",
                decision="allow",
                includes=[{"email": {"email": address}} for address in plan.emails],
                session_duration=plan.session,
                opts=child,
            ).id
        self.tokens = {}
        for token in plan.tokens:
            minted = cloudflare.ApiToken(
                token.name,
                name=f"homelab {token.name}",
                policies=cast(
                    "list[cloudflare.ApiTokenPolicyArgsDict]", token_policies(token.zone)
                ),
                opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["value"]),
            )
            self.tokens[token.name] = minted.value
        self.register_outputs({})
