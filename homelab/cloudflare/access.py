"""Access: an application for each name, and a policy for each set of people or programs."""

from __future__ import annotations

from collections.abc import Iterable

from homelab.cloudflare.resources import AccessApp, AccessPolicy, PagesSite
from homelab.config.cloudflare import CloudflareConfig
from homelab.config.stack import StackConfig
from homelab.network.route import Route

MEMBERS = "members"
"""Key of the policy for owner and members; no group has this key."""


def plan_apps(config: CloudflareConfig, tunnelled: Iterable[Route]) -> tuple[AccessApp, ...]:
    """An Access application for each tunnelled name with `access: true`."""
    return tuple(
        AccessApp(
            route=r.name,
            name=f"{r.name} ({r.public})",
            domain=r.public,
            source=r.source,
            # A terminal in the browser; clients with cloudflared use the same application.
            type="ssh" if r.tunnel_service.startswith("ssh:") else "self_hosted",
            policies=policy_keys(r.access_groups, r.service_tokens),
            adopt=config.adopt.apps.get(r.name, ""),
        )
        for r in tunnelled
        if r.access
    )


def policy_keys(groups: tuple[str, ...], tokens: tuple[str, ...]) -> tuple[str, ...]:
    """Keys of the policies that let these pass; no groups stand for owner and members."""
    people = f"people-{'.'.join(groups)}" if groups else MEMBERS
    return (people, f"programs-{'.'.join(tokens)}") if tokens else (people,)


def plan_policies(
    stack: StackConfig,
    config: CloudflareConfig,
    tunnelled: Iterable[Route],
    pages: Iterable[PagesSite],
) -> tuple[AccessPolicy, ...]:
    """Each policy that an application uses, once."""
    groups = {r.access_groups for r in tunnelled if r.access}
    groups |= {p.access_groups for p in pages if p.policies}
    tokens = {r.service_tokens for r in tunnelled if r.access and r.service_tokens}
    people = [
        AccessPolicy(policy_keys(g, ())[0], f"homelab {', '.join(g)}", "allow", groups=g)
        if g
        else AccessPolicy(
            MEMBERS,
            "homelab members",
            "allow",
            emails=allowed_emails(stack),
            adopt=config.adopt.policy or "",
        )
        for g in sorted(groups)
    ]
    programs = [
        AccessPolicy(
            policy_keys((), t)[1], f"homelab programs {', '.join(t)}", "non_identity", tokens=t
        )
        for t in sorted(tokens)
    ]
    return (*people, *programs)


def allowed_emails(stack: StackConfig) -> tuple[str, ...]:
    """The default policy's e-mail addresses: owner, members and `cloudflare.access.emails`."""
    extra: Iterable[str] = stack.cloudflare.access.emails if stack.cloudflare else ()
    members = (m.email for m in stack.site.members.values())
    return tuple(sorted({stack.site.owner.email, *members, *extra}))
