"""`homelab diff` shows the lines of hosts' files that a change of the stack changes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from homelab.cli.app import app
from tests import stackdir

pytestmark = pytest.mark.requirement("S4-03")
MUSIC = {"host": "nas", "auth": "native"}
SERVICES = {"services": {"navidrome": MUSIC, "jellyfin": {"host": "nas"}}}
MOVED = {"services": {"navidrome": {**MUSIC, "port": 4600}, "jellyfin": {"host": "nas"}}}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A stack in a subdirectory of a repository, with one commit."""
    place = tmp_path / "homelab"
    stackdir.write_stack(place, SERVICES)
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", "--all")
    _commit(tmp_path)
    return place


def _git(place: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(place), *words], check=True, capture_output=True)


def _commit(place: Path) -> None:
    who = ("-c", "user.name=Sam", "-c", "user.email=sam@example.org")
    _git(place, *who, "commit", "--quiet", "--message", "a stack")


def _diff(top: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["diff", "-C", str(top), *words])


def _changed(top: Path, *words: str) -> dict[str, list[str]]:
    """The changed lines of each file."""
    done = _diff(top, "--json", *words)
    assert done.exit_code == 0, done.exception
    return {
        f"{d['host']}/{d['file']}": [line for line in d["lines"] if line[0] in "+-"]
        for d in json.loads(done.stdout)["files"]
    }


def test_a_committed_stack_does_not_differ(top: Path) -> None:
    assert _diff(top).stdout == "no generated file differs\n"


def test_a_change_since_the_commit_is_shown_in_the_files_of_its_host(top: Path) -> None:
    stackdir.write_stack(top, MOVED)
    found = _changed(top)
    assert found["nas/services/navidrome.nix"] == ["-        Port = 4533;", "+        Port = 4600;"]
    assert "nas/services/jellyfin.nix" not in found
    assert "release-id.nix" not in str(found)
    _git(top, "add", "--all")
    _commit(top)
    assert _changed(top) == {}
    assert _changed(top, "--from", "HEAD~1") == found


def test_another_value_shows_what_it_would_change_and_writes_nothing(top: Path) -> None:
    before = {p: p.read_bytes() for p in top.rglob("*") if p.is_file()}
    found = _changed(top, "--set", "services.navidrome.port=4600")
    assert found["nas/services/navidrome.nix"] == ["-        Port = 4533;", "+        Port = 4600;"]
    assert {p: p.read_bytes() for p in top.rglob("*") if p.is_file()} == before


def test_an_empty_value_removes_the_key(top: Path) -> None:
    found = _changed(top, "--set", "services.navidrome=")
    assert all(line.startswith("-") for line in found["nas/services/navidrome.nix"])


def test_items_of_lists_and_new_keys_can_be_set(top: Path) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKhZ0Qm0Jm6Vd2Yt8VdJ5y2u3v4w5x6y7z8A9B0C1D2E sam@new"
    text = str(_changed(top, "--set", f"site.owner.ssh_keys[0]={key}"))
    assert "sam@new" in text
    assert "nas/dashboard.nix" in _changed(top, "--set", "services.homepage.host=nas")


def _outlook(top: Path, *words: str) -> dict[str, dict[str, list[str]]]:
    done = _diff(top, "--json", *words)
    assert done.exit_code == 0, done.exception
    found: dict[str, dict[str, list[str]]] = json.loads(done.stdout)["hosts"]
    return found


def test_options_and_units_that_change_follow_the_lines_of_a_host(top: Path) -> None:
    printed = _diff(top, "nas", "--set", "services.navidrome.port=4600").stdout
    assert "option services.navidrome.settings.Port: 4533 -> 4600" in printed
    assert "  packages: the text names the same\n  reboot: no option asks for one\n" in printed
    assert printed.endswith("homelab up nas --mode dry\n")
    names = _diff(top, "nas", "--names", "--set", "services.navidrome.port=4600").stdout
    assert "option" not in names


