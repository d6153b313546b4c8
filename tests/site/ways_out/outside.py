"""Ways out of problems that file checks find."""

from __future__ import annotations

import json

from homelab.secrets.age import age_recipient
from tests import build
from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.parts import jellyfin

SEALED = f"ENC[AES256_GCM,data:{'A' * 32},iv:x,tag:x,type:str]"
NIX = "hosts/nas/hardware.nix"
NTFY: Changes = {"monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}}}
OWN = "hosts/nas/own.nix"


def nas(**said: object) -> Changes:
    return {"hosts": {"nas": said}}


def hardware(*lines: str) -> dict[str, str]:
    """A hardware module with a root and these lines."""
    return {NIX: "\n".join([build.HARDWARE.rstrip().removesuffix("}"), *lines, "}"]) + "\n"}


def target(path: str) -> Changes:
    return {"backup": {"targets": {"disk": {"kind": "local", "host": "nas", "path": path}}}}


def dataset(mount: str | None) -> Changes:
    said = {"host": "nas", "path": "/mnt/films", "tier": "re-derivable", "mount": mount}
    return {"datasets": {"films": said}}


SHIPPED = json.loads((build.SHIPPED / "locks/nixos-25.11.lock").read_text(encoding="utf-8"))
KEPT = jellyfin()
LOCK = json.dumps(
    {
        **SHIPPED,
        "nodes": {
            **SHIPPED["nodes"],
            "root": {"inputs": {**SHIPPED["nodes"]["root"]["inputs"], "disko": "disko"}},
            "disko": {"original": {"type": "github", "owner": "nix-community", "repo": "disko"}},
        },
    }
)
FORGETS = {
    NIX: '{\n  fileSystems."/" = { fsType = "tmpfs"; };\n  fileSystems."/persist" = { };\n'
    '  fileSystems."/var/lib/jellyfin" = { };\n}\n'
}

OLD = f"""\
restic: {{b2: '{SEALED}'}}
a: {{key: '{SEALED}'}}
homelab_unencrypted: {{changed: {{a/key: '2025-06-01'}}}}
sops: {{mac: 'ENC[]', age: [{{recipient: {age_recipient(build.host_key("nas"))}}}]}}
"""
"""A sops file with a key of half a year and more."""

OLD_LOCK = (
    (build.SHIPPED / "locks/nixos-25.11.lock")
    .read_text(encoding="utf-8")
    .replace("1779102034", "1750000000")
)
"""The shipped lock file with a nixpkgs of half a year and more."""

WAYS = (
    WayOut(
        "secret-age",
        {
            **jellyfin(secrets={"k": {"ref": {"sops": "a/key"}}}),
            "secrets": {"stored": {"a/key": {"limit": "180d"}}},
        },
        {"secrets": {"stored": {"a/key": {"limit": "999d"}}}},
        asked={"999d": "raise the limit"},
        files={"secrets/nas.yaml": OLD},
    ),
    WayOut(
        "pin-age",
        {"nixpkgs": {"default": {"max_age_days": 1}}},
        {"nixpkgs": {"default": {"max_age_days": 3650}}},
        asked={"3650": "raise max_age_days"},
        files={"locks/nixos-25.11.lock": OLD_LOCK},
    ),
    WayOut(
        "acme-until",
        {"cloudflare": {"acme": {"until": "2025-12-01"}}, **NTFY},
        {"cloudflare": {"acme": {"until": None}}},
    ),
    WayOut(
        "acme-until",
        {"cloudflare": {"acme": {"until": "2025-12-01"}}, **NTFY},
        {"cloudflare": {"acme": {"until": "2027-12-01"}}},
        asked={"2027-12-01": "set a later date"},
    ),
    WayOut(
        "legacy-until",
        {"site": {"legacy_domains": [{"domain": "old.example.org", "until": "2025-12-01"}]}},
        {"site": {"legacy_domains": []}},
    ),
    WayOut(
        "target-mounted",
        target("/mnt/restic"),
        target("/var/backup"),
        asked={"/var/backup": "name a directory elsewhere"},
        files=hardware(),
    ),
    WayOut(
        "target-mounted",
        target("/mnt/restic"),
        {},
        files=hardware(),
        fixed=hardware('fileSystems."/mnt" = { };'),
    ),
    WayOut("dataset-mounted", dataset("/mnt"), dataset(None), files=hardware()),
    WayOut(
        "dataset-mounted",
        dataset("/mnt"),
        {},
        files=hardware(),
        fixed=hardware('fileSystems."/mnt" = { };'),
    ),
    WayOut(
        "dataset-remote",
        dataset("/mnt"),
        {"datasets": {"films": {"fs": "nfs"}}},
        files=hardware('fileSystems."/mnt" = { device = "192.168.1.9:/v"; fsType = "nfs4"; };'),
    ),
    WayOut(
        "dataset-remote",
        dataset("/mnt"),
        {"datasets": {"films": {"fs": "cifs"}}},
        files=hardware('fileSystems."/mnt" = { device = "//nas/films"; fsType = "cifs"; };'),
    ),
    WayOut(
        "host-boots",
        {},
        {},
        files={NIX: "{\n}\n"},
        fixed={NIX: '{\n  fileSystems."/" = { };\n}\n'},
    ),
    WayOut(
        "flash-swap",
        nas(flash=True),
        nas(flash=None),
        files=hardware('swapDevices = [ { device = "/dev/sdb"; } ];'),
    ),
    WayOut(
        "flash-swap",
        nas(flash=True),
        nas(zram={}),
        files=hardware('swapDevices = [ { device = "/dev/sdb"; } ];'),
        fixed=hardware(),
    ),
    WayOut(
        "zfs-host-id",
        {},
        nas(host_id="0123abcd"),
        files=hardware('fileSystems."/tank" = { fsType = "zfs"; };'),
    ),
    WayOut(
        "grub-device",
        nas(boot={"loader": "grub"}),
        nas(boot={"device": "nodev"}),
        files=hardware(),
    ),
    WayOut(
        "forbidden-patterns",
        nas(modules=[OWN]),
        {},
        files={OWN: "{\n  networking.firewall.allowedTCPPorts = [ 1234 ];\n}\n"},
        fixed={OWN: "{\n}\n"},
    ),
    WayOut(
        "forbidden-patterns",
        nas(modules=[OWN]),
        nas(accept={"other-firewall": "it publishes on loopback alone"}),
        files={OWN: "{\n  virtualisation.docker.enable = true;\n}\n"},
    ),
    WayOut(
        "forbidden-patterns",
        nas(modules=[OWN], accept={"other-firewall": "it publishes on loopback alone"}),
        nas(accept=None),
        files={OWN: "{\n}\n"},
    ),
    WayOut(
        "backup-own",
        nas(modules=[OWN]),
        {"backup": {"extra": {"paperless": {"host": "nas", "paths": ["/var/lib/paperless"]}}}},
        files={OWN: "{\n  services.paperless.enable = true;\n}\n"},
    ),
    WayOut(
        "backup-own",
        nas(modules=[OWN]),
        nas(accept={"not-backed-up": "I try it, and its papers are in the attic"}),
        files={OWN: "{\n  services.paperless.enable = true;\n}\n"},
    ),
    WayOut(
        "disk-by-id",
        {},
        {},
        files=hardware('  fileSystems."/mnt/x".device = "/dev/nvme0n1p2";'),
        fixed=hardware('  fileSystems."/mnt/x".device = "/dev/disk/by-uuid/1234-5678";'),
        asked={"dev/disk/by-uuid/1234-5678": "ls -l /dev/disk/by-uuid"},
    ),
    WayOut(
        "disk-by-id",
        {},
        nas(accept={"disk-name": "the machine has one disk"}),
        files=hardware('  fileSystems."/mnt/x".device = "/dev/sda2";'),
    ),
    WayOut(
        "dns-single-writer",
        nas(modules=[OWN]),
        nas(accept={"dns-names": "a printer that no route knows"}),
        files={OWN: '{\n  services.blocky.settings.customDNS.mapping.p = "192.0.2.9";\n}\n'},
    ),
    WayOut(
        "own-module",
        nas(modules=[OWN]),
        {},
        files={OWN: "{\n"},
        fixed={OWN: "{\n}\n"},
    ),
    WayOut(
        "own-module",
        nas(modules=[OWN]),
        {},
        files={OWN: "{\n  imports = [ ./more.nix ];\n}\n"},
        fixed={OWN: "{\n}\n"},
    ),
    WayOut(
        "persistence-root",
        nas(persistence={}),
        nas(persistence=None),
        files=hardware('fileSystems."/persist" = { };'),
    ),
    WayOut(
        "persistence-complete",
        {"hosts": {"nas": {"persistence": {}}}, **KEPT},
        nas(persistence={"mounted": ["/var/lib/jellyfin"]}),
        files=FORGETS,
    ),
    WayOut(
        "flake-imported",
        nas(modules=[OWN]),
        {
            "flakes": {"disko": {"url": "github:nix-community/disko"}},
            **nas(flakes=["disko.nixosModules.disko"]),
        },
        files={OWN: "{\n  disko.devices = { };\n}\n", "locks/nixos-25.11.lock": LOCK},
    ),
    WayOut(
        "build-dir-mounted",
        nas(nix={"build_dir": "/tmp/nix-build"}),
        nas(nix={"build_dir": "/var/nix-build"}),
    ),
    WayOut(
        "build-dir-mounted",
        nas(nix={"build_dir": "/mnt/nix-build"}),
        nas(nix={"build_dir": "/fast/nix-build"}),
        asked={"/fast/nix-build": "name a directory below one of: /var, /fast"},
        files=hardware('fileSystems."/fast" = { };'),
    ),
    WayOut(
        "flake-unused",
        {"flakes": {"eurovote": {"url": "github:anerisgreat/eurovote"}}},
        {"flakes": None},
    ),
    WayOut(
        "lock-matches",
        {"nixpkgs": {"default": {"url": "github:NixOS/nixpkgs/nixos-25.11-small"}}},
        {"nixpkgs": {"default": {"url": build.URL}}},
    ),
)
