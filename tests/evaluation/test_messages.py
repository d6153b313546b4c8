"""Messages of several versions of Nix are parsed alike."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from homelab.evaluation.messages import Position, read_complaint, read_warnings

SAMPLES = Path(__file__).parent / "samples"
TREE = "/nix/store/aw9k2zm1c5kq4s0n8n2sv7c9v2hzw0mq-source"
OWN = f"{TREE}/own/hosts/nas"


class Case(NamedTuple):
    """The expected result for a sample."""

    begins: str
    option: str
    file: str
    line: int = 0


CASES = {
    "new-type": Case(
        "A definition for option `services.jellyfin.group' is not of type",
        "services.jellyfin.group",
        f"{TREE}/services/jellyfin.nix",
    ),
    "new-missing": Case("path '", "", f"{OWN}/not-there.nix"),
    "new-syntax": Case("syntax error, unexpected '}'", "", f"{OWN}/extra.nix", 3),
    "new-recursion": Case(
        "infinite recursion encountered", "services.openssh.extraConfig", f"{OWN}/extra.nix"
    ),
    "old-conflict": Case(
        "The option `fileSystems./.fsType' has conflicting",
        "fileSystems./.fsType",
        "/tree/flake/own/hosts/nas/extra.nix",
    ),
    "nix-no-channel": Case(
        "file 'nixpkgs' was not found in the Nix search path", "", "/tree/flake/flake.nix", 1
    ),
    "nix-fetch": Case("unable to download 'https://api.github.com", "", ""),
    "memory": Case("Nix ran out of the memory that it may use", "", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_the_cause_is_found_with_its_option_and_file(name: str) -> None:
    case = CASES[name]
    said = read_complaint((SAMPLES / f"{name}.txt").read_text(encoding="utf-8"))
    assert said.text.startswith(case.begins)
    assert (".".join(said.options[0]) if said.options else "") == case.option
    if case.file:
        assert Position(case.file, case.line) in (*said.definitions, *said.positions)


def test_every_sample_has_a_case() -> None:
    assert {p.stem for p in SAMPLES.iterdir()} == set(CASES)


def test_a_message_without_an_error_mark_is_kept() -> None:
    assert read_complaint("bash: line 3: nix: Killed\n").text == "bash: line 3: nix: Killed"
    assert read_complaint("").text == "Nix printed nothing"


def test_warnings_of_nix_about_itself_are_left_out() -> None:
    said = read_warnings(
        "warning: Git tree '/home/sam/homelab' is dirty\n"
        "evaluation warning: The option `services.logind.lidSwitch' has been renamed\n"
        "trace: warning: system.stateVersion is not set\n"
        "trace: warning: system.stateVersion is not set\n"
    )
    assert said == (
        "The option `services.logind.lidSwitch' has been renamed",
        "system.stateVersion is not set",
    )
