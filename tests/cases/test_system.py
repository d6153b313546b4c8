"""Reported cases of hosts: disks, flakes, reboots, keys, names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from homelab.ops.project.files import write_lock
from tests import build
from tests.cases.on_disk import laid_out, rendered, tried

DISKO = """{
  disko.devices.disk.main = {
    device = "/dev/nvme0n1";
    type = "disk";
    content = { type = "gpt"; partitions.root = { size = "100%";
      content = { type = "filesystem"; format = "ext4"; mountpoint = "/"; }; }; };
  };
  fileSystems."/mnt/family".device = "/dev/disk/by-id/x";
}
"""


def lock_with(*names: str) -> str:
    """The shipped lock with these inputs, as `nix flake lock` adds them."""
    lock = json.loads((build.SHIPPED / "locks/nixos-25.11.lock").read_text(encoding="utf-8"))
    for name in names:
        original = {"type": "github", "owner": "nix-community", "repo": name}
        lock["nodes"][name] = {
            "inputs": {"nixpkgs": ["nixpkgs"]},
            "locked": {**original, "rev": "0" * 40, "narHash": "sha256-x", "lastModified": 1},
            "original": original,
        }
        lock["nodes"]["root"]["inputs"][name] = name
    return json.dumps(lock)


def test_persistence_loses_state(tmp_path: Path) -> None:
    """Every service of the host keeps its state on an ephemeral root."""
    hardware = (build.SHIPPED / "hosts/aurora/hardware.nix").read_text(encoding="utf-8")
    hardware = hardware.replace("/dev/disk/by-uuid/6c1c1f0e-6f9d-4a3c-9d7e-0b9a3f7c2d11", "none")
    forgets = hardware.replace('fsType = "btrfs";\n    options = [ "subvol=@root" ];', "").replace(
        'device = "none";',
        'device = "none";\n    fsType = "tmpfs";\n  };\n  fileSystems."/persist" = {\n'
        '    device = "/dev/disk/by-label/persist";\n    fsType = "ext4";',
    )
    edit = {"hosts": {"aurora": {"persistence": {"directories": ["/var/lib/tailscale"]}}}}
    told = tried(laid_out(tmp_path / "as-it-was", edit))
    assert {p.check for p in told} == {"persistence-root"}
    assert ["nothing on it is temporary" in p.what for p in told] == [True, False]
    assert "no module of aurora mounts /persist" in told[1].what
    stack = laid_out(tmp_path / "mended", edit, {"hosts/aurora/hardware.nix": forgets})
    assert tried(stack) == []
    text = rendered(stack)["aurora"]["impermanence.nix"]
    for kept in ("vaultwarden", "immich", "postgresql", "containers", "redis-immich", "tailscale"):
        assert f'"/var/lib/{kept}"' in text


def test_disks_by_disko(tmp_path: Path) -> None:
    """disko options without its module are refused; with the module they pass."""
    edit = {
        "flakes": {"disko": {"url": "github:nix-community/disko"}},
        "hosts": {"aurora": {"hardware": "hosts/aurora/disko.nix"}},
    }
    files = {"hosts/aurora/disko.nix": DISKO, "locks/nixos-25.11.lock": lock_with("disko")}
    found = {
        p.check: p for p in tried(laid_out(tmp_path / "a", edit, files)) if p.severity == "error"
    }
    assert set(found) == {"flake-imported"}
    assert "hosts.aurora.flakes: [disko.nixosModules.disko]" in found["flake-imported"].way_out
    edit["hosts"]["aurora"]["flakes"] = ["disko.nixosModules.disko"]  # type: ignore[assignment]
    stack = laid_out(tmp_path / "b", edit, files)
    assert [p for p in tried(stack) if p.severity == "error"] == []
    flake = rendered(stack)["aurora"]["flake.nix"]
    assert "inputs.disko.nixosModules.disko" in flake
    assert 'url = "github:nix-community/disko";' in flake
    assert "disko" not in rendered(stack)["pi"]["flake.nix"]


def test_own_module_needs_flake(tmp_path: Path) -> None:
    """Modules can take `inputs`, and the host's flake has the inputs that they use."""
    edit = {
        "flakes": {"disko": {"url": "github:nix-community/disko"}},
        "hosts": {"aurora": {"modules": ["hosts/aurora/disko.nix"]}},
    }
    module = "{ inputs, ... }:\n{ imports = [ inputs.disko.nixosModules.disko ]; }\n"
    files = {"hosts/aurora/disko.nix": module}
    (problem,) = tried(laid_out(tmp_path / "a", edit, files))
    assert problem.check == "lock-complete", (
        "the lock file has no input disko, and the host needs it now"
    )
    files["locks/nixos-25.11.lock"] = lock_with("disko")
    stack = laid_out(tmp_path / "b", edit, files)
    assert tried(stack) == []
    flake = rendered(stack)["aurora"]["flake.nix"]
    assert "specialArgs = { inherit inputs; };" in flake
    assert 'disko = {\n      inputs.nixpkgs.follows = "nixpkgs";' in flake
    assert "specialArgs" not in rendered(stack)["pi"]["flake.nix"]


