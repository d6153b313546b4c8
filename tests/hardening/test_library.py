"""`lib/hardening.nix`: from the options of a unit to its `serviceConfig`, with priorities.

The first tests evaluate the submodule of a unit with a few functions in place of nixpkgs' lib. With
HOMELAB_NIXPKGS, the path of a nixpkgs of any release, the module goes through its module system.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from homelab.catalog import ENTRIES
from homelab.hardening.baseline import BASELINE, HIDDEN
from homelab.hardening.systemd import LIBRARY, modules
from homelab.nix import print_module
from homelab.render import DERIVE
from tests import build
from tests.tools.programs import evaluate

FEW = """
let
  lib = builtins // rec {
    mkOption = option: option // { _type = "option"; };
    mkOverride = priority: content: { _type = "override"; inherit priority content; };
    mkOptionDefault = mkOverride 1500;
    min = a: b: if a < b then a else b;
    genAttrs = names: f: builtins.listToAttrs (map (name: { inherit name; value = f name; }) names);
    optionalAttrs = condition: set: if condition then set else { };
    unique = builtins.foldl' (found: x: if builtins.elem x found then found else found ++ [ x ]) [ ];
    types = {
      submodule = body: body;
      attrsOf = inner: inner;
      nullOr = x: x; either = _: x: x; enum = x: x; listOf = x: x;
      bool = null; str = null; unspecified = null;
    };
  };
  module = units: import ./hardening.nix { inherit lib; config.homelab.hardening = { inherit units; }; };
  unit = (module { }).options.homelab.hardening.units.type;
  # What the module system makes of a unit whose options are stated as { priority, content }.
  of = stated:
    let
      made = unit { inherit config options; };
      both = value: if builtins.isList value && value != [ ] then 100 else 1500;
      options = builtins.mapAttrs (name: option: {
        highestPrio = lib.min (stated.${name}.priority or 1500) (both (made.config.${name} or null));
      }) made.options;
      config = builtins.mapAttrs (name: option:
        let own = made.config.${name} or null; said = stated.${name} or null; in
        if said == null then if own == null then option.default else own
        else if builtins.isList own && said.priority == 100 then own ++ said.content
        else said.content
      ) made.options;
    in config.serviceConfig;
  derived = content: { priority = 900; inherit content; };
  plain = content: { priority = 100; inherit content; };
  forced = content: { priority = 50; inherit content; };
in
"""


@pytest.fixture
def few(tmp_path: Path) -> Any:
    """The settings of a unit by name: (priority, value)."""
    (tmp_path / "hardening.nix").write_text(LIBRARY.text, encoding="utf-8")

    def of(stated: str) -> dict[str, tuple[int, object]]:
        found = evaluate(f"{FEW} of {{ {stated} }}", tmp_path)
        return {name: (d["priority"], d["content"]) for name, d in found.items()}

    return of


def test_a_unit_that_states_nothing_gets_the_baseline_of_the_plan(few: Any) -> None:
    expected: dict[str, tuple[int, object]] = {p.setting: (900, p.value) for p in BASELINE}
    expected["TemporaryFileSystem"] = (100, [f"{path}:ro" for path in HIDDEN])
    assert few("") == expected


def test_a_derived_value_yields_and_a_list_joins(few: Any) -> None:
    got = few('UMask = derived "0027"; BindPaths = plain [ "/mnt/media" ];')
    assert got["UMask"] == (900, "0027")
    assert got["BindPaths"] == (100, ["/mnt/media"])


def test_a_value_of_the_owner_keeps_its_priority(few: Any) -> None:
    got = few('UMask = plain "0027"; PrivateTmp = forced false;')
    assert got["UMask"] == (100, "0027")
    assert got["PrivateTmp"] == (50, False)


def test_null_leaves_a_setting_to_the_module_of_the_service(few: Any) -> None:
    assert "MemoryDenyWriteExecute" not in few("MemoryDenyWriteExecute = derived null;")


def test_without_the_baseline_a_unit_gets_what_it_states_and_hides_data(few: Any) -> None:
    got = few("baseline = derived false; ProtectClock = forced false;")
    assert got == {
        "ProtectClock": (50, False),
        "TemporaryFileSystem": (100, ["/mnt:ro", "/srv:ro"]),
    }


def test_further_directories_are_hidden_beside_those_of_every_unit(few: Any) -> None:
    got = few('hide = plain [ "/data" "/mnt" ];')
    assert got["TemporaryFileSystem"] == (100, ["/data:ro", "/mnt:ro", "/srv:ro"])


def test_a_forced_list_replaces_what_every_unit_hides(few: Any) -> None:
    assert few("hide = forced [ ];")["TemporaryFileSystem"] == (50, [])
    assert few('DeviceAllow = forced [ "char-drm rw" ];')["DeviceAllow"] == (50, ["char-drm rw"])


REAL = """
let
  lib = import "${nixpkgs}/lib";
  t = lib.types;
  # `systemd.services.*.serviceConfig`, as nixpkgs has it.
  system.options.systemd.services = lib.mkOption {
    default = { };
    type = t.attrsOf (t.submodule {
      options.serviceConfig = lib.mkOption {
        default = { };
        type = t.attrsOf (lib.mkOptionType {
          name = "systemd option";
          merge = loc: defs:
            let values = lib.getValues defs; in
            if lib.any builtins.isList values then lib.concatMap lib.toList values
            else lib.mergeEqualOption loc defs;
        });
      };
    });
  };
  of = modules: lib.mapAttrs (_: unit: unit.serviceConfig)
    (lib.evalModules { modules = [ system ] ++ modules; }).config.systemd.services;
