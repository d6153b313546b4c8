"""The baseline beside what nixpkgs' own module says of a unit: which of the two a unit gets.

A plain value of nixpkgs outranks what is derived. Where it is weaker than the baseline, ours is
forced; where it is stricter, it is shown as it is. So `hardening.nix` says what systemd gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from homelab.catalog.upstream.ask import service_config
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
"""What `DynamicUser=` implies where nothing else is said (systemd.exec(5))."""


@dataclass(frozen=True)
class Held:
    """What a unit gets of one part."""

    value: Nix
    """`None` where hardening.nix says nothing."""
    is_forced: bool = False
    stricter_than: str = ""
    """nixpkgs' own value, where ours outranks it."""
    weaker: str = ""
    """Why it is less than the baseline."""


def said_by_nixpkgs(service: Service, unit: str) -> Mapping[str, Setting]:
    """What the module of a service of the catalog says of a unit; nothing for other services."""
    if service.is_custom:
        return {}
    return service_config(service.entry.name, unit, service.release)


def holds(part: Part, nixpkgs: Mapping[str, Setting]) -> bool:
    """Whether nixpkgs' module alone is as strict as this part of the baseline."""
    theirs = nixpkgs.get(part.setting)
    dynamic = nixpkgs.get("DynamicUser")
    if theirs is None and dynamic is not None and dynamic.value is True:
        theirs = _DYNAMIC_USER.get(part.setting)
    return theirs is not None and stricter(part.setting, part.value, as_nix(theirs)) in (
        "same",
        "theirs",
    )


def meet(part: Part, ours: Nix, theirs: Setting | None, *, wanted: bool = False) -> Held:
    """What a unit gets of a part, from the service's own value and the module's.

    `ours` is `None` for a part that the service cannot bear; `wanted` says that its value is what
    the service needs here, and no stricter one will do.
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
    """A value of nixpkgs as systemd reads it: a list is one line, where each item is a word."""
    value = setting.value
    return " ".join(w for w in value if w) if isinstance(value, tuple) else value


def _shown(value: Nix) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