def test_an_unused_flake_is_reported(tmp_path: Path) -> None:
    edit = {"flakes": {"disko": {"url": "github:nix-community/disko"}}}
    (problem,) = tried(laid_out(tmp_path, edit))
    assert (problem.where, problem.severity) == ("flakes.disko", "warning")
    assert "hosts.….flakes" in problem.way_out


def test_private_flake(tmp_path: Path) -> None:
    """The deployer fetches it, or a message names the hosts that must. The lock is for its URL."""
    url = "git+ssh://git@github.com/sam/private"
    edit = {"flakes": {"eurovote": {"url": url}}}
    (problem,) = tried(laid_out(tmp_path / "old", edit))
    assert problem.check == "lock-matches"
    assert problem.way_out.endswith("update eurovote, or correct flakes.eurovote.url")
    lock = json.loads(lock_with())
    original = {"type": "git", "url": "ssh://git@github.com/sam/private"}
    lock["nodes"]["eurovote"]["original"] = original
    files = {"locks/nixos-25.11.lock": json.dumps(lock)}
    assert tried(laid_out(tmp_path, edit, files)) == []
    edit["flakes"]["eurovote"]["url"] = f"{url}?submodules=1"
    lock["nodes"]["eurovote"]["original"] = {**original, "submodules": True}
    files = {"locks/nixos-25.11.lock": json.dumps(lock)}
    (problem,) = tried(laid_out(tmp_path / "a", edit, files))
    assert problem.where == "flakes.eurovote.url"
    assert problem.what.startswith("root of pi has to fetch")
    assert "deploy key" in problem.way_out
    edit["flakes"]["eurovote"]["private"] = "a deploy key in /root/.ssh of pi"
    assert tried(laid_out(tmp_path / "b", edit, files)) == []


def test_zfs_without_hostid(tmp_path: Path) -> None:
    module = """{ modulesPath, ... }:
{ imports = [ (modulesPath + "/installer/scan/not-detected.nix") ];
  fileSystems."/" = { device = "rpool/root"; fsType = "zfs"; };
  fileSystems."/boot" = { device = "/dev/disk/by-uuid/7A3B-19C4"; fsType = "vfat"; };
  fileSystems."/mnt/family" = { device = "tank/family"; fsType = "zfs"; };
  fileSystems."/mnt/onetouch" = { device = "/dev/disk/by-id/x"; fsType = "ext4"; };
}
"""
    files = {"hosts/aurora/zfs.nix": module}
    edit = {"hosts": {"aurora": {"hardware": "hosts/aurora/zfs.nix"}}}
    (problem,) = tried(laid_out(tmp_path / "a", edit, files))
    assert problem.where == "hosts.aurora.host_id"
    assert "what `hostid` prints" in problem.way_out
    edit["hosts"]["aurora"]["host_id"] = "8425e349"
    stack = laid_out(tmp_path / "b", edit, files)
    assert tried(stack) == []
    assert 'networking.hostId = "8425e349";' in rendered(stack)["aurora"]["host.nix"]
    own = {
        "hosts/aurora/zfs.nix": module.replace("imports", 'networking.hostId = "8425e349"; imports')
    }
    del edit["hosts"]["aurora"]["host_id"]
    assert tried(laid_out(tmp_path / "c", edit, own)) == []


def test_intel_n100_jellyfin(tmp_path: Path) -> None:
    edit = {
        "hosts": {"aurora": {"gpu": {"vendor": "intel"}}},
        "datasets": {
            "media": {"host": "aurora", "path": "/mnt/family/media", "mount": "/mnt/family"}
        },
        "services": {
            "jellyfin": None,
            "film": {
                "service": "jellyfin",
                "host": "aurora",
                "name": "media",
                "gpu": "intel",
                "datasets": {"media": "media"},
            },
        },
    }
    stack = laid_out(tmp_path, edit)
    (problem,) = [p for p in tried(stack) if p.severity == "error"]
    assert "homelab lock --move film" in problem.way_out
    write_lock(stack, "home", ("film",))
    assert "  film:\n    host: aurora\n" in (stack / "homelab.lock.yaml").read_text()
    assert [p for p in tried(stack) if p.severity == "error"] == []
    text = rendered(stack)["aurora"]["graphics.nix"]
    for package in ("vpl-gpu-rt", "intel-compute-runtime", "intel-media-driver"):
        assert f"pkgs.{package}\n" in text


