"""A stack of many machines, as it lies on disk: for what is measured, not for what is promised."""

from __future__ import annotations

from pathlib import Path

from homelab.secrets.plan import host_file
from tests import build, stackdir
from tests.household import Changes

SERVICES = ("navidrome", "miniflux", "vaultwarden", "jellyfin", "ollama", "immich")


def grown(hosts: int) -> Changes:
    """Many hosts beside the two of the smallest homelab, with six services each."""
    names = [f"box{i}" for i in range(hosts)]
    return {
        "hosts": {
            n: {
                "platform": "x86_64-linux",
                "state_version": "25.11",
                "hardware": "hosts/nas/hardware.nix",
                "address": {"lan": f"192.168.1.{i + 10}", "tailnet": f"100.64.1.{i + 10}"},
                "ssh": {"host_key": build.KEY},
            }
            for i, n in enumerate(names)
        },
        "services": {f"{s}-{n}": {"service": s, "host": n} for n in names for s in SERVICES},
    }


def write_fleet(directory: Path, hosts: int, *changes: Changes) -> Path:
    """A directory with a stack of so many hosts in it that passes every check."""
    gate: Changes = {"identity": {"host": "pi", "users": {"sops": "authelia/users"}}}
    whole = stackdir.joined(grown(hosts - 2), gate, *changes)
    stackdir.write_stack(directory, whole)
    plan = build.plan(stackdir.changed(whole))
    for host in plan.hosts:
        file = directory / host_file(plan.site, host)
        file.write_text(build.sops_text(plan, host), encoding="utf-8")
    return directory
