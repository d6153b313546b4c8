"""The Cloudflare resource types that homelab uses, registered by type token.

Importing `pulumi_cloudflare`, with a class for each of its 300 types, takes longer than the rest of
a preview. The package stays a dependency: it names the provider's plugin and version, and
`tests/components/test_cloudflare_resources.py` compares this module with it, field by field.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import ClassVar, Generic, TypeVar

import pulumi

from homelab.components.cloudflare_args import (
    AccessApplicationArgs,
    AccessGroupArgs,
    AccessPolicyArgs,
    ApiTokenArgs,
    DnsRecordArgs,
    IdentityProviderArgs,
    NotificationPolicyArgs,
    PagesDomainArgs,
    PagesProjectArgs,
    R2BucketArgs,
    ServiceTokenArgs,
    TunnelArgs,
)
from homelab.components.component import lead_of

A = TypeVar("A", bound=Mapping[str, object])


class _Named:
    """Translates between the names of Python and those of the provider."""

    def translate_input_property(self, prop: str) -> str:
        """`account_id` becomes `accountId`, at every depth."""
        return re.sub("_([a-z0-9])", lambda found: found[1].upper(), prop)

    def translate_output_property(self, prop: str) -> str:
        """`clientId` becomes `client_id`."""
        return re.sub("[A-Z]", lambda found: "_" + found[0].lower(), prop)


@functools.cache
def plugin_version() -> str:
    """Version of the provider's plugin: that of the installed package."""
    return metadata.version("pulumi-cloudflare")


def _secrets(args: Mapping[str, object], names: Sequence[str]) -> dict[str, object]:
    return {
        name: pulumi.Output.secret(value) if name in names and value is not None else value
        for name, value in args.items()
    }


class Provider(_Named, pulumi.ProviderResource):
    """The provider with one token."""

    def __init__(
        self, name: str, api_token: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
    ) -> None:
        """Mark `api_token` as secret. None leaves it out."""
        own = pulumi.ResourceOptions(
            version=plugin_version(),
            additional_secret_outputs=["apiKey", "apiToken", "apiUserServiceKey"],
        )
        super().__init__(
            "cloudflare",
            name,
            _secrets({"api_token": api_token}, ("api_token",)),
            pulumi.ResourceOptions.merge(opts, own),
        )


class CloudflareResource(_Named, pulumi.CustomResource, Generic[A]):
    """A resource of one type. The annotations of a subclass are the outputs that homelab reads."""

    token: ClassVar[str]
    """The type's token."""
    former: ClassVar[str] = ""
    """Former token of the type. The provider's package registers it as an alias."""
    secret_inputs: ClassVar[tuple[str, ...]] = ()
    secret_outputs: ClassVar[tuple[str, ...]] = ()
    """Outputs that are always secret, by the provider's names."""

    def __init__(self, name: str, args: A, opts: pulumi.ResourceOptions | None = None) -> None:
        own = pulumi.ResourceOptions(
            version=plugin_version(),
            aliases=[pulumi.Alias(type_=self.former)] if self.former else None,
            additional_secret_outputs=list(self.secret_outputs) or None,
        )
        outputs = dict.fromkeys(inspect.get_annotations(type(self)))
        super().__init__(
            self.token,
            f"{lead_of(opts)}{name}",
            {**outputs, **_secrets(args, self.secret_inputs)},
            pulumi.ResourceOptions.merge(own, opts),
        )


class ApiToken(CloudflareResource[ApiTokenArgs]):
    """An API token."""

    token = "cloudflare:index/apiToken:ApiToken"
    secret_outputs = ("value",)
    value: pulumi.Output[str]


class DnsRecord(CloudflareResource[DnsRecordArgs]):
    """A DNS record."""

    token = "cloudflare:index/dnsRecord:DnsRecord"
    former = "cloudflare:index/record:Record"


class ZeroTrustTunnelCloudflared(CloudflareResource[TunnelArgs]):
    """A Cloudflare Tunnel."""

    token = "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared"
    former = "cloudflare:index/tunnel:Tunnel"
    secret_inputs = ("tunnel_secret",)
    secret_outputs = ("tunnelSecret",)


class ZeroTrustAccessGroup(CloudflareResource[AccessGroupArgs]):
    """An Access group."""

    token = "cloudflare:index/zeroTrustAccessGroup:ZeroTrustAccessGroup"
    former = "cloudflare:index/accessGroup:AccessGroup"


class ZeroTrustAccessPolicy(CloudflareResource[AccessPolicyArgs]):
    """A reusable Access policy."""

    token = "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy"
    former = "cloudflare:index/accessPolicy:AccessPolicy"


class ZeroTrustAccessApplication(CloudflareResource[AccessApplicationArgs]):
    """An Access application."""

    token = "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication"
    former = "cloudflare:index/accessApplication:AccessApplication"


class ZeroTrustAccessIdentityProvider(CloudflareResource[IdentityProviderArgs]):
    """An Access identity provider."""

    token = "cloudflare:index/zeroTrustAccessIdentityProvider:ZeroTrustAccessIdentityProvider"
    former = "cloudflare:index/accessIdentityProvider:AccessIdentityProvider"


class ZeroTrustAccessServiceToken(CloudflareResource[ServiceTokenArgs]):
    """An Access service token."""

    token = "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken"
    former = "cloudflare:index/accessServiceToken:AccessServiceToken"
    secret_outputs = ("clientSecret",)
    client_id: pulumi.Output[str]
    client_secret: pulumi.Output[str]


class NotificationPolicy(CloudflareResource[NotificationPolicyArgs]):
    """A notification by e-mail."""

    token = "cloudflare:index/notificationPolicy:NotificationPolicy"


class PagesProject(CloudflareResource[PagesProjectArgs]):
    """A Pages project."""

    token = "cloudflare:index/pagesProject:PagesProject"
    name: pulumi.Output[str]
    subdomain: pulumi.Output[str]


class PagesDomain(CloudflareResource[PagesDomainArgs]):
    """A custom domain of a Pages project."""

    token = "cloudflare:index/pagesDomain:PagesDomain"


class R2Bucket(CloudflareResource[R2BucketArgs]):
    """An R2 bucket."""

    token = "cloudflare:index/r2Bucket:R2Bucket"
