"""Another name of an option in the text of a module."""

from __future__ import annotations

import pytest

from homelab.nix.renaming import joined, with_renamed

OLD, NEW = ("services", "logind", "lidSwitch"), ("services", "logind", "settings", "HandleLid")
WRITTEN = [
    (
        '{ services.logind.lidSwitch = "ignore"; }\n',
        '{ services.logind.settings.HandleLid = "ignore"; }\n',
    ),
    (
        '{ pkgs, ... }:\n{\n  # why\n  services.logind = {\n    lidSwitch = "x"; # lid\n  };\n}\n',
        (
            "{ pkgs, ... }:\n{\n  # why\n  services.logind = {\n"
            '    settings.HandleLid = "x"; # lid\n  };\n}\n'
        ),
    ),
    (
        '{ config = lib.mkIf true { services."logind".lidSwitch = "x"; }; }',
        '{ config = lib.mkIf true { services.logind.settings.HandleLid = "x"; }; }',
    ),
    (
        '{ config.services.logind.lidSwitch = lib.mkForce "x"; }',
        '{ config.services.logind.settings.HandleLid = lib.mkForce "x"; }',
    ),
    (
        "{ services.logind.lidSwitch.docked = 1; services.logind.lidSwitch.other = 2; }",
        (
            "{ services.logind.settings.HandleLid.docked = 1; "
            "services.logind.settings.HandleLid.other = 2; }"
        ),
    ),
    (
        '{ config = lib.mkMerge [ { services.logind.lidSwitch = "ü"; } ({ a = 1; }) ]; }',
        '{ config = lib.mkMerge [ { services.logind.settings.HandleLid = "ü"; } ({ a = 1; }) ]; }',
    ),
]
LEFT = [
    # Both names: the set would have one attribute twice.
    "{ services.logind.lidSwitch = 1; services.logind.settings.HandleLid = 2; }",
    # Computed, or bound elsewhere.
    "{ services.${x}.lidSwitch = 1; }",
    "let logind = { lidSwitch = 1; }; in { services = { inherit logind; }; }",
    "let lidSwitch = 1; in { services.logind = { inherit lidSwitch; }; }",
    "{ services.logind.lidSwitchDocked = 1; }",
    "{ services.logind.lidSwitch = ; }",
    "{ }",
]


@pytest.mark.parametrize(("before", "after"), WRITTEN)
def test_an_option_gets_its_new_name_and_everything_else_stays(before: str, after: str) -> None:
    assert with_renamed(before, OLD, NEW) == after


@pytest.mark.parametrize("text", LEFT)
def test_a_form_that_names_alone_cannot_change_is_left_alone(text: str) -> None:
    assert with_renamed(text, OLD, NEW) == ""


def test_a_name_outside_the_set_around_the_option_is_left_alone() -> None:
    elsewhere = ("boot", "lid")
    assert with_renamed("{ services.logind = { lidSwitch = 1; }; }", OLD, elsewhere) == ""
    assert with_renamed("{ services.logind.lidSwitch = 1; }", OLD, elsewhere) == "{ boot.lid = 1; }"


def test_a_part_gets_quotes_where_nix_needs_them() -> None:
    assert joined(("a", "b.c", "in", "d-e", "${x}")) == 'a."b.c"."in".d-e."\\${x}"'
