"""An unreadable value does not hide other problems."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab import testing
from homelab.config.document import Document
from homelab.ops.project.stack import check_stack
from homelab.problems import InvalidStackError, Problem
from homelab.remainder import LeftOut, rest_of, unrelated
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


def test_the_absence_of_an_unreadable_entry_is_not_reported(tmp_path: Path) -> None:
    """A service on an unreadable host is not reported as being on a missing host."""
    problems = told(
        tmp_path,
        {"hosts": {"nas": {"state": "alive"}}, "services": {"jellyfin": {"host": "nas"}}},
    )
    assert [p.split(":")[0] for p in problems] == ["hosts.nas.state"]


def test_the_absence_of_what_depends_on_an_unreadable_entry_is_not_reported(tmp_path: Path) -> None:
    """While the portal's host is unreadable, routes that need the portal are not reported."""
    edit = {"hosts": {"pi": {"build": {"host": "workstation", "evaluate": True}}}}
    assert [p.where for p in tried(laid_out(tmp_path, edit))] == ["hosts.pi.build.evaluate"]


def test_an_unreadable_section_is_not_reported_as_missing(tmp_path: Path) -> None:
    zones = {"cloudflare": {"zones": [{"name": "example.net", "id": "9" * 32}]}}
    assert [p.where for p in tried(laid_out(tmp_path, zones))] == ["cloudflare"]


def test_each_cause_is_reported_once(tmp_path: Path) -> None:
    stackdir.write_stack(
        tmp_path, {"backup": {"targets": {"disk": {"kind": "local", "host": "nass", "path": "/x"}}}}
    )
    _, problems = check_stack(tmp_path, stackdir.NAME)
    about = [p for p in problems if p.where == "backup.targets.disk.host"]
    assert len(about) == 1, [str(p) for p in about]


def test_without_a_required_section_nothing_else_is_checked() -> None:
    values = build.config({"network": None})
    assert rest_of(Document(values)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("site", "where"),
    [
        ({"domain": "no domain"}, "site.domain"),
        ({"domain": None}, "site.domain"),
        ({"timezone": 7}, "site.timezone"),
        ({"owner": "sam"}, "site.owner"),
        ({"owner": {"ssh_keys": ["none"]}}, "site.owner.ssh_keys[0]"),
        ({"owner": {"email": 7, "user": "Sam Sample"}}, "site.owner.email"),
        (None, "site"),
    ],
)
def test_a_mistake_in_the_site_hides_no_check_of_the_rest(
    tmp_path: Path, site: object, where: str
) -> None:
    problems = told(tmp_path, {"site": site, "services": {"navidrome": {"host": "nass"}}})
    assert any(p.startswith(f"{where}: ") for p in problems), problems
    assert any(p.startswith("services.navidrome.host: there is no host") for p in problems)
    assert all(p.startswith(("site", "services.navidrome.host")) for p in problems), problems
    assert "left-out" not in "".join(problems)


def test_a_name_inside_a_longer_name_does_not_count() -> None:
    problems = [Problem("services.pilot", "x"), Problem("hosts.pi", "y")]
    left_out = LeftOut(names=frozenset({"pi"}), lists=frozenset({"hosts"}))
    assert unrelated(problems, left_out) == [problems[0]]


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
def test_an_unreadable_entry_is_still_offered_as_a_known_name(
    tmp_path: Path, broken: dict[str, object], asking: dict[str, object], where: str, lists: str
) -> None:
    stackdir.write_stack(tmp_path, testing.merged(broken, asking))
    with pytest.raises(InvalidStackError) as raised:
        check_stack(tmp_path, stackdir.NAME)
    (asked,) = [p for p in raised.value.problems if p.where == where]
    assert asked.way_out == lists


def test_several_mistakes_in_one_entry_leave_out_that_entry_alone() -> None:
    """The result does not depend on the order of the mistakes."""
    broken = {"old": {"release": 24.11, "lock": "locks/old.lock"}, "url": {"rev": 1, "sha256": 2}}
    for pins in (broken, dict(reversed(broken.items()))):
        values = build.config({"nixpkgs": {**pins, "default": {"release": "25.11"}}})
        rest = rest_of(Document(values))  # type: ignore[arg-type]
        assert rest is not None
        assert set(rest[0].nixpkgs) == {"default"}
        assert rest[1].names >= {"old", "url"}
        assert "nixpkgs" not in rest[1].names


def test_a_list_of_other_names_is_unchanged(tmp_path: Path) -> None:
    """Names of catalog services are not names of the stack."""
    services = {"my-own": {"pirt": 1}, "jelyfin": {"host": "nas"}}
    stackdir.write_stack(tmp_path, {"services": services})
    with pytest.raises(InvalidStackError) as raised:
        check_stack(tmp_path, stackdir.NAME)
    (asked,) = [p for p in raised.value.problems if p.where == "services.jelyfin"]
    assert 'did you mean "jellyfin"? Services: jellyfin, ' in asked.way_out
    assert "my-own" not in asked.way_out
