"""`homelab vm-tests`: a NixOS test for each critical service."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from homelab.config.service_base import ServiceConfig
from homelab.ops.install.service_test import files_of, place_of, stale_tests, write_tests
from homelab.ops.project.sources import read_sources
from homelab.plan import Plan
from homelab.problems import HomelabError
from homelab.services.critical import untestable
from tests.build import SHIPPED
from tests.golden.test_home import planned
from tests.tools.programs import formatted, run

GOLDEN = Path(__file__).parents[1] / "golden" / "vm-tests"
pytestmark = pytest.mark.requirement("S4-30")


def critical(*names: str, **more: Any) -> Plan:
    said = {name: {"critical": True, **more.get(name, {})} for name in names}
    return planned({"services": said})


def texts(plan: Plan) -> Mapping[str, str]:
    found = files_of(plan, read_sources(SHIPPED, plan)[0])
    return {path: text for path, text in found.items() if isinstance(text, str)}


def write(directory: Path, plan: Plan) -> list[Path]:
    return write_tests(directory, "home", plan, read_sources(SHIPPED, plan)[0])


def stale(directory: Path, plan: Plan) -> list[str]:
    sources = read_sources(SHIPPED, plan)[0]
    return [str(p) for p in stale_tests(directory, "home", plan, sources)]


def test_the_files_are_the_expected_ones() -> None:
    files = texts(critical("eurovote", "navidrome"))
    if os.environ.get("UPDATE_GOLDEN"):
        for path, text in files.items():
            (GOLDEN / path).parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / path).write_text(text, encoding="utf-8")
    expected = {
        p.relative_to(GOLDEN).as_posix(): p.read_text("utf-8")
        for p in sorted(GOLDEN.rglob("*"))
        if p.is_file()
    }
    assert files == expected, "make update-golden, and read the diff"


def test_every_file_parses_and_nixfmt_has_nothing_to_change(tmp_path: Path) -> None:
    write(tmp_path, critical("eurovote", "immich", "miniflux", "navidrome", "vaultwarden"))
    files = sorted(place_of(tmp_path, "home").rglob("*.nix"))
    done = run("nix-instantiate", "--parse", *files)
    assert done.returncode == 0, done.stderr
    (tmp_path / "formatted").mkdir()
    bad = formatted(tmp_path / "formatted", [f.read_text("utf-8") for f in files])
    assert bad == [], bad[0]


def test_a_stack_without_a_critical_service_has_no_tests() -> None:
    assert texts(planned({})) == {}


def test_a_gated_name_must_ask_for_a_sign_in_and_an_open_one_may_answer() -> None:
    gated = texts(critical("eurovote"))["eurovote/default.nix"]
    assert "https://vote.home.example.org/ | grep -xE '302|303|307|401'" in gated
    known = texts(critical("eurovote", eurovote={"auth": "none"}))["eurovote/default.nix"]
    assert "https://vote.home.example.org/ | grep -xE '200|301|" in known


def test_only_the_service_and_what_it_needs_is_in_a_test() -> None:
    files = texts(critical("navidrome"))
    assert {p for p in files if "/services/" in p} == {"navidrome/services/navidrome.nix"}
    assert "navidrome/proxy.nix" not in files, "the proxy is on another host"
    assert "immich" not in "".join(files.values())


def test_every_secret_that_a_file_names_has_a_stand_in() -> None:
    files = texts(critical("eurovote", "miniflux", "vaultwarden"))
    named = re.compile(r"/run/(?:homelab/)?secrets/[a-z0-9/-]+[a-z0-9]")
    for service in ("eurovote", "miniflux", "vaultwarden"):
        mine = {p: t for p, t in files.items() if p.startswith(f"{service}/")}
        wanted = {n for p, t in mine.items() if p.endswith(".nix") for n in named.findall(t)}
        placed = {*named.findall(mine[f"{service}/machine.nix"])}
        assert wanted
        assert wanted == placed


def test_writing_twice_changes_nothing_and_a_removed_service_is_removed(tmp_path: Path) -> None:
    both = critical("navidrome", "vaultwarden")
    assert write(tmp_path, both)
    assert write(tmp_path, both) == []
    assert stale(tmp_path, both) == []
    one = critical("navidrome")
    assert len(stale(tmp_path, one)) == 1
    gone = write(tmp_path, one)
    assert {p.exists() for p in gone if "vaultwarden" in p.parts} == {False}
    write(tmp_path, planned({}))
    assert not place_of(tmp_path, "home").exists()


def test_a_changed_port_makes_the_tests_stale(tmp_path: Path) -> None:
    write(tmp_path, critical("miniflux"))
    problems = stale(tmp_path, critical("miniflux", miniflux={"port": 8123}))
    assert len(problems) == 1
    assert "homelab vm-tests" in problems[0]


def test_files_of_somebody_else_stay(tmp_path: Path) -> None:
    place = place_of(tmp_path, "home")
    place.mkdir(parents=True)
    (place / "mine.nix").write_text("{ }")
    with pytest.raises(HomelabError, match="homelab did not write what is there"):
        write(tmp_path, critical("navidrome"))
    assert [p.name for p in place.iterdir()] == ["mine.nix"]


def test_what_a_test_cannot_run_has_a_reason() -> None:
    plan = planned({})
    found = {s.name: untestable(plan, s) for s in plan.services}
    assert found["draw"] == "a test has no network to pull its container image"
    assert found["jellyfin"] == "a test has no GPU"
    assert found["navidrome"] == ""
    assert ServiceConfig.model_fields["critical"].default is False
