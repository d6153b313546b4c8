"""A stack for tests: an entry host, an always-on vault, and a workstation that sleeps."""

from __future__ import annotations

from homelab.testing import changed
from tests import build

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDdTfaJflmeVAEnU5MwpR2wVbeUzX3vjHN91d+Pms24X sam@lap"

Changes = dict[str, object]


def host(lan: str, tailnet: str, **more: object) -> Changes:
    """A live NixOS host at these addresses."""
    return {
        "platform": "x86_64-linux",
        "state_version": "25.11",
        "hardware": "hardware.nix",
        "address": {"lan": lan, "tailnet": tailnet},
        "ssh": {"host_key": build.host_key(lan)},
        **more,
    }


HOUSEHOLD: Changes = {
    "network": {"entry": {"host": "pi"}, "dns": {"host": "pi"}},
    "hosts": {
        "pi": host("192.168.1.2", "100.64.0.2", role="appliance"),
        "aurora": host("192.168.1.10", "100.64.0.10"),
        "workstation": host("192.168.1.20", "100.64.0.20", always_on=False),
    },
    "identity": {"host": "pi", "users": {"sops": "authelia/users"}},
    "cloudflare": {
        "account": "0" * 32,
        "zone": {"name": "example.org", "id": "1" * 32},
        "token": {"sops": "cloudflare/token"},
        "tunnel": {"host": "pi"},
    },
    "site": {"names": {"internal": "{name}.home.example.org", "public": "{name}-home.{zone}"}},
    "backup": {
        "targets": {
            "disk": {
                "kind": "sftp",
                "host": "aurora",
                "path": "/mnt/disk/restic",
            },
            "b2": {"kind": "b2", "path": "bucket/restic", "credentials": {"sops": "restic/b2"}},
        }
    },
}


def household(*changes: Changes) -> Changes:
    """The household with changes. Later changes win; None removes a key."""
    return changed(HOUSEHOLD, *changes)
