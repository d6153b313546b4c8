"""Accounts that NixOS has by itself, and the one of backups."""

from __future__ import annotations

SYSTEM = frozenset(
    (
        *("root", "nobody", "messagebus", "polkituser", "sshd", "nscd", "acme", "avahi", "dhcpcd"),
        *("restic", "tss", "rtkit", "systemd-coredump", "systemd-network", "systemd-oom"),
        *("systemd-resolve", "systemd-timesync"),
    )
)
