"""Secrets of the portal: its users, its directory, its OpenID Connect clients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from homelab.config.base import ServiceSecretRef
from homelab.config.fact_parts import SecretFact, referred
from homelab.config.identity import IdentityConfig
from homelab.config.stack import StackConfig
from homelab.identity.model import (
    ADAPTER,
    ADAPTER_OWNER,
    API_KEY,
    CLIENT_SECRET,
    CLIENT_VARIABLE,
    KANIDM,
    LDAP_OWNER,
    LDAP_PASSWORD,
    POCKET_ID_UNIT,
    IdentityPlan,
    api_key_source,
    client_source,
    kanidm_secret,
)
from homelab.secrets.demand import demanded
from homelab.secrets.model import Secret
from homelab.services.model import Service

USERS = "users"
"""Name of the portal's secret with its user file."""


def of_identity(
    stack: StackConfig, services: tuple[Service, ...], identity: IdentityPlan | None
) -> Iterator[Secret]:
    """Secrets that the portal, its directory and its auth proxy read on their host."""
    config = stack.identity
    if identity is None or config is None:
        return
    here = {s.name: s for s in services if s.host == identity.host}
    if config.client is not None and ADAPTER in here:
        variable = {CLIENT_VARIABLE: "{value}"}
        fact = SecretFact(source=client_source(config), form="env", env=variable)
        ref, origin = config.client.client_secret, "identity.client"
        yield _of_provider(stack, here[ADAPTER], CLIENT_SECRET, fact, ref, origin)
        if config.kanidm is not None:
            yield from _at_kanidm(stack, identity, config.kanidm)
    provider = here.get(config.service)
    if provider is None:
        return
    for fact, name, ref, origin in _of_people(config):
        owned = fact.model_copy(update={"owner": provider.entry.user or "root"})
        yield _of_provider(stack, provider, name, owned, ref, origin)
    if config.directory is not None:
        # The portal signs in to the directory, so both get the same password.
        purpose = f"{config.directory.kind}/{LDAP_PASSWORD}"
        for service in (provider, here.get(config.directory.kind)):
            if service is not None:
                by_root = service.entry.dynamic_user
                fact = SecretFact(owner="root" if by_root else service.entry.user)
                found = _of_provider(
                    stack, service, LDAP_PASSWORD, fact, None, "identity.directory"
                )
                epoch = stack.secrets.epoch(config.directory.kind, LDAP_PASSWORD)
                yield replace(found, purpose=purpose, epoch=epoch)
        if (directory := here.get(config.directory.kind)) is not None:
            yield _of_provider(
                stack, directory, LDAP_OWNER, SecretFact(), None, "identity.directory"
            )
    if identity.clients and identity.provider == "authelia":
        hmac = SecretFact(owner=provider.entry.user, length=64)
        yield _of_provider(stack, provider, "oidc-hmac", hmac, None, "identity")
    for client in identity.clients:
        if client.public:
            continue
        by_unit = config.provider == "pocket-id"
        fact = SecretFact(owner="root" if by_unit else provider.entry.user)
        found = _of_provider(stack, provider, client.secret, fact, None, client.source)
        found = replace(found, purpose=client.purpose, epoch=client.epoch)
        if by_unit:
            # Its unit needs the secret itself.
            yield replace(found, copy=True, units=(f"{POCKET_ID_UNIT}.service",))
        else:
            yield replace(found, hashed="pbkdf2")


def _at_kanidm(stack: StackConfig, identity: IdentityPlan, host: str) -> Iterator[Secret]:
    """The secrets of clients on the host of Kanidm, whose unit enters them."""
    epoch = stack.secrets.epoch(ADAPTER, CLIENT_SECRET)
    clients = [(ADAPTER_OWNER, f"{ADAPTER}/{CLIENT_SECRET}", epoch, "identity.client")]
    clients += [(c.route, c.purpose, c.epoch, c.source) for c in identity.clients if not c.public]
    for route, purpose, number, origin in clients:
        fact = SecretFact(owner=KANIDM)
        found = demanded(stack, host, KANIDM, kanidm_secret(route), fact, origin)
        yield replace(found, purpose=purpose, epoch=number, units=(f"{KANIDM}.service",), copy=True)


def _of_people(
    config: IdentityConfig,
) -> Iterator[tuple[SecretFact, str, ServiceSecretRef | None, str]]:
    """Secrets that the portal needs at its first start."""
    if config.users is not None:
        yield SecretFact(source="stored"), USERS, config.users, "identity.users"
    if config.provider == "pocket-id":
        yield SecretFact(source=api_key_source(config)), API_KEY, config.api_key, "identity.api_key"


def _of_provider(
    stack: StackConfig,
    service: Service,
    name: str,
    fact: SecretFact,
    ref: ServiceSecretRef | None,
    origin: str,
) -> Secret:
    found = demanded(stack, service.host, service.name, name, referred(fact, ref), origin)
    return replace(
        found,
        purpose="" if fact.source == "stored" else f"{service.name}/{name}",
        units=tuple(f"{u}.service" for u in service.units[:1]),
    )
