"""Hosts that were renamed since the lock was written, recognised by their host key."""

from __future__ import annotations

from homelab.config.lock import Lock
from homelab.config.stack import StackConfig
from homelab.grouping import grouped
from homelab.system.model import nixos_hosts


def renamed_hosts(stack: StackConfig, lock: Lock) -> dict[str, str]:
    """Old name to new name. A key that several new hosts share is ignored."""
    new = grouped(
        ((name, host) for name, host in nixos_hosts(stack.hosts).items() if name not in lock.hosts),
        lambda item: _key(item[1].ssh.host_key),
    )
    out = {}
    for old, machine in lock.hosts.items():
        now = new.get(_key(machine.host_key), ())
        if old not in stack.hosts and len(now) == 1:
            out[old] = now[0][0]
    return out


def _key(text: str | None) -> str:
    """The key without its comment."""
    return " ".join((text or "").split()[:2])
