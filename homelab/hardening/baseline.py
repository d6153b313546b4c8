"""The baseline: the sandbox of every service, as data. Each setting is a part with a name.

`harden.relax` uses these names: systemd's own, in lower case. `hardening.nix` has the same values.
"""

from __future__ import annotations

from dataclasses import dataclass

from homelab.nix import Nix

HIDDEN = ("/mnt", "/srv")
"""Directories with data. They are empty in a sandbox, except for what is bound into them."""
HOMES = ("/home", "/root", "/run/user")
"""Directories that `ProtectHome` hides."""

FAMILIES = ("AF_UNIX", "AF_INET", "AF_INET6")


@dataclass(frozen=True)
class Part:
    """One part of the baseline."""

    name: str
    setting: str
    """The setting in systemd."""
    value: Nix
    relaxed: Nix
    """The value that switches it off, whoever set it."""
    what: str
    """What the unit can no longer do."""


BASELINE: tuple[Part, ...] = (
    Part(
        "no-new-privileges", "NoNewPrivileges", True, False, "gain privileges by running a program"
    ),
    Part("capability-bounding-set", "CapabilityBoundingSet", "", "~", "use capabilities of root"),
    Part("protect-system", "ProtectSystem", "strict", False, "write outside its own directories"),
    Part("protect-home", "ProtectHome", True, False, "see home directories"),
    Part("private-tmp", "PrivateTmp", True, False, "see temporary files of other units"),
    Part("private-devices", "PrivateDevices", True, False, "open hardware devices"),
    Part("protect-clock", "ProtectClock", True, False, "set the clock"),
    Part("protect-control-groups", "ProtectControlGroups", True, False, "change control groups"),
    Part("protect-hostname", "ProtectHostname", True, False, "rename the host"),
    Part("protect-kernel-logs", "ProtectKernelLogs", True, False, "read the kernel's log"),
    Part("protect-kernel-modules", "ProtectKernelModules", True, False, "load kernel modules"),
    Part("protect-kernel-tunables", "ProtectKernelTunables", True, False, "change kernel settings"),
    Part(
        "restrict-address-families",
        "RestrictAddressFamilies",
        " ".join(FAMILIES),
        "",
        "open sockets of other address families",
    ),
    Part("restrict-namespaces", "RestrictNamespaces", True, False, "create namespaces"),
    Part("restrict-realtime", "RestrictRealtime", True, False, "use realtime scheduling"),
    Part("restrict-suid-sgid", "RestrictSUIDSGID", True, False, "create set-user-ID files"),
    Part("lock-personality", "LockPersonality", True, False, "change its execution domain"),
    Part(
        "memory-deny-write-execute",
        "MemoryDenyWriteExecute",
        True,
        False,
        "create memory that is writable and executable",
    ),
    Part(
        "system-call-architectures",
        "SystemCallArchitectures",
        "native",
        "",
        "use the system calls of another architecture",
    ),
    Part("umask", "UMask", "0077", "0022", "create files that others can read"),
)
"""Values are text where systemd takes a list. Lists of NixOS modules join, so a derived list would
add to what nixpkgs allows. Text yields to it."""


def sandbox(*left_out: str) -> dict[str, Nix]:
    """The settings of a unit that homelab writes itself: the baseline without these parts, and what
    only such units, whose programs are known, can do with.
    """
    settings = {p.setting: p.value for p in BASELINE if p.name not in left_out}
    return {**settings, "ProtectProc": "invisible", "SystemCallFilter": "@system-service"}


HIDE = "temporary-file-system"
"""Name of the part that empties /mnt and /srv."""

NAMES: tuple[str, ...] = (*(p.name for p in BASELINE), HIDE)

DEVICES = {
    "amd": ("char-drm rw", "char-kfd rw"),
    "intel": ("char-drm rw",),
    # All of the driver's devices; their names differ between its versions.
    "nvidia": ("char-drm rw", "char-nvidia* rw"),
}
"""Device groups of graphics hardware, by vendor."""
