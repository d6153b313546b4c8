"""Ways out of problems with hosts that homelab manages in part."""

from __future__ import annotations

from tests import build
from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import both, host, service

LOCK = "hosts/nas/nixos/flake.lock"
PIN: Changes = {"nixpkgs": {"old": {"release": "25.11", "url": build.URL, "lock": LOCK}}}
EXTENDS = both(
    PIN, host("nas", hardware=None, nixpkgs="old", extends={"flake": "hosts/nas/nixos"}, manage=[])
)
FLAKE = "hosts/nas/nixos/flake.nix"
MODULE = "hosts/nas/nixos/configuration.nix"
COMPUTED = f"""\
{{
  inputs.nixpkgs.url = "{build.URL}";
  outputs =
    {{ nixpkgs, ... }}:
    {{
      nixosConfigurations = builtins.mapAttrs (_: modules: nixpkgs.lib.nixosSystem {{
        inherit modules;
      }}) {{ nas = [ ./configuration.nix ]; }};
    }};
}}
"""
NEWS = service("miniflux", host="nas", name="news", backup={"skip": "it is a test"})
WITHOUT = ["firewall", "secrets", "ssh"]
SERVED = ["firewall", "secrets", "services", "ssh"]

WAYS = (
    WayOut(
        "manage-needed",
        both(NEWS, host("nas", manage=WITHOUT)),
        host("nas", manage=SERVED),
    ),
    WayOut(
        "manage-needed",
        both(NEWS, host("nas", manage=WITHOUT)),
        {"services": {"miniflux": {"host": "pi"}}},
        asked={"pi": "another host"},
    ),
    WayOut(
        "manage-needed",
        both(
            host("pi", build={"host": "nas", "trusted": "it is mine"}),
            host("nas", manage=["ssh"]),
        ),
        host("nas", manage=["nix", "ssh"]),
        says="builds with an account",
    ),
    WayOut(
        "manage-firewall",
        both(NEWS, host("nas", manage=["secrets", "services", "ssh"])),
        host("nas", manage=SERVED),
    ),
    WayOut(
        "extends-pin",
        both(EXTENDS, host("nas", nixpkgs="default")),
        host("nas", nixpkgs="old"),
    ),
    WayOut(
        "extends-inputs",
        EXTENDS,
        {},
        files={FLAKE: build.FLAKE.replace("inputs.", 'inputs.x.url = "path:./x";\n  inputs.', 1)},
        fixed={FLAKE: build.FLAKE},
    ),
    WayOut(
        "forbidden-patterns",
        both(EXTENDS, host("nas", manage=["firewall", "ssh", "system"])),
        {},
        files={FLAKE: COMPUTED, MODULE: "{ networking.firewall.enable = false; }\n"},
        fixed={MODULE: "{ }\n"},
        says="only Nix resolves",
    ),
    WayOut(
        "",
        host("nas", manage=[], fail2ban={}),
        host("nas", manage=["ssh"]),
        kind="value_error",
        says="nothing reads fail2ban",
    ),
    WayOut(
        "",
        both(EXTENDS, host("nas", fail2ban={})),
        host("nas", fail2ban=None),
        kind="value_error",
        says="nothing reads fail2ban",
        files={FLAKE: build.FLAKE},
    ),
    WayOut(
        "",
        host("nas", extends={"flake": "hosts/nas/nixos"}, manage=[], nixpkgs="old") | {**PIN},
        host("nas", hardware=None),
        kind="value_error",
        says="the flake in extends has the hardware",
    ),
)
