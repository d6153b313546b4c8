"""A second instance of an app: by its module, or as a unit or container with the app's facts."""

from __future__ import annotations

import json

import pytest

from homelab import testing
from homelab.problems import InvalidStackError
from tests import build
from tests.connections.homes import BOTH, MEDIA, file_of, service
from tests.household import Changes

IMAGE = f"docker.io/a/b:1@sha256:{'0' * 64}"
STATE = "/var/lib/private/radarr-4k"
UNIT: Changes = {
    "package": "radarr",
    "command": ["Radarr", "-nobrowser", f"-data={STATE}"],
    "environment": {"RADARR__SERVER__PORT": "{port}", "RADARR__SERVER__BINDADDRESS": "{bind}"},
    "writes": ["media", "downloads"],
}
SECOND: Changes = {
    **MEDIA,
    "services": {
        "radarr": service(datasets=BOTH),
        "radarr-4k": service(
            extends="radarr",
            port=7879,
            unit=UNIT,
            state=[STATE],
            datasets=BOTH,
            backup={"dump": {"sqlite": f"{STATE}/radarr.db"}},
            connects=["sabnzbd"],
        ),
        "sabnzbd": service(datasets={"downloads": "media"}),
        "prowlarr": service(connects=["radarr", "radarr-4k"]),
    },
}


def test_two_radarrs_run_on_one_host() -> None:
    plan = build.plan(SECOND)
    first, second = plan.service("radarr"), plan.service("radarr-4k")
    assert first is not None
    assert second is not None
    assert second.entry.health == "/ping"
    assert second.entry.sign_in.kinds == first.entry.sign_in.kinds
    assert second.entry.hardening.jit
    assert second.entry.icon == "radarr"
    assert second.state == (STATE,)
    text = build.render(SECOND)["nas"]["services/radarr-4k.nix"]
    assert 'EnvironmentFile = [ "/run/homelab/secrets/radarr-4k-api-key" ];' in text
    assert 'RADARR__SERVER__PORT = "7879";' in text
    assert not [p for p in build.problems(SECOND) if p.where.startswith("services.radarr")]


@pytest.mark.requirement("S3-04")
def test_both_radarrs_are_connected_each_with_its_own_key() -> None:
    plan = build.plan(SECOND)
    known = json.loads(file_of(plan, "nas", "lib/connections-prowlarr.json"))["wanted"]
    assert [o["body"]["name"] for o in known] == ["radarr (homelab)", "radarr-4k (homelab)"]
    assert [o["fields"]["apiKey"]["$key"] for o in known] == ["radarr", "radarr-4k"]
    mine = json.loads(file_of(plan, "nas", "lib/connections-radarr-4k.json"))
    assert mine["address"] == "http://127.0.0.1:7879"
    assert "radarr-4k" not in build.render(SECOND)["nas"]["connections.nix"].partition(
        "radarr-4k-connections"
    )[0].replace("radarr-4k:/run", "").replace("prowlarr-key-radarr-4k", "").replace(
        "to radarr, radarr-4k", ""
    )


def test_a_container_has_the_sign_in_and_the_health_check_of_its_app() -> None:
    paperless = {
        "host": "nas",
        "extends": "paperless",
        "port": 8011,
        "container": {"image": IMAGE, "port": 8000},
        "backup": {"skip": "it stores nothing"},
    }
    plan = build.plan({"services": {"papers": paperless}})
    found, entry = plan.service("papers"), build.plan({"services": {"paperless": {"host": "nas"}}})
    original = entry.service("paperless")
    assert found is not None
    assert original is not None
    assert found.entry.audience == original.entry.audience
    assert found.entry.health == original.entry.health
    assert found.entry.upload == original.entry.upload
    assert found.entry.state == ()


def test_an_app_with_its_key_in_a_file_is_not_connected_under_another_name() -> None:
    """Its key would be in a file that homelab does not know."""
    two = {
        "sabnzbd-two": service(extends="sabnzbd", port=8095, unit={**UNIT, "writes": []}),
        "radarr-4k": {"connects": ["sabnzbd-two"]},
    }
    found = build.found(testing.merged(SECOND, {"services": two}), "link-endpoint")
    assert [p.where for p in found] == ["services.radarr-4k.connects[0]"]


def test_a_module_with_several_instances_runs_a_second_one() -> None:
    changes = {
        "services": {
            "wyoming-piper": {"host": "nas"},
            "norwegian": {"host": "nas", "service": "wyoming-piper", "port": 10201},
        }
    }
    text = build.render(changes)["nas"]["services/norwegian.nix"]
    assert "services.wyoming.piper.servers.norwegian = {" in text
    assert 'uri = "tcp://127.0.0.1:10201";' in text
    second = build.plan(changes).service("norwegian")
    assert second is not None
    assert second.units == ("wyoming-piper-norwegian",)
    assert not [p for p in build.problems(changes) if p.where.startswith("services.norwegian")]


def test_a_unit_without_facts_has_no_connections() -> None:
    mine = service(unit=UNIT, connects=["sabnzbd"], datasets=BOTH)
    with pytest.raises(InvalidStackError, match="add extends: with the entry"):
        build.plan(testing.merged(MEDIA, {"services": {"films": mine}}))