def test_home_file_twice(tmp_path: Path) -> None:
    """A second conflicting file replaces the first backup and fails no switch."""
    text = rendered(laid_out(tmp_path, {}))["workstation"]["home.nix"]
    assert "home-manager.overwriteBackup = true;" in text


def test_accept_routes_own_lan(tmp_path: Path) -> None:
    edit = {"hosts": {"aurora": {"tailscale": {"accept_routes": True}}}}
    (problem,) = tried(laid_out(tmp_path, edit))
    assert problem.check == "accept-routes-own-lan"
    assert "192.168.1.0/24, which pi advertises" in problem.what


def test_server_loses_dns_with_pi(tmp_path: Path) -> None:
    """It uses the Pi first and other resolvers while the Pi is down."""
    said = rendered(
        laid_out(tmp_path / "a", {"hosts": {"aurora": {"tailscale": {"accept_dns": False}}}})
    )
    assert said == rendered(laid_out(tmp_path / "b", {}))
    assert '"--accept-dns=false"' in said["aurora"]["tailnet.nix"]
    names = said["aurora"]["network.nix"]
    assert names.index('"192.168.1.225"') < names.index('"1.1.1.1"')


def test_vps_public_address(tmp_path: Path) -> None:
    """A public address under `lan` is refused; the way out makes it a path for SSH, open there."""
    stated: dict[str, Any] = {"lan": "203.0.113.40", "tailnet": None}
    aurora = laid_out(tmp_path / "lan", {"hosts": {"aurora": {"address": stated}}})
    (problem,) = [p for p in tried(aurora) if p.check == "ip-in-lan"]
    assert "write address: {public: 203.0.113.40}" in problem.way_out
    edit = {"hosts": {"aurora": {"address": {"lan": None, "public": "203.0.113.40"}}}}
    followed = laid_out(tmp_path / "public", edit)
    assert [p for p in tried(followed) if p.severity == "error"] == []
    text = rendered(followed)["aurora"]["firewall.nix"]
    assert "22/tcp (internet) ssh" in text
    assert "LAN" not in text


NOT_YET: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "evaluate-elsewhere": (
        {"hosts": {"pi": {"build": {"host": "workstation", "evaluate": True}}}},
        "hosts.pi.build.evaluate",
        "build has no evaluate",
        "write copy_from: deployer",
    ),
    "second-zone": (
        {"cloudflare": {"zones": [{"name": "example.net", "id": "9" * 32}]}},
        "cloudflare",
        "a stack publishes in one zone",
        "with a second stack, which has its own machines",
    ),
    "ipv6-lan": (
        {"network": {"lan": {"cidr6": "fd00:1::/64"}}},
        "network.lan.cidr6",
        "the LAN has no cidr6",
        "use IPv4 on the LAN",
    ),
    "ipv6-host": (
        {"hosts": {"pi": {"address": {"lan6": "fd00:1::5"}}}},
        "hosts.pi.address.lan6",
        "a host's address has no lan6",
        "use IPv4 on the LAN",
    ),
    "two-resolvers": (
        {"network": {"dns": {"hosts": ["pi", "aurora"]}}},
        "network.dns.hosts",
        "the resolver has no hosts",
        "while it is down",
    ),
    "agenix": (
        {"services": {"vaultwarden": {"secrets": {"admin": {"ref": {"age": "secrets/v.age"}}}}}},
        "services.vaultwarden.secrets.admin.ref.age",
        "a reference to a secret has no age",
        "write path: /run/agenix/NAME",
    ),
    "agenix-elsewhere": (
        {"secrets": {"master": {"age": "secrets/master.age"}}},
        "secrets.master.age",
        "a reference to a secret has no age",
        "write sops: path/in/it",
    ),
}
"""Unsupported features: the edit, its place, the message and the way out."""


@pytest.mark.parametrize("name", NOT_YET)
def test_an_unsupported_feature_is_named_with_a_way_out(name: str, tmp_path: Path) -> None:
    edit, where, what, way_out = NOT_YET[name]
    first, *_ = (p for p in tried(laid_out(tmp_path, edit)) if p.severity == "error")
    assert first.where.startswith(where)
    assert what in first.what
    assert way_out in first.way_out
