"""`homelab:cloudflare`: the zone, the tunnel, Access, Pages, buckets, existing resources to
adopt.
"""

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
        raise ValueError('this is not a day; write "2027-01-01", in quotes') from None


HexId = Annotated[Str, Field(pattern=r"^[0-9a-f]{32}$")]


Uuid = Annotated[Str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


Cidr = Annotated[Str, AfterValidator(_cidr)]


Day = Annotated[Str, AfterValidator(_day)]


class Zone(Model):
    """The zone that public names lie in."""

    name: Domain
    id: HexId
    """Zone id, 32 hex digits, from the zone's overview page."""


class TunnelConfig(Model):
    """The connector between Cloudflare and a host."""

    host: Name
    """Host that runs cloudflared; the entry host, unless said."""
    via: Literal["proxy", "direct"] | None = None
    """proxy: the tunnel asks the reverse proxy, which knows every app and its gate; direct: it asks
    each app of its own host at the app's port. The proxy when empty, where the tunnel ends beside
    it."""


class AccessGroup(Model):
    """Some of the people who may pass Access."""

    emails: list[Email] = Field(default_factory=list)
    domains: list[Domain] = Field(default_factory=list)
    """Everybody with an address in these e-mail domains."""


class ServiceToken(Model):
    """What a program shows to Access in place of a person's sign-in."""

    duration: Annotated[Str, Field(pattern=r"^([1-9][0-9]*h|forever)$")] = "8760h"
    """How long it is good, in hours; or forever."""
    host: Name | None = None
    """Host that is given it, as the environment file /run/homelab/secrets/access-<name> with
    CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET."""
    version: Annotated[int, Field(ge=1)] = 1
    """Raise it to have another token made in its place."""


class AccessConfig(Model):
    """Cloudflare Access in front of tunnelled names."""

    session: Annotated[Str, Field(pattern=r"^[1-9][0-9]*[mh]$")] = "24h"
    """How long a sign-in at the edge lasts."""
    emails: list[Email] = Field(default_factory=list)
    """Addresses that may pass beside the owner and the members."""
    groups: dict[Name, AccessGroup] = Field(default_factory=dict)
    """Groups that a route may name in `access_groups`, in place of owner and members."""
    service_tokens: dict[Name, ServiceToken] = Field(default_factory=dict)
    """Programs that a route may let pass by `service_tokens`."""
    one_time_pin: bool = False
    """Make the way to sign in by a code sent by e-mail. Accounts from before June 2026 have it
    already, and Cloudflare refuses a second one."""


class AcmeConfig(Model):
    """Limits of the DNS-01 tokens, beyond the zone. Both can shut the homelab itself out."""

    allow_from: list[Cidr] = Field(default_factory=list)
    """Networks that a token may be used from; from everywhere when empty. A home's address
    changes, unless somebody pays for one that does not."""
    until: Day | None = None
    """Day on which the tokens end, `"2027-01-01"` in quotes; never when empty. The host that uses
    one gives the alarm for the last 30 days, for Cloudflare gives none."""


class PagesConfig(Model):
    """A web site that Cloudflare itself serves, as the documentation."""

    name: Name | None = None
    """First label of its public name; the site's own name when empty."""
    project: Annotated[Str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,56}[a-z0-9])?$")] | None = None
    """Name of the project at Cloudflare; the site's own name when empty."""
    branch: Branch = "main"
    """Branch whose builds are the site; those of others are previews."""
    access_groups: list[Name] = Field(default_factory=list)
    """Groups that may pass Access, in place of owner and members."""
    public: Reason | None = None
    """Why anyone on the internet may read it without Access."""


class BucketConfig(Model):
    """A bucket of R2, which speaks S3. It outlives the stack: only its owner deletes it."""

    name: Annotated[Str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")] | None = None
    """Its name in the account; the name it has here when empty."""
    location: Literal["wnam", "enam", "weur", "eeur", "apac", "oc"] | None = None
    """Where its data should lie; a hint, and heeded only when it is first made."""


class Adopt(Model):
    """Ids of what was there before, to be taken over instead of made anew.

    One `up` does that and makes it what the stack says; then the id may go.
    """

    tunnel: Uuid | None = None
    policy: Uuid | None = None
    """The reusable policy for owner and members."""
    one_time_pin: Uuid | None = None
    records: dict[Name, HexId] = Field(default_factory=dict)
    """DNS records, by the name of their route."""
    apps: dict[Name, Uuid] = Field(default_factory=dict)
    """Access applications, by the name of their route."""


class CloudflareConfig(Model):
    """`homelab:cloudflare`."""

    @model_validator(mode="before")
    @classmethod
    def _one_zone(cls, said: object) -> object:
        if isinstance(said, dict) and "zones" in said:
            raise ValueError(
                "a stack publishes in one zone, and zones names several; keep zone, and give the "
                "names of another zone a stack of their own"
            )
        return said

    account: HexId
    """Account id, 32 hex digits."""
    zone: Zone
    token: SecretRef
    """API token of the deployer."""
    tunnel: TunnelConfig | None = None
    """The tunnel that routes with `publish: tunnel` go through."""
    access: AccessConfig = AccessConfig()
    acme: AcmeConfig = AcmeConfig()
    caa: list[Domain] = Field(default_factory=list)
    """Authorities that alone may certify the homelab's names, as CAA records: `letsencrypt.org`.
    Where `site.domain` is the zone itself, that is everything in the zone."""
    pages: dict[Name, PagesConfig] = Field(default_factory=dict)
    """Web sites that Cloudflare itself serves."""
    buckets: dict[Name, BucketConfig] = Field(default_factory=dict)
    """Buckets of R2; `backup.targets` may name one."""
    adopt: Adopt = Adopt()
    advanced_certificates: bool = False
    """The zone has certificates for names two labels below it."""
