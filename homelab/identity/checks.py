"""Checks of sign-in: whoever is asked can be asked, and nobody slips by."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from homelab.check import check
from homelab.identity.model import STATIC_KEY
from homelab.identity.plan import minutes
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean

LONGEST = "30d"
"""Longest session."""


def _protected(plan: Plan) -> tuple[Route, ...]:
    return tuple(r for r in plan.routes if r.auth == "forward")


def unknown_group(group: str, known: Collection[str], where: str) -> Iterator[Problem]:
    """A problem at `where`, if the sign-in has no such group."""
    if group not in known:
        yield Problem(where, f'there is no group "{group}"', did_you_mean(group, known, "groups"))


@check("route-idp-present", rows="S0-11 S0-26")
def route_idp_present(plan: Plan) -> Iterator[Problem]:
    """A gate needs somebody who keeps it, beside the proxy that asks it for every request."""
    identity, entry = plan.stack.identity, plan.stack.network.entry.host
    if identity is None:
        for route in plan.routes:
            if route.auth in ("forward", "oidc"):
                what = "is to be gated" if route.auth == "forward" else "is to ask a provider"
                yield Problem(
                    route.at("auth"),
                    f"{route.title} {what}, and there is no identity provider",
                    f"add homelab:identity: {{host: {entry}, users: {{sops: authelia/users}}}}, "
                    "or choose auth: native or none",
                )
        return
    # Of a host that does not exist, host-known tells.
    known = {identity.host, entry} <= plan.stack.hosts.keys()
    if known and identity.host != entry:
        yield Problem(
            "identity.host",
            f"the gate is on {identity.host}, and the proxy that asks it on {entry}",
            f"host: {entry}",
        )


@check("portal-reachable", rows="S0-26")
def portal_reachable(plan: Plan) -> Iterator[Problem]:
    """Whoever meets the gate on the internet must find the portal there."""
    identity = plan.stack.identity
    if identity is None:
        return
    own = next((r for r in plan.routes if r.service == identity.provider), None)
    for route in plan.routes:
        if route.auth not in ("forward", "oidc") or not route.public:
            continue
        if own is None or not own.public:
            yield Problem(
                route.at("publish"),
                f"{route.public} is gated, and the portal is known at home only",
                f"services.{identity.provider}: {{publish: {route.publish}}}, or publish: internal",
            )
        elif route.auth == "oidc" and own.publish == "tunnel" and own.access:
            yield Problem(
                f"services.{identity.provider}.public",
                f"{route.service} asks {own.public} itself, and cannot pass Access in front of it",
                f'services.{identity.provider}: {{public: "…why"}}, '
                f"or {route.name} with auth: forward",
            )


@check("oidc-capable", rows="S0-11 S0-27")
def oidc_capable(plan: Plan) -> Iterator[Problem]:
    """An app asks a provider only if it can, and is told how."""
    for route in plan.routes:
        if route.auth != "oidc":
            continue
        service = next((s for s in plan.on(route.host) if s.name == route.service), None)
        if service is not None and service.entry.sign_in.oidc is None:
            can = [k for k in service.entry.sign_in.kinds if k != "oidc"]
            yield Problem(
                route.at("auth"),
                f"{route.service} is not known to ask an identity provider itself",
                f"services.{route.service}.oidc: {{redirects: [/…]}} says how"
                if service.is_custom
                else f"auth: {' or '.join(can) or 'forward'}",
            )


@check("identity-capability", rows="S4-16 T2")
def identity_capability(plan: Plan) -> Iterator[Problem]:
    """What is asked of a provider is something that it does."""
    identity = plan.stack.identity
    if identity is None or identity.provider != "pocket-id":
        return
    for route in plan.routes:
        if route.auth == "oidc":
            yield Problem(
                route.at("auth"),
                f"{route.service} needs a client secret that we know, and pocket-id makes its own",
                "auth: forward or native, or identity.provider: authelia",
            )
    host = plan.hosts.get(identity.host)
    if host is not None and host.release < STATIC_KEY and identity.api_key is None:
        yield Problem(
            "identity.api_key",
            f"pocket-id of {host.release} takes no key to its API from us",
            "make one in its settings, keep it in sops, and write "
            "api_key: {sops: pocket-id/api-key}",
        )


@check("cookie-domain", rows="S0-28")
def cookie_domain(plan: Plan) -> Iterator[Problem]:
    """No browser keeps a cookie for a whole top-level domain, nor the gate a name beside it."""
    for domain, _ in plan.identity.cookies if plan.identity else ():
        if "." not in domain:
            yield Problem(
                "site.names.internal",
                f'the session cookie would be for "{domain}", which browsers refuse',
                "let names hang off a domain with a dot in it, as {name}.home.example.org",
            )
    if plan.identity is None:
        return
    domains = tuple(d for d, _ in plan.identity.cookies)
    for route in _protected(plan):
        for name in route.names:
            if not name.endswith(tuple(f".{d}" for d in domains)):
                yield Problem(
                    route.at("name"),
                    f"{name} lies in none of the session's domains, {', '.join(domains)}",
                    "let site.names.internal and site.names.public begin with {name}, as "
                    f"{{name}}.{plan.stack.site.domain}",
                )


@check("group-known", rows="S0-26 S1-07")
def group_known(plan: Plan) -> Iterator[Problem]:
    """A rule for a group that nobody is in shuts everybody out."""
    if plan.stack.identity is None:
        return
    groups = plan.stack.identity.groups
    for route in plan.routes:
        for group in route.groups:
            yield from unknown_group(group, groups, route.at("groups"))


@check("directory-members", rows="S1-06")
def directory_members(plan: Plan) -> Iterator[Problem]:
    """Members of a directory's groups are people of the stack, in groups that there are."""
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
                    f'there is nobody called "{name}"',
                    did_you_mean(name, people, "people") + "; people stand in site.members",
                )


