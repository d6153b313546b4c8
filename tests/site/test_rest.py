"""An unreadable value does not hide other problems."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab import testing
from homelab.config.document import Document
from homelab.config.load import where
from homelab.ops.project.stack import check_stack
from homelab.problems import InvalidStackError, Problem
from homelab.remainder import LeftOut, rest_of, unrelated
from tests import build, stackdir
from tests.cases.on_disk import laid_out, tried
from tests.site.mutations import EXAMPLES, Shipped, every_place, line_of, parts, put


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


NOTHING_ELSE = ("hosts", "network", "network.dns", "network.dns.server", "nixpkgs", "services")
"""Sections without which most stacks have no plan, so that nothing else is checked."""


@pytest.mark.parametrize(
    "name",
    ["cabin", *(pytest.param(name, marks=pytest.mark.long) for name in ("home", *EXAMPLES))],
)
def test_a_wrong_shape_anywhere_is_one_problem_and_hides_no_other(name: str) -> None:
    """Every value of the stack in turn, beside a service that the catalog does not have."""
    stack = Shipped.read(name)
    values = dict(stack.document.values)
    hosts = values["hosts"]
    assert isinstance(hosts, dict)
    host = next(iter(hosts))
    unknown = put(values, ("services", "no-such-app"), {"host": host})
    known = {line_of(q) for p in stack.problems() for q in parts(p)}
    (expected,) = [
        line_of(p) for p in stack.new_problems(unknown, known) if p.check == "service-known"
    ]
    wrong: dict[str, list[str]] = {}
    tried = 0
    for place in every_place(values):
        found = stack.new_problems(put(unknown, place, [["left"]]), known)
        checks = [line_of(p) for p in found if p.check]
        if not all(p.check for p in found):
            tried += 1
            may_hide = where(place) in (*NOTHING_ELSE, f"hosts.{host}", f"hosts.{host}.platform")
            if checks != [expected] and not (may_hide and checks == []):
                wrong[where(place)] = checks
    assert wrong == {}
    assert tried > len(values)


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
