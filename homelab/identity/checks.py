"""Checks of sign-in: providers, cookies, groups and sessions."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise

from homelab.check import check
from homelab.config.identity import LIMITS
from homelab.identity.plan import minutes
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean

LONGEST = "30d"
"""Longest session."""


def _protected(plan: Plan) -> tuple[Route, ...]:
    return tuple(r for r in plan.routes if r.auth == "forward")


def unknown_group(group: str, known: Collection[str], where: str) -> Iterator[Problem]:
    """A problem at `where` if the identity section has no such group."""
    if group not in known:
        way_out = did_you_mean(group, known, "identity groups")
        yield Problem(where, f'there is no group "{group}"', way_out)


@check("route-idp-present")
def route_idp_present(plan: Plan) -> Iterator[Problem]:
    """Forward auth and OIDC need an identity provider, and forward auth one on the entry host."""
    identity, entry = plan.stack.identity, plan.stack.network.entry.host
    if identity is None:
        for route in plan.routes:
            if route.auth in ("forward", "oidc"):
                yield Problem(
                    route.at("auth"),
                    f"{route.title} has auth: {route.auth}, but there is no identity provider",
                    f"add homelab:identity: {{host: {entry}, users: {{sops: authelia/users}}}}, "
                    "or choose auth: native or none",
                    cause="identity",
                )
        return
    # An unknown host is reported by host-known.
    known = {identity.host, entry} <= plan.stack.hosts.keys()
    if known and identity.host != entry:
        yield Problem(
            "identity.host",
            f"the auth proxy is on {identity.host}, but the reverse proxy is on {entry}",
            f"write host: {entry}",
        )


@check("portal-reachable")
def portal_reachable(plan: Plan) -> Iterator[Problem]:
    """A client on the internet cannot sign in if the portal is internal or behind Access."""
    identity = plan.stack.identity
    if identity is None:
        return
    if not identity.service:
        yield from _served_provider(plan)
        return
    if identity.host not in plan.hosts:
        return  # reported by host-known
    own = next((r for r in plan.routes if r.service == identity.service), None)
    for route in plan.routes:
        if route.auth not in ("forward", "oidc") or not route.public:
            continue
        if own is None or not own.public:
            yield Problem(
                route.at("publish"),
                f"{route.public} needs a sign-in, but the portal has only an internal name",
                f"write services.{identity.provider}: {{publish: {route.publish}}}, or publish: "
                "internal",
                cause=own.published_by if own else f"services.{identity.provider}",
            )
        elif route.auth == "oidc" and own.publish == "tunnel" and own.access:
            yield Problem(
                f"services.{identity.provider}.public",
                f"{route.service} connects to {own.public}, and cannot pass Access in front of it",
                f'write services.{identity.provider}: {{public: "…why"}}, '
                f"or auth: forward for {route.name}, and leave oidc out",
            )


def _served_provider(plan: Plan) -> Iterator[Problem]:
    """An external provider that the reverse proxy serves under an internal name only."""
    portal = plan.identity.portal if plan.identity is not None else ""
    if not any(portal == r.internal != r.public for r in plan.routes):
        return
    for route in plan.routes:
        if route.auth in ("forward", "oidc") and route.public:
            yield Problem(
                route.at("publish"),
                f"{route.public} needs a sign-in, but {portal} is only an internal name",
                "write the public name of the provider in identity.issuer, or publish: internal",
            )


@check("cookie-domain")
def cookie_domain(plan: Plan) -> Iterator[Problem]:
    """Browsers refuse a cookie for a top-level domain, and a session covers only its domains."""
    for domain, _ in plan.identity.cookies if plan.identity else ():
        if "." not in domain:
            yield Problem(
                "site.names.internal",
                f'the session cookie would be for "{domain}", which browsers refuse',
                "use a domain with a dot in it, as {name}.home.example.org",
            )
    if plan.identity is None or plan.identity.external:
        return  # oauth2-proxy has a cookie for each name
    domains = tuple(d for d, _ in plan.identity.cookies)
    for route in _protected(plan):
        for name in route.names:
            if not name.endswith(tuple(f".{d}" for d in domains)):
                yield Problem(
                    route.at("name"),
                    f"{name} is in none of the session's domains, {', '.join(domains)}",
                    "begin site.names.internal and site.names.public with {name}, as "
                    f"{{name}}.{plan.stack.site.domain}",
                )


@check("group-known")
def group_known(plan: Plan) -> Iterator[Problem]:
    """A rule for an unknown group refuses everybody."""
    if plan.stack.identity is None:
        return
    groups = plan.stack.identity.groups
    for route in plan.routes:
        for group in route.groups:
            yield from unknown_group(group, groups, route.at("groups"))


@check("directory-members")
def directory_members(plan: Plan) -> Iterator[Problem]:
    """A member or group that is not in the stack cannot be added to the directory."""
    identity = plan.stack.identity
    if identity is None or identity.directory is None:
        return
    people = {plan.stack.site.owner.user, *plan.stack.site.members}
    for group, members in identity.directory.members.items():
        where = f"identity.directory.members.{group}"
        yield from unknown_group(group, identity.groups, where)
        for name in members:
            if name not in people:
                yield Problem(
                    where,
                    f'there is no person "{name}"',
                    did_you_mean(name, people, "people") + "; people are listed in site.members",
                )


def _unasked(route: Route) -> str:
    """What of the site decides that Access does not ask instead; empty if the route says it."""
    if route.published_by != "site.publish" or not route.access:
        return ""
    return "site.names" if route.publish == "tunnel" else route.published_by


@check("audience-auth")
def audience_auth(plan: Plan) -> Iterator[Problem]:
    """A family name needs a sign-in, and an operator's name must not be on the internet."""
    for route in plan.routes:
        # A route without an internal name exists only in the tunnel, behind Access.
        by_access = route.publish == "tunnel" and route.access and not route.internal
        if route.audience == "family" and route.auth == "none" and not by_access:
            yield Problem(
                route.at("auth"),
                f"{route.title} is for the family, but nothing asks for a sign-in",
                "write auth: forward (sign-in at the auth proxy) or native (at the app)",
                cause=_unasked(route),
            )
        if route.audience == "operator" and route.publish == "tunnel":
            yield Problem(
                route.at("publish"),
                f"{route.title} is for the operator, but publish: {route.publish} puts it "
                "on the internet",
                "write publish: internal, or audience: family",
                cause=route.published_by,
            )