@check("audience-auth", rows="S0-13")
def audience_auth(plan: Plan) -> Iterator[Problem]:
    """Family members are told apart by a sign-in; the operator's names stay on the tailnet."""
    for route in plan.routes:
        # What has no name at home is known to the tunnel alone, where Access asks everybody.
        asked = route.publish == "tunnel" and route.access and not route.internal
        if route.audience == "family" and route.auth == "none" and not asked:
            yield Problem(
                route.at("auth"),
                f"{route.title} is for the family, and nothing asks who it is",
                "auth: forward (the gate asks) or native (the app asks)",
            )
        if route.audience == "operator" and route.publish == "tunnel":
            yield Problem(
                route.at("publish"),
                f"{route.title} is for the operator, and publish: {route.publish} puts it "
                "on the internet",
                "publish: internal, or audience: family",
            )


@check("admin-two-factor", rows="S1-07", severity="warning")
def admin_two_factor(plan: Plan) -> Iterator[Problem]:
    """What administers the homelab deserves more than a password, whoever its name is for: on the
    internet it is for the family, or it would not be there.
    """
    if plan.identity is not None and plan.identity.provider == "pocket-id":
        return  # a passkey is two factors
    tools = {s.name for s in plan.services if not s.is_custom and s.entry.audience == "operator"}
    for route in _protected(plan):
        for_operator = route.audience == "operator" or route.service in tools
        if for_operator and route.policy != "two_factor":
            what = "is for the operator" if route.audience == "operator" else "is a tool of theirs"
            yield Problem(
                route.at("policy"),
                f"{route.title} {what}, and a password alone opens it",
                "a route with policy: two_factor",
            )


@check("session-bounds", rows="S0-28 S4-17")
def session_bounds(plan: Plan) -> Iterator[Problem]:
    """A session ends when idle, then at its end, then when remembering ends: in this order."""
    if plan.stack.identity is None:
        return
    session = plan.stack.identity.session
    if minutes(session.expiration) > minutes(LONGEST):
        yield Problem(
            "identity.session.expiration",
            f"a session of {session.expiration} is as good as none that ends",
            f"at most {LONGEST}; remember_me is for those who ask for longer",
        )
    for short, long in (("inactivity", "expiration"), ("expiration", "remember_me")):
        said = {name: str(getattr(session, name)) for name in (short, long)}
        if minutes(said[short]) > minutes(said[long]):
            yield Problem(
                f"identity.session.{short}",
                f"{short} ({said[short]}) is longer than {long} ({said[long]})",
                f"let {short} be at most {said[long]}",
            )
