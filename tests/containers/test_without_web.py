"""Containers without a web port: bots, game servers, clients of dynamic DNS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from homelab.problems import InvalidStackError
from tests import build
from tests.containers.paperless import DIGEST
from tests.household import Changes
from tests.programs.rendered import settings

IMAGE = f"docker.io/a/b:1{DIGEST}"
GAME = {"game": {"port": 7777, "scope": "lan", "why": "friends play at home"}}


def app(**said: object) -> Changes:
    stated = {"host": "nas", "backup": {"skip": "it keeps nothing"}, **said}
    return {"services": {"app": stated}}


SINGLE: Changes = {"container": {"image": IMAGE}}
PART: Changes = {"containers": {"main": {"image": IMAGE}}}
KINDS = pytest.mark.parametrize("kind", [SINGLE, PART], ids=["container", "containers"])


def errors(changes: Changes) -> list[str]:
    return [str(p) for p in build.problems(changes) if p.severity == "error"]


def podman(changes: Changes, directory: Path) -> dict[str, Any]:
    """The only container of the service, as NixOS gets it."""
    ((_, found),) = settings(
        build.plan(changes), "virtualisation.oci-containers.containers", directory
    )
    assert isinstance(found, dict)
    return next(v for k, v in found.items() if k.startswith("app"))


def labels(changes: Changes) -> list[str]:
    """The labels of the ports of the service."""
    service = build.plan(changes).service("app")
    assert service is not None
    return [p.label for p in service.ports]


@KINDS
def test_a_container_without_a_port_has_no_name_and_nothing_is_published(
    kind: Changes, tmp_path: Path
) -> None:
    changes = app(**kind)
    assert errors(changes) == []
    assert "ports" not in podman(changes, tmp_path)
    assert build.plan(changes).routes_of("app") == ()
    assert labels(changes) == []


@KINDS
def test_a_container_that_nothing_asks_fails_and_alerts(kind: Changes, tmp_path: Path) -> None:
    """It would be started again for ever, and nobody would know."""
    ntfy = {"ntfy": {"url": "https://ntfy.example.org", "topic": {"sops": "ntfy/topic"}}}
    made = build.plan({**app(**kind), "monitoring": ntfy})
    units = dict(settings(made, "systemd.services", tmp_path))["nas"]
    assert isinstance(units, dict)
    unit = units.get("podman-app") or units["podman-app-main"]
    assert unit["onFailure"] == ["notify@%N.service"]
    assert (unit["startLimitBurst"], unit["startLimitIntervalSec"]) == (12, 600)
    assert "nas" in made.alert_hosts


@KINDS
def test_only_the_stated_port_of_a_container_without_a_web_port_is_published(
    kind: Changes, tmp_path: Path
) -> None:
    changes = app(**kind, ports=GAME)
    assert errors(changes) == []
    published = podman(changes, tmp_path)["ports"]
    assert [p.split(":")[1:] for p in published] == [["7777", "7777"]] * len(published)
    assert len(published) == len(set(published)) > 0
    assert build.plan(changes).routes_of("app") == ()
    assert labels(changes) == ["game"]


@KINDS
@pytest.mark.parametrize("said", [{"name": "bot"}, {"audience": "family"}, {"health": "/"}])
def test_what_needs_a_web_port_is_refused_without_one(kind: Changes, said: Changes) -> None:
    assert any("no web port" in e for e in errors(app(**kind, **said)))


TWO = {name: {"image": IMAGE} for name in ("back", "front")}


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({**SINGLE, "port": 8010}, "leads to no port of the container"),
        ({**PART, "port": 8010}, "leads to no container"),
        ({"containers": TWO, "ports": GAME}, "game may lead to any"),
        (
            {"containers": TWO, "databases": {"redis": {"env": {"REDIS": "{url}"}}}},
            "REDIS of databases.redis has no reader",
        ),
    ],
)
def test_a_port_or_variable_that_leads_nowhere_is_refused(said: Changes, says: str) -> None:
    with pytest.raises(InvalidStackError, match=says):
        build.stack_config(app(**said))


def test_a_port_leads_to_the_named_one_of_several_containers_without_a_web_port(
    tmp_path: Path,
) -> None:
    changes = app(containers=TWO, ports={"game": {**GAME["game"], "part": "front"}})
    assert errors(changes) == []
    ((_, found),) = settings(
        build.plan(changes), "virtualisation.oci-containers.containers", tmp_path
    )
    assert "ports" not in found["app-back"]
    assert found["app-front"]["ports"]
