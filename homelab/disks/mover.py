"""The movers of mergerfs pools: a timer and a unit for each."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources

from homelab.config.pools import MergerfsPool
from homelab.disks.model import FileSystem
from homelab.hardening.baseline import sandbox
from homelab.hardening.paths import for_systemd
from homelab.nix import Attrs, Module, Nix, Pkg, Raw, Script, merge
from homelab.plan import Plan
from homelab.services.unit import reported
from homelab.system.model import Host

_SCRIPT = "lib/mover.sh"
_CAPABILITIES = (
    "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_SYS_PTRACE"
)
"""It keeps owners and modes of files of every user, and sees which files are open."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`movers.nix`, on a host with a pool whose files are moved."""
    found = [
        (system, pool)
        for system in host.file_systems
        if isinstance(pool := host.config.pools.get(system.pool), MergerfsPool)
        and pool.mover is not None
        and pool.mover.source in pool.branches
        and system.present
    ]
    if not found:
        return
    text = resources.files("homelab.disks").joinpath("mover.sh").read_text(encoding="utf-8")
    yield Module(
        "movers.nix",
        "Moves files of pools from a fast disk to the others",
        derived=merge(*(_mover(plan, host.name, system, pool) for system, pool in found)),
        extra=((_SCRIPT, text),),
    )


def _mover(plan: Plan, host: str, system: FileSystem, pool: MergerfsPool) -> Attrs:
    mover = pool.mover
    assert mover is not None
    others = [b for b in pool.branches if b != mover.source]
    arguments = shlex.join([mover.source, str(mover.age or 0), str(mover.fill or 0), *others])
    path: list[Nix] = [Pkg("diffutils"), Pkg("findutils"), Pkg("psmisc")]
    branches: list[Nix] = [for_systemd(branch) for branch in pool.branches]
    unit: Attrs = {
        "description": f"Move files of the pool {system.pool} from {mover.source}",
        "path": path,
        # Without a disk, files would go to the empty directory of its mount point.
        "unitConfig": {"RequiresMountsFor": branches},
        "script": Script.of(". ", Raw(f"./{_SCRIPT}"), f" {arguments}\n"),
        # A switch does not stop a move that runs.
        "restartIfChanged": False,
        "serviceConfig": {
            "Type": "oneshot",
            "Nice": 15,
            "IOSchedulingClass": "idle",
            "ReadWritePaths": branches,
            **sandbox("restrict-suid-sgid"),
            "CapabilityBoundingSet": _CAPABILITIES,
            # It has to see which files other processes have open.
            "ProtectProc": "default",
        },
    }
    unit |= reported(plan, host)
    timer: Attrs = {
        "description": f"Move files of the pool {system.pool}",
        "wantedBy": ["timers.target"],
        "timerConfig": {"OnCalendar": mover.schedule, "RandomizedDelaySec": "5min"},
    }
    name = f"{system.pool}-mover"
    return {"systemd": {"services": {name: unit}, "timers": {name: timer}}}
