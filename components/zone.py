"""Resources of the Cloudflare zone and account: Access groups and policies, tokens, CAA records."""

from __future__ import annotations

from typing import TypedDict, cast

import pulumi

from homelab.cloudflare.model import ACCESS
from homelab.cloudflare.plan import token_policies
from homelab.cloudflare.resources import AccessPolicy, CloudflarePlan, DnsToken, Group, Token
from homelab.components import cloudflare_resources as cloudflare
from homelab.components.adopt import adopting
from homelab.components.cloudflare_args import Include, TokenPolicy
from homelab.components.component import Component


class CloudflareZoneArgs(TypedDict):
    """What the zone needs."""

    plan: CloudflarePlan


class CloudflareZone(Component):
    """Access groups, service tokens and policies; DNS-01 tokens; CAA records."""

    token = "homelab:cloudflare:CloudflareZone"
    former = ("homelab:edge:Edge",)

    policies: dict[str, pulumi.Output[str]]
    """Id of each reusable Access policy, by its key."""
    issued: dict[tuple[str, str], pulumi.Output[str]]
    """Content of the secret files of hosts, by service and name. Secret."""

    def __init__(
        self, name: str, args: CloudflareZoneArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        plan = args["plan"]
        super().__init__(name, {"zone": plan.zone_name}, opts)
        child = pulumi.ResourceOptions(parent=self)
        if plan.one_time_pin:
            cloudflare.ZeroTrustAccessIdentityProvider(
                "one-time-pin",
                {
                    "account_id": plan.account,
                    "name": "One-time PIN",
                    "type": "onetimepin",
                    "config": {},
                },
                adopting(child, _of_account(plan, plan.adopt_one_time_pin)),
            )
        groups = {g.name: _group(plan, g, child) for g in plan.groups}
        tokens = {t.name: _service_token(plan, t, child) for t in plan.service_tokens}
        self.policies = {
            policy.key: _policy(plan, policy, _includes(policy, groups, tokens), child)
            for policy in plan.policies
        }
        self.issued = {(ACCESS, n): _shown(t) for n, t in tokens.items()}
        self.issued |= {("acme", t.name): _dns_token(t, self) for t in plan.tokens}
        if plan.alert_email and any(t.duration != "forever" for t in plan.service_tokens):
            _alert(plan, child)
        for record in plan.caa:
            cloudflare.DnsRecord(
                f"caa-{record.name}-{record.tag}-{record.value.removeprefix('mailto:')}",
                {
                    "zone_id": plan.zone,
                    "name": record.name,
                    "type": "CAA",
                    "data": {"flags": 0, "tag": record.tag, "value": record.value},
                    "ttl": 1,
                    "comment": "homelab: who may certify",
                },
                child,
            )
        self.register_outputs({"policies": self.policies})


def _group(plan: CloudflarePlan, group: Group, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    return cloudflare.ZeroTrustAccessGroup(
        f"group-{group.name}",
        {
            "account_id": plan.account,
            "name": f"homelab {group.name}",
            "includes": [
                *(Include(email={"email": address}) for address in group.emails),
                *(Include(email_domain={"domain": domain}) for domain in group.domains),
            ],
        },
        opts,
    ).id


def _service_token(
    plan: CloudflarePlan, token: Token, opts: pulumi.ResourceOptions
) -> cloudflare.ZeroTrustAccessServiceToken:
    # Rotating a token's secret needs the time at which the old secret ends. A new token does not.
    version = f"-{token.version}" if token.version > 1 else ""
    return cloudflare.ZeroTrustAccessServiceToken(
        f"service-token-{token.name}{version}",
        {
            "account_id": plan.account,
            "name": f"homelab {token.name}{version}",
            "duration": token.duration,
        },
        opts,
    )


def _shown(token: cloudflare.ZeroTrustAccessServiceToken) -> pulumi.Output[str]:
    """The token as an environment file."""
    return pulumi.Output.all(token.client_id, token.client_secret).apply(
        lambda both: f"CF_ACCESS_CLIENT_ID={both[0]}\nCF_ACCESS_CLIENT_SECRET={both[1]}\n"
    )


def _includes(
    policy: AccessPolicy,
    groups: dict[str, pulumi.Output[str]],
    tokens: dict[str, cloudflare.ZeroTrustAccessServiceToken],
) -> list[Include]:
    return [
        *(Include(email={"email": address}) for address in policy.emails),
        *(Include(group={"id": groups[g]}) for g in policy.groups),
        *(Include(service_token={"token_id": tokens[t].id}) for t in policy.tokens),
    ]


def _policy(
    plan: CloudflarePlan,
    policy: AccessPolicy,
    includes: list[Include],
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    id_ = f"{plan.account}/{policy.adopt}" if policy.adopt else ""
    return cloudflare.ZeroTrustAccessPolicy(
        policy.key,
        {
            "account_id": plan.account,
            "name": policy.name,
            "decision": policy.decision,
            "includes": includes,
            "session_duration": plan.session,
        },
        adopting(opts, id_),
    ).id


def _dns_token(token: DnsToken, parent: pulumi.Resource) -> pulumi.Output[str]:
    return cloudflare.ApiToken(
        token.name,
        {
            "name": f"homelab {token.name}",
            "policies": cast("list[TokenPolicy]", token_policies(token.zone)),
            "condition": {"request_ip": {"ins": list(token.allow_from)}}
            if token.allow_from
            else None,
            "expires_on": f"{token.until}T00:00:00Z" if token.until else None,
        },
        pulumi.ResourceOptions(parent=parent),
    ).value


def _alert(plan: CloudflarePlan, opts: pulumi.ResourceOptions) -> None:
    cloudflare.NotificationPolicy(
        "service-tokens-end",
        {
            "account_id": plan.account,
            "name": "A service token of the homelab ends",
            "alert_type": "expiring_service_token_alert",
            "enabled": True,
            "mechanisms": {"emails": [{"id": plan.alert_email}]},
        },
        opts,
    )


def _of_account(plan: CloudflarePlan, id_: str) -> str:
    return f"accounts/{plan.account}/{id_}" if id_ else ""
