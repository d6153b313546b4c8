"""A family is a short form: it gives the same homelab as its services written by hand."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
import yaml
from rich.console import Console

from homelab import testing
from homelab.catalog import ENTRIES
from homelab.config.document import Document, parse_document
from homelab.config.expansion import expanded, families_of
from homelab.config.families import FAMILIES, Family
from homelab.config.load import document_of, load_stack_config
from homelab.ops.project.stack import located_in
from homelab.problems import InvalidStackError, Problem
from homelab.remainder import rest_of
from homelab.show import as_data, as_tables
from tests import build

Changes = dict[str, Any]
SHOWS = {"host": "nas", "path": "/mnt/shows", "tier": "re-derivable", "group": "media"}
FAST = {**SHOWS, "path": "/mnt/fast", "backup": None}
TARGETS = {"backup": {"targets": {"disk": {"kind": "local", "host": "nas", "path": "/mnt/backup"}}}}
NEW: Changes = {"nixpkgs": {"default": {"release": "26.05"}}}
BOTH = {"downloads": "shows", "media": "shows"}
CLIENTS = ["sabnzbd", "transmission"]

PAIRS: dict[str, tuple[Changes, Changes]] = {
    "media": (
        {"datasets": {"shows": SHOWS}, "media": {"host": "nas", "library": "shows"}},
        {
            "datasets": {"shows": {**SHOWS, "dirs": {"tv": {}, "films": {}, "downloads": {}}}},
            "services": {
                "jellyfin": {"host": "nas", "datasets": {"media": "shows"}},
                "sonarr": {"host": "nas", "datasets": BOTH, "connects": ["transmission"]},
                "radarr": {"host": "nas", "datasets": BOTH, "connects": ["transmission"]},
                "bazarr": {
                    "host": "nas",
                    "datasets": {"media": "shows"},
                    "connects": ["sonarr", "radarr"],
                },
                "prowlarr": {"host": "nas", "connects": ["radarr", "sonarr", "transmission"]},
                "transmission": {"host": "nas", "datasets": {"downloads": "shows"}},
            },
        },
    ),
    "media with more, less and changed services": (
        {
            "datasets": {"shows": SHOWS, "fast": FAST},
            "media": {
                "host": "nas",
                "library": "shows",
                "downloads": "fast",
                "also": ["lidarr", "sabnzbd", "flaresolverr"],
                "without": ["bazarr", "jellyfin"],
            },
            "services": {
                "sonarr": {"name": "series", "accept": {"copies": "the fast disk is small"}},
                "radarr": {"enable": False},
                "lidarr": {"accept": {"copies": "the fast disk is small"}, "connects": ["sabnzbd"]},
                "flaresolverr": {"host": "nas", "planned": "when an indexer needs it"},
                "vaultwarden": {"host": "nas"},
            },
        },
        {
            "datasets": {"shows": {**SHOWS, "dirs": {"tv": {}, "music": {}}}, "fast": FAST},
            "services": {
                "sonarr": {
                    "host": "nas",
                    "name": "series",
                    "datasets": {"downloads": "fast", "media": "shows"},
                    "connects": CLIENTS,
                    "accept": {"copies": "the fast disk is small"},
                },
                "radarr": {
                    "host": "nas",
                    "datasets": {"downloads": "fast", "media": "shows"},
                    "enable": False,
                },
                "lidarr": {
                    "host": "nas",
                    "datasets": {"downloads": "fast", "music": "shows"},
                    "connects": ["sabnzbd"],
                    "accept": {"copies": "the fast disk is small"},
                },
                "prowlarr": {
                    "host": "nas",
                    "connects": ["lidarr", "sonarr", "sabnzbd", "transmission"],
                },
                "flaresolverr": {"host": "nas", "planned": "when an indexer needs it"},
                "transmission": {"host": "nas", "datasets": {"downloads": "fast"}},
                "sabnzbd": {"host": "nas", "datasets": {"downloads": "fast"}},
                "vaultwarden": {"host": "nas"},
            },
        },
    ),
    "media with a service of another kind": (
        {
            "datasets": {"shows": {**SHOWS, "dirs": {}}},
            "media": {"host": "nas", "library": "shows", "without": ["bazarr", "jellyfin"]},
            "services": {
                "radarr": {"service": "miniflux", "host": "nas", "port": 8090},
                "prowlarr": {"tags": ["strong"]},
            },
            "hosts": {"nas": {"tags": ["strong"]}},
        },
        {
            "datasets": {"shows": {**SHOWS, "dirs": {}}},
            "services": {
                "sonarr": {"host": "nas", "datasets": BOTH, "connects": ["transmission"]},
                "radarr": {"service": "miniflux", "host": "nas", "port": 8090},
                "prowlarr": {"tags": ["strong"], "connects": ["sonarr", "transmission"]},
                "transmission": {"host": "nas", "datasets": {"downloads": "shows"}},
            },
            "hosts": {"nas": {"tags": ["strong"]}},
        },
    ),
    "ai": (
        {
            **NEW,
            "hosts": {"nas": {"gpu": {"vendor": "nvidia", "open": True}}},
            "ai": {"host": "nas", "gpu": "nvidia", "also": ["litellm"]},
        },
        {
            **NEW,
            "hosts": {"nas": {"gpu": {"vendor": "nvidia", "open": True}}},
            "services": {
                "ollama": {"host": "nas", "gpu": "nvidia"},
                "open-webui": {"host": "nas", "connects": ["ollama"]},
                "litellm": {"host": "nas", "port": 4000, "connects": ["ollama"]},
            },
        },
    ),
    "home_automation": (
        {
            "home_automation": {
                "host": "nas",
                "also": ["wyoming-piper", "node-red"],
                "without": ["matter-server"],
            }
        },
        {
            "services": {
                "home-assistant": {"host": "nas", "uses": ["mosquitto", "wyoming-piper"]},
                "mosquitto": {"host": "nas"},
                "node-red": {"host": "nas", "uses": ["home-assistant", "mosquitto"]},
                "wyoming-piper": {"host": "nas"},
            }
        },
    ),
    "home_automation with the monitor elsewhere": (
        {
            "home_automation": {"host": "nas", "also": ["wyoming-piper"]},
            "services": {"gatus": {"host": "pi", "name": "status"}},
        },
        {
            "services": {
                "gatus": {"host": "pi", "name": "status", "uses": ["mosquitto", "wyoming-piper"]},
                "home-assistant": {
                    "host": "nas",
                    "uses": ["mosquitto", "matter-server", "wyoming-piper"],
                },
                "mosquitto": {"host": "nas"},
                "matter-server": {"host": "nas"},
                "wyoming-piper": {"host": "nas"},
            }
        },
    ),
}
"""Stacks with a family, each with the stack that says the same without one."""


@pytest.mark.requirement("S0-53", "S2-17")
@pytest.mark.parametrize("pair", PAIRS)
def test_a_family_gives_the_same_files_as_its_services_by_hand(pair: str) -> None:
    short, by_hand = PAIRS[pair]
    assert build.render(short) == build.render(by_hand)


@pytest.mark.parametrize("pair", PAIRS)
def test_a_family_gives_the_same_problems_as_its_services_by_hand(pair: str) -> None:
    short, by_hand = (build.problems(testing.changed(changes, TARGETS)) for changes in PAIRS[pair])
    assert [p for p in short if p.severity == "error"] == []
    assert set(short) == set(by_hand)


@pytest.mark.parametrize("pair", PAIRS)
def test_what_show_prints_can_be_written_in_place_of_the_family(pair: str) -> None:
    short, _ = PAIRS[pair]
    printed = as_data(build.plan(short))["families"]
    rest: Changes = {**short, **dict.fromkeys(FAMILIES)}
    for family in json.loads(json.dumps(printed)).values():
        rest = testing.changed(family, rest)
    assert build.render(rest) == build.render(short)


def test_the_table_has_each_service_of_a_family_as_yaml() -> None:
    console = Console(width=400, record=True)
    as_tables(build.plan(PAIRS["media"][0]), console)
    text = console.export_text()
    assert "services.prowlarr: {host: nas, connects: [radarr, sonarr, transmission]}" in text
    assert "datasets.shows: {dirs: {films: {}, tv: {}, downloads: {}}}" in text


@pytest.mark.parametrize("pair", PAIRS)
def test_an_expanded_stack_stays_as_it_is(pair: str) -> None:
    once = expanded(build.document(PAIRS[pair][0]))
    assert expanded(once) == once
    config = load_stack_config(once)
    assert load_stack_config(document_of(config)) == config


def every(section: str, family: type[Family]) -> Changes:
    """A stack in which a family has every service that it can have."""
    also = list(get_args(get_args(family.model_fields["also"].annotation)[0]))
    library = {"library": "shows"} if "library" in family.model_fields else {}
    return {
        **NEW,
        "identity": {"host": "pi", "users": {"sops": "authelia/users"}},
        "services": {"authelia": {"backup": {"skip": "its users are in the sops file"}}},
        "datasets": {"shows": SHOWS},
        section: {"host": "nas", "also": also, **library},
    }


@pytest.mark.parametrize("section", FAMILIES)
def test_each_member_takes_part_as_its_facts_say(section: str) -> None:
    """A role, directory or connection that an entry gets or loses is one of its family, too."""
    family = FAMILIES[section]
    values = build.config(every(section, family))
    made = families_of(expanded(build.document(values)).values)[section]
    assert made.services.keys() == family.members.keys()
    for name, settings in made.services.items():
        entry = ENTRIES[name]
        # Home automation names no dataset: its owner chooses one for the music.
        roles = entry.datasets.keys() if section != "home_automation" else set()
        assert settings.get("datasets", {}).keys() == roles, name
        assert set(settings.get("connects", ())) == entry.connects.keys() & family.members.keys()
        member = family.members[name]
        assert set(member.dirs) == set(entry.folders.values()), name
    found = {p.check for p in build.problems({**values, **TARGETS}) if p.severity == "error"}
    # No ports clash. Only the radios are missing, which nobody can guess.
    assert found <= {"service-needs"}


BROKEN: dict[str, tuple[Changes, str, str]] = {
    "no such host": ({"media": {"host": "nsa"}}, "media.host", 'did you mean "nas"?'),
    "no such dataset": ({"media": {"library": "show"}}, "media.library", 'did you mean "shows"?'),
    "no such downloads": ({"media": {"downloads": "fast"}}, "media.downloads", "Datasets: shows"),
    "a dataset elsewhere": ({"media": {"host": "pi"}}, "media.library", "write media.host: nas"),
    "no such service": ({"media": {"also": ["lidar"]}}, "media.also[0]", 'did you mean "lidarr"?'),
    "a service that is not there": (
        {"media": {"without": ["sabnzbd"]}},
        "media.without[0]",
        "Values: bazarr, jellyfin",
    ),
    "no such key": ({"media": {"hots": "nas"}}, "media.hots", 'did you mean "host"?'),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_mistake_in_a_family_is_one_problem(case: str) -> None:
    """Not one for each of its services, nor for those that name one of them."""
    changes, where, way_out = BROKEN[case]
    base = {
        **PAIRS["media"][0],
        "services": {"prowlarr": {"connects": ["sonarr"]}, "seerr": {"host": "nas"}},
    }
    document = build.document(testing.changed(base, changes))
    with pytest.raises(InvalidStackError) as error:
        load_stack_config(document)
    (problem,) = error.value.problems
    assert problem.where == where
    assert way_out in problem.way_out
    rest = rest_of(document)
    assert rest is not None
    assert {"sonarr", "prowlarr", "jellyfin"} <= rest[1].names


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"services": [["left"]]}, "services"),
        ({"services": False}, "services"),
        ({"services": {"jellyfin": []}}, "services.jellyfin"),
        ({"services": {"jellyfin": 0}}, "services.jellyfin"),
        ({"datasets": [["left"]]}, "datasets"),
        ({"datasets": {"shows": []}}, "datasets.shows"),
        ({"datasets": {"shows": {"host": ["nas"]}}}, "datasets.shows.host"),
        ({"hosts": [["left"]]}, "hosts"),
        ({"hosts": None}, "hosts"),
        ({"hosts": {"nas": []}}, "hosts.nas"),
    ],
)
def test_a_family_neither_hides_a_wrong_shape_nor_is_blamed_for_it(
    changes: Changes, where: str
) -> None:
    values = testing.changed(build.config(PAIRS["media"][0]), changes)
    with pytest.raises(InvalidStackError) as error:
        load_stack_config(Document(values))
    assert [p.where for p in error.value.problems] == [where]


def test_places_of_its_services_have_the_line_of_the_family() -> None:
    lines = yaml.safe_dump({"config": {f"homelab:{k}": v for k, v in build.config().items()}})
    lines += f"  homelab:datasets: {{shows: {json.dumps(SHOWS)}}}\n"
    lines += "  homelab:media: {host: nas, library: shows}\n"
    family = lines.count("\n")
    lines += "  homelab:services:\n    sonarr: {name: series}\n"
    document = expanded(parse_document(lines, "Pulumi.home.yaml"))
    assert load_stack_config(document).services["sonarr"].host == "nas"
    for where, line in {
        "services.bazarr": family,
        "services.bazarr.host": family,
        "services.sonarr.datasets.media": family,
        "services.sonarr.name": family + 2,
    }.items():
        problem = located_in(Problem(where, "x", "y"), document)
        assert (problem.file, problem.line) == ("Pulumi.home.yaml", line), where


def test_the_monitor_calls_the_services_of_a_family_beside_those_that_the_owner_names() -> None:
    changes: Changes = {
        "home_automation": {"host": "nas"},
        "services": {
            "gatus": {"host": "pi", "name": "status", "uses": ["db"]},
            "db": {
                "host": "nas",
                "port": 5433,
                "routes": [],
                "backup": {"skip": "it stores nothing"},
                "unit": {"package": "db", "command": ["db"]},
            },
        },
    }
    assert build.plan(changes).stack.services["gatus"].uses == ["db", "mosquitto"]
    assert not build.found(changes, "monitor-intent")
    skipped = {"mosquitto": {"monitor": {"skip": "its host is enough"}}}
    quiet = testing.changed(changes, {"services": skipped})
    assert build.plan(quiet).stack.services["gatus"].uses == ["db"]


def test_a_family_knows_which_of_its_services_have_a_page() -> None:
    """Those without one are asked at their port, unless nobody else may call them."""
    for family in FAMILIES.values():
        for name, member in family.members.items():
            entry = ENTRIES[name]
            assert member.has_page == (entry.page or bool(entry.never_publish)), name
