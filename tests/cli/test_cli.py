"""The command line: output for people and scripts, and exit codes."""

from __future__ import annotations

import json
import os
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from homelab.cli import app
from tests import build, stackdir

JELLYFIN: dict[str, Any] = {"services": {"jellyfin": {"host": "nas"}}}


MASTER = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


class Said:
    """The exit code and output of a call."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    stackdir.write_stack(tmp_path, JELLYFIN)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str, at: Path = tmp_path) -> Said:
        monkeypatch.chdir(at)
        monkeypatch.setattr(sys, "argv", ["homelab", *words])
        code: object = 0
        try:
            app.main()
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(int(str(code or 0)), out, err)

    return run


def test_a_stack_without_problems_exits_with_0(call: Any) -> None:
    said = call("check")
    assert said.code == 0
    assert json.loads(call("check", "--json").out) is not None


def test_the_version_is_printed(call: Any) -> None:
    done = call("--version")
    assert (done.code, done.out) == (0, f"homelab {metadata.version('homelab')}\n")


def test_a_stack_elsewhere_is_found_by_its_directory(call: Any, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert call("check", "-C", str(tmp_path), at=other).code == 0
    assert call("check", "--cwd", str(tmp_path), "--stack", stackdir.NAME, at=other).code == 0
    said = call("check", at=other)
    assert said.code == 2
    assert said.err.startswith(f"error: there is no Pulumi.<stack>.yaml in {other}; ")
    assert "-C" in said.err


def test_sops_warns_if_no_person_can_edit_the_files(call: Any, tmp_path: Path) -> None:
    assert "secrets.operators: there are no operators" in call("sops").err
    operator = "age1cv8ydl70jl2n0789pccya3xx5d39c2hhpfakk5u9vvn4tjlp0v2se8rf2z"
    stackdir.write_stack(tmp_path, {"secrets": {"operators": [operator]}})
    said = call("sops")
    assert said.err == ""
    assert operator in said.out


def test_problems_are_json_for_a_script(call: Any, tmp_path: Path) -> None:
    stackdir.write_stack(tmp_path, {"services": {"jellyfin": {"host": "nass"}}})
    said = call("check", "--json")
    assert said.code == 1
    (problem,) = [p for p in json.loads(said.out) if p["severity"] == "error"]
    assert problem["where"] == "services.jellyfin.host"
    assert problem["check"] == "host-known"
    assert problem["line"] > 0


@pytest.mark.parametrize("words", [("chek",), ("check", "--stak", "x"), ("render", "--out")])
def test_a_wrong_call_exits_with_2(call: Any, words: tuple[str, ...]) -> None:
    said = call(*words)
    assert said.code == 2
    assert said.err


def test_render_writes_every_host_and_writes_nothing_twice(call: Any, tmp_path: Path) -> None:
    said = call("render", "--out", "made")
    assert said.code == 0
    assert (tmp_path / "made/nas/services/jellyfin.nix").is_file()
    assert (tmp_path / "made/pi/proxy.nix").is_file()
    assert "0 written" in call("render", "--out", "made").out
    before = {p for p in (tmp_path / "made").rglob("*") if p.is_file()}
    stackdir.write_stack(tmp_path)
    said = call("render", "--out", "made").out
    removed = {p.relative_to(tmp_path).as_posix() for p in before if not p.exists()}
    assert {"made/nas/services/jellyfin.nix", "made/nas/backup.nix"} <= removed
    assert f", {len(removed)} removed, " in said
    assert not (tmp_path / "made/nas/services").exists(), "what is gone is removed"


def test_render_does_not_touch_foreign_directories(call: Any, tmp_path: Path) -> None:
    """Every foreign directory is reported, and no directory is written."""
    before = sorted(tmp_path.rglob("*"))
    said = call("render", "--out", "hosts")
    assert said.code == 1
    for host in ("nas", "pi"):
        assert (
            f"hosts/{host}: holds files that homelab render did not write, and would remove; "
            "name an empty or a new directory" in said.err
        )
    assert sorted(tmp_path.rglob("*")) == before


def test_render_keeps_files_whose_name_begins_with_a_dot(call: Any, tmp_path: Path) -> None:
    for path in ("made/nas/.git/config", "made/nas/.envrc"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("mine")
    assert call("render", "--out", "made").code == 0
    (tmp_path / "made/nas/old.nix").write_text("{ }")
    (tmp_path / "made/nas/result").symlink_to(tmp_path)
    assert ", 2 removed, " in call("render", "--out", "made").out
    assert (tmp_path / "made/nas/.git/config").read_text() == "mine"
    assert (tmp_path / "made/nas/.envrc").read_text() == "mine"


@pytest.mark.parametrize("place", ["made", "made/pi"])
def test_render_onto_a_file_is_reported(call: Any, tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("mine")
    said = call("render", "--out", "made")
    assert said.code == 1
    assert f"{place}: this is a file, not a directory; name a directory with --out" in said.err
    assert said.err.count(place) == 1
    assert (tmp_path / place).read_text() == "mine"


def test_render_names_the_path_that_it_cannot_write(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, _: bytes) -> int:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    said = call("render", "--out", "made")
    assert said.code == 1
    assert "made/nas/flake.nix: cannot be written: No space left on device; " in said.err


@pytest.mark.requirement("S0-80", "S1-31")
def test_a_new_machine_gets_an_image_and_the_steps(call: Any, tmp_path: Path) -> None:
    """The printed steps name the files that render wrote."""
    new: dict[str, Any] = {
        "platform": "x86_64-linux",
        "state": "planned",
        "state_version": "25.11",
        "bootstrap": "iso",
    }
    stackdir.write_stack(tmp_path, {**JELLYFIN, "hosts": {"box": new}})
    assert "out/box: 4 files" in call("render").out
    assert (tmp_path / "out/box/bootstrap.nix").exists()
    said = call("bootstrap", "box")
    assert said.code == 0
    assert "path:./out/box#nixosConfigurations.box-bootstrap" in said.out
    assert "Missing before state: live: hosts.box.address" in said.out
    assert call("bootstrap", "nas").code == 2
    assert 'did you mean "box"' in call("bootstrap", "bos").err


def test_render_writes_nothing_of_a_bad_stack(call: Any, tmp_path: Path) -> None:
    stackdir.write_stack(tmp_path, {"services": {"jellyfin": {"host": "nass"}}})
    assert call("render", "--out", "made").code == 1
    assert not (tmp_path / "made").exists()


def test_show_does_not_truncate_addresses_in_a_file(
    call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert "http://192.168.1.3:8096" in call("show").out


def test_show_prints_services_and_names(call: Any) -> None:
    assert "https://jellyfin.home.example.org" in call("show").out
    assert call("show", "--json").out.startswith("{")
    assert json.loads(call("show", "--json").out)


@pytest.mark.requirement("S0-29")
def test_the_inventory_for_scripts_is_that_of_the_plan(call: Any) -> None:
    """`pulumi up` prints every output of a stack, so the stack exports no list."""
    found = json.loads(call("show", "--json").out)
    plan = build.plan(JELLYFIN)
    urls = {(r["service"], r["url"]) for r in found["routes"]}
    assert urls == {(r.service, r.url) for r in plan.routes}
    assert ("jellyfin", "https://jellyfin.home.example.org") in urls
    ports = {(p["host"], p["port"], p["protocol"], p["owner"]) for p in found["ports"]}
    assert ports == {(p.host, p.port, p.protocol, p.owner) for p in plan.ports}
    by_host = {name: host["services"] for name, host in found["hosts"].items()}
    assert by_host == {h: sorted(s.name for s in plan.on(h)) for h in plan.hosts}
    assert "jellyfin" in by_host["nas"]


def test_the_schema_knows_every_section(call: Any) -> None:
    schema = json.loads(call("schema").out)
    assert "homelab:services" in schema["properties"]["config"]["properties"]


def test_checks_list_their_reasons(call: Any) -> None:
    rows = json.loads(call("check", "--list", "--json").out)
    assert len(rows) > 50
    assert all(r["why"] for r in rows)
    said = call("check", "--list").out
    assert "\nmove-stateful (error)\n" in said
    assert "\nacme-until (warning)\n" in said, "what reads a file or the clock, too"
    assert not re.search(r"\bS\d-\d\d", said)


@pytest.mark.requirement("S0-77")
def test_a_move_is_refused_until_it_is_acknowledged(call: Any, tmp_path: Path) -> None:
    assert call("lock").code == 0
    assert "jellyfin" in (tmp_path / "homelab.lock.yaml").read_text()
    assert "unchanged" in call("lock").out

    stackdir.write_stack(tmp_path, {"services": {"jellyfin": {"host": "pi"}}})
    said = call("check")
    assert said.code == 1
    assert "homelab lock --move jellyfin" in said.out
    assert call("lock").code == 1, "and is not remembered by accident"
    wrong = call("lock", "--move", "jelyfin")
    assert wrong.code == 2
    assert 'error: --move jelyfin: there is no service "jelyfin"; did you mean "jelly' in wrong.err

    moved = call("lock", "--move", "jellyfin")
    assert moved.code == 0
    assert "moved from nas to pi" in moved.out
    assert call("check").code == 0


@pytest.mark.requirement("S0-77")
def test_a_service_of_another_section_moves_only_if_acknowledged(call: Any, tmp_path: Path) -> None:

    def write(host: str) -> None:
        identity = {"host": host, "users": {"sops": "authelia/users"}}
        entry = {"network": {"entry": {"host": host}}}
        stackdir.write_stack(tmp_path, {**JELLYFIN, **entry, "identity": identity})

    write("pi")
    assert call("lock").code == 0
    write("nas")
    said = call("check")
    assert said.code == 1
    assert "identity.host: authelia was on pi" in said.out
    assert call("lock", "--move", "authelia").code == 0
    assert call("check").code == 0


@pytest.fixture
def own_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for `sops` that returns the master key."""
    tool = tmp_path / "bin" / "sops"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\nprintf %s {MASTER}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")


