"""A unit's program is told its port and its datasets: it gets no options of an entry."""

from __future__ import annotations

from typing import Any

import pytest

from tests import build

BASE: dict[str, Any] = {
    "host": "nas",
    "state": ["/var/lib/private/second"],
    "backup": {"skip": "a test"},
}
COMMAND = ["Radarr", "-nobrowser", "-data=/var/lib/private/second"]


def told(service: dict[str, Any], unit: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Place, message and way out of each warning about the unit."""
    unit = {"package": "radarr", "command": COMMAND, **unit}
    service = {**BASE, **service, "unit": unit}
    songs = {"host": "nas", "path": "/srv/songs", "tier": "user"}
    found = build.problems({"services": {"second": service}, "datasets": {"songs": songs}})
    return [(p.where, p.what, p.way_out) for p in found if p.check == "unit-told"]


RADARR: dict[str, Any] = {"extends": "radarr", "port": 7879}
SONG: dict[str, Any] = {"extends": "navidrome", "port": 4534, "datasets": {"music": "songs"}}


def test_a_unit_that_never_gets_its_port_is_reported() -> None:
    ((where, what, way_out),) = told(RADARR, {})
    assert where == "services.second.port"
    assert what == "nothing tells the program of second to listen on 7879"
    assert '"{port}"' in way_out
    ((where, *_),) = told({"port": 7879}, {})
    assert where == "services.second.port"


@pytest.mark.parametrize(
    ("service", "unit"),
    [
        (RADARR, {"environment": {"RADARR__SERVER__PORT": "{port}"}}),
        (RADARR, {"command": [*COMMAND, "--listen", "{bind}:{port}"]}),
        (RADARR, {"command": [*COMMAND, "--port=7879"]}),
        ({**RADARR, "port": 7878}, {}),
        (
            {**RADARR, "options": {"systemd.services.second.environment.PORT": {"$port": "web"}}},
            {},
        ),
        ({"extends": "radarr"}, {}),
        ({}, {}),
    ],
    ids=["variable", "command", "number", "port of the app", "option", "no port", "own"],
)
def test_a_unit_that_gets_its_port_is_not_reported(
    service: dict[str, Any], unit: dict[str, Any]
) -> None:
    assert told(service, unit) == []


def test_another_number_is_not_the_port() -> None:
    assert told(RADARR, {"command": [*COMMAND, "--id=78790"]})


def test_the_way_out_names_the_variable_of_the_app() -> None:
    ((_, _, way_out),) = told({"extends": "n8n", "port": 5700}, {})
    assert 'N8N_PORT: "{port}"' in way_out


def test_a_dataset_that_the_app_gets_by_an_option_reaches_its_unit() -> None:
    assert sorted(where for where, *_ in told(SONG, {})) == [
        "services.second.datasets.music",
        "services.second.port",
    ]
    variables = {"ND_PORT": "{port}", "ND_MUSICFOLDER": "{dataset[music]}"}
    assert told(SONG, {"environment": variables}) == []
    assert told(SONG, {"environment": {**variables, "ND_MUSICFOLDER": "/srv/songs"}}) == []
