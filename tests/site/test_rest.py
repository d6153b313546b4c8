"""One value that cannot be read hides nothing else that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab import testing
from homelab.config.document import Document
from homelab.ops.project.stack import check_stack
from homelab.problems import InvalidStackError, Problem
from homelab.remainder import rest_of, unrelated
from tests import build, stackdir
from tests.cases.on_disk import laid_out, tried


def told(tmp_path: Path, changes: dict[str, object]) -> list[str]:
    stackdir.write_stack(tmp_path, changes)
    with pytest.raises(InvalidStackError) as raised:
        check_stack(tmp_path, stackdir.NAME)
    return [f"{p.where}: {p.what}" for p in raised.value.problems if p.severity == "error"]


def test_a_mistyped_key_hides_no_check_of_the_rest(tmp_path: Path) -> None:
    problems = told(
        tmp_path,
        {
            "services": {
                "jellyfin": {"host": "nas", "pirt": 1},
                "navidrome": {"host": "nass"},
            }
        },
    )
    assert any(p.startswith("services.jellyfin.pirt: there is no such key") for p in problems)
    assert any(p.startswith("services.navidrome.host: there is no host") for p in problems)


def test_what_is_only_the_absence_of_what_was_left_out_is_not_told(tmp_path: Path) -> None:
    """The service on a host that cannot be read is on a host that is there."""
    problems = told(
        tmp_path,
        {"hosts": {"nas": {"state": "alive"}}, "services": {"jellyfin": {"host": "nas"}}},
    )
    assert [p.split(":")[0] for p in problems] == ["hosts.nas.state"]


def test_nor_is_the_absence_of_what_stands_on_it(tmp_path: Path) -> None:
    """The portal is nowhere while its host cannot be read; what asks for it is not told so."""
    edit = {"hosts": {"pi": {"build": {"host": "workstation", "evaluate": True}}}}
    assert [p.where for p in tried(laid_out(tmp_path, edit))] == ["hosts.pi.build.evaluate"]


def test_a_section_that_cannot_be_read_is_not_warned_to_be_missing(tmp_path: Path) -> None:
    zones = {"cloudflare": {"zones": [{"name": "example.net", "id": "9" * 32}]}}
    assert [p.where for p in tried(laid_out(tmp_path, zones))] == ["cloudflare"]


def test_each_cause_is_told_once(tmp_path: Path) -> None:
    stackdir.write_stack(
        tmp_path, {"backup": {"targets": {"disk": {"kind": "local", "host": "nass", "path": "/x"}}}}
    )
    _, problems = check_stack(tmp_path, stackdir.NAME)
    about = [p for p in problems if p.where == "backup.targets.disk.host"]
    assert len(about) == 1, [str(p) for p in about]


@pytest.mark.parametrize("section", ["site", "network"])
def test_without_a_section_that_all_rests_on_there_is_no_rest(section: str) -> None:
    values = build.config({section: None})
    assert rest_of(Document(values)) is None  # type: ignore[arg-type]


def test_names_are_words() -> None:
    problems = [Problem("services.pilot", "x"), Problem("hosts.pi", "y")]
    assert unrelated(problems, frozenset({"pi"})) == [problems[0]]


@pytest.mark.parametrize(
    ("broken", "asking", "where", "lists"),
    [
        (
            {"hosts": {"nas": {"state": "alive"}}},
            {"services": {"jellyfin": {"host": "nass"}}},
            "services.jellyfin.host",
            'did you mean "nas"? Hosts: nas, pi',
        ),
        (
            {"hosts": {"nas": {"state": "alive"}}},
            {"services": {"jellyfin": {"host": "pie"}}},
            "services.jellyfin.host",
            'did you mean "pi"? Hosts: pi, nas',
        ),
        (
            {"nixpkgs": {"older": {"release": 24.11, "lock": "locks/older.lock"}}},
            {"hosts": {"nas": {"nixpkgs": "oder"}}},
            "hosts.nas.nixpkgs",
            'did you mean "older"? Pins: older, default',
        ),
    ],
)
def test_what_cannot_be_read_is_still_among_what_there_is(
    tmp_path: Path, broken: dict[str, object], asking: dict[str, object], where: str, lists: str
) -> None:
    stackdir.write_stack(tmp_path, testing.merged(broken, asking))
    with pytest.raises(InvalidStackError) as raised:
        check_stack(tmp_path, stackdir.NAME)
    (asked,) = [p for p in raised.value.problems if p.where == where]
    assert asked.way_out == lists


def test_several_mistakes_in_one_entry_leave_out_that_entry_alone() -> None:
    """The order in which the mistakes are found makes no difference."""
    broken = {"old": {"release": 24.11, "lock": "locks/old.lock"}, "url": {"rev": 1, "sha256": 2}}
    for pins in (broken, dict(reversed(broken.items()))):
        values = build.config({"nixpkgs": {**pins, "default": {"release": "25.11"}}})
        rest = rest_of(Document(values))  # type: ignore[arg-type]
        assert rest is not None
        assert set(rest[0].nixpkgs) == {"default"}
        assert rest[1] >= {"old", "url"}
        assert "nixpkgs" not in rest[1]


def test_a_list_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """The catalog's services are no names of the stack."""
    services = {"my-own": {"pirt": 1}, "jelyfin": {"host": "nas"}}
    stackdir.write_stack(tmp_path, {"services": services})
    with pytest.raises(InvalidStackError) as raised:
        check_stack(tmp_path, stackdir.NAME)
    (asked,) = [p for p in raised.value.problems if p.where == "services.jelyfin"]
    assert 'did you mean "jellyfin"? Services: jellyfin, ' in asked.way_out
    assert "my-own" not in asked.way_out
