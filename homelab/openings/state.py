"""Options that move state or databases away from what backups, persistence and the lock know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.backup.plan import skip_reason
from homelab.databases.plan import user_options
from homelab.nix.source import Setting, Value
from homelab.openings.model import Opening, View, rule, shown, texts
from homelab.services.model import Service

STATE = "state-moved"


@rule("services.**")
def state(setting: Setting, view: View) -> Iterator[Opening]:
    """Options of a catalog entry, in the stack config and in hand-written modules."""
    if setting.written:
        return  # The rule for units reports it.
    name = ".".join(setting.path)
    for service in view.plan.on(view.host.name):
        entry = service.entry
        moves = name in entry.state_at or name in entry.state_file_at
        if moves and not setting.source:
            yield Opening(
                STATE,
                f"{setting.name} moves the state of {service.name}, and backups, persistence and "
                "the lock do not follow a module",
                f"write it in the stack config: {service.at('options')}: {{{setting.name}: …}}",
            )
        at = _database(name, entry.database_at)
        if at and _text(setting.value) != entry.database_at[at] and _is_dumped(service):
            yield Opening(
                STATE,
                f"{setting.name} is {shown(setting.value)}: {service.name} then has another "
                "database than the one that its backup dumps",
                "leave it out; or back that database up yourself, and write "
                f'{service.at("backup")}: {{skip: "where it is kept"}}',
            )


@rule("services.*.user", "systemd.services.*.serviceConfig.User")
def users(setting: Setting, view: View) -> Iterator[Opening]:
    """Users that a hand-written module gives to a service whose database admits one user alone."""
    for service in view.plan.on(view.host.name):
        role = next((d.name for d in service.databases if d.by_socket and d.kind != "redis"), "")
        other = setting.value not in (None, role) and not setting.source
        if role and other and setting.path in user_options(service.entry):
            yield Opening(
                STATE,
                f"{setting.name} is {shown(setting.value)}: the database of {service.name} "
                f"lets only the user {role} in by its socket",
                "write it in the stack config, which gives it a password: "
                f"{service.at('options')}: {{{setting.name}: …}}",
            )


@rule("services.postgresql.package", "services.postgresql.dataDir", "system.stateVersion")
def databases(setting: Setting, view: View) -> Iterator[Opening]:
    """Options that give every service of a host a new and empty database."""
    if setting.path[-1] == "dataDir" and setting.source:
        return  # option-state reports it.
    served = [s.name for s in view.plan.on(view.host.name) if s.entry.database == "postgresql"]
    databases = view.plan.databases_on(view.host.name)
    served += [d.service for d in databases if d.is_remote and d.kind == "postgresql"]
    if served or setting.path[0] == "system":
        yield Opening(
            STATE,
            f"{setting.name} is {shown(setting.value)}: {', '.join(served) or 'services'} of "
            f"{view.host.name} may start with an empty database",
            _way_out(setting, view),
            acceptable=True,
        )


def _way_out(setting: Setting, view: View) -> str:
    present, value = view.host.config.state_version, setting.value
    if setting.path[0] == "system" and isinstance(value, str) and value != present:
        return (
            f'if the machine was installed with {value}, write {view.host.source}.state_version: "'
            f'{value}" and leave it out here; otherwise leave it out: it has {present} in the stack'
        )
    return (
        "leave it out: state_version of the host chooses the version; or dump, upgrade and restore "
        "by hand first"
    )


@rule("systemd.services.*.**")
def units(setting: Setting, view: View) -> Iterator[Opening]:
    """Settings of a service's unit that give it another directory for its state."""
    unit, rest = setting.path[2], setting.path[3:]
    for service in view.plan.on(view.host.name):
        entry = service.entry
        if unit not in (*entry.units, *entry.helpers) or not service.state:
            continue
        words = {o.rpartition(".")[2] for o in (*entry.state_at, *entry.database_at)}
        moves = rest == ("serviceConfig", "RootDirectory") or (
            rest == ("serviceConfig", "StateDirectory") and not _is_known(setting.value, service)
        )
        if moves or (rest[:1] == ("environment",) and rest[-1] in words):
            yield Opening(
                STATE,
                f"{setting.name} is {shown(setting.value)}: {service.name} may keep its state "
                "elsewhere, and backups, persistence and the lock do not follow",
                f"leave it out; options of its module are followed: {service.at('options')}",
                acceptable=True,
            )


def _is_known(value: Value, service: Service) -> bool:
    """Whether every directory of a `StateDirectory` is known as state of the service."""
    top = "/var/lib/private" if service.entry.dynamic_user else "/var/lib"
    named = [f"{top}/{word}" for text in texts(value) for word in text.split()]
    return bool(named) and set(named) <= set(service.state)


def _text(value: Value) -> str:
    """A value as the catalog writes it, whole."""
    return value if isinstance(value, str) else shown(value)


def _database(name: str, options: Mapping[str, str]) -> str:
    """The option of a catalog entry that a path is, or is a part of."""
    return next((o for o in options if name == o or name.startswith(f"{o}.")), "")


def _is_dumped(service: Service) -> bool:
    return bool(service.entry.dumps) and not skip_reason(service)