@pytest.mark.requirement("S0-57")
def test_secret_prints_the_value_that_the_host_gets(call: Any, own_secrets: None) -> None:
    """The first password of a service, and the repository password of a lost host."""
    said = call("secret", "restic-b2", "nas")
    assert (said.code, said.err) == (0, "")
    assert said.out == call("secret", "restic-b2", "nas").out
    assert len(said.out) == 43


def test_an_unknown_secret_names_the_nearest(call: Any, own_secrets: None) -> None:
    said = call("secret", "restic-b3")
    assert said.code == 2
    assert 'no derived secret "restic-b3"' in said.err
    assert 'did you mean "restic-' in said.err


OPERATOR = "age1cv8ydl70jl2n0789pccya3xx5d39c2hhpfakk5u9vvn4tjlp0v2se8rf2z"


def test_sops_writes_its_file_atomically_and_prints_what_changed(call: Any, tmp_path: Path) -> None:
    file = tmp_path / ".sops.yaml"
    first = call("sops", "--out", ".sops.yaml")
    assert first.code == 0
    assert file.read_text() == call("sops").out
    assert "  + creation_rules:" in first.out.splitlines()
    assert call("sops", "--out", ".sops.yaml").out == ".sops.yaml is unchanged\n"

    stackdir.write_stack(tmp_path, {"secrets": {"operators": [OPERATOR]}})
    said = call("sops", "--out", ".sops.yaml").out.splitlines()
    assert f"  +   - {OPERATOR}" in said
    assert not any(line.startswith("  -") for line in said), "and nothing else is named"
    assert said[-1].endswith("homelab secret recipients")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("..sops")] == []


