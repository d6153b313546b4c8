"""An unreadable value does not hide other problems."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from homelab import testing
from homelab.config.document import Document
from homelab.config.load import where
from homelab.config.scalar import Value
from homelab.ops.project.stack import check_stack
from homelab.problems import InvalidStackError, Problem
from homelab.remainder import LeftOut, rest_of, unrelated
from tests import build, stackdir
from tests.cases.on_disk import laid_out, tried
from tests.site.mutations import EXAMPLES, Shipped, every_place, parts, put


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


@pytest.mark.parametrize("section", ["site", "network", "nixpkgs", "hosts"])
@pytest.mark.parametrize("value", [None, 7, [], [{"name": "pi"}]])
def test_a_required_section_hides_no_check_of_the_rest(
    tmp_path: Path, section: str, value: object
) -> None:
    services = {"jellyfin": {"host": "nas", "options": {"services.jellyfin.enabel": True}}}
    problems = told(
        tmp_path,
        {section: value, "services": services, "backup": {"targets": {"b2": {"path": 7}}}},
    )
    places = [p.split(": ")[0] for p in problems]
    option = "services.jellyfin.options.services.jellyfin.enabel"
    assert places == sorted(("backup.targets.b2.path", section, option))


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


APP, DATA = "services.no-such-app", "datasets.nowhere.host"
"""Places of two mistakes that have nothing to do with the shape of any value."""
NOTHING_ELSE: Mapping[str, tuple[str, str]] = {
    "services": (APP, "the mistake is in what cannot be read"),
    "datasets": (DATA, "the mistake is in what cannot be read"),
    "hosts": (DATA, "the host that it names may be in what cannot be read"),
}
"""Places whose value hides one of the mistakes, with the reason. No value hides both."""


@dataclass(frozen=True)
class Mistaken:
    """A stack of the repository with two mistakes in it."""

    stack: Shipped
    values: dict[str, Value]
    known: frozenset[tuple[str, str]]
    """Where it has problems without them, and of which checks."""

    @classmethod
    def read(cls, name: str) -> Mistaken:
        stack = Shipped.read(name)
        values = dict(stack.document.values)
        host = next(iter(_mapping(values["hosts"])))
        values = put(values, ("services",), {**_mapping(values.get("services"))})
        values = put(values, ("services", "no-such-app"), {"host": host})
        nowhere: Value = {"host": "no-such-host", "path": "/nowhere", "tier": "re-derivable"}
        datasets: dict[str, Value] = {**_mapping(values.get("datasets")), "nowhere": nowhere}
        known = frozenset((q.where, q.check) for p in stack.problems() for q in parts(p))
        mistaken = cls(stack, put(values, ("datasets",), datasets), known)
        assert mistaken.told({}) == ([], sorted((APP, DATA)))
        return mistaken

    def told(self, wrong: Mapping[tuple[str | int, ...], Value]) -> tuple[list[str], list[str]]:
        """Places of wrong shapes, and of what the checks find, with other values at some places."""
        values = self.values
        for place, value in wrong.items():
            values = put(values, place, value)
        found = [q for p in self.stack.problems(values) for q in parts(p)]
        checks = {p.where for p in found if p.check and (p.where, p.check) not in self.known}
        return [p.where for p in found if not p.check], sorted(checks)


def _mapping(value: Value) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def reported(*broken: str) -> list[str]:
    """The mistakes that are told of beside broken sections."""
    hidden = {NOTHING_ELSE[place][0] for place in broken if place in NOTHING_ELSE}
    return sorted({APP, DATA} - hidden)


@pytest.mark.parametrize(
    "name",
    ["cabin", *(pytest.param(name, marks=pytest.mark.long) for name in ("home", *EXAMPLES))],
)
def test_a_wrong_shape_anywhere_is_one_problem_and_hides_no_other(name: str) -> None:
    """Every value of the stack in turn, beside two mistakes."""
    stack = Mistaken.read(name)
    wrong: dict[str, list[str]] = {}
    tried = 0
    for place in every_place(stack.stack.document.values):
        shapes, checks = stack.told({place: [["left"]]})
        if shapes:
            tried += 1
            if checks != reported(where(place)):
                wrong[where(place)] = checks
    assert wrong == {}
    assert tried > len(stack.values)


@pytest.mark.parametrize("name", ["cabin", pytest.param("home", marks=pytest.mark.long)])
def test_wrong_shapes_in_several_sections_are_all_told_beside_other_mistakes(name: str) -> None:
    """Two sections at once, three, and all of them."""
    stack = Mistaken.read(name)
    sections = sorted(stack.values)
    several = [
        *itertools.combinations(sections, 2),
        *zip(sections, sections[1:], sections[3:], strict=False),
        sections,
    ]
    for broken in several:
        told = stack.told({(section,): [["left"]] for section in broken})
        assert told == (sorted(broken), reported(*broken)), broken


@pytest.mark.parametrize("key", ["", "no-such-key", "state", "host"])
@pytest.mark.parametrize("section", ["hosts", "services"])
def test_a_wrong_shape_in_each_of_several_entries_hides_no_other_mistake(
    section: str, key: str
) -> None:
    """The entry, a key that does not exist, and one that may exist."""
    stack = Mistaken.read("home")
    places = [(section, n, *filter(None, [key])) for n in _mapping(stack.values[section])]
    wrong = [p for p in places if p[1] != "no-such-app"]
    assert len(wrong) > 1
    told = stack.told(dict.fromkeys(wrong, 7))
    assert told == (sorted(map(where, wrong)), [DATA, APP])


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


def test_several_mistakes_in_one_entry_concern_that_entry_alone() -> None:
    """The result does not depend on the order of the mistakes."""
    broken = {"old": {"release": 24.11, "lock": "locks/old.lock"}, "url": {"rev": 1, "sha256": 2}}
    for pins in (broken, dict(reversed(broken.items()))):
        values = build.config({"nixpkgs": {**pins, "default": {"release": "25.11"}}})
        rest = rest_of(Document(values))  # type: ignore[arg-type]
        assert rest is not None
        assert set(rest[0].nixpkgs) == {"default", "old", "url"}
        assert rest[1].names >= {"nixpkgs.old", "nixpkgs.url"}
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


def test_a_character_that_cannot_be_written_hides_no_other_mistake(tmp_path: Path) -> None:
    """Neither a wrong shape nor what the checks find."""
    services = {"jellyfin": {"host": "na\u2028s"}, "navidrome": {"host": "nass"}}
    hosts = {"nas": {"state": "alive"}, "pi": {"accept": {"a": "so\x07"}}}
    problems = told(tmp_path, {"services": services, "hosts": hosts})
    assert [p.split(": ")[0] for p in problems] == [
        "hosts.nas.state",
        "hosts.pi.accept.a",
        "services.jellyfin.host",
        "services.navidrome.host",
    ]


CONTRADICTIONS: Mapping[str, tuple[dict[str, object], str]] = {
    "offline of a host that is on": (
        {"hosts": {"nas": {"offline": {"wake_by": "pi"}}}},
        "hosts.nas",
    ),
    "settings without their part": (
        {"hosts": {"nas": {"manage": [], "gpu": "intel"}}},
        "hosts.nas",
    ),
    "two ways to a host": (
        {"hosts": {"nas": {"ssh": {"jump": "pi", "local": True}}}},
        "hosts.nas.ssh",
    ),
    "macOS": ({"hosts": {"nas": {"platform": "aarch64-darwin"}}}, "hosts.nas"),
    "a home without a module": (
        {"hosts": {"nas": {"kind": "home-manager", "no-such-key": 1}}},
        "hosts.nas",
    ),
    "plugins of another proxy": (
        {"network": {"entry": {"proxy": "nginx", "plugin_hashes": {"default": "sha256-x"}}}},
        "network.entry",
    ),
    "a resolver that is none": ({"network": {"dns": {"server": "none"}}}, "network.dns"),
    "a release without quotes": (
        {"nixpkgs": {"default": {"release": 25.11}}},
        "nixpkgs.default.release",
    ),
    "a pin without its lock": ({"nixpkgs": {"default": {"lock": None}}}, "nixpkgs.default.lock"),
    "a host without its platform": ({"hosts": {"nas": {"platform": None}}}, "hosts.nas.platform"),
    "a name of a host": ({"hosts": {"My NAS": {"platform": 7}}}, "hosts.My NAS"),
    "a name of a pin": ({"nixpkgs": {"My pin": {"lock": 7}}}, "nixpkgs.My pin"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_values_that_contradict_each_other_hide_no_check_of_the_rest(
    tmp_path: Path, case: str
) -> None:
    """Nor of a service on the host that they are about."""
    changes, place = CONTRADICTIONS[case]
    option = {"host": "nas", "options": {"services.jellyfin.enabel": True}}
    services = {"jellyfin": option, "navidrome": {"host": "nass"}}
    told_of = [p.split(": ")[0] for p in told(tmp_path, {**changes, "services": services})]
    others = [p for p in told_of if p == place or not f"{p}.".startswith(f"{place}.")]
    assert sorted({*others, place}) == sorted(
        (
            place,
            "services.jellyfin.options.services.jellyfin.enabel",
            "services.navidrome.host",
        )
    )