@check("admin-two-factor", severity="warning")
def admin_two_factor(plan: Plan) -> Iterator[Problem]:
    """A password alone is weak protection for the tools that administer the homelab."""
    if plan.identity is not None and plan.identity.provider != "authelia":
        return  # a passkey is two factors, and an external provider decides by its own rules
    tools = {s.name for s in plan.services if not s.is_custom and s.entry.audience == "operator"}
    for route in _protected(plan):
        for_operator = route.audience == "operator" or route.service in tools
        if for_operator and route.policy != "two_factor":
            what = "is for the operator"
            if route.audience != "operator":
                what = "is an administration tool"
            yield Problem(
                route.at("policy"),
                f"{route.title} {what}, and a password alone opens it",
                "write policy: two_factor for its route",
                cause="identity" if plan.stack.identity is None else "",
            )


@check("session-bounds")
def session_bounds(plan: Plan) -> Iterator[Problem]:
    """Session limits have no effect unless inactivity <= expiration <= remember_me <= 30 days."""
    if plan.stack.identity is None:
        return
    session = plan.stack.identity.session
    decided = LIMITS[plan.stack.identity.provider]
    for name in decided:
        length = str(getattr(session, name))
        if minutes(length) > minutes(LONGEST):
            yield Problem(
                f"identity.session.{name}",
                f"a session of {length} is too long",
                f"write at most {LONGEST}",
            )
    for short, long in pairwise(decided):
        limits = {name: str(getattr(session, name)) for name in (short, long)}
        if minutes(limits[short]) > minutes(limits[long]):
            yield Problem(
                f"identity.session.{short}",
                f"{short} ({limits[short]}) is longer than {long} ({limits[long]})",
                f"set {short} to at most {limits[long]}",
            )
