"""`homelab home` builds and activates the owner's home on the machine itself."""

from __future__ import annotations

import getpass
import platform
from pathlib import Path

import pytest

from homelab.ops import home
from homelab.ops.project.stack import Stack, open_stack
from homelab.problems import HomelabError, UsageError
from tests import stackdir

pytestmark = pytest.mark.requirement("S0-75")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A Mac of sam's with a stand-in for Nix, which records its words."""
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(platform, "node", lambda: "Macbook.local")
    monkeypatch.setattr(home.sys, "platform", "darwin")
    monkeypatch.setattr(getpass, "getuser", lambda: "sam")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    built = tmp_path / "built"
    built.mkdir()
    _program(built / "activate", f'echo "$HOME_MANAGER_BACKUP_EXT" >{tmp_path}/activated')
    programs = tmp_path / "bin"
    programs.mkdir()
    _program(programs / "nix", f'echo "$@" >{tmp_path}/asked\necho {built}')
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return tmp_path


def _program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


def _stack(tmp_path: Path) -> Stack:
    mac = {
        "kind": "home-manager",
        "platform": "aarch64-darwin",
        "state_version": "25.11",
        "home": "home/sam.nix",
    }
    directory = stackdir.write_stack(tmp_path / "lab", {"hosts": {"macbook": mac}})
    (directory / "home").mkdir(exist_ok=True)
    (directory / "home/sam.nix").write_text("{ }\n", encoding="utf-8")
    return open_stack(directory, stackdir.NAME)


def _switched(tmp_path: Path, *, dry: bool = False) -> list[str]:
    said: list[str] = []
    home.switch_home(_stack(tmp_path), "macbook", said.append, dry=dry)
    return said


def test_the_home_of_this_machine_is_built_by_its_flake_and_activated(here: Path) -> None:
    said = _switched(here)
    tree = here / "state/homelab/homes" / stackdir.NAME / "macbook"
    assert (tree / "own/home/sam.nix").exists()
    asked = (here / "asked").read_text(encoding="utf-8").split()
    assert asked[-1] == f"path:{tree}#homeConfigurations.sam.activationPackage"
    assert "--no-update-lock-file" in asked
    assert (here / "activated").read_text(encoding="utf-8") == "before-home-manager\n"
    assert said[-1] == "macbook: activated"


def test_a_dry_run_activates_nothing(here: Path) -> None:
    assert _switched(here, dry=True)[-1] == "macbook: not activated"
    assert not (here / "activated").exists()


def test_the_host_is_the_one_with_the_name_of_the_machine(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = _stack(here)
    assert home.own_name(stack) == "macbook"
    monkeypatch.setattr(platform, "node", lambda: "elsewhere")
    # The only one needs no name.
    assert home.own_name(stack) == "macbook"
    with pytest.raises(UsageError, match="nas is a NixOS host"):
        home.own_name(stack, "nas")
    with pytest.raises(UsageError, match='did you mean "macbook"'):
        home.own_name(stack, "macbok")


def test_another_machine_or_user_changes_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "kim")
    with pytest.raises(HomelabError, match="the home of sam, and you are kim"):
        _switched(here)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with pytest.raises(HomelabError, match="this machine is x86_64-darwin; run it on macbook"):
        _switched(here)
    assert not (here / "asked").exists()


def test_a_failed_build_or_activation_is_an_error(here: Path) -> None:
    _program(here / "built/activate", "exit 3")
    with pytest.raises(HomelabError, match="activation exited with 3"):
        _switched(here)
    _program(here / "bin/nix", "exit 1")
    with pytest.raises(HomelabError, match="Nix exited with 1"):
        _switched(here)


def test_without_nix_the_way_out_is_to_install_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(HomelabError, match="install Nix"):
        _switched(here)
