"""Arguments of the resource types of Cloudflare that we use, and the shapes in them.

Names are those of the provider's Python package; only what we say is here.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

import pulumi

Text = pulumi.Input[str]


class PermissionGroup(TypedDict):
    """A permission of the API, by id: names are refused."""

    id: str


class TokenPolicy(TypedDict):
    """What a token may do, and where."""

    effect: str
    permission_groups: list[PermissionGroup]
    resources: str
    """JSON, as the API gives it back."""


class RequestIp(TypedDict):
    """Addresses from which a token may be used."""

    ins: list[str]


class TokenCondition(TypedDict):
    """When a token may be used."""

    request_ip: RequestIp


class ApiTokenArgs(TypedDict):
    """Arguments of an API token. `expires_on` is RFC 3339."""

    name: str
    policies: list[TokenPolicy]
    condition: NotRequired[TokenCondition | None]
    expires_on: NotRequired[str | None]


class CaaData(TypedDict):
    """Data of a CAA record."""

    flags: int
    tag: str
    value: str


class DnsRecordArgs(TypedDict):
    """Arguments of a record: `content` or `data`. A TTL of 1 is automatic."""

    zone_id: str
    name: str
    type: str
    ttl: int
    content: NotRequired[Text]
    data: NotRequired[CaaData]
    proxied: NotRequired[bool]
    comment: NotRequired[str]


class TunnelArgs(TypedDict):
    """Arguments of a tunnel. Its secret is 32 bytes or more in standard base64."""

    account_id: str
    name: str
    config_src: str
    tunnel_secret: Text


class Email(TypedDict):
    """One person, by address."""

    email: str


class EmailDomain(TypedDict):
    """Everybody with an address of a domain."""

    domain: str


class GroupId(TypedDict):
    """A group of Access."""

    id: Text


class ServiceTokenId(TypedDict):
    """A program, by its service token."""

    token_id: Text


class Include(TypedDict, total=False):
    """One of these: whom a policy or a group lets in."""

    email: Email
    email_domain: EmailDomain
    group: GroupId
    service_token: ServiceTokenId


class AccessGroupArgs(TypedDict):
    """Arguments of a group."""

    account_id: str
    name: str
    includes: list[Include]


class AccessPolicyArgs(TypedDict):
    """Arguments of a policy. Without a `session_duration` every preview differs."""

    account_id: str
    name: str
    decision: str
    includes: list[Include]
    session_duration: str


class Destination(TypedDict):
    """An address that an application guards."""

    type: str
    uri: Text


class PolicyAt(TypedDict):
    """A policy and its place: the lowest is asked first."""

    id: Text
    precedence: int


class AccessApplicationArgs(TypedDict):
    """Arguments of an application: `domain` or `destinations`."""

    account_id: str
    name: str
    type: str
    session_duration: str
    app_launcher_visible: bool
    auto_redirect_to_identity: bool
    http_only_cookie_attribute: bool
    policies: list[PolicyAt]
    domain: NotRequired[str | None]
    destinations: NotRequired[list[Destination] | None]


class IdentityProviderArgs(TypedDict):
    """Arguments of a way to sign in. `config` is required, and empty for one-time PINs."""

    account_id: str
    name: str
    type: str
    config: dict[str, str]


class ServiceTokenArgs(TypedDict):
    """Arguments of a service token. `duration` is in hours, `720h`, or `forever`."""

    account_id: str
    name: str
    duration: str


class Filters(TypedDict):
    """Which events a notice is about."""

    new_statuses: list[str]
    tunnel_ids: list[Text]


class Mechanism(TypedDict):
    """Where a notice goes: an address, for e-mail."""

    id: str


class Mechanisms(TypedDict):
    """How a notice goes out."""

    emails: list[Mechanism]


class NotificationPolicyArgs(TypedDict):
    """Arguments of a notice."""

    account_id: str
    name: str
    alert_type: str
    enabled: bool
    mechanisms: Mechanisms
    filters: NotRequired[Filters]


class PagesProjectArgs(TypedDict):
    """Arguments of a web site."""

    account_id: str
    name: str
    production_branch: str


class PagesDomainArgs(TypedDict):
    """Arguments of a web site's name."""

    account_id: str
    project_name: Text
    name: str


class R2BucketArgs(TypedDict):
    """Arguments of a bucket. `location` is a hint that is heeded once."""

    account_id: str
    name: str
    location: NotRequired[str | None]
