"""A stack of many machines on disk, for benchmarks."""

from __future__ import annotations

from pathlib import Path

from homelab import testing
from homelab.secret_paths import host_file
from tests import build, stackdir
from tests.household import Changes

SERVICES = ("navidrome", "miniflux", "vaultwarden", "jellyfin", "ollama", "immich")
MORE = ("sonarr", "radarr", "uptime-kuma", "n8n")
"""Further services of a host in a large fleet."""


def grown(hosts: int, services: tuple[str, ...] = SERVICES) -> Changes:
    """The smallest homelab with many more hosts, each with these services."""
    names = [f"box{i}" for i in range(hosts)]
    return {
        "network": {"lan": {"cidr": "192.168.0.0/16"}},
        "hosts": {
            n: {
                "platform": "x86_64-linux",
                "state_version": "25.11",
                "hardware": "hosts/nas/hardware.nix",
                "address": {"lan": f"192.168.{_last(i)}", "tailnet": f"100.64.{_last(i)}"},
                "ssh": {"host_key": build.host_key(n)},
            }
            for i, n in enumerate(names)
        },
        "services": {f"{s}-{n}": {"service": s, "host": n} for n in names for s in services},
    }


def large(hosts: int) -> Changes:
    """This many hosts with ten services each, in a tailnet, monitored, backed up, measured and
    on one dashboard."""
    every: Changes = {
        **build.TAILNET,
        "identity": {"host": "pi", "users": {"sops": "authelia/users"}},
        "backup": {
            "targets": {"usb": {"kind": "sftp", "host": "nas", "path": "/mnt/usb/restic"}},
        },
        "monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}},
        "hosts": {"pi": {"tailscale": {"subnet_routes": ["192.168.0.0/16"]}}},
        "services": {
            "gatus": {"host": "pi", "name": "status"},
            "homepage": {"host": "nas", "name": "home"},
            "prometheus": {"host": "nas"},
        },
    }
    fleet = grown(hosts - 2, SERVICES + MORE)
    return testing.merged(fleet, every)


def _last(number: int) -> str:
    """The last two bytes of an address."""
    return f"{2 + number // 250}.{1 + number % 250}"


def write_fleet(directory: Path, hosts: int, *changes: Changes) -> Path:
    """Write a stack with this many hosts that passes every check."""
    gate: Changes = {"identity": {"host": "pi", "users": {"sops": "authelia/users"}}}
    whole = testing.merged(grown(hosts - 2), gate, *changes)
    stackdir.write_stack(directory, whole)
    plan = build.plan(stackdir.changed(whole))
    for host in plan.hosts:
        file = directory / host_file(plan.stack, host)
        file.write_text(build.sops_text(plan, host), encoding="utf-8")
    return directory
