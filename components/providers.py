"""One explicit provider for each cloud and for commands, handed down from the top.

The shipped stacks switch default providers off, so a resource that was not handed one fails by
name instead of using whatever credentials lie around.
"""

from __future__ import annotations

import pulumi
import pulumi_command as command
import pulumi_tailscale as tailscale

from homelab.components import cloudflare_resources as cloudflare
from homelab.components.secret_resolver import SecretResolver
from homelab.plan import Plan


def make_providers(
    name: str, plan: Plan, resolver: SecretResolver, opts: pulumi.ResourceOptions
) -> dict[str, pulumi.ProviderResource]:
    """The providers that this plan needs, by package.

    A run for hosts alone has no credentials of the clouds: their providers are registered whatever
    the targets are, and keep those that the state has.
    """
    providers: dict[str, pulumi.ProviderResource] = {
        "command": command.Provider(f"{name}-command", opts=opts)
    }
    tailnet = plan.stack.tailnet
    if tailnet is not None:
        providers["tailscale"] = tailscale.Provider(
            f"{name}-tailscale",
            oauth_client_id=resolver.credential(tailnet.client_id),
            oauth_client_secret=resolver.credential(tailnet.client_secret),
            tailnet="-",
            opts=_kept(resolver, opts, "oauthClientId", "oauthClientSecret"),
        )
    if plan.stack.cloudflare is not None:
        providers["cloudflare"] = cloudflare.Provider(
            f"{name}-cloudflare",
            resolver.credential(plan.stack.cloudflare.token),
            _kept(resolver, opts, "apiToken"),
        )
    return providers


def _kept(
    resolver: SecretResolver, opts: pulumi.ResourceOptions, *credentials: str
) -> pulumi.ResourceOptions:
    if not resolver.hosts_alone:
        return opts
    ignored = pulumi.ResourceOptions(ignore_changes=list(credentials))
    return pulumi.ResourceOptions.merge(opts, ignored)
