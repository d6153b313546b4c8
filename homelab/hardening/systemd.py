"""Sandboxes as systemd knows them: `serviceConfig` of each unit."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.hardening.baseline import BASELINE
from homelab.hardening.model import UnitHardening
from homelab.nix import Attrs, Comment, Force, Module, Nix
from homelab.plan import Plan
from homelab.system.model import Host

_NAMES = {part.setting: part.name for part in BASELINE}
_WHY = {
    "DeviceAllow": "The host's graphics hardware, and nothing else.",
    "ProtectHome": "Empty, so that what the stack config names can be bound below.",
}


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`hardening.nix`, on a host with a unit to confine.

    Derived values yield to what a module of nixpkgs says itself (priority 900), and are as strict
    as that or the same, so nothing here weakens one. What outranks a module says why: its own value
    is weaker, or a part is undone for a reason that is written down.
    """
    units = {u.unit: _service_config(u) for u in plan.units_on(host.name)}
    confined: Attrs = {name: {"serviceConfig": body} for name, body in units.items() if body}
    if confined:
        yield Module(
            file="hardening.nix",
            what="Sandboxes: what each unit can see and do, where its own module does not say",
            derived={"systemd": {"services": confined}},
        )


def _service_config(unit: UnitHardening) -> dict[str, Nix]:
    why, outranked = dict(unit.exceptions), dict(unit.outranked)
    body: dict[str, Nix] = {}
    for setting, value in unit.settings:
        name = _NAMES.get(setting, "")
        if setting not in unit.forced:
            body[setting] = value
        elif setting in outranked:
            body[setting] = Comment(f"nixpkgs says {outranked[setting]}.", Force(value))
        elif name in why:
            body[setting] = Comment(why[name], Force(value))
        else:
            body[setting] = Comment(_WHY[setting], Force(value))
    return body
