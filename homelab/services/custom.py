"""Catalog entries from the stack config: whole entries of custom services, and additions."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from homelab.catalog.model import Entry
from homelab.catalog.options import joined_options
from homelab.config.backup import CustomBackup
from homelab.config.fact_dumps import Dump
from homelab.config.fact_parts import Hardening, Oidc, PortFact, SecretFact, SignIn, referred
from homelab.config.oidc import CustomOidc
from homelab.config.service_base import ServiceConfig
from homelab.config.service_containers import ContainerService, ContainersService, PodmanService
from homelab.config.service_modules import FlakeService
from homelab.config.service_parts import PortConfig, ServiceSecret
from homelab.config.service_programs import ExternalService, StaticService, UnitService
from homelab.config.services import ports_of, secrets_of
from homelab.services.databases import parts_of_dump
from homelab.services.declared import declared_options
from homelab.services.follow import followed
from homelab.services.parts import Part, is_made, parts_of
from homelab.services.site import site_facts

BIND = "CAP_NET_BIND_SERVICE"
"""Capability that a port below 1024 needs."""
_ELSEWHERE = "no host of the stack runs it"
_ISOLATED = "Podman isolates the container; its unit only starts and stops it"
_EXEMPT: dict[type[ServiceConfig], str] = {
    ContainerService: _ISOLATED,
    ContainersService: _ISOLATED,
    ExternalService: _ELSEWHERE,
}
"""Kinds of services without a sandbox of homelab, and why."""


def custom_entry(name: str, config: ServiceConfig, base: Entry | None = None) -> Entry:
    """The entry of a service that is made from its settings, and from the facts of an app that do
    not depend on how it runs.
    """
    base = base or Entry(name=name)
    parts = parts_of(name, config)
    flake = config.flake if isinstance(config, FlakeService) else None
    unit = config.unit if isinstance(config, UnitService) else None
    oidc = config.oidc if isinstance(config, PodmanService | FlakeService | UnitService) else None
    ports = _ports(config, base)
    web = config.port or next((p.port for p in parts if p.is_web), None)
    if web is not None:
        ports["web"] = PortFact(port=web)
    state = tuple(dict.fromkeys((*config.state, *_written(parts))))
    skipped = _ELSEWHERE if isinstance(config, ExternalService) else config.backup.skip or ""
    tile = config.tile
    entry = Entry(
        name=name,
        title=tile.title or name.replace("-", " ").title(),
        summary=tile.description or base.summary,
        category=tile.group or base.category,
        icon=base.icon,
        audience=base.audience,
        page=base.page,
        monitor=base.monitor,
        upload=base.upload,
        ports=ports,
        units=_units(name, config, parts),
        user=(unit.user or "") if unit else "",
        dynamic_user=flake.dynamic_user if flake else unit is not None and unit.user is None,
        state=state,
        stateless="" if state else skipped,
        sign_in=_sign_in(config, base, oidc),
        health=config.health or base.health,
        dumps=tuple(_dumps(name, config)),
        secrets={
            label: _secret(s, (unit.user if unit else None) or "root")
            for label, s in secrets_of(config).items()
        },
        writes_datasets=tuple(unit.writes) if unit else (),
        unfree=tuple(unit.unfree) if unit else (),
        hardening=_hardening(config, base, ports),
    )
    if unit is not None:
        entry = entry.model_copy(update=_connected(base))
    if isinstance(config, StaticService):
        return entry.model_copy(update=site_facts(name, config))
    return entry


def _sign_in(config: ServiceConfig, base: Entry, oidc: CustomOidc | None) -> SignIn:
    """How people sign in. Options of a module do not apply."""
    app = base.sign_in
    known = [kind for kind in app.kinds if kind != "oidc"] if base.title else []
    kinds = known or ["forward", "native", "none"]
    return SignIn(
        kinds=(*kinds, *(("oidc",) if oidc else ())),
        exempt=app.exempt,
        headers=dict(sorted({**app.headers, **config.headers}.items())),
        apps=app.apps,
        note=app.note,
        first_account=app.first_account,
        oidc=_oidc(oidc) if oidc else None,
    )


def _hardening(config: ServiceConfig, base: Entry, ports: dict[str, PortFact]) -> Hardening:
    if not isinstance(config, UnitService):
        return Hardening(exempt=_EXEMPT.get(type(config), ""))
    app = base.hardening
    low = (BIND,) if any(p.port < 1024 for p in ports.values()) else ()
    return Hardening(
        jit=app.jit,
        devices=app.devices,
        netlink=app.netlink,
        realtime=app.realtime,
        umask=app.umask,
        mounts=app.mounts,
        capabilities=tuple(dict.fromkeys((*app.capabilities, *low))),
    )


def _connected(base: Entry) -> dict[str, object]:
    """What other services learn about an app, and it about them."""
    # A file with the key is where the module of the app keeps it.
    takes_key = base.api_key is not None and bool(base.api_key.env)
    return {
        "api_key": base.api_key if takes_key else None,
        "connects": base.connects,
        "own_objects": base.own_objects,
        "folders": base.folders,
    }


def _units(name: str, config: ServiceConfig, parts: tuple[Part, ...]) -> tuple[str, ...]:
    match config:
        case FlakeService():
            return (config.flake.unit,)
        case UnitService():
            return (name,)
    return tuple(part.unit for part in parts)


def _written(parts: tuple[Part, ...]) -> Iterator[str]:
    """Directories that several containers write, which are backed up unless the stack says that
    they need not be. Those of a single container are written in `state`.
    """
    sources = {m.source.rstrip("/") for p in parts if p.name for m in p.config.mounts if is_made(m)}
    for source in sorted(sources):
        if not any(source.startswith(f"{other}/") for other in sources):
            yield source


def _dumps(name: str, config: ServiceConfig) -> Iterator[Dump]:
    """Dumps that NixOS modules or sqlite3 make. The others run as commands in the container."""
    for dump in config.backup.dump if isinstance(config.backup, CustomBackup) else ():
        if dump.sqlite is not None:
            yield Dump(sqlite=dump.sqlite)
        elif dump.postgresql is not None and not parts_of_dump(parts_of(name, config), dump):
            yield Dump(postgresql=dump.postgresql)


def extended(entry: Entry, config: ServiceConfig) -> Entry:
    """A catalog entry with the additions of the stack config."""
    entry = _without_parts(followed(entry, config), config)
    stated, known = secrets_of(config), entry.secrets
    if not (stated or ports_of(config) or config.state or config.health or config.headers):
        return entry
    reader = "root" if entry.dynamic_user else entry.user or "root"
    secrets = {
        label: _elsewhere(known[label], secret) if label in known else _secret(secret, reader)
        for label, secret in stated.items()
    }
    headers = {**entry.sign_in.headers, **config.headers}
    return entry.model_copy(
        update={
            "ports": {**_ports(config, entry), **_opened(entry, config)},
            "options": _listening(entry, config),
            "secrets": {**known, **secrets},
            "state": tuple(dict.fromkeys((*entry.state, *config.state))),
            "stateless": "" if config.state else entry.stateless,
            "health": config.health or entry.health,
            "sign_in": entry.sign_in.model_copy(update={"headers": dict(sorted(headers.items()))}),
        }
    )


def _without_parts(entry: Entry, config: ServiceConfig) -> Entry:
    """The entry without the parts that options of the stack config switch off."""
    off = {o.name for o in declared_options(config) if o.value is False} if entry.optional else ()
    parts = [part for path, part in entry.optional.items() if path in off]
    if not parts:
        return entry
    units = {unit for part in parts for unit in part.units}
    ports = {port for part in parts for port in part.ports}
    return entry.model_copy(
        update={
            "units": tuple(unit for unit in entry.units if unit not in units),
            "ports": {name: port for name, port in entry.ports.items() if name not in ports},
        }
    )


def _ports(config: ServiceConfig, entry: Entry) -> dict[str, PortFact]:
    known = {label: fact.why for label, fact in entry.further_ports.items()}
    return {
        label: PortFact(
            port=p.port, protocol=p.protocol, scope=p.scope, why=p.why or known.get(label, "")
        )
        for label, p in ports_of(config).items()
    }


def _listening(entry: Entry, config: ServiceConfig) -> dict[str, JsonValue]:
    """The options of an entry, with those of the further ports that the stack config names."""
    options = dict(entry.options)
    for label in sorted(ports_of(config).keys() & entry.further_ports.keys()):
        options = joined_options(options, entry.further_ports[label].options)
    return options


def _opened(entry: Entry, config: ServiceConfig) -> dict[str, PortFact]:
    """The ports of an entry, with the scope that the stack config gives them."""
    stated = ports_of(config)
    return {
        label: fact.model_copy(
            update={"scope": stated[label].scope, "why": stated[label].why or fact.why}
        )
        if label in stated and rescopes(entry, label, stated[label])
        else fact
        for label, fact in entry.ports.items()
    }


def rescopes(entry: Entry, label: str, stated: PortConfig) -> bool:
    """Whether a port of the stack config is one of the entry, and only its scope may differ."""
    fact = entry.ports.get(label)
    same = fact is not None and (fact.port, fact.protocol) == (stated.port, stated.protocol)
    return same and label != "web" and not entry.infrastructure


def _secret(secret: ServiceSecret, reader: str) -> SecretFact:
    fact = SecretFact(
        form="env" if secret.env else "file",
        env={secret.env: "{value}"} if secret.env else {},
        owner=secret.owner or ("root" if secret.env else reader),
    )
    return referred(fact, secret.ref)


def _elsewhere(fact: SecretFact, secret: ServiceSecret) -> SecretFact:
    """A catalog secret that the stack config stores elsewhere."""
    # The check service-adds reports a reference for an issued secret.
    return fact if fact.source == "issued" else referred(fact, secret.ref)


def _oidc(config: CustomOidc) -> Oidc:
    oidc = Oidc(
        redirects=tuple(config.redirects),
        scopes=tuple(config.scopes),
        id_token=tuple(config.id_token),
        post=config.post,
        public=config.public,
    )
    if config.env is None:
        return oidc
    secret = SecretFact(form="env", env={config.env: "{value}"})
    return oidc.model_copy(update={"secret": secret})
