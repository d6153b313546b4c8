"""Files that an option imports are read as the value of that option."""

from __future__ import annotations

import pytest

from homelab.nix.files import read_files
from homelab.nix.source import Computed, imported_by


def settings(files: dict[str, str], *modules: str) -> dict[str, list[tuple[str, object]]]:
    found = read_files(files.items(), modules)
    return {
        name: [(s.name, s.value) for s in source.settings]
        for name, source in found.items()
        if source.settings
    }


@pytest.mark.parametrize(
    "value",
    [
        "import ./ssh.nix",
        "(import ./ssh.nix)",
        "lib.mkIf x (import ./ssh.nix { inherit lib; })",
        "builtins.import ./ssh.nix lib {}",
        "lib.mkMerge [ (import ./ssh.nix) ]",
        "ssh",
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "{ ports = [ 1 ]; }",
        "{ lib, ... }: with lib; { ports = [ 1 ]; }",
        "a: b: { ports = [ 1 ]; }",
    ],
)
def test_a_set_in_another_file_is_of_the_option(value: str, text: str) -> None:
    own = f"{{ lib, ... }}: let ssh = import ./ssh.nix; in {{ services.openssh = {value}; }}"
    found = settings({"m/own.nix": own, "m/ssh.nix": text})
    assert found == {"m/ssh.nix": [("services.openssh.ports", (1,))]}


def test_a_file_of_a_file_and_a_directory_are_followed() -> None:
    files = {
        "own.nix": "{ services = import ./services; }",
        "services/default.nix": "{ openssh = import ../ssh.nix; }",
        "ssh.nix": "\n{ ports = [ 1 ]; }",
    }
    assert settings(files) == {"ssh.nix": [("services.openssh.ports", (1,))]}
    (setting,) = read_files(files.items())["ssh.nix"].settings
    assert setting.line == 2


def test_what_is_forced_stays_forced() -> None:
    files = {"own.nix": "{ a.b = lib.mkForce (import ./x.nix); }", "x.nix": "{ c.d = 1; }"}
    (setting,) = read_files(files.items())["x.nix"].settings
    assert (setting.path, setting.forced) == (("a", "b", "c", "d"), 2)


def test_a_file_that_is_a_module_too_is_read_as_both() -> None:
    files = {"own.nix": "{ a = import ./x.nix; }", "x.nix": "{ b = 1; }"}
    both = [("b", 1), ("a.b", 1)]
    assert settings(files, "x.nix") == {"x.nix": both}
    listed = {**files, "own.nix": "{ imports = [ ./x.nix ]; a = import ./x.nix; }"}
    assert settings(listed) == {"x.nix": both}


def test_a_file_that_imports_itself_ends() -> None:
    files = {"own.nix": "{ a = import ./x.nix; }", "x.nix": "{ b = import ./x.nix; c = 1; }"}
    assert ("a.b.c", 1) in settings(files)["x.nix"]


@pytest.mark.parametrize(
    "text",
    [
        "import <nixpkgs>",
        "import /etc/x.nix",
        "import ./${name}.nix",
        "import (./x + name)",
        "(import ./x.nix).a",
        "importJSON ./x.json",
        "f (import ./x.nix)",
        "import inputs.x",
        "",
    ],
)
def test_other_expressions_import_no_file(text: str) -> None:
    assert imported_by(Computed(text)) == ""
