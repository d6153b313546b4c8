"""Ways out of problems with own modules and their flakes."""

from __future__ import annotations

from homelab.system.placeholders import PLACEHOLDER
from tests import build
from tests.site.ways_out.model import WayOut
from tests.site.ways_out.stacks import (
    FLAKES,
    FORGETS,
    LOCKED,
    PERSIST,
    REASON,
    ROOT,
    both,
    host,
    locked,
    own,
    service,
)


def _reading(fact: str) -> dict[str, str]:
    """The hardware module of nas, which reads a fact of the stack."""
    inherited = ("_module.args = {", "  inherit (homelab)", f"    {fact}", "    ;", "};")
    return own(ROOT, *inherited, head="{ homelab, ... }: ")


BLANK_ROOT = (
    'fileSystems."/" = { device = "/dev/disk/by-label/system"; fsType = "btrfs"; };',
    'fileSystems."/nix" = { device = "/dev/disk/by-label/nix"; fsType = "ext4"; };',
)
"""A root at the top of btrfs, and a file system for /nix."""


def _root_at(subvolume: str) -> str:
    return f'fileSystems."/".options = [ "subvol={subvolume}" ];'


def _home_at(subvolume: str, by: str = "subvol") -> tuple[str, str]:
    """/home, from the file system of the root."""
    return (
        'fileSystems."/home" = { device = "/dev/disk/by-label/system"; fsType = "btrfs"; };',
        f'fileSystems."/home".options = [ "{by}={subvolume}" ];',
    )


def _naming(name: str) -> dict[str, str]:
    """The hardware module of nas, with a name below the domain of the stack."""
    return own(ROOT, f'networking.domain = "x.{name}";', head="{ homelab, ... }: ")


def _importing(module: str, argument: str = "...") -> dict[str, str]:
    """The hardware module of nas, which imports this one."""
    return own(ROOT, f"imports = [ {module} ];", head=f"{{ {argument} }}: ")


def _lines(count: int) -> str:
    """A module of so many lines."""
    return "\n".join(["{", *(f"  # {n}" for n in range(count - 2)), "}"])


GNOME = (
    *("/etc/NetworkManager/system-connections", "/var/lib/bluetooth"),
    "/var/lib/AccountsService",
)
"""What GNOME keeps through the services that it switches on."""