in
"""


@pytest.fixture
def real(tmp_path: Path) -> Any:
    """The `serviceConfig` of each unit that modules of the owner and of nixpkgs come to."""
    nixpkgs = os.environ.get("HOMELAB_NIXPKGS")
    if not nixpkgs:
        pytest.skip("HOMELAB_NIXPKGS names no nixpkgs")
    (tmp_path / "lib").mkdir()
    (tmp_path / LIBRARY.file).write_text(LIBRARY.text, encoding="utf-8")
    (tmp_path / "lib/derive.nix").write_text(DERIVE, encoding="utf-8")

    def of(ours: str, *others: str) -> Any:
        (tmp_path / "ours.nix").write_text(ours, encoding="utf-8")
        head = REAL.replace("${nixpkgs}", nixpkgs)
        more = " ".join(f"({{ lib, ... }}: {{ {text} }})" for text in others)
        return evaluate(f"{head} of [ ./ours.nix {more} ]", tmp_path)

    return of


def _ours(changes: dict[str, object]) -> str:
    plan = build.plan(changes)
    (module,) = modules(plan, plan.hosts["nas"])
    return print_module(module, "Head")


JELLYFIN = {"services": {"jellyfin": {"host": "nas"}}}
UNIT = "homelab.hardening.units.jellyfin"
CONFIG = "systemd.services.jellyfin.serviceConfig"
OVERRIDES = {
    "a plain definition of the unit's own option": (f'{CONFIG}.UMask = "0002";', "0002"),
    "a plain definition of the sandbox's option": (f'{UNIT}.UMask = "0003";', "0003"),
    "a forced one of the sandbox, against a plain one of nixpkgs": (
        f'{CONFIG}.UMask = "0077"; {UNIT}.UMask = lib.mkForce "0004";',
        "0004",
    ),
    "nothing but a default of nixpkgs": (f'{CONFIG}.UMask = lib.mkDefault "0005";', "0077"),
    "a plain one of nixpkgs beside the baseline": (f'{CONFIG}.UMask = "0027";', "0027"),
}


@pytest.mark.parametrize("case", OVERRIDES)
def test_who_decides_over_a_setting(real: Any, case: str) -> None:
    other, expected = OVERRIDES[case]
    assert real(_ours(JELLYFIN), other)["jellyfin"]["UMask"] == expected


def test_lists_of_the_owner_join_ours(real: Any) -> None:
    got = real(_ours(JELLYFIN), f'{UNIT}.BindPaths = [ "/mnt/more" ]; {UNIT}.hide = [ "/opt" ];')
    assert got["jellyfin"]["BindPaths"] == ["/mnt/more"]
    assert got["jellyfin"]["TemporaryFileSystem"] == ["/mnt:ro", "/opt:ro", "/srv:ro"]


def test_what_nixpkgs_opens_is_closed_by_force_as_the_file_says(real: Any) -> None:
    got = real(_ours(JELLYFIN), f"{CONFIG}.PrivateDevices = false;")
    assert got["jellyfin"]["PrivateDevices"] is True


@pytest.mark.parametrize("release", ["25.11", "26.05"])
def test_every_service_of_the_catalog_has_options_of_the_right_type(
    real: Any, release: str
) -> None:
    """And every unit gets the settings of the plan."""
    pin = {"default": {"release": release}}
    units: dict[str, set[str]] = {}
    files: list[str] = []
    for name in ENTRIES:
        plan = build.plan({"nixpkgs": pin, "services": {name: {"host": "nas"}}})
        for module in modules(plan, plan.hosts["nas"]):
            files.append(print_module(module, "Head"))
            units |= {u.unit: {k for k, _ in u.settings} for u in plan.units_on("nas")}
    got = real("{ }", *(f"imports = [ ({text}) ];" for text in files))
    assert len(got) > 30
    # A list that an exception empties is no line of the unit.
    written = {unit: {k for k, v in made.items() if v != []} for unit, made in got.items()}
    assert written == {u: s for u, s in units.items() if s}
