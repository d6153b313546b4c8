"""The sandbox that every service runs in, as data: one part per line, each with a name.

The names are what `harden.relax` says; they are systemd's own, in lower case.
"""

from __future__ import annotations

from dataclasses import dataclass

from homelab.nix import Nix

HIDDEN = ("/mnt", "/srv")
"""Where data lies: empty in every sandbox, but for what is bound into it."""
HOMES = ("/home", "/root", "/run/user")
"""What `ProtectHome` hides."""

FAMILIES = ("AF_UNIX", "AF_INET", "AF_INET6")


@dataclass(frozen=True)
class Part:
    """One part of the baseline."""

    name: str
    setting: str
    """systemd's setting."""
    value: Nix
    relaxed: Nix
    """What undoes it, whoever set it."""
    what: str
    """What the unit can no longer do."""


BASELINE: tuple[Part, ...] = (
    Part("no-new-privileges", "NoNewPrivileges", True, False, "gain rights by running a program"),
    Part("capability-bounding-set", "CapabilityBoundingSet", "", "~", "use root's special powers"),
    Part("protect-system", "ProtectSystem", "strict", False, "write outside its own directories"),
    Part("protect-home", "ProtectHome", True, False, "see anybody's home"),
    Part("private-tmp", "PrivateTmp", True, False, "see others' temporary files"),
    Part("private-devices", "PrivateDevices", True, False, "open hardware devices"),
    Part("protect-clock", "ProtectClock", True, False, "set the clock"),
    Part("protect-control-groups", "ProtectControlGroups", True, False, "change control groups"),
    Part("protect-hostname", "ProtectHostname", True, False, "rename the host"),
    Part("protect-kernel-logs", "ProtectKernelLogs", True, False, "read the kernel's log"),
    Part("protect-kernel-modules", "ProtectKernelModules", True, False, "load kernel modules"),
    Part("protect-kernel-tunables", "ProtectKernelTunables", True, False, "tune the kernel"),
    Part(
        "restrict-address-families",
        "RestrictAddressFamilies",
        " ".join(FAMILIES),
        "",
        "open sockets of unusual kinds",
    ),
    Part("restrict-namespaces", "RestrictNamespaces", True, False, "make namespaces of its own"),
    Part("restrict-realtime", "RestrictRealtime", True, False, "take the processor for itself"),
    Part("restrict-suid-sgid", "RestrictSUIDSGID", True, False, "make set-user-ID files"),
    Part("lock-personality", "LockPersonality", True, False, "change its execution domain"),
    Part(
        "memory-deny-write-execute",
        "MemoryDenyWriteExecute",
        True,
        False,
        "make memory that is written and then executed",
    ),
    Part(
        "system-call-architectures",
        "SystemCallArchitectures",
        "native",
        "",
        "use the system calls of another architecture",
    ),
    Part("umask", "UMask", "0077", "0022", "leave files that others can read"),
)
"""Text where systemd takes a list, because lists of NixOS modules join: a list of ours would add
to what upstream allows, and text yields to it."""

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
