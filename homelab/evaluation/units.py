"""The place of a unit that Nix names without the option that is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from homelab.evaluation.places import Place, Places, shared

_KINDS = "service|timer|socket|path|mount|automount|target|slice"
_UNIT = re.compile(rf"(?<![\w@.-])([\w@:-][\w@:.-]*)\.({_KINDS})(?![\w-])")
_TEXT = re.compile(rf"systemd\.(?:user\.)?units\.(.+)\.({_KINDS})\.")
"""The text of a unit. Some versions of Nix leave out the quotes around its name."""


def of_option(places: Places, option: Sequence[str], text: str) -> Place | None:
    """The setting that an option of a unit comes from: `systemd.units."backup.timer".text`, or
    `systemd.services.backup.serviceConfig`, of which the text names one.
    """
    dotted = ".".join(option)
    if found := _TEXT.match(dotted):
        return _of_unit(places, found[1], found[2], text)
    if len(option) == 4 and option[0] == "systemd" and option[3].endswith("Config"):
        return _of_setting(places, option[:3], text)
    return None


def of_text(places: Places, text: str) -> Place | None:
    """The place of the first unit that a text names with its suffix: `backup.timer`."""
    found = (_of_unit(places, name, kind, text) for name, kind in _UNIT.findall(text))
    return next((place for place in found if place is not None), None)


def _of_unit(places: Places, name: str, kind: str, text: str) -> Place | None:
    top = ("systemd", f"{kind}s", name)
    return (
        _of_setting(places, top, text)
        or shared([*_below(places, top)])
        or places.near(top)
        or places.of_name(name)
    )


def _of_setting(places: Places, top: Sequence[str], text: str) -> Place | None:
    """The settings in the stack of a unit, or those among them that a text names."""
    stated = [p for p in _below(places, top) if ".options." in p.where]
    named = [p for p in stated if _names(text, p.where.rsplit(".", 1)[-1])]
    return shared(named or stated)


def _below(places: Places, top: Sequence[str]) -> Iterator[Place]:
    for path, place in places.leaves.items():
        if [*path[: len(top)]] == [*top]:
            yield place


def _names(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", text) is not None
