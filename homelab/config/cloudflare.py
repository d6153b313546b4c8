"""`homelab:cloudflare`: zone, tunnel, Access, Pages, buckets, and existing resources to adopt."""

from __future__ import annotations

from datetime import date
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from homelab.config.base import Domain, Email, Model, Name, Reason, SecretRef, Str
from homelab.config.types import Branch


def _cidr(value: str) -> str:
    try:
        # The zone of an IPv6 address, after a %, may be any text to ipaddress.
        return str(ip_network("" if "%" in value else value))
    except ValueError:
        raise ValueError(
            "this is not a network; write its first address, as 203.0.113.7/32 or 2001:db8::/56"
        ) from None


def _day(value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise ValueError('this is not a date; write "2027-01-01", in quotes') from None


HexId = Annotated[Str, Field(pattern=r"^[0-9a-f]{32}$")]


Uuid = Annotated[Str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


Cidr = Annotated[Str, AfterValidator(_cidr)]


Day = Annotated[Str, AfterValidator(_day)]


class Zone(Model):
    """The zone of the public names."""

    name: Domain
    id: HexId
    """Zone id, 32 hex digits, from the zone's overview page."""


class TunnelConfig(Model):
    """The tunnel between Cloudflare and a host."""

    host: Name
    """Host that runs cloudflared, usually the entry host."""
    via: Literal["proxy", "direct"] | None = None
    """proxy: cloudflared forwards to the reverse proxy, which serves every app with its sign-in;
    direct: cloudflared forwards to the port of each app on its own host. Default: proxy, if
    cloudflared runs on the entry host."""


class AccessGroup(Model):
    """A group of people whom Access lets in."""

    emails: list[Email] = Field(default_factory=list)
    """E-mail addresses of the group: `[kim@example.org]`."""
    domains: list[Domain] = Field(default_factory=list)
    """E-mail domains: everybody with an address in one of them belongs to the group."""


class ServiceToken(Model):
    """A token with which a program passes Access without a sign-in."""

    duration: Annotated[Str, Field(pattern=r"^([1-9][0-9]*h|forever)$")] = "8760h"
    """How long the token is valid: hours, or `forever`."""
    host: Name | None = None
    """Host that gets the token, as the environment file /run/homelab/secrets/access-<name> with
    CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET."""
    version: Annotated[int, Field(ge=1)] = 1
    """Raise this number to replace the token."""


class AccessConfig(Model):
    """Cloudflare Access in front of names that the tunnel publishes."""

    session: Annotated[Str, Field(pattern=r"^[1-9][0-9]*[mh]$")] = "24h"
    """How long a sign-in at Access lasts."""
    emails: list[Email] = Field(default_factory=list)
    """E-mail addresses that Access lets in, besides the owner and the members."""
    groups: dict[Name, AccessGroup] = Field(default_factory=dict)
    """Groups that a route can name in `access_groups` instead of the owner and the members."""
    service_tokens: dict[Name, ServiceToken] = Field(default_factory=dict)
    """Service tokens that a route can name in `service_tokens`."""
    one_time_pin: bool = False
    """Create the login method that sends a code by e-mail. Accounts from before June 2026 already
    have it, and Cloudflare refuses a second one."""


class AcmeConfig(Model):
    """Further limits of the DNS-01 tokens. A wrong value stops the renewal of certificates."""

    allow_from: list[Cidr] = Field(default_factory=list)
    """Networks that a token may be used from. Default: everywhere. The address of a home
    connection changes unless the provider assigns a static one."""
    until: Day | None = None
    """Day on which the tokens expire, `"2027-01-01"` in quotes. Default: never. Cloudflare sends no
    notice, so each host that uses a token sends an alert during the last 30 days."""


class PagesConfig(Model):
    """A web site on Cloudflare Pages, for instance the documentation."""

    name: Name | None = None
    """First label of its public name. Default: its key in `pages`."""
    project: Annotated[Str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,56}[a-z0-9])?$")] | None = None
    """Name of the Pages project. Default: its key in `pages`."""
    branch: Branch = "main"
    """Production branch. Builds of other branches are previews."""
    access_groups: list[Name] = Field(default_factory=list)
    """Groups that Access lets in, instead of the owner and the members."""
    public: Reason | None = None
    """Reason why anyone on the internet may read the site without Access."""


class BucketConfig(Model):
    """An R2 bucket, reached with the S3 API. `pulumi destroy` keeps it; delete it by hand."""

    name: Annotated[Str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")] | None = None
    """Name of the bucket in the account. Default: its key in `buckets`."""
    location: Literal["wnam", "enam", "weur", "eeur", "apac", "oc"] | None = None
    """Location hint. Cloudflare uses it only when it creates the bucket."""


class Adopt(Model):
    """Ids of existing resources that the stack takes over instead of creating new ones.

    One `up` imports them and brings them in line with the stack. Remove the ids after that.
    """

    tunnel: Uuid | None = None
    policy: Uuid | None = None
    """The reusable Access policy for the owner and the members."""
    one_time_pin: Uuid | None = None
    records: dict[Name, HexId] = Field(default_factory=dict)
    """DNS records, by route name."""
    apps: dict[Name, Uuid] = Field(default_factory=dict)
    """Access applications, by route name."""


class CloudflareConfig(Model):
    """`homelab:cloudflare`."""

    @model_validator(mode="before")
    @classmethod
    def _one_zone(cls, value: object) -> object:
        if isinstance(value, dict) and "zones" in value:
            raise ValueError(
                "a stack publishes in one zone, and zones names several; keep zone, and publish "
                "the names of another zone with a second stack, which has its own machines"
            )
        return value

    account: HexId
    """Account id, 32 hex digits."""
    zone: Zone
    token: SecretRef
    """API token that the deployer uses."""
    tunnel: TunnelConfig | None = None
    """The tunnel that routes with `publish: tunnel` go through."""
    access: AccessConfig = AccessConfig()
    acme: AcmeConfig = AcmeConfig()
    caa: list[Domain] = Field(default_factory=list)
    """Certificate authorities that may issue certificates for the homelab's names, written as CAA
    records: `letsencrypt.org`. If `site.domain` is the zone itself, this applies to the whole
    zone."""
    pages: dict[Name, PagesConfig] = Field(default_factory=dict)
    """Web sites on Cloudflare Pages."""
    buckets: dict[Name, BucketConfig] = Field(default_factory=dict)
    """R2 buckets. A backup target can name one."""
    adopt: Adopt = Adopt()
    advanced_certificates: bool = False
    """The zone has an advanced certificate that covers names two labels below it."""
