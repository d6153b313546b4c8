"""Arguments of the Cloudflare resource types that homelab uses, and their nested shapes.

Names are those of the provider's Python package. Only the arguments that homelab sets are here.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

import pulumi

Text = pulumi.Input[str]


class PermissionGroup(TypedDict):
    """A permission of the API, by id. The API refuses names."""

    id: str


class TokenPolicy(TypedDict):
    """What a token may do, and where."""

    effect: str
    permission_groups: list[PermissionGroup]
    resources: str
    """JSON, in the form that the API returns."""


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
    """Everyone with an e-mail address of a domain."""

    domain: str


class GroupId(TypedDict):
    """A group of Access."""

    id: Text


class ServiceTokenId(TypedDict):
    """A program, identified by its service token."""

    token_id: Text


class Include(TypedDict, total=False):
    """Exactly one selector: whom a policy or a group admits."""

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
    """Arguments of a policy. Without `session_duration`, every preview shows a difference."""

    account_id: str
    name: str
    decision: str
    includes: list[Include]
    session_duration: str


class Destination(TypedDict):
    """An address that an application protects."""

    type: str
    uri: Text


class PolicyAt(TypedDict):
    """A policy and its precedence, lowest first."""

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
    """Arguments of an identity provider. `config` is required, and empty for one-time PINs."""

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
    """The events that a notification is about."""

    new_statuses: list[str]
    tunnel_ids: list[Text]


class Mechanism(TypedDict):
    """The e-mail address that receives a notification."""

    id: str


class Mechanisms(TypedDict):
    """How a notification is sent."""

    emails: list[Mechanism]


class NotificationPolicyArgs(TypedDict):
    """Arguments of a notification."""

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
    """Arguments of a bucket. `location` is a hint that is used at creation only."""

    account_id: str
    name: str
    location: NotRequired[str | None]