WAYS = (
    WayOut(
        "flake-path",
        {},
        {},
        says="names <home-manager/nixos>",
        files=_importing("<home-manager/nixos>"),
        fixed=_importing("inputs.home-manager.nixosModules.default", "inputs, ..."),
        asked={"imports": "write its module"},
    ),
    WayOut(
        "flake-path",
        {},
        {},
        says="names <nixpkgs/nixos/modules/profiles/headless.nix>",
        files=_importing("<nixpkgs/nixos/modules/profiles/headless.nix>"),
        fixed=_importing('"${modulesPath}/profiles/headless.nix"', "modulesPath, ..."),
        asked={"imports": "with the argument"},
    ),
    WayOut(
        "flake-path",
        {},
        {},
        says="names ~/x.nix",
        files=_importing("~/x.nix"),
        fixed={**_importing("./x.nix"), "hosts/nas/x.nix": "{ }\n"},
        asked={"imports": "name it"},
    ),
    WayOut(
        "site-literal",
        {},
        {},
        files=_naming("home.example.org"),
        fixed=_naming("${homelab.domain}"),
        asked={"networking.domain": "take the argument", "x.": "take the argument"},
    ),
    WayOut(
        "module-size",
        {},
        {},
        files=_importing("./large.nix") | {"hosts/nas/large.nix": _lines(301)},
        fixed=_importing("./large.nix")
        | {
            "hosts/nas/large.nix": "{ imports = [ ./backup.nix ]; }\n",
            "hosts/nas/backup.nix": _lines(300),
        },
    ),
    WayOut(
        "grub-device",
        host("nas", boot={"loader": "grub"}),
        host("nas", boot={"device": "/dev/disk/by-id/ata-x"}),
    ),
    WayOut(
        "grub-device", host("nas", boot={"loader": "grub"}), host("nas", boot={"device": "nodev"})
    ),
    WayOut(
        "flash-swap",
        host("nas", flash=True),
        host("nas", zram={}),
        files=own(ROOT, 'swapDevices = [ { device = "/dev/sda2"; } ];'),
        fixed=own(ROOT),
    ),
    WayOut(
        "flash-swap",
        host("nas", flash=True),
        host("nas", flash=None),
        files=own(ROOT, 'swapDevices = [ { device = "/dev/sda2"; } ];'),
    ),
    WayOut(
        "flash-swap-file",
        host("nas", flash=True, swap={"file": "/var/swapfile", "size": "1 GB"}),
        host("nas", swap=None, zram={}),
    ),
    WayOut(
        "flash-swap",
        host("nas", flash=True, swap={"file": "/mnt/disk/swapfile", "size": "1 GB"}),
        host("nas", swap=None, zram={}),
        files=own(ROOT, 'fileSystems."/mnt/disk" = { device = "/dev/sdb1"; };'),
        says="the root of nas",
    ),
    WayOut(
        "ip-literal",
        both(
            service("ollama", host="nas"),
            service(
                "jellyfin",
                host="pi",
                options={"environment.etc.x.text": "http://192.168.1.3:11434"},
            ),
        ),
        service("jellyfin", options={"environment.etc.x.text": {"$service": "ollama"}}),
        says="hosts.nas.address.lan",
    ),
    WayOut(
        "zfs-host-id",
        {},
        host("nas", host_id="deadbeef"),
        files=own(ROOT, 'boot.supportedFilesystems = [ "zfs" ];'),
    ),
    WayOut(
        "host-boots",
        {},
        {},
        files=own(),
        fixed=own(ROOT),
        asked=dict.fromkeys(
            ("device", "dev/disk/by-label/nixos", "fsType", "ext4"),
            "run nixos-generate-config on the host",
        ),
    ),
    WayOut(
        "host-placeholder",
        {},
        {},
        files=own(ROOT, head=f"# {PLACEHOLDER}: no machine has this hardware.\n"),
        fixed=own(ROOT),
    ),
    WayOut(
        "host-placeholder",
        host("nas", ssh={"host_key": f"{build.host_key('nas')} {PLACEHOLDER}"}),
        host("nas", ssh={"host_key": build.host_key("nas")}),
        asked={build.host_key("nas"): "write the line of nas's /etc/ssh/ssh_host_ed25519_key.pub"},
    ),
    WayOut(
        "host-placeholder",
        host("nas", manage=["system"]),
        host("nas", manage=None),
        says="nobody could log in",
    ),
    WayOut(
        "flake-module-known",
        both(FLAKES, host("nas", flakes=["vot.nixosModules.x"])),
        host("nas", flakes=["vote.nixosModules.x"]),
        says="has no",
        asked={"vote.nixosModules.x": 'did you mean "vote"'},
        files=LOCKED,
    ),
    WayOut(
        "flake-module-known",
        FLAKES,
        {},
        says="asks for inputs",
        files={
            **LOCKED,
            **own(
                "imports = [", "  inputs.vot.nixosModules.x", "];", ROOT, head="{ inputs, ... }: "
            ),
        },
        fixed=own(
            "imports = [", "  inputs.vote.nixosModules.x", "];", ROOT, head="{ inputs, ... }: "
        ),
        asked={"inputs.vote.nixosModules.x": 'did you mean "vote"'},
    ),
    WayOut(
        "flake-private",
        both(
            {"flakes": {"vote": {"url": "git+ssh://git@forge/a/vote?lfs=1"}}},
            host("nas", flakes=["vote.nixosModules.x"]),
        ),
        {"flakes": {"vote": {"private": "a deploy key in /root/.ssh"}}},
        files=locked({"type": "git", "url": "ssh://git@forge/a/vote", "lfs": True}),
    ),
    WayOut(
        "flake-imported",
        {},
        {
            "flakes": {"disko": {"url": "github:nix-community/disko"}},
            "hosts": {"nas": {"flakes": ["disko.nixosModules.disko"]}},
        },
        files=LOCKED | own(ROOT, 'disko.devices.disk.a.device = "/dev/sda";'),
    ),
    WayOut(
        "flake-unused",
        FLAKES,
        host("nas", flakes=["vote.nixosModules.x"]),
        asked={"vote.nixosModules.x": "in hosts.….flakes", "nas": "in hosts.….flakes"},
        files=LOCKED,
    ),
    WayOut("flake-unused", FLAKES, {"flakes": {"vote": None}}),
    WayOut(
        "build-dir-mounted",
        host("nas", nix={"build_dir": "/tmp/build"}),
        host("nas", nix={"build_dir": "/var/nix-build"}),
        says="anyone may",
    ),
    WayOut(
        "build-dir-mounted",
        both(
            host("nas", nix={"build_dir": "/mnt/b"}),
            {"datasets": {"b": {"host": "nas", "path": "/mnt/b", "tier": "re-derivable"}}},
        ),
        host("nas", nix={"build_dir": "/mnt/b/nix-build"}),
        says="is the dataset",
    ),
    WayOut(
        "build-dir-mounted",
        both(
            host("nas", nix={"build_dir": "/mnt/b/x"}),
            {
                "datasets": {
                    "b": {
                        "host": "pi",
                        "path": "/mnt/b/d",
                        "mount": "/mnt/b",
                        "tier": "re-derivable",
                    }
                }
            },
        ),
        host("nas", nix={"build_dir": "/var/nix-build"}),
        says="on a disk of",
    ),
    WayOut(
        "build-dir-mounted",
        host("nas", nix={"build_dir": "/data/x"}),
        host("nas", nix={"build_dir": "/var/nix-build"}),
        says="no dataset",
    ),
    WayOut(
        "own-module",
        host("nas", modules=["hosts/nas/extra.txt"]),
        host("nas", modules=["hosts/nas/extra.nix"]),
        says="not a NixOS module",
        files={"hosts/nas/extra.txt": "x\n"},
        fixed={"hosts/nas/extra.nix": "{ }\n"},
    ),
    WayOut(
        "own-module",
        host("nas", modules=["hosts/nas/mods"]),
        {},
        says="no default.nix",
        files={"hosts/nas/mods/a.nix": "{ }\n"},
        fixed={"hosts/nas/mods/default.nix": "{ }\n"},
    ),
    WayOut(
        "own-module",
        {},
        {},
        says="outside",
        files=own(ROOT, "imports = [", "  ../../../x.nix", "];"),
        fixed={**own(ROOT, "imports = [", "  ../../x.nix", "];"), "x.nix": "{ }\n"},
    ),
    WayOut(
        "own-module",
        {},
        {},
        says="there is no",
        files=own(ROOT, "imports = [ ./x.nix ];"),
        fixed=own(ROOT),
    ),
    WayOut(
        "own-module",
        {},
        {},
        says="a directory that has no default.nix",
        files={**own(ROOT, "imports = [", "  ./part", "];"), "hosts/nas/part/a.nix": "{ }\n"},
        fixed=own(ROOT, "imports = [", "  ./part/a.nix", "];"),
    ),
    WayOut(
        "own-module",
        {},
        {},
        says="only files that end in .nix",
        files={**own(ROOT, "imports = [", "  ./part", "];"), "hosts/nas/part": "{ }\n"},
        fixed={**own(ROOT, "imports = [", "  ./part.nix", "];"), "hosts/nas/part.nix": "{ }\n"},
        asked={"part.nix": "if it is Nix, or read it"},
    ),
    WayOut(
        "own-fact",
        {},
        {},
        says="reads homelab.domian, which does not exist",
        files=_reading("domian"),
        fixed=_reading("domain"),
    ),
    WayOut(
        "persistence-root",
        {},
        host("nas", persistence={"root": "/persist"}),
        says="loses everything",
        files=own(FORGETS, PERSIST),
    ),
    WayOut(
        "persistence-root",
        host("nas", persistence={}),
        {},
        says="nothing on it is temporary",
        files=own(
            'fileSystems."/".device = "/dev/sdb";', 'fileSystems."/".fsType = "ext4";', PERSIST
        ),
        fixed=own(
            'fileSystems."/".device = "/dev/sdb";', 'fileSystems."/".fsType = "tmpfs";', PERSIST
        ),
        asked={"fileSystems.": 'for "/" in hosts'},
    ),
    WayOut(
        "persistence-root",
        host("nas", persistence={}),
        host("nas", persistence=None),
        says="nothing on it is temporary",
        files=own('fileSystems."/" = { device = "/dev/sdb"; fsType = "ext4"; };', PERSIST),
    ),
    WayOut(
        "persistence-root",
        host("nas", persistence={"blank": "@root-blank"}),
        host("nas", persistence={"blank": None}),
        says="only btrfs has subvolumes",
        files=own(FORGETS, PERSIST),
    ),
    WayOut(
        "persistence-root",
        host("nas", persistence={"blank": "@root-blank"}),
        {},
        says="the top of its file system",
        files=own(*BLANK_ROOT, PERSIST),
        fixed=own(*BLANK_ROOT, _root_at("@root"), PERSIST),
    ),
    WayOut(
        "persistence-root",
        host("nas", persistence={"blank": "@root/blank"}),
        host("nas", persistence={"blank": "@root-blank"}),
        says="not beside the root",
        files=own(*BLANK_ROOT, _root_at("@root"), PERSIST),
    ),
    WayOut(
        "persistence-root",
        host("nas", persistence={"blank": "@root-blank", "mounted": ["/home"]}),
        {},
        says="would be put aside with the root",
        files=own(*BLANK_ROOT, _root_at("@root"), *_home_at("@root/home"), PERSIST),
        fixed=own(*BLANK_ROOT, _root_at("@root"), *_home_at("home"), PERSIST),
        asked={"fileSystems.": "mount it from there"},
    ),
    WayOut(
        "persistence-root",
        host("nas", persistence={"blank": "@blank", "mounted": ["/home"]}),
        host("nas", persistence={"blank": "@root-blank"}),
        says="would not stay blank",
        files=own(*BLANK_ROOT, _root_at("@root"), *_home_at("@blank"), PERSIST),
        asked={"@root-blank": "name another subvolume as blank"},
    ),
    WayOut(
        "persistence-root",
        host("nas", persistence={"blank": "@root-old/blank"}),
        host("nas", persistence={"blank": "@root-blank"}),
        says="not beside the root",
        where="hosts.nas.persistence.blank",
        files=own(*BLANK_ROOT, _root_at("@root"), PERSIST),
    ),
    WayOut(
        "persistence-root",
        host("nas", persistence={"blank": "@root-blank", "mounted": ["/home"]}),
        {},
        says="mounted by subvolid=",
        files=own(*BLANK_ROOT, _root_at("@root"), *_home_at("257", "subvolid"), PERSIST),
        fixed=own(*BLANK_ROOT, _root_at("@root"), *_home_at("@home"), PERSIST),
        asked={
            "fileSystems.": "write subvol= with its path",
            "home": "write subvol= with its path",
            "options": "write subvol= with its path",
        },
    ),
    WayOut(
        "persistence-root",
        host(
            "nas", persistence={"blank": "@root-blank"}, swap={"file": "/var/swap", "size": "1 GiB"}
        ),
        host("nas", swap={"file": "/persist/swap"}),
        says="each boot would leave one",
        files=own(*BLANK_ROOT, _root_at("@root"), PERSIST),
    ),
    WayOut(
        "persistence-root",
        host("nas", persistence={"blank": "@root-blank"}),
        {},
        says="would not start a second time",
        files=own(BLANK_ROOT[0], _root_at("@root"), PERSIST),
        fixed=own(*BLANK_ROOT, _root_at("@root"), PERSIST),
        asked=dict.fromkeys(
            ("device", "dev/disk/by-label/nix", "fsType", "ext4"),
            "a subvolume or partition of its own",
        ),
    ),
    WayOut(
        "persistence-root",
        host("nas", persistence={"root": "/nix/persist", "mount": "/data"}),
        host("nas", persistence={"mount": "/nix"}),
        says="does not lie",
    ),
    WayOut(
        "persistence-root",
        host("nas", persistence={"root": "/persist"}),
        host("nas", persistence={"root": "/persists"}),
        says="kept directories would be",
        files=own(FORGETS, 'fileSystems."/persists".device = "/dev/sda";'),
    ),
    WayOut(
        "persistence-root",
        host("nas", persistence={"mounted": ["/homes"]}),
        host("nas", persistence={"mounted": ["/home"]}),
        says="so it is on the temporary",
        files=own(FORGETS, PERSIST, 'fileSystems."/home".device = "/dev/sdb";'),
        beside=("persistence-complete",),
    ),
    WayOut(
        "persistence-complete",
        host("nas", persistence={"forget": {"/hom": "agents leave things"}}),
        host("nas", persistence={"forget": {"/hom": None, "/home": "agents leave things"}}),
        says="not kept anyway",
    ),
    WayOut(
        "persistence-complete",
        host("nas", persistence={"forget": {"/var/lib/homelab": "agents leave things"}}),
        host("nas", persistence={"forget": None}),
        says="loses its releases",
    ),
    WayOut(
        "persistence-complete",
        host("nas", persistence={"forget": {"/etc/ssh/ssh_host_ed25519_key": "it is old"}}),
        host("nas", persistence={"forget": None}),
        says="another machine",
    ),
    WayOut(
        "persistence-root",
        host("nas", persistence={"root": "/data"}),
        host("nas", persistence={"root": "/persist"}),
        says="no owners of files",
        files=own(
            FORGETS,
            'fileSystems."/data" = { device = "/dev/sda"; fsType = "vfat"; };',
            'fileSystems."/persist" = { device = "/dev/sdb"; fsType = "ext4"; };',
        ),
        asked={"/persist": "name a directory on another disk"},
    ),
    WayOut(
        "persistence-complete",
        both(host("nas", persistence={}), {"site": {"mutable_users": True}}),
        {"site": {"mutable_users": False}},
        says="accounts again",
        files=own(FORGETS, PERSIST),
    ),
    WayOut(
        "persistence-complete",
        host("nas", persistence={}),
        host("nas", persistence={"directories": list(GNOME)}),
        says="services.desktopManager.gnome",
        files=own(FORGETS, PERSIST, "services.desktopManager.gnome.enable = true;"),
    ),
    WayOut(
        "persistence-complete",
        host("nas", persistence={}),
        host("nas", persistence={"mounted": ["/home"]}),
        says="file system of its own",
        files=own(FORGETS, PERSIST, 'fileSystems."/home".device = "/dev/sdb";'),
    ),
    WayOut(
        "persistence-complete",
        host("nas", persistence={}),
        host("nas", persistence={"directories": ["/var/lib/jellyfin"]}),
        says="keeps its state",
        files=own(FORGETS, PERSIST, "services.jellyfin.enable = true;"),
    ),
    WayOut(
        "persistence-complete",
        both(
            host("nas", persistence={"blank": "@blank"}),
            {"datasets": {"notes": {"host": "nas", "path": "/srv/notes", "tier": "re-derivable"}}},
        ),
        host("nas", persistence={"directories": ["/srv/notes"]}),
        says="the dataset notes",
        files=own(*BLANK_ROOT, _root_at("@root"), PERSIST),
    ),
    WayOut(
        "own-module",
        {},
        {},
        says="cannot be parsed as Nix",
        files=own(ROOT, "services.x = ;"),
        fixed=own(ROOT, "services.x = { };"),
        asked={"services.x": "correct it"},
    ),
    WayOut(
        "forbidden-patterns",
        {},
        {},
        says="firewall",
        files=own(ROOT, "networking.firewall.allowedTCPPorts = [ 99 ];"),
        fixed=own(ROOT),
    ),
    WayOut(
        "forbidden-patterns",
        host("nas", accept={"other-firewall": REASON}),
        host("nas", accept=None),
        says="nothing in its modules",
    ),
)
