"""Checks of OpenID Connect: what apps, clients and providers can do."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.identity import IdentityConfig
from homelab.config.oidc import CLAIMS, SCOPES, CustomOidc, StatedClient
from homelab.config.service_containers import PodmanService
from homelab.config.service_modules import FlakeService, ModuleService
from homelab.config.service_programs import UnitService
from homelab.config.services import client_of
from homelab.identity.model import CLIENT, STATIC_KEY, IdentityPlan, OidcClient
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.model import Service
from homelab.system.pin_checks import later

PROVISIONED = "25.11"
"""First release that we know to provision groups whose members are chosen at Kanidm."""
SHORTEST = 2
"""Characters of the shortest client id at Pocket ID."""


@check("oidc-capable")
def oidc_capable(plan: Plan) -> Iterator[Problem]:
    """OIDC works only for an app that supports it, in the release of its host, and whose redirect
    paths are known.
    """
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
        elif service is not None and _too_old(service):
            pin = plan.hosts[service.host].config.nixpkgs
            since = service.entry.sign_in.oidc.since if service.entry.sign_in.oidc else ""
            yield Problem(
                route.at("auth"),
                f"OpenID Connect of {route.service} needs NixOS {since}; {service.host} is pinned "
                f"to {service.release}",
                f"{_otherwise(service)}; or {later(plan, pin, since)}",
            )


def _too_old(service: Service) -> bool:
    """Whether the package of its release signs nobody in with OpenID Connect."""
    oidc = service.entry.sign_in.oidc
    return oidc is not None and service.release < oidc.since


@check("oidc-scope")
def oidc_scope(plan: Plan) -> Iterator[Problem]:
    """The provider refuses a sign-in that asks for a scope that it does not know, and a claim that
    nothing defines is missing.
    """
    identity, config = plan.identity, plan.stack.identity
    if identity is None or config is None or identity.external:
        return  # homelab cannot know the scopes and claims of an external provider
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
    if isinstance(config, PodmanService | FlakeService | UnitService):
        return f"services.{client.service}.oidc."
    return f"services.{client.service}."


def _without_oidc(service: Service) -> str:
    """The way out: settings of OIDC where the kind of service has a key for them."""
    if isinstance(service.config, ModuleService):
        facts = "{kinds: [oidc], oidc: {redirects: [/…]}}"
        return f"add services.{service.name}.module.sign_in: {facts}"
    if isinstance(service.config, PodmanService | FlakeService | UnitService):
        return f"add services.{service.name}.oidc: {{redirects: [/…]}}"
    return _otherwise(service)


def _otherwise(service: Service) -> str:
    """The way out: another kind of sign-in that the app has."""
    can = [k for k in service.entry.sign_in.kinds if k != "oidc"]
    return f"write auth: {' or '.join(can) or 'forward'}"


@check("identity-capability")
def identity_capability(plan: Plan) -> Iterator[Problem]:
    """A provider cannot do what another one can, and an external one is not configured here."""
    identity = plan.stack.identity
    if identity is not None and identity.provider == "pocket-id":
        yield from _pocket_id(plan, identity)
    if identity is not None and identity.provider == "external":
        yield from _external(plan, kanidm=identity.kanidm is not None)
        yield from _kanidm(plan, identity)


def _pocket_id(plan: Plan, identity: IdentityConfig) -> Iterator[Problem]:
    """Pocket ID has rules for client ids, and old releases create their own API key."""
    for client in plan.identity.clients if plan.identity is not None else ():
        if client.id == CLIENT or len(client.id) < SHORTEST:
            why = "the auth proxy has that id" if client.id == CLIENT else "an id has two letters"
            yield Problem(
                f"{client.source}.name",
                f'the name "{client.id}" is the client id at pocket-id, and there {why}',
                "give the route another name",
            )
    host = plan.hosts.get(identity.host)
    if host is not None and host.release < STATIC_KEY and identity.api_key is None:
        yield Problem(
            "identity.api_key",
            f"pocket-id of NixOS {host.release} cannot take its API key from the stack",
            "create one in its settings, store it in sops, and write "
            "api_key: {sops: pocket-id/api-key}",
        )


def _external(plan: Plan, *, kanidm: bool) -> Iterator[Problem]:
    """What only the owner can set up at an external provider."""
    for route in plan.routes:
        if route.auth in ("forward", "oidc") and route.policy == "two_factor":
            yield Problem(
                route.at("policy"),
                f"an external provider asks for a second factor by its own rules, so {route.title} "
                "cannot require one",
                "require it there for the client, and leave policy out",
            )
        if route.auth == "oidc" and route.groups and not kanidm:
            yield Problem(
                route.at("groups"),
                f"an external provider decides by its own rules who may sign in to {route.title}",
                "assign the groups to the client there, and leave groups out; or write "
                "auth: forward",
            )


def _kanidm(plan: Plan, identity: IdentityConfig) -> Iterator[Problem]:
    """What Kanidm's provisioning refuses only when the host is built."""
    host = plan.hosts.get(identity.kanidm or "")
    if host is None:
        return
    if not host.is_nixos or host.release < PROVISIONED:
        yield Problem(
            "identity.kanidm",
            f"the clients at Kanidm need a NixOS host with release {PROVISIONED} or later",
            f"leave kanidm out and create the clients there, or give {host.name} a later release",
        )
    clients = plan.identity.clients if plan.identity is not None else ()
    ids = [(c.id, f"services.{c.service}.oidc.client_id") for c in clients]
    if identity.client is not None:
        ids.append((identity.client.client_id, "identity.client.client_id"))
    for name, where in ids:
        if name in identity.groups:
            yield Problem(
                where,
                f'the client "{name}" has the name of a group, and names are unique in Kanidm',
                f"write another id as {where}",
            )


@check("oidc-client")
def oidc_client(plan: Plan) -> Iterator[Problem]:
    """The client of an app or a route without OIDC, or of one whose provider is configured here,
    would be ignored.
    """
    identity = plan.stack.identity
    clients = {c.service: c for c in plan.identity.clients} if plan.identity is not None else {}
    for service in plan.services:
        stated, client = client_of(service.config), clients.get(service.name)
        keys = [k for k in StatedClient.model_fields if k in stated.model_fields_set]
        where = service.at("oidc")
        if keys and identity is not None and identity.provider != "external":
            yield Problem(
                f"{where}.{keys[0]}",
                f"{identity.provider} has the clients of the stack, with ids and secrets of "
                "homelab",
                f"leave {', '.join(keys)} out, or choose identity.provider: external",
            )
        elif identity is not None and identity.kanidm is not None and stated.client_secret:
            yield Problem(
                f"{where}.client_secret",
                "homelab derives the secrets of clients at Kanidm",
                "leave client_secret out",
            )
        elif keys and client is None:
            yield Problem(
                f"{where}.{keys[0]}",
                f"{service.name} does not sign people in with OpenID Connect",
                f"write auth: oidc, or leave {', '.join(keys)} out",
            )
        elif (
            isinstance(stated, CustomOidc)
            and client is None
            and all(r.auth != "oidc" for r in plan.routes_of(service.name))
        ):
            route = plan.main_route(service.name)
            yield Problem(
                where,
                f"{route.title} has auth: {route.auth}, so no client is made for {service.name}"
                if route is not None
                else f"{service.name} has no page, so no client is made for it",
                "leave oidc out" + (", or write auth: oidc instead" if route is not None else ""),
            )
        elif client is not None and client.public and stated.client_secret is not None:
            yield Problem(
                f"{where}.client_secret",
                f"the client of {service.name} is public and has no secret",
                "leave client_secret out",
            )
