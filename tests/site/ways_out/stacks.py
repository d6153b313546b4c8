"""Parts of stacks for the tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from homelab import testing
from tests import build
from tests.site.ways_out.model import Changes

IDENTITY: Changes = {"identity": {"host": "pi", "users": {"sops": "authelia/users"}}}
POCKET_ID: Changes = {
    "identity": {"host": "pi", "provider": "pocket-id", "api_key": {"sops": "pocket-id/key"}}
}
TUNNEL: Changes = {
    "cloudflare": {"tunnel": {"host": "pi"}},
    "site": {"names": {"public": "{name}-home.{zone}"}},
}
TAILNET: Changes = {
    **build.TAILNET,
    "hosts": {"pi": {"tailscale": {"subnet_routes": ["192.168.1.0/24"]}}},
}
FLAKES: Changes = {"flakes": {"vote": {"url": "github:a/vote"}}}
MAC: Changes = {
    "kind": "home-manager",
    "platform": "x86_64-darwin",
    "state_version": "25.11",
    "home": "home/sam.nix",
}
MACS: Changes = {"hosts": {"mac": MAC}}
SILENT: Changes = {"monitoring": {"ntfy": None}}
"""No alert is sent; every other row's homelab sends its alerts."""
REASON = "it is for me alone"
ROOT = 'fileSystems."/" = { device = "/dev/disk/by-label/nixos"; fsType = "ext4"; };'
FORGETS = 'fileSystems."/" = { device = "none"; fsType = "tmpfs"; };'
PERSIST = 'fileSystems."/persist".device = "/dev/sda";'


def both(*changes: Changes) -> Changes:
    """Changes, later ones winning."""
    return testing.merged(*changes)


def service(name: str, /, **said: Any) -> Changes:
    return {"services": {name: said}}


def host(name: str, /, **said: Any) -> Changes:
    return {"hosts": {name: said}}


def container(
    on: str = "nas", port: int = 8007, /, inside: Changes | None = None, **said: Any
) -> Changes:
    """A container without state."""
    image = f"docker.io/a/b:1@sha256:{'0' * 64}"
    return {
        "host": on,
        "container": {"image": image, "port": 80, **(inside or {})},
        "port": port,
        "backup": {"skip": "it keeps nothing"},
        "tile": {"group": "Tools"},
        **said,
    }


def unit(on: str = "nas", /, inside: Changes | None = None, **said: Any) -> Changes:
    """A unit without state."""
    return {
        "host": on,
        "unit": {"package": "a", "command": ["a", "{port}"], **(inside or {})},
        "port": 8007,
        "auth": "none",
        "backup": {"skip": "it keeps nothing"},
        "tile": {"group": "Tools"},
        **said,
    }


def built(on: str = "nas", /, inside: Changes | None = None, **said: Any) -> Changes:
    """A site that its host builds from a commit."""
    repository = "https://git.example.org/sam/site.git"
    build = {"repository": repository, "rev": "0" * 40, "output": "dist", **(inside or {})}
    return {"host": on, "port": 8008, "auth": "none", "static": {"build": build}, **said}


def flake(on: str = "nas", /, **said: Any) -> Changes:
    """A service of the flake `vote` without state."""
    return {
        "host": on,
        "flake": {"input": "vote", "unit": "vote"},
        "port": 8008,
        "backup": {"skip": "it keeps nothing"},
        "tile": {"group": "Tools"},
        **said,
    }


def machine(lan: str, tailnet: str = "", **said: Any) -> Changes:
    """Another live NixOS host."""
    return {
        "platform": "x86_64-linux",
        "state_version": "25.11",
        "hardware": "hosts/nas/hardware.nix",
        "address": {"lan": lan, **({"tailnet": tailnet} if tailnet else {})},
        "ssh": {"host_key": build.host_key(lan)},
        **said,
    }


def own(*lines: str, of: str = "nas", head: str = "") -> dict[str, str]:
    """The hardware module of a host, with these lines in it."""
    text = "".join(f"  {line}\n" for line in lines)
    return {f"hosts/{of}/hardware.nix": f"{head}{{\n{text}}}\n"}


GITHUB_VOTE = {"type": "github", "owner": "a", "repo": "vote"}


def locked(vote: Mapping[str, object] = GITHUB_VOTE) -> dict[str, str]:
    """A lock with the flakes vote, as Nix locks this reference, and disko."""
    path = "locks/nixos-25.11.lock"
    lock = json.loads((build.SHIPPED / path).read_text(encoding="utf-8"))
    disko = {"type": "github", "owner": "nix-community", "repo": "disko"}
    for name, ref in (("vote", vote), ("disko", disko)):
        lock["nodes"][name] = {
            "locked": {**ref, "rev": "0" * 40, "narHash": "sha256-x"},
            "original": ref,
        }
        lock["nodes"][lock["root"]]["inputs"][name] = name
    return {path: json.dumps(lock)}


LOCKED = locked()
"""A lock that contains the flakes of these tables."""
