"""Services that the catalog does not have: their facts are what the stack config says of them."""

from __future__ import annotations

from homelab.catalog.model import Entry, Hardening, Oidc, PortFact, SecretFact, SignIn
from homelab.services.model import ServiceConfig


def custom_entry(name: str, config: ServiceConfig) -> Entry:
    """An entry from the stack config alone: a container, or a service of an external flake."""
    ports = {
        label: PortFact(number=p.port, protocol=p.protocol, scope=p.scope, why=p.why)
        for label, p in config.ports.items()
    }
    web = config.port or (config.container.port if config.container else None)
    if web is not None:
        ports["web"] = PortFact(number=web)
    secrets = {
        label: SecretFact(
            form="env" if secret.env else "file",
            env=((secret.env, "{value}"),) if secret.env else (),
            source="stored" if secret.ref is not None else "derived",
            owner=secret.owner or "root",
            stored_key=(secret.ref.sops or "") if secret.ref is not None else "",
        )
        for label, secret in config.secrets.items()
    }
    flake = config.flake
    tile = config.tile
    return Entry(
        name=name,
        title=tile.title or name.replace("-", " ").title(),
        summary=tile.description or "",
        category=tile.group or "Tools",
        ports=ports,
        units=(flake.unit,) if flake else (f"podman-{name}",),
        dynamic_user=flake.dynamic_user if flake else False,
        state=tuple(config.state),
        stateless="" if config.state else (config.backup.skip or ""),
        sign_in=SignIn(
            kinds=("forward", "native", "none", *(("oidc",) if config.oidc else ())),
            headers=tuple(sorted(config.headers.items())),
            oidc=_custom_oidc(config),
        ),
        health=config.health,
        secrets=secrets,
        hardening=Hardening(
            exempt=""
            if flake
            else "a container is confined by Podman; its unit only starts and stops it"
        ),
    )


def _custom_oidc(config: ServiceConfig) -> Oidc | None:
    if config.oidc is None:
        return None
    env = config.oidc.env
    return Oidc(
        redirects=tuple(config.oidc.redirects),
        secret=SecretFact(form="env", env=((env, "{value}"),)) if env else SecretFact(),
        scopes=tuple(config.oidc.scopes),
        post=config.oidc.post,
    )
