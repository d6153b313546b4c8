"""Build one `Secret` of a host from the facts about it."""

from __future__ import annotations

from dataclasses import replace

from homelab.config.base import ServiceSecretRef
from homelab.config.fact_parts import ReferredFact, SecretFact, referred
from homelab.config.stack import StackConfig
from homelab.identity.model import OidcClient
from homelab.secret_paths import fact_path, fact_source, secret_name, secret_path
from homelab.secrets.model import Secret


def demanded(
    stack: StackConfig, host: str, service: str, name: str, fact: SecretFact, origin: str
) -> Secret:
    """A stored or derived secret; `origin` is the place in the stack config that requires it."""
    stored = fact.source == "stored"
    own_key = fact.stored_key or f"{service}/{name}"
    return Secret(
        name=secret_name(service, name),
        host=host,
        service=service,
        source=fact_source(fact),
        path=fact_path(service, name, fact),
        owner=fact.owner,
        mode="0400",
        form=fact.form,
        env=tuple((v, t.replace("{owner}", stack.site.owner.user)) for v, t in fact.env.items()),
        key=fact.ref.name if isinstance(fact, ReferredFact) else own_key if stored else "",
        purpose="",
        epoch=stack.secrets.epoch(service, name),
        length=fact.length,
        units=(),
        origin=origin,
        encrypts=fact.encrypts if fact.source == "derived" else "",
    )


def of_host(
    stack: StackConfig,
    host: str,
    what: tuple[str, str],
    fact: SecretFact,
    ref: ServiceSecretRef,
    origin: str,
) -> Secret:
    """A secret of a host itself, and not of a service, that is where a reference says."""
    found = demanded(stack, host, *what, referred(fact, ref), origin)
    return replace(found, key=ref.name)


def issued(
    host: str,
    what: tuple[str, str],
    purpose: str,
    *,
    origin: str,
    owner: str = "root",
    units: tuple[str, ...] = (),
) -> Secret:
    """A secret that Cloudflare or Tailscale issues; `purpose` is the name of its resource."""
    return Secret(
        name=secret_name(*what),
        host=host,
        service=what[0],
        source="issued",
        path=secret_path(*what, "issued", "file"),
        owner=owner,
        mode="0400",
        form="file",
        env=(),
        key="",
        purpose=purpose,
        epoch=1,
        length=0,
        units=units,
        origin=origin,
    )


def client_fields(
    env: tuple[tuple[str, str], ...], client: OidcClient | None
) -> tuple[tuple[str, str], ...]:
    """Variables with `{issuer}` and `{client}` of an OIDC client in their texts."""
    if client is None:
        return env
    return tuple(
        (name, text.replace("{issuer}", client.issuer).replace("{client}", client.id))
        for name, text in env
    )
