"""Own modules: imported files are copied, and files that cannot be copied are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.ops.project.stack import check_sources, read_sources
from homelab.problems import Problem
from homelab.render import render
from tests import build


def stack(tmp_path: Path, files: dict[str, str], **host: object) -> tuple[list[Problem], set[str]]:
    """The problems of a NAS with these files beside the stack, and the files copied to it."""
    made = build.plan({"hosts": {"nas": host}})
    there = build.sources(made) | files
    for path in host.get("modules", ()):  # type: ignore[attr-defined]
        if path not in files:
            there.pop(path, None)
    for path, text in there.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(str(text), encoding="utf-8")
    sources, missing = read_sources(tmp_path, made)
    found = [p for p in check_sources(made, sources) if p.check == "own-module"] + missing
    travels = {p for p, _ in render(made, sources)["nas"].files if p.startswith("own/")}
    return found, travels


def test_imports_of_a_single_file_are_copied_recursively(tmp_path: Path) -> None:
    files = {
        "hosts/nas/hardware.nix": build.HARDWARE.replace("{", "{ imports = [ ./pc.nix ];", 1),
        "hosts/nas/pc.nix": "{ imports = [ ../common/x.nix ./zsh ]; }",
        "hosts/nas/other.nix": "{ }",
        "hosts/nas/zsh/default.nix": "{ x = builtins.readFile ./rc; }",
        "hosts/nas/zsh/rc": "alias l=ls",
        "hosts/common/x.nix": "{ }",
        "hosts/common/y.nix": "{ }",
    }
    found, travels = stack(tmp_path, files)
    assert found == []
    assert travels == {
        "own/hosts/common/x.nix",
        "own/hosts/nas/hardware.nix",
        "own/hosts/nas/pc.nix",
        "own/hosts/nas/zsh/default.nix",
        "own/hosts/nas/zsh/rc",
    }


@pytest.mark.requirement("S2-01")
def test_overlays_and_packages_are_taken_by_path(tmp_path: Path) -> None:
    """As in any NixOS configuration; homelab needs no key for them."""
    files = {
        "mine.nix": """
          { pkgs, ... }: {
            nixpkgs.overlays = [ (import ./overlays/fixes.nix) ];
            environment.systemPackages = [ (pkgs.callPackage ./packages/tool.nix { }) ];
          }
        """,
        "overlays/fixes.nix": "final: prev: { fixed = prev.callPackage ./fixed.nix { }; }",
        "overlays/fixed.nix": "{ hello }: hello",
        "packages/tool.nix": "{ writeShellScriptBin }: writeShellScriptBin \"tool\" ''exit''",
    }
    found, travels = stack(tmp_path, files, modules=["mine.nix"])
    assert found == []
    assert {f"own/{name}" for name in files} < travels


def test_two_files_that_import_each_other_are_copied_once(tmp_path: Path) -> None:
    files = {
        "a.nix": "{ imports = [ ./b.nix ]; }",
        "b.nix": "{ imports = [ ./a.nix ]; }",
    }
    found, travels = stack(tmp_path, files, modules=["a.nix"])
    assert found == []
    assert {"own/a.nix", "own/b.nix"} < travels


@pytest.mark.parametrize(
    ("files", "modules", "says"),
    [
        ({"m/a.nix": "{ imports = [ ./b.nix ]; }"}, ["m/a.nix"], "there is no m/b.nix"),
        ({"a.nix": "{ imports = [ ../b.nix ]; }"}, ["a.nix"], "outside of the stack's directory"),
        ({"m/x.nix": "{ }"}, ["m"], "m has no default.nix"),
        ({"a.yaml": "a: 1"}, ["a.yaml"], "a.yaml is not a NixOS module"),
    ],
)
def test_a_file_that_cannot_be_copied_or_is_no_module_is_named(
    tmp_path: Path, files: dict[str, str], modules: list[str], says: str
) -> None:
    (problem,), _ = stack(tmp_path, files, modules=modules)
    assert problem.where == ("hosts.nas.modules[0]" if modules[0] in says.split() else "hosts.nas")
    assert says in problem.what
    assert problem.way_out


GRUB = {"hosts": {"nas": {"boot": {"loader": "grub"}}}}


@pytest.mark.parametrize(
    ("boot", "module", "fine"),
    [
        ({"loader": "grub"}, "", False),
        ({"loader": "grub"}, "# boot.loader.grub.device = x", False),
        ({"loader": "grub"}, 'boot.loader.grub.device = "/dev/sda";', True),
        ({"loader": "grub"}, 'boot.loader.grub = { device = "nodev"; };', True),
        ({"loader": "grub", "device": "/dev/disk/by-id/ata-X"}, "", True),
        ({"loader": "systemd-boot"}, "", True),
    ],
)
def test_grub_needs_a_named_disk(boot: dict[str, str], module: str, fine: bool) -> None:
    made = build.plan({"hosts": {"nas": {"boot": boot}}})
    hardware = build.HARDWARE.replace("{", "{\n" + module + "\n", 1)
    found = check_sources(made, {**build.sources(made), "hosts/nas/hardware.nix": hardware})
    assert [p.check for p in found if p.check == "grub-device"] == ["grub-device"] * (not fine)


@pytest.mark.parametrize(
    ("host", "module", "fine"),
    [
        ({"flash": True}, 'swapDevices = [ { device = "/dev/sda2"; } ];', False),
        ({"flash": True}, "swapDevices = [ { device = x; size = 4096; } ];", False),
        ({"flash": True}, "swapDevices = lib.mkForce [ { label = y; } ];", False),
        ({"flash": True}, "swapDevices = [ ];", True),
        ({"flash": True}, "# swapDevices = [ { } ];", True),
        ({"flash": True, "zram": {}}, "", True),
        ({}, 'swapDevices = [ { device = "/dev/sda2"; } ];', True),
    ],
)
def test_swap_on_flash_storage_is_refused(host: dict[str, object], module: str, fine: bool) -> None:
    made = build.plan({"hosts": {"nas": host}})
    hardware = build.HARDWARE.replace("{", "{\n" + module + "\n", 1)
    found = check_sources(made, {**build.sources(made), "hosts/nas/hardware.nix": hardware})
    told = [p for p in found if p.check == "flash-swap"]
    assert [(p.where, p.severity) for p in told] == [("hosts.nas.flash", "warning")] * (not fine)


def test_the_disk_of_grub_is_rendered_and_refused_for_other_loaders() -> None:
    boot = {"loader": "grub", "device": "/dev/disk/by-id/ata-X"}
    text = build.render({"hosts": {"nas": {"boot": boot}}})["nas"]["boot.nix"]
    assert 'device = "/dev/disk/by-id/ata-X";' in text
    text = build.render({"hosts": {"nas": {"boot": {"loader": "grub", "device": "nodev"}}}})["nas"][
        "boot.nix"
    ]
    assert "efiSupport = true;" in text
    assert "canTouchEfiVariables = true;" in text
    with pytest.raises(Exception, match="GRUB"):
        build.stack_config({"hosts": {"nas": {"boot": {"device": "/dev/sda"}}}})


def test_a_module_of_an_unknown_flake_is_named() -> None:
    (problem,) = build.found({"hosts": {"nas": {"flakes": ["diskoo.a.b"]}}}, "flake-module-known")
    assert problem.where == "hosts.nas.flakes[0]"
    known = {"hosts": {"nas": {"flakes": ["nixos-hardware.nixosModules.common-pc-ssd"]}}}
    assert build.found(known, "flake-module-known") == []
    assert (
        "inputs.nixos-hardware.nixosModules.common-pc-ssd"
        in build.render(known)["nas"]["flake.nix"]
    )


def _of_bytes(tmp_path: Path, content: bytes, path: str) -> list[Problem]:
    """The problems of a host whose file at `path` has this content, as it is read from the disk."""
    host: dict[str, object] = {"hosts/nas/hardware.nix": {}, "home/sam.nix": {"home": path}}.get(
        path, {"modules": [path]}
    )
    made = build.plan({"hosts": {"nas": host}})
    for name, text in build.sources(made).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(str(text), encoding="utf-8")
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_bytes(content)
    sources, missing = read_sources(tmp_path, made)
    return [p for p in (*missing, *check_sources(made, sources)) if p.severity == "error"]


OWN_FILES = ("hosts/nas/hardware.nix", "hosts/nas/x.nix", "home/sam.nix")


@pytest.mark.parametrize("path", OWN_FILES)
@pytest.mark.parametrize(
    "content",
    [
        b"# K\xfcche\n{ networking.firewall.enable = false; }\n",
        b"\xff\xfe\xe9",
        b"{ } # \0\n",
        '{ x = "\u00fc"; }'.encode("utf-16"),
    ],
)
def test_a_nix_file_that_is_not_text_is_refused(tmp_path: Path, path: str, content: bytes) -> None:
    found = [p for p in _of_bytes(tmp_path, content, path) if p.check == "own-module"]
    assert [p.what.partition(":")[0] for p in found] == [f"{path} is not text"]


@pytest.mark.parametrize("path", OWN_FILES)
@pytest.mark.parametrize("content", [b"[" * 3000, b"{ ", b"{a=" * 5000, b"{ x = ; }"])
def test_a_nix_file_that_cannot_be_parsed_is_refused(
    tmp_path: Path, path: str, content: bytes
) -> None:
    found = [p for p in _of_bytes(tmp_path, content, path) if p.check == "own-module"]
    assert [p.what for p in found] == [
        f"{path}:1: this cannot be parsed as Nix, so it is not known what it opens"
    ]


def test_pipes_of_newer_nix_are_a_warning(tmp_path: Path) -> None:
    found, _ = stack(tmp_path, {"a.nix": "{ x = [ 1 ] |> map f; }"}, modules=["a.nix"])
    assert [(p.severity, p.way_out) for p in found] == [("warning", "write it without |> and <|")]


def test_a_known_key_is_found_in_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = "hosts/nas/x.nix"
    found = _of_bytes(tmp_path, b'# \xfc\n{ x = "ghp_' + b"a1B2" * 9 + b'"; }\n', path)
    assert [p.what.partition(" this")[0] for p in found if p.check == "secret-literal"] == [
        f"{path}:2:"
    ]


@pytest.mark.parametrize(
    "module",
    [
        "{ imports = [ ./part.nix ]; }",
        "{ imports = [ ./part.nix/ ]; }",
        "{ lib, ... }: let more = [ ./part.nix ]; in { imports = [ ./x.nix ] ++ more; }",
        "{ services.openssh = import ./part.nix; }",
        "{ pkgs, ... }: { environment.systemPackages = [ (pkgs.callPackage ./part.nix { }) ]; }",
    ],
)
def test_an_imported_directory_has_a_default_nix(tmp_path: Path, module: str) -> None:
    files = {"own.nix": module, "part.nix/a.nix": "{ }", "x.nix": "{ }"}
    (problem,), _ = stack(tmp_path, files, modules=["own.nix"])
    assert (problem.check, problem.severity) == ("own-module", "error")
    assert "add part.nix/default.nix, or name its files: part.nix/a.nix" in problem.way_out
    found, _ = stack(tmp_path, {**files, "part.nix/default.nix": "{ }"}, modules=["own.nix"])
    assert found == []


def test_a_directory_that_is_only_read_needs_no_default_nix(tmp_path: Path) -> None:
    files = {
        "own.nix": """
          {
            environment.etc.x.source = ./files;
            imports = map (name: ./parts + "/${name}") (builtins.attrNames (builtins.readDir ./parts));
          }
        """,
        "files/a": "x",
        "parts/a.nix": "{ }",
    }
    found, travels = stack(tmp_path, files, modules=["own.nix"])
    assert found == []
    assert {"own/files/a", "own/parts/a.nix"} <= travels


def test_nix_in_a_file_of_another_name_is_not_imported_unread(tmp_path: Path) -> None:
    files = {"own.nix": "{ imports = [ ./part ]; }", "part": "{ services.openssh.ports = [ 1 ]; }"}
    (problem,), _ = stack(tmp_path, files, modules=["own.nix"])
    assert problem.severity == "error"
    assert "name it part.nix" in problem.way_out
