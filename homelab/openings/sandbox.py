"""Options that take a part of a service's sandbox away.

Also of a unit whose sandbox is that of its nixpkgs module: hardening.nix does not state it then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from homelab.hardening.baseline import BASELINE
from homelab.hardening.model import UnitHardening
from homelab.hardening.plan import EVERYTHING
from homelab.hardening.strictness import stricter
from homelab.nix import Nix
from homelab.nix.source import Setting, Value
from homelab.openings.model import Opening, View, rule, shown

_PARTS = {part.setting: part for part in BASELINE}
_ROOT = ("root", "0", 0)


@rule("systemd.services.*.serviceConfig.*")
def weakens(setting: Setting, view: View) -> Iterator[Opening]:
    """A weaker part of the baseline, without the reason that `harden.relax` has."""
    part = _PARTS.get(setting.path[-1])
    unit = _of(setting, view)
    value = _plain(setting.value)
    if part is None or unit is None or value is None:
        return
    given = dict(unit.exceptions)
    promised = dict(unit.settings).get(part.setting, part.value)
    if part.name not in given and stricter(part.setting, promised, value) == "ours":
        yield Opening(
            "sandbox",
            f"{setting.name} is {shown(setting.value)}, so {unit.unit}.service may {part.what}",
            f"leave it out, or write services.{unit.service}.harden.relax: "
            f"{{{part.name}: …}} with the reason",
        )


@rule("homelab.hardening.units.*.*")
def of_library(setting: Setting, view: View) -> Iterator[Opening]:
    """The same by the options of `lib/hardening.nix`. With null the module of nixpkgs decides."""
    name, last = setting.path[3], setting.path[-1]
    if last != "baseline":
        path = ("systemd", "services", name, "serviceConfig", last)
        value = False if setting.value is None else setting.value
        inside = replace(setting, path=path, value=value, written=setting.name)
        for opening in weakens(inside, view):
            said = shown(setting.value)
            yield replace(
                opening, what=opening.what.replace(f" is {shown(value)},", f" is {said},")
            )
        return
    unit = _of(replace(setting, path=("systemd", "services", name)), view)
    if setting.value is not True and unit is not None and unit.has_baseline:
        yield Opening(
            "sandbox",
            f"{setting.name} is {shown(setting.value)}, so {name}.service has only the sandbox of "
            "its nixpkgs module",
            f"leave it out, or write services.{unit.service}.harden.exempt with the reason",
        )


@rule("systemd.services.*.serviceConfig.User")
def as_root(setting: Setting, view: View) -> Iterator[Opening]:
    """A unit with a sandbox that runs as root."""
    unit = _of(setting, view)
    if unit is None or setting.value not in _ROOT:
        return
    service = view.plan.service(unit.service)
    if service is not None and service.entry.user != "root":
        yield Opening(
            "sandbox",
            f"{setting.name} makes {unit.unit}.service run as root",
            f"leave it out, or write services.{unit.service}.harden.exempt with the reason",
        )


def _of(setting: Setting, view: View) -> UnitHardening | None:
    """The sandbox of the unit, if it has one."""
    name = setting.path[2].removesuffix(".service")
    return next(
        (
            u
            for u in view.plan.hardening
            if (u.host, u.unit) == (view.host.name, name) and EVERYTHING not in dict(u.exceptions)
        ),
        None,
    )


def _plain(value: Value) -> Nix:
    """A value that the source tells, as a setting; None for any other."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple) and all(isinstance(word, str) for word in value):
        return " ".join(map(str, value))
    return None
