"""What the stack config says of a service as facts: all of a custom one, additions to another."""

from __future__ import annotations

from dataclasses import replace

from homelab.catalog.model import Entry, Hardening, Oidc, PortFact, SecretFact, SignIn
from homelab.services.kinds import ContainerService, FlakeService, ServiceConfig
from homelab.services.parts import CustomOidc


def custom_entry(name: str, config: ServiceConfig) -> Entry:
    """An entry from the stack config alone: a container, or a service of an external flake."""
    container = config.container if isinstance(config, ContainerService) else None
    flake = config.flake if isinstance(config, FlakeService) else None
    oidc = config.oidc if isinstance(config, ContainerService | FlakeService) else None
    ports = _ports(config)
    web = config.port or (container.port if container else None)
    if web is not None:
        ports["web"] = PortFact(number=web)
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
            kinds=("forward", "native", "none", *(("oidc",) if oidc else ())),
            headers=tuple(sorted(config.headers.items())),
            oidc=_oidc(oidc) if oidc else None,
        ),
        health=config.health or "/",
        secrets={label: _secret(config, label, "root") for label in config.secrets},
        hardening=Hardening(
            exempt=""
            if flake
            else "a container is confined by Podman; its unit only starts and stops it"
        ),
    )


def extended(entry: Entry, config: ServiceConfig) -> Entry:
    """A catalog entry with what the stack config adds to it."""
    if not (config.ports or config.secrets or config.state or config.health or config.headers):
        return entry
    known = entry.secrets
    reader = "root" if entry.dynamic_user else entry.user or "root"
    secrets = {
        label: _elsewhere(known[label], config, label)
        if label in known
        else _secret(config, label, reader)
        for label in config.secrets
    }
    headers = {**dict(entry.sign_in.headers), **config.headers}
    return replace(
        entry,
        ports={**_ports(config), **entry.ports},
        secrets={**known, **secrets},
        state=tuple(dict.fromkeys((*entry.state, *config.state))),
        stateless="" if config.state else entry.stateless,
        health=config.health or entry.health,
        sign_in=replace(entry.sign_in, headers=tuple(sorted(headers.items()))),
    )


def _ports(config: ServiceConfig) -> dict[str, PortFact]:
    return {
        label: PortFact(number=p.port, protocol=p.protocol, scope=p.scope, why=p.why)
        for label, p in config.ports.items()
    }


def _secret(config: ServiceConfig, label: str, reader: str) -> SecretFact:
    secret = config.secrets[label]
    return SecretFact(
        form="env" if secret.env else "file",
        env=((secret.env, "{value}"),) if secret.env else (),
        source="stored" if secret.ref is not None else "derived",
        owner=secret.owner or ("root" if secret.env else reader),
        stored_key=(secret.ref.sops or "") if secret.ref is not None else "",
    )


def _elsewhere(fact: SecretFact, config: ServiceConfig, label: str) -> SecretFact:
    """A secret that the catalog knows, from where the stack config says that it lies."""
    ref = config.secrets[label].ref
    if ref is None:
        return fact
    return replace(fact, source="stored", stored_key=ref.sops or "")


def _oidc(config: CustomOidc) -> Oidc:
    env = config.env
    return Oidc(
        redirects=tuple(config.redirects),
        secret=SecretFact(form="env", env=((env, "{value}"),)) if env else SecretFact(),
        scopes=tuple(config.scopes),
        id_token=tuple(config.id_token),
        post=config.post,
    )
