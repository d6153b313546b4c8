"""What an option holds becomes Nix that means the same, whatever somebody wrote into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from homelab.checks import run_checks
from homelab.nix.source import read_nix
from tests import build
from tests.tools.programs import run

HOSTILE = (
    *('"; evil = 1; x = "', '${builtins.abort "x"}', "''${x}", "''", "\\", "\\${x}", "$${x}"),
    *("a\nb", "a\r\nb", "\t", "*/ evil = 1; /*", "# x", "<nixpkgs>", "../../x", "'", "ü€"),
    *("true", "null", "1e999", "0x10", "~", "@", "{ }", "[ ]", "rec", "with x;", "inherit"),
)


def of(options: dict[str, Any]) -> dict[str, Any]:
    return {"services": {"navidrome": {"host": "nas", "options": options}}}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_stays_text(text: str, tmp_path: Path) -> None:
    """As a value, inside a list, and as a name."""
    options = {"services.navidrome.settings": {"Value": text, "List": [text], text: "x"}}
    assert not build.found(of(options), "option-value")
    made = build.render(of(options))["nas"]["services/navidrome.nix"]
    (tmp_path / "x.nix").write_text(made, encoding="utf-8")
    done = run("nix-instantiate", "--parse", tmp_path / "x.nix")
    assert done.returncode == 0, done.stderr
    found = {s.path: s.value for s in read_nix(made).settings}
    settings = ("services", "navidrome", "settings")
    assert found[*settings, "Value"] == text
    assert found[*settings, "List"] == (text,)
    assert found[*settings, text] == "x"
    assert not [p for p in found if p[-1:] == ("evil",)]


UNFIT: dict[str, tuple[Any, str]] = {
    "a number of 5,000 digits": (10**5000, "64 bits"),
    "just too big": (2**63, "64 bits"),
    "no number": (float("nan"), "infinite or not a number"),
    "without end": (float("inf"), "infinite or not a number"),
    "in a list": ([{"x": [2**70]}], "64 bits"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_what_nix_cannot_hold_is_refused(name: str) -> None:
    value, says = UNFIT[name]
    (problem,) = build.found(of({"services.navidrome.settings.X": value}), "option-value")
    assert says in problem.what


def test_what_is_nested_without_end_is_refused_and_ends_no_run() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = {"x": deep}
    assert build.found(of({"services.navidrome.settings.X": deep}), "option-value")


def test_two_services_do_not_say_two_things_of_one_host() -> None:
    def told(one: Any, two: Any) -> list[Any]:
        services = {
            name: {
                "host": "nas",
                "backup": {"skip": "only a test"},
                "options": {"boot.kernel.sysctl": {"vm.swappiness": value}},
            }
            for name, value in (("navidrome", one), ("gatus", two))
        }
        found = run_checks(build.plan({"services": services}))
        return [p for p in found if p.check == "option-conflict"]

    assert told(10, 10) == []
    assert told([1], [2]) == []
    (problem,) = told(10, 60)
    assert "boot.kernel.sysctl.vm.swappiness has another value" in problem.what
    assert told(1, True)
