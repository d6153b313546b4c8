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
  warned = { unit, elsewhere ? [ ], enable ? true }: (import ./kept-state.nix {
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


def test_what_the_stack_lets_go_is_elsewhere() -> None:
    said = {"forget": {"/home": "nobody lives here"}, "mounted": ["/srv"]}
    changes = testing.changed({}, {"hosts": {"nas": {"persistence": said}}})
    files = build.render(changes)["nas"]
    text = " ".join(str(files["impermanence.nix"]).split())
    assert 'homelab.keptState.elsewhere = [ "/home" "/srv" ];' in text
    assert "lib/kept-state.nix" in files
