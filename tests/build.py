"""The smallest valid homelab, and functions to change, plan, check and render it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from homelab import render as renderer
from homelab.checks import run_checks
from homelab.config.document import Document, read_document
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock
from homelab.config.stack import StackConfig
from homelab.nix import Module
from homelab.ops.project.stack import check_sources, open_stack, read_sources
from homelab.plan import Plan
from homelab.planner import make_plan
from homelab.problems import Problem
from homelab.secret_paths import host_file
from homelab.secrets.readers import host_recipient
from homelab.secrets.stand_in import stand_ins
from homelab.testing import changed
from tests.certificates.authority import authority

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "tests" / "shipped"
"""The example stack as shipped. The copy at the top of the repository belongs to the owner, who
may have changed it; `.ci/run` compares the two."""
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMmiUSAGdLXZvnBmem8ZYDXR6KreXW5r5k/M9SvfrAcr"


SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'


def host_key(name: str) -> str:
    """The public host key of the host with this name."""
    kind = b"ssh-ed25519"
    point = hashlib.sha256(name.encode()).digest()
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (kind, point))
    return f"{kind.decode()} {base64.b64encode(blob).decode()}"


OWNER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICKgs3fB1uVn8GXlqedQshkJqLGo02DwsTZ40qulQE+V"
URL = "github:NixOS/nixpkgs/nixos-25.11"

SMALLEST: dict[str, object] = {
    "site": {
        "domain": "home.example.org",
        "timezone": "Europe/Oslo",
        "owner": {"user": "sam", "email": "sam@example.org", "ssh_keys": [f"{OWNER} sam"]},
    },
    "nixpkgs": {
        "default": {
            "release": "25.11",
            "url": URL,
            "lock": "locks/nixos-25.11.lock",
        }
    },
    "network": {
        "lan": {"cidr": "192.168.1.0/24", "gateway": "192.168.1.1"},
        "entry": {"host": "pi"},
        "dns": {"host": "pi"},
    },
    "cloudflare": {
        "account": "0" * 32,
        "zone": {"name": "example.org", "id": "1" * 32},
        "token": {"sops": "cloudflare/token"},
    },
    "secrets": {"master": {"sops": "master"}},
    "hosts": {
        "pi": {
            "platform": "aarch64-linux",
            "role": "appliance",
            "state_version": "25.11",
            "hardware": "hosts/pi/hardware.nix",
            "address": {"lan": "192.168.1.2", "tailnet": "100.64.0.2"},
            "ssh": {"host_key": KEY},
        },
        "nas": {
            "platform": "x86_64-linux",
            "state_version": "25.11",
            "hardware": "hosts/nas/hardware.nix",
            "address": {"lan": "192.168.1.3", "tailnet": "100.64.0.3"},
            "ssh": {"host_key": host_key("nas")},
        },
    },
}
TAILNET: dict[str, object] = {
    "tailnet": {
        "name": "tail1a2b3.ts.net",
        "client_id": {"sops": "tailscale/client_id"},
        "client_secret": {"sops": "tailscale/client_secret"},
        "owners": ["sam@example.org"],
    }
}
"""Changes that put the hosts into a tailnet."""
TEMPORARY_ROOT = '  fileSystems."/" = { device = "none"; fsType = "tmpfs"; };\n'
BLANK_ROOT = """\
  fileSystems."/" = {
    device = "/dev/disk/by-label/system";
    fsType = "btrfs";
    options = [ "subvol=@root" ];
  };
  fileSystems."/nix" = {
    device = "/dev/disk/by-label/system";
    fsType = "btrfs";
    options = [ "subvol=@nix" ];
  };
"""
HARDWARE = '{ fileSystems."/" = { device = "/dev/disk/by-label/nixos"; fsType = "ext4"; }; }\n'


FLAKE = f"""\
{{
  inputs.nixpkgs.url = "{URL}";
  outputs =
    {{ nixpkgs, ... }}:
    {{
      nixosConfigurations."NAME" = nixpkgs.lib.nixosSystem {{
        modules = [
          {{
            nixpkgs.hostPlatform = "x86_64-linux";
            boot.loader.grub.device = "/dev/sda";
            fileSystems."/".device = "/dev/disk/by-label/nixos";
            system.stateVersion = "25.11";
          }}
        ];
      }};
    }};
}}
"""
"""A flake that a host extends, with the system NAME."""


def config(changes: Mapping[str, object] | None = None) -> dict[str, object]:
    """The smallest homelab's config with changes merged in; a value of None removes its key."""
    made = changed(SMALLEST, changes or {})
    # A change of the release alone also changes the nixpkgs reference.
    pins = made.get("nixpkgs")
    for pin in pins.values() if isinstance(pins, dict) else ():
        if isinstance(pin, dict) and pin.get("url") == URL and "release" in pin:
            pin["url"] = URL.replace("25.11", str(pin["release"]))
    return made


def document(changes: Mapping[str, object] | None = None) -> Document:
    """The config as a document for the loader."""
    return Document(config(changes))  # type: ignore[arg-type]


def stack_config(changes: Mapping[str, object] | None = None) -> StackConfig:
    """The typed site."""
    return load_stack_config(document(changes))


def plan(changes: Mapping[str, object] | None = None, lock: Lock | None = None) -> Plan:
    """The plan, without checks."""
    return make_plan(stack_config(changes), lock or Lock())


def problems(
    changes: Mapping[str, object] | None = None, lock: Lock | None = None
) -> list[Problem]:
    """The problems that all checks find."""
    made = plan(changes, lock)
    return [*run_checks(made), *check_sources(made, sources(made))]


