"""One explicit provider for each cloud and for commands, inherited from the top component.

The shipped stacks disable default providers, so a resource without a provider fails by name instead
of using ambient credentials.
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

    In a run for hosts only, the providers of clouds are registered without credentials and keep
    those in the state.
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
