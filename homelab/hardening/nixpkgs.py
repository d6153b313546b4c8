"""Compare the baseline with the module of nixpkgs and choose the stricter value of each setting.

A plain value of nixpkgs overrides a derived one. Where nixpkgs is weaker than the baseline, the
value of the baseline is forced. Where nixpkgs is stricter, its value is used and shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from homelab.catalog.upstream.ask import unit_of
from homelab.catalog.upstream.model import Setting
from homelab.hardening.baseline import Part
from homelab.hardening.strictness import GRANTS, granted, stricter
from homelab.nix import Nix
from homelab.services.model import Service

_DYNAMIC_USER: Mapping[str, Setting] = {
    "NoNewPrivileges": Setting(value=True),
    "PrivateTmp": Setting(value=True),
    "ProtectHome": Setting("read-only"),
    "ProtectSystem": Setting("strict"),
    "RestrictSUIDSGID": Setting(value=True),
}
"""Settings that `DynamicUser=` implies by default (systemd.exec(5))."""


@dataclass(frozen=True)
class Held:
    """The value of one part for a unit."""

    value: Nix
    """`None` where hardening.nix does not set it."""
    is_forced: bool = False
    stricter_than: str = ""
    """The value of nixpkgs, if the baseline overrides it."""
    weaker: str = ""
    """Why the unit gets less than the baseline."""


def said_by_nixpkgs(service: Service, unit: str) -> Mapping[str, Setting]:
    """Settings of a unit in its nixpkgs module. Empty if homelab has no facts of the module."""
    for module in service.modules:
        found = unit_of(module, unit, service.release)
        if found is not None:
            return found.service
    return {}


def holds(part: Part, nixpkgs: Mapping[str, Setting]) -> bool:
    """Whether the module of nixpkgs is as strict as this part of the baseline."""
    theirs = nixpkgs.get(part.setting)
    dynamic = nixpkgs.get("DynamicUser")
    if theirs is None and dynamic is not None and dynamic.value is True:
        theirs = _DYNAMIC_USER.get(part.setting)
    return theirs is not None and stricter(part.setting, part.value, as_nix(theirs)) in (
        "same",
        "theirs",
    )


def meet(part: Part, ours: Nix, theirs: Setting | None, *, wanted: bool = False) -> Held:
    """The value of a part for a unit, from that of the catalog and that of the module.

    `ours` is `None` if the service does not work with the part. With `wanted`, the service needs
    exactly this value, and a stricter one does not work.
    """
    if theirs is None or theirs.priority in ("package", "default"):
        return Held(ours)
    value = as_nix(theirs)
    if ours is None:
        needs = stricter(part.setting, part.relaxed, value) == "theirs"
        return Held(part.relaxed, is_forced=True) if needs else Held(None)
    verdict = stricter(part.setting, ours, value)
    if verdict == "same":
        return Held(ours)
    if wanted:
        return Held(ours, is_forced=True)
    if part.setting in GRANTS:
        more = (granted(value) or frozenset()) - (granted(ours) or frozenset())
        weaker = f"nixpkgs gives it {', '.join(sorted(more))}" if more else ""
        return Held(value, weaker=weaker or ("" if verdict == "theirs" else "as nixpkgs has it"))
    if verdict == "theirs":
        return Held(value)
    if theirs.priority == "force":
        return Held(value, weaker="nixpkgs forces it")
    if part.setting == "UMask" and verdict == "neither":
        both = int(str(ours), 8) | int(str(value), 8)
        return Held(f"{both:04o}", is_forced=True, stricter_than=str(value))
    return Held(ours, is_forced=True, stricter_than=_shown(value))


def as_nix(setting: Setting) -> Nix:
    """A value of nixpkgs as systemd reads it: a list becomes one line of words."""
    value = setting.value
    return " ".join(w for w in value if w) if isinstance(value, tuple) else value


def _shown(value: Nix) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) or "nothing"