def found(changes: Mapping[str, object], check: str) -> list[Problem]:
    """The problems of one check."""
    made = plan(changes)
    found = run_checks(made, {check})
    if check in _named():
        found += check_sources(made, sources(made))
    return [p for p in found if p.check == check]


@cache
def _named() -> frozenset[str]:
    """Every text of the code that may be the id of a check, except where a check of the plan gets
    its id. Problems of files have ids of these alone.
    """
    texts = (f.read_text(encoding="utf-8") for f in (ROOT / "homelab").rglob("*.py"))
    return frozenset(i for text in texts for i in _ID.findall(text))


_ID = re.compile(r"""(?<!@check\()["']([a-z0-9-]+)["']""")


def sources(made: Plan) -> dict[str, str | bytes]:
    """Stand-ins for the files that hosts name."""
    lock = (SHIPPED / "locks/nixos-25.11.lock").read_text(encoding="utf-8")
    out: dict[str, str | bytes] = {
        p.lock: lock.replace("-25.11", f"-{p.release}") for p in made.stack.nixpkgs.values()
    }
    for host in made.hosts.values():
        # A file system of the stack config is not in the hardware module.
        hardware = "{\n}\n" if any(f.mount == "/" for f in host.file_systems) else HARDWARE
        homes = (host.config.home, *(path for _, path, _ in host.member_homes))
        for path in (host.config.hardware, *host.config.modules, *homes):
            if path:
                out[path] = hardware
        if (extends := host.config.extends) is not None:
            out[f"{extends.flake}/flake.nix"] = FLAKE.replace("NAME", extends.name or host.name)
        kept = host.config.persistence
        if kept is not None and host.config.hardware:
            # As the stack states: a root that is discarded at boot, and disks that persist.
            disks = "".join(
                f'  fileSystems."{d}".device = "/dev/sda";\n'
                for d in (kept.disk, *kept.mounted)
                if all(f.mount != d for f in host.file_systems)
            )
            root = BLANK_ROOT if kept.blank is not None else TEMPORARY_ROOT
            root = root if hardware == HARDWARE else ""
            out[host.config.hardware] = f"{{\n{root}{disks}}}\n"
        out[host_file(made.stack, host.name)] = sops_text(made, host.name)
    out |= stand_ins(made, out)
    out |= _pictures(made)
    if root := renderer.root_path(made):
        out[root] = authority(made.stack.site.domain)[0]
    for dataset in made.datasets:
        path = made.hosts[dataset.host].config.hardware if dataset.host in made.hosts else None
        stated = {f.mount for f in made.hosts[dataset.host].file_systems} if path else set()
        if path and dataset.mount not in {"/", *stated}:
            disk = f'  fileSystems."{dataset.mount.rstrip("/")}".label = "disk";\n'
            # Several datasets may be on one disk.
            if disk not in str(out[path]):
                out[path] = str(out[path]).replace("{", "{\n" + disk, 1)
    return out


def _pictures(made: Plan) -> dict[str, str | bytes]:
    """The favicon, and a file for each icon with the name of an app."""
    config, shown = made.stack.dashboard, made.dashboard
    if shown is None:
        return {}
    icons = {t.icon.removesuffix(".png") for _, tiles in shown.groups for t in tiles}
    drawn: dict[str, str | bytes] = {
        f"{config.icons}/{name}.svg": SVG
        for name in icons
        if config.icons and not name.startswith(("/", "mdi-"))
    }
    return {**drawn, config.favicon: SVG} if config.favicon else drawn


def sops_text(made: Plan, host: str) -> str:
    """A sops file with every key that the host needs, with empty values."""
    data: dict[str, object] = {
        "sops": {
            "mac": "ENC[]",
            "age": [{"recipient": host_recipient(made.stack, host)}],
            "lastmodified": "2025-12-01T00:00:00Z",
        }
    }
    for secret in made.secrets.on(host):
        if secret.source == "stored":
            *above, last = secret.key.split("/")
            place = data
            for part in above:
                inner = place.get(part)
                # A file cannot contain both a and a/b. One of them is missing then.
                place[part] = inner if isinstance(inner, dict) else {}
                place = place[part]  # type: ignore[assignment]
            place[last] = f"ENC[AES256_GCM,data:{'A' * 32},iv:x,tag:x,type:str]"
    # JSON is YAML, and written much faster.
    return json.dumps(data)


def service_file(name: str, **service: object) -> str:
    """The generated file of a service that runs on pi."""
    return render({"services": {name: {"host": "pi", **service}}})["pi"][f"services/{name}.nix"]


def render(changes: Mapping[str, object] | None = None) -> dict[str, dict[str, str]]:
    """The text of every generated file, by host and path."""
    made = plan(changes)
    return {
        host: {path: text for path, text in release.files if isinstance(text, str)}
        for host, release in renderer.render(made, sources(made)).items()
    }


def modules(stack: Path) -> dict[str, list[Module]]:
    """Every module of every host of a stack file, by host."""
    made = make_plan(load_stack_config(read_document(stack)), Lock())
    read_sources(stack.parent, made)
    return {host.name: renderer.modules_of(made, host) for host in made.hosts.values()}


def json_config(changes: Mapping[str, object] | None = None) -> dict[str, str]:
    """The config as Pulumi stores it: JSON text by full key."""
    return {f"homelab:{k}": json.dumps(v) for k, v in config(changes).items()}


__all__ = [
    "HARDWARE",
    "KEY",
    "ROOT",
    "SMALLEST",
    "TAILNET",
    "config",
    "found",
    "host_key",
    "json_config",
    "modules",
    "open_stack",
    "plan",
    "problems",
    "render",
    "sources",
]
