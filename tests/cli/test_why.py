"""`homelab why` names the cause of a port, a name, a resource, and what a place causes."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner, Result

from homelab.cli.app import app
from homelab.ops.project.differences import with_values
from homelab.ops.project.rehearsed import rehearsed
from homelab.ops.project.stack import open_stack
from tests.build import SHIPPED

pytestmark = pytest.mark.requirement("S4-03", "S4-04")


def _why(*words: str) -> Result:
    return CliRunner().invoke(app, ["why", "-C", str(SHIPPED), "-s", "home", *words])


@pytest.mark.parametrize(
    ("word", "what", "where"),
    [
        ("4533", "aurora:4533/tcp navidrome (web), open to tailnet", "services.navidrome.port"),
        ("pi:53/udp", "pi:53/udp blocky", "network.dns"),
        ("media.home.example.org", "jellyfin on workstation", "services.jellyfin"),
        ("https://music-home.example.org/", "publish tunnel", "services.navidrome"),
        ("media", "jellyfin on workstation", "services.jellyfin"),
        (
            "urn:pulumi:home::homelab::homelab:hosts:Host$command:remote:Command::pi-build",
            "command:remote:Command pi-build",
            "hosts.pi",
        ),
        (
            "urn:pulumi:home::homelab::homelab:services:Service::navidrome",
            "homelab:services:Service navidrome",
            "services.navidrome",
        ),
        ("services.navidrome.port", "aurora/firewall.nix:", "services.navidrome.port"),
        ("datasets.photos", "aurora/", "datasets.photos"),
    ],
)
def test_a_subject_has_its_cause(word: str, what: str, where: str) -> None:
    said = _why(word).stdout
    assert what in said
    assert f"  {where}" in said
    assert "(Pulumi.home.yaml:" in said


def test_a_place_has_the_lines_of_every_host() -> None:
    said = _why("services.navidrome").stdout
    assert "aurora/services/navidrome.nix:" in said
    assert "pi/dns.nix:" in said
    places = {line.split()[0] for line in said.splitlines() if line.startswith("  ")}
    assert all(p.startswith("services.navidrome") for p in places)


def test_a_place_without_lines_of_its_own_names_the_next_place_and_the_way_to_ask() -> None:
    said = _why("services.navidrome.icon").stdout
    assert said.startswith("no line comes from services.navidrome.icon alone")
    assert "homelab diff --set services.navidrome.icon=" in said


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("services.navidrom", "services.navidrome"),
        ("auroa", "aurora"),
        ("medai.home.example.org", "media.home.example.org"),
        ("1", "ai"),
    ],
)
def test_an_unknown_subject_has_the_nearest_known_one(word: str, near: str) -> None:
    done = _why(word)
    assert f'place "{word}"' in str(done.exception)
    assert near in str(done.exception)
    assert getattr(done.exception, "exit_code", 0) == 2


@pytest.mark.parametrize(
    ("place", "other"),
    [
        ("hosts.q958.ssh.port", "2222"),
        ("hosts.q958.boot.limit", "3"),
        ("hosts.q958.nix.gc", "{keep: 7d}"),
    ],
)
def test_every_file_that_another_value_changes_is_named(place: str, other: str) -> None:
    top = SHIPPED.parents[1] / "examples/mynixos"
    with rehearsed():
        stack = open_stack(top, "mynixos")
        changed = with_values(top, "mynixos", [f"{place}={other}"])
    before, after = (dict(s.releases["q958"].files) for s in (stack, changed))
    files = {f"q958/{file}" for file in before if before[file] != after.get(file)}
    said = CliRunner().invoke(app, ["why", "-C", str(top), "-s", "mynixos", place]).stdout
    named = {line.partition(":")[0] for line in said.splitlines() if line.startswith("q958/")}
    assert named == {f for f in files if not f.startswith("q958/release")}
