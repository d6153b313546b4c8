"""Units of homelab that an option or a module switches off: what they do then happens no more."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.nix.source import Setting
from homelab.openings.model import Opening, View, rule, shown
from homelab.openings.written import has_parts

_ALERTS = "notify@"
"""The template that sends alerts of the host's units."""
_SUFFIXES = (".path", ".service", ".socket", ".target", ".timer")


@rule(
    *("systemd.services.*.**", "systemd.timers.*.**", "systemd.paths.*.**", "systemd.sockets.*.**"),
    "systemd.units.*.enable",
)
def switched_off(setting: Setting, view: View) -> Iterator[Opening]:
    """Backups that are late, full disks and old roots are found by such units, and alerts are sent
    by one. Their scripts and times are the owner's to replace.
    """
    kind, name, rest = setting.path[1], setting.path[2], setting.path[3:]
    suffix = next((s for s in _SUFFIXES if name.endswith(s)), "") if kind == "units" else ""
    unit = name.removesuffix(suffix)
    # Units of the jobs have a rule of their own under the other options.
    jobs = kind == "units" and unit.startswith("restic-backups-")
    alerts = unit == _ALERTS and has_parts(view, ("systemd", "services", _ALERTS))
    if not (jobs or alerts or unit.startswith("homelab-")):
        return
    off = rest == ("enable",) and setting.value is False
    never = rest == ("wantedBy",) and setting.forced is not None and setting.value == ()
    if off or never:
        yield Opening(
            "own-unit",
            f"{setting.name} is {shown(setting.value) or 'empty'}, so {unit} never runs, and "
            + ("no failure of this host sends an alert" if alerts else "nothing says so"),
            "leave it out; what the stack config does not ask for has no such unit",
            acceptable=True,
        )