def test_units_are_those_of_services_modules_and_firewall(top: Path) -> None:
    found = _outlook(top, "--set", "services.navidrome.port=4600")
    assert {"navidrome.service", "nftables.service"} <= {*found["nas"]["units"]}
    assert "jellyfin.service" not in found["nas"]["units"]
    assert "caddy.service" in found["pi"]["units"]


def test_the_packages_of_a_removed_module_are_named(top: Path) -> None:
    found = _outlook(top, "--set", "services.navidrome=")["nas"]
    assert found["disabled"] == ["services.navidrome"]
    assert found["enabled"] == []
    assert "navidrome.service" in found["units"]


@pytest.mark.parametrize(
    ("setting", "due"),
    [
        ("hosts.nas.kernel={params: [quiet]}", ["boot.kernelParams"]),
        ("hosts.nas.kernel={sysctl: {vm.swappiness: 10}}", []),
        ("hosts.nas.host_id=deadbeef", ["networking.hostId"]),
        ("hosts.nas.timezone=Europe/Paris", []),
    ],
)
def test_a_reboot_is_due_for_what_takes_effect_at_boot(
    top: Path, setting: str, due: list[str]
) -> None:
    assert _outlook(top, "--set", setting)["nas"]["reboot"] == due


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "services.navidrome.port"), "has no value; write services.navidrome.port=4600"),
        (("--set", "a[b]=1"), "is no place in a stack"),
        (("--set", "site.owner.ssh_keys[9]=x"), "the stack has no such place"),
        (("--set", "site.domain={"), "is not YAML; quote it"),
        (("--from", "nope"), "not a valid object name"),
        (("--from", "--output=x"), "is no commit"),
        (("--from", "HEAD", "--set", "a=1"), "exclude each other"),
        (("nass",), 'did you mean "nas"'),
    ],
)
def test_a_wrong_call_names_the_way_out(top: Path, words: tuple[str, ...], said: str) -> None:
    done = _diff(top, *words)
    assert said in str(done.exception)
    assert getattr(done.exception, "exit_code", 0) == 2


def test_a_value_with_problems_shows_them(top: Path) -> None:
    done = _diff(top, "--set", "services.navidrome.host=nass")
    assert 'did you mean "nas"' in str(done.exception)


def test_a_commit_with_problems_is_named(top: Path) -> None:
    stackdir.write_stack(top, {"services": {"navidrome": {"host": "nass"}}})
    _git(top, "add", "--all")
    _commit(top)
    stackdir.write_stack(top, SERVICES)
    done = _diff(top)
    assert "the stack has errors at HEAD" in str(done.exception)


def test_a_directory_without_git_is_named(tmp_path: Path) -> None:
    stackdir.write_stack(tmp_path, SERVICES)
    said = str(_diff(tmp_path).exception)
    assert "this is not in a Git repository; run git init && git add -A && git commit" in said


@pytest.mark.parametrize(
    ("committed", "said"),
    [
        ((), "nothing is committed yet; run git add -A && git commit"),
        (("other.txt",), "no file of it is committed yet; run git add -A && git commit"),
        (("homelab/Pulumi.yaml",), "no Pulumi.small.yaml in it; run git add -A && git commit"),
    ],
    ids=["no commit", "another directory", "another file"],
)
def test_a_stack_that_is_not_committed_yet_says_what_to_type(
    tmp_path: Path, committed: tuple[str, ...], said: str
) -> None:
    place = tmp_path / "homelab"
    stackdir.write_stack(place, SERVICES)
    _git(tmp_path, "init", "--quiet")
    for name in committed:
        (tmp_path / name).touch()
        _git(tmp_path, "add", name)
        _commit(tmp_path)
    done = _diff(place)
    assert said in str(done.exception)
    assert getattr(done.exception, "exit_code", 0) == 2
