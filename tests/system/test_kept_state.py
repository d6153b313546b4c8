"""Units of the merged system whose state nothing keeps are a warning of NixOS."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from homelab import testing
from tests import build
from tests.tools.programs import evaluate

SCRIPTS = build.ROOT / "homelab" / "system"
FEW = """
let
  lib = builtins // {
    mkOption = option: option;
    types = { str = null; listOf = _: null; };
    any = builtins.any;
    hasPrefix = start: text: builtins.substring 0 (builtins.stringLength start) text == start;
    hasInfix = mark: text: builtins.length (builtins.split mark text) > 1;
    splitString = mark: text: builtins.filter builtins.isString (builtins.split mark text);
    unique = list: list;
    optional = test: value: if test then [ value ] else [ ];
    mapAttrsToList = f: set: map (n: f n set.${n}) (builtins.attrNames set);
    filterAttrs = f: set:
      removeAttrs set (builtins.filter (n: !(f n set.${n})) (builtins.attrNames set));
    concatMapStringsSep = between: f: list: builtins.concatStringsSep between (map f list);
  };
  warned = { unit ? { }, elsewhere ? [ ], enable ? true, users ? { }, tmpfiles ? { } }: (import ./kept-state.nix {
    inherit lib;
    config = {
      homelab.keptState = { inherit elsewhere; };
      environment.persistence."/persist" = {
        enable = true;
        directories = [ { directory = "/var/lib/kept"; } { directory = "/var/lib/private"; } ];
      };
      fileSystems = builtins.mapAttrs (mountPoint: _: { inherit mountPoint; }) {
        "/" = null;
        "/var/lib/disk" = null;
      };
      systemd.services.own = { inherit enable; serviceConfig = unit; };
      systemd.tmpfiles = { rules = [ ]; } // tmpfiles;
      users = { inherit users; };
    };
  }).config.warnings;
in
"""


def warned(tmp_path: Path, unit: str, more: str = "") -> list[str]:
    shutil.copy(SCRIPTS / "kept-state.nix", tmp_path)
    found = evaluate(f"{FEW} warned {{ unit = {{ {unit} }}; {more} }}", tmp_path)
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("unit", "path"),
    [
        ('StateDirectory = "x";', "/var/lib/x"),
        ('StateDirectory = [ "kept/a" "x/y:link" ];', "/var/lib/x"),
        ('StateDirectory = "kept x";', "/var/lib/x"),
        ('StateDirectory = "%N";', "/var/lib/own"),
        ('StateDirectory = "x"; DynamicUser = false;', "/var/lib/x"),
    ],
)
def test_state_that_nothing_keeps_is_told(tmp_path: Path, unit: str, path: str) -> None:
    (text,) = warned(tmp_path, unit)
    assert f"a restart empties {path} of own.service. Add it to persistence.directories" in text
    assert warned(tmp_path, unit, f'elsewhere = [ "{path}" ];') == []
    assert warned(tmp_path, unit, "enable = false;") == []


@pytest.mark.parametrize(
    "unit",
    [
        'StateDirectory = "kept";',
        'StateDirectory = "disk/x";',
        'StateDirectory = "dhcpcd";',
        'StateDirectory = "x"; DynamicUser = true;',
        'StateDirectory = "%i";',
        'User = "x";',
    ],
)
def test_state_that_is_kept_is_not(tmp_path: Path, unit: str) -> None:
    assert warned(tmp_path, unit) == []


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ('users.x = { createHome = true; home = "/var/lib/x"; };', "/var/lib/x of the account x"),
        ('tmpfiles.rules = [ "d /srv/x 0750 x x -" ];', "/srv/x of tmpfiles"),
        ("tmpfiles.rules = [ \"d '/srv/x' 0750\" ];", "/srv/x of tmpfiles"),
        ('tmpfiles.rules = [ "Q! /srv/y" ];', "/srv/y of tmpfiles"),
        ('tmpfiles.settings.f."/srv/x".d = { mode = "0750"; };', "/srv/x of tmpfiles"),
        (
            'unit.StateDirectory = "x"; tmpfiles.rules = [ "d /var/lib/x" ];',
            "/var/lib/x of own.service",
        ),
    ],
)
def test_directories_of_accounts_and_of_tmpfiles_are_told(
    tmp_path: Path, said: str, what: str
) -> None:
    """About a hundred modules of nixpkgs keep their data in such a one."""
    (text,) = warned(tmp_path, "", said)
    assert f"a restart empties {what}. Add it" in text
    assert warned(tmp_path, "", f'{said} elsewhere = [ "{what.split(maxsplit=1)[0]}" ];') == []


@pytest.mark.parametrize(
    "said",
    [
        'users.x = { createHome = false; home = "/var/lib/x"; };',
        'users.x = { createHome = true; home = "/var/empty"; };',
        'users.x = { createHome = true; home = "/var/lib/kept/x"; };',
        'users.x = { createHome = true; home = "/var/lib"; };',
        'tmpfiles.rules = [ "d /run/x" "D /srv/x" "d /srv/y 0755 - - 10d" "z /srv/z" "d /var/lib" ];',
        'tmpfiles.rules = [ "L+ /var/lib/x - - - - /nix" "d /var/lib/disk/x" "" "d" ];',
        'tmpfiles.settings.f."/srv/x".d = { age = "10d"; };',
        'tmpfiles.settings.f."/srv/x".z = { };',
    ],
)
def test_directories_without_data_or_that_are_kept_are_not(tmp_path: Path, said: str) -> None:
    assert warned(tmp_path, "", said) == []


def test_what_the_stack_lets_go_is_elsewhere() -> None:
    said = {"forget": {"/home": "nobody lives here"}, "mounted": ["/srv"]}
    changes = testing.changed({}, {"hosts": {"nas": {"persistence": said}}})
    files = build.render(changes)["nas"]
    text = " ".join(str(files["impermanence.nix"]).split())
    assert 'homelab.keptState.elsewhere = [ "/home" "/srv" ];' in text
    assert "lib/kept-state.nix" in files
