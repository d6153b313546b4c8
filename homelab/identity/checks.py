"""Checks of sign-in: providers, cookies, groups and sessions."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from homelab.check import check
from homelab.config.oidc import CLAIMS, SCOPES
from homelab.config.services import ContainerService, FlakeService, ModuleService
from homelab.identity.model import STATIC_KEY, IdentityPlan, OidcClient
from homelab.identity.plan import minutes
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.model import Service

LONGEST = "30d"
"""Longest session."""


def _protected(plan: Plan) -> tuple[Route, ...]:
    return tuple(r for r in plan.routes if r.auth == "forward")


def unknown_group(group: str, known: Collection[str], where: str) -> Iterator[Problem]:
    """A problem at `where` if the identity section has no such group."""
    if group not in known:
        yield Problem(where, f'there is no group "{group}"', did_you_mean(group, known, "groups"))


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
    own = next((r for r in plan.routes if r.service == identity.provider), None)
    for route in plan.routes:
        if route.auth not in ("forward", "oidc") or not route.public:
            continue
        if own is None or not own.public:
            yield Problem(
                route.at("publish"),
                f"{route.public} needs a sign-in, but the portal has only an internal name",
                f"write services.{identity.provider}: {{publish: {route.publish}}}, or publish: "
                "internal",
            )
        elif route.auth == "oidc" and own.publish == "tunnel" and own.access:
            yield Problem(
                f"services.{identity.provider}.public",
                f"{route.service} connects to {own.public}, and cannot pass Access in front of it",
                f'write services.{identity.provider}: {{public: "…why"}}, '
                f"or auth: forward for {route.name}",
            )


@check("oidc-capable")
def oidc_capable(plan: Plan) -> Iterator[Problem]:
    """OIDC works only for an app that supports it and whose redirect paths are known."""
    for route in plan.routes:
        if route.auth != "oidc":
            continue
        service = plan.service_of(route)
        if service is not None and service.entry.sign_in.oidc is None:
            yield Problem(
                route.at("auth"),
                f"{route.service} has no known OIDC support",
                _without_oidc(service),
            )


@check("oidc-scope")
def oidc_scope(plan: Plan) -> Iterator[Problem]:
    """The provider refuses a sign-in that asks for a scope that it does not know, and a claim that
    nothing defines is missing.
    """
    identity, config = plan.identity, plan.stack.identity
    if identity is None or config is None:
        return
    for client in identity.clients:
        where = _oidc_place(plan, client)
        for scope in client.scopes:
            if scope not in SCOPES and scope not in config.scopes:
                yield Problem(
                    f"{where}scopes",
                    f'{identity.provider} has no scope "{scope}"',
                    did_you_mean(scope, (*SCOPES, *config.scopes), "scopes")
                    + _or_define(identity, f"identity.scopes: {{{scope}: […]}}"),
                )
        for claim in client.id_token:
            if claim not in CLAIMS and claim not in client.claims:
                yield Problem(
                    f"{where}id_token",
                    f"no scope of {client.service} gives the claim {claim}",
                    did_you_mean(claim, (*CLAIMS, *client.claims), "claims")
                    + _or_define(identity, f"identity.scopes: {{…: [{claim}]}}"),
                )
    asked = {s for client in identity.clients for s in client.scopes}
    for scope, claims in config.scopes.items():
        if scope not in asked:
            yield Problem(
                f"identity.scopes.{scope}",
                f"no app asks for the scope {scope}",
                "add it to the scopes of one, as services.….oidc.scopes, or leave it out",
            )
        for claim in claims:
            if claim not in CLAIMS and claim not in config.claims:
                yield Problem(
                    f"identity.scopes.{scope}",
                    f'there is no claim "{claim}"',
                    did_you_mean(claim, (*CLAIMS, *config.claims), "claims")
                    + f"; or add identity.claims: {{{claim}: …}}",
                )
    for claim in config.claims.keys() - {c for claims in config.scopes.values() for c in claims}:
        yield Problem(
            f"identity.claims.{claim}",
            f"no scope gives the claim {claim}",
            f"add identity.scopes: {{…: [{claim}]}}, or leave it out",
        )


def _or_define(identity: IdentityPlan, what: str) -> str:
    return f"; or add {what}" if identity.provider == "authelia" else ""


def _oidc_place(plan: Plan, client: OidcClient) -> str:
    """The place of the app's OIDC settings; that of the service if they are in the catalog."""
    config = plan.stack.services[client.service]
    if isinstance(config, ModuleService):
        return f"services.{client.service}.module.sign_in.oidc."
    if isinstance(config, ContainerService | FlakeService):
        return f"services.{client.service}.oidc."
    return f"services.{client.service}."


def _without_oidc(service: Service) -> str:
    """The way out: settings of OIDC where the kind of service has a key for them."""
    if isinstance(service.config, ModuleService):
        facts = "{kinds: [oidc], oidc: {redirects: [/…]}}"
        return f"add services.{service.name}.module.sign_in: {facts}"
    if isinstance(service.config, ContainerService | FlakeService):
        return f"add services.{service.name}.oidc: {{redirects: [/…]}}"
    can = [k for k in service.entry.sign_in.kinds if k != "oidc"]
    return f"write auth: {' or '.join(can) or 'forward'}"


@check("identity-capability")
def identity_capability(plan: Plan) -> Iterator[Problem]:
    """Pocket ID creates client secrets itself, and old releases create their own API key."""
    identity = plan.stack.identity
    if identity is None or identity.provider != "pocket-id":
        return
    for route in plan.routes:
        if route.auth == "oidc":
            yield Problem(
                route.at("auth"),
                f"{route.service} needs a client secret from the stack, but pocket-id creates it",
                "write auth: forward or native, or identity.provider: authelia",
            )
    host = plan.hosts.get(identity.host)
    if host is not None and host.release < STATIC_KEY and identity.api_key is None:
        yield Problem(
            "identity.api_key",
            f"pocket-id of NixOS {host.release} cannot take its API key from the stack",
            "create one in its settings, store it in sops, and write "
            "api_key: {sops: pocket-id/api-key}",
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
    if plan.identity is None:
        return
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
            )
        if route.audience == "operator" and route.publish == "tunnel":
            yield Problem(
                route.at("publish"),
                f"{route.title} is for the operator, but publish: {route.publish} puts it "
                "on the internet",
                "write publish: internal, or audience: family",
            )


@check("admin-two-factor", severity="warning")
def admin_two_factor(plan: Plan) -> Iterator[Problem]:
    """A password alone is weak protection for the tools that administer the homelab."""
    if plan.identity is not None and plan.identity.provider == "pocket-id":
        return  # a passkey is two factors
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
            )


@check("session-bounds")
def session_bounds(plan: Plan) -> Iterator[Problem]:
    """Session limits have no effect unless inactivity <= expiration <= remember_me <= 30 days."""
    if plan.stack.identity is None:
        return
    session = plan.stack.identity.session
    if minutes(session.expiration) > minutes(LONGEST):
        yield Problem(
            "identity.session.expiration",
            f"a session of {session.expiration} is too long",
            f"write at most {LONGEST}; remember_me sets a longer one for people who choose it",
        )
    for short, long in (("inactivity", "expiration"), ("expiration", "remember_me")):
        limits = {name: str(getattr(session, name)) for name in (short, long)}
        if minutes(limits[short]) > minutes(limits[long]):
            yield Problem(
                f"identity.session.{short}",
                f"{short} ({limits[short]}) is longer than {long} ({limits[long]})",
                f"set {short} to at most {limits[long]}",
            )
