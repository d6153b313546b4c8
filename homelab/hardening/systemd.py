"""Sandboxes as systemd knows them: what each unit states beside the baseline.

The library `hardening.nix` is a NixOS module that states the baseline once. It has an option for
each setting of a unit.
"""

from __future__ import annotations

from collections.abc import Iterator

from homelab.grouping import grouped
from homelab.hardening.baseline import BASELINE, HIDDEN, HIDE
from homelab.hardening.model import UnitHardening
from homelab.hardening.strictness import stricter
from homelab.nix import Attrs, Comment, Force, Library, Module, Nix
from homelab.plan import Plan
from homelab.system.model import Host

LIBRARY = Library.of("homelab.hardening", "hardening")
_NAMES = {part.setting: part.name for part in BASELINE}
_PARTS = grouped(BASELINE, lambda part: part.setting)
_WHY = {
    "DeviceAllow": "These devices of the host, and no others.",
    "ProtectHome": "Empty, so that what the stack config names can be bound below.",
}
_EMPTIED = "TemporaryFileSystem"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`hardening.nix`, on a host with a unit that gets a sandbox.

    Derived values have priority 900, so they yield to a module of nixpkgs and never weaken it. A
    forced value has a comment: the value of nixpkgs is weaker, or an exception has a reason.
    """
    confined: Attrs = {
        u.unit: _differences(u) for u in plan.units_on(host.name) if u.settings or u.has_baseline
    }
    if confined:
        yield Module(
            file="hardening.nix",
            what="Sandboxes: the baseline of lib/hardening.nix, and how each unit differs from it",
            derived={"homelab": {"hardening": {"units": confined}}},
            library=LIBRARY,
        )


def _differences(unit: UnitHardening) -> Attrs:
    """What the options of one unit state: nothing where the baseline alone applies."""
    settings, why = dict(unit.settings), dict(unit.exceptions)
    body: Attrs = {}
    if not unit.has_baseline:
        body["baseline"] = Comment("nixpkgs' own module confines it.", value=False)
    for setting, value in settings.items():
        name = _NAMES.get(setting, "")
        if setting == _EMPTIED or (unit.has_baseline and _is_baseline(unit, setting, value)):
            continue
        if setting in unit.forced:
            body[setting] = Comment(_forced_because(unit, setting), Force(value))
        else:
            body[setting] = _explained(why.get(name, ""), value)
    if unit.has_baseline:
        for part in BASELINE:
            if part.setting not in settings:
                body[part.setting] = _explained(why.get(part.name, ""), None)
    hide = _hide(unit, settings.get(_EMPTIED))
    return body if hide is None else body | {"hide": hide}


def _is_baseline(unit: UnitHardening, setting: str, value: Nix) -> bool:
    return setting not in unit.forced and any(
        stricter(setting, value, part.value) == "same" for part in _PARTS.get(setting, ())
    )


def _hide(unit: UnitHardening, emptied: Nix) -> Nix:
    """The directories that are empty beside those of every unit; None for no others."""
    if not isinstance(emptied, list):
        why = dict(unit.exceptions).get(HIDE, "it has a root directory of its own")
        return Comment(_sentence(why), Force([]))
    paths: list[Nix] = [str(path).removesuffix(":ro") for path in emptied]
    return [path for path in paths if path not in HIDDEN] or None


def _forced_because(unit: UnitHardening, setting: str) -> str:
    why, outranked = dict(unit.exceptions), dict(unit.outranked)
    if setting in outranked:
        return f"nixpkgs says {outranked[setting]}."
    return why.get(_NAMES.get(setting, "")) or _WHY[setting]


def _explained(why: str, value: Nix) -> Nix:
    return Comment(_sentence(why), value) if why else value


def _sentence(text: str) -> str:
    """A reason of the catalog as a sentence. nixpkgs stays in lower case."""
    first = text[:1] if text.startswith("nixpkgs") else text[:1].upper()
    return f"{first}{text[1:]}" + ("" if text.endswith(".") else ".")
