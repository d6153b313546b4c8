"""Options that move state or databases away from what backups, persistence and the lock know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.backup.plan import skip_reason
from homelab.nix.source import Setting
from homelab.openings.model import Opening, View, rule, shown
from homelab.services.model import Service

STATE = "state-moved"


@rule("services.**")
def state(setting: Setting, view: View) -> Iterator[Opening]:
    """Options of a catalog entry, in the stack config and in hand-written modules."""
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
        if at and shown(setting.value) != entry.database_at[at] and _is_dumped(service):
            yield Opening(
                STATE,
                f"{setting.name} is {shown(setting.value)}: {service.name} then has another "
                "database than the one that its backup dumps",
                "leave it out; or back that database up yourself, and write "
                f'{service.at("backup")}: {{skip: "where it is kept"}}',
            )


def _database(name: str, options: Mapping[str, str]) -> str:
    """The option of a catalog entry that a path is, or is a part of."""
    return next((o for o in options if name == o or name.startswith(f"{o}.")), "")


def _is_dumped(service: Service) -> bool:
    return bool(service.entry.dumps) and not skip_reason(service)