def test_an_error_leaves_the_sops_file_unchanged(call: Any, tmp_path: Path) -> None:
    file = tmp_path / ".sops.yaml"
    assert call("sops", "--out", ".sops.yaml").code == 0
    before = file.read_text()
    (tmp_path / f"Pulumi.{stackdir.NAME}.yaml").write_text("config: {homelab:site: 1}\n")
    assert call("sops", "--out", ".sops.yaml").code == 1
    assert file.read_text() == before


def test_a_foreign_sops_file_is_not_overwritten(call: Any, tmp_path: Path) -> None:
    (tmp_path / ".sops.yaml").write_text("creation_rules: []\n")
    said = call("sops", "--out", ".sops.yaml")
    assert said.code == 2
    assert "homelab did not write this file, and would replace its rules" in said.err
    assert (tmp_path / ".sops.yaml").read_text() == "creation_rules: []\n"


def test_lock_prints_the_changed_lines(call: Any, tmp_path: Path) -> None:
    stackdir.write_stack(tmp_path, {"services": {"miniflux": {"host": "nas"}}})
    first = call("lock")
    assert first.code == 0, first.err
    said = first.out.splitlines()
    assert "  +   miniflux:" in said
    assert said[-1] == "homelab.lock.yaml written; commit it"
    assert call("lock").out == "homelab.lock.yaml is unchanged\n"
    stackdir.write_stack(tmp_path, {"services": {"miniflux": {"host": "nas", "port": 4600}}})
    called = call("lock")
    assert called.code == 0, called.err
    assert called.out.splitlines() == [
        "homelab.lock.yaml:",
        "  -     port: 8080",
        "  +     port: 4600",
        "homelab.lock.yaml written; commit it",
    ]
