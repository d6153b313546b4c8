"""Options that switch off or shorten what survives a restart of a host with a temporary root."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.nix.source import Setting, Value
from homelab.openings.model import Opening, View, rule, shown
from homelab.render import modules_of
from homelab.system.file_systems import is_within
from homelab.system.kept import FILES, kept

_WAY_OUT = (
    "leave it out; persistence of the host in the stack config adds directories and files, and "
    "forget drops some with a reason"
)


@rule("environment.persistence.*.**")
def persistence(setting: Setting, view: View) -> Iterator[Opening]:
    """The entry of the plan. Entries that the owner adds are not restricted."""
    config = view.host.config.persistence
    if config is None or setting.path[2] not in (config.root, "*"):
        return
    rest, value = setting.path[3:], setting.value
    if (rest == ("enable",) and value is not True) or (
        rest == ("persistentStoragePath",) and value != config.root
    ):
        lost = ["everything that the plan keeps there"]
    elif rest in (("directories",), ("files",)) and setting.forced == len(setting.path):
        lost = _lost(value, rest[0], view)
    else:
        return
    if lost:
        more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
        yield Opening(
            "persistence",
            f"{setting.name} is {shown(value) or 'empty'}, so the next restart loses "
            f"{', '.join(lost[:3])}{more}",
            _WAY_OUT,
        )


def _lost(value: Value, kind: str, view: View) -> list[str]:
    """What a list leaves out that must survive. A computed item keeps nothing for certain."""
    config = view.host.config.persistence
    if config is None:
        return []
    items = value if isinstance(value, tuple) else ()
    named = [
        item.get(kind.replace("ies", "y").removesuffix("s")) if isinstance(item, Mapping) else item
        for item in items
    ]
    stays = [n for n in named if isinstance(n, str)]
    if kind == "files":
        return sorted({*FILES, *config.files} - {*config.forget, *stays})
    wanted = [k.path for k in kept(view.plan, view.host, modules_of(view.plan, view.host))]
    return [p for p in wanted if not any(is_within(p, top) for top in stays)]
