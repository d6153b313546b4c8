"""Kinds of services and hosts accept only the keys that they use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from homelab.config.base import Kind
from homelab.config.hosts import HomeManagerHost, NixosHost
from homelab.config.schema import stack_schema
from homelab.config.services import KINDS
from homelab.problems import InvalidStackError
from tests import build

IMAGE = f"docker.io/a/b:1@sha256:{'0' * 64}"
SERVICES: dict[str, dict[str, object]] = {
    "catalog": {"host": "nas"},
    "container": {"host": "nas", "container": {"image": IMAGE, "port": 80}},
    "containers": {"host": "nas", "containers": {"web": {"image": IMAGE, "port": 80}}},
    "flake": {"host": "nas", "flake": {"input": "a", "unit": "a"}},
    "module": {"host": "nas", "module": {"units": ["a"]}},
    "unit": {"host": "nas", "unit": {"package": "a", "command": ["a"]}},
    "static": {"host": "nas", "port": 8095, "static": {"directory": "/srv/www"}},
    "external": {"external": {"address": "192.168.1.9", "port": 80}},
}
MAC: dict[str, object] = {
    "kind": "home-manager",
    "platform": "x86_64-darwin",
    "state_version": "25.11",
    "home": "home/sam.nix",
}
VALUES: dict[str, object] = {
    "container": {"image": IMAGE, "port": 80},
    "containers": {"web": {"image": IMAGE, "port": 80}},
    "flake": {"input": "a", "unit": "a"},
    "module": {"units": ["a"]},
    "unit": {"package": "a", "command": ["a"]},
    "static": {"directory": "/srv/www"},
    "external": {"address": "192.168.1.9", "port": 80},
    "accept": {"host-network": "it needs real devices"},
    "backup": {"skip": "it keeps nothing"},
    "connects": ["sabnzbd"],
    "schedule": [{"start": "06:00", "end": "06:00"}],
    "dashboards": [{"id": 1, "revision": 2, "hash": f"sha256-{'A' * 43}="}],
    "datasets": {"films": "films"},
    "devices": {"radio": "radio"},
    "extends": "radarr",
    "gpu": "intel",
    "headers": {"Remote-User": "user"},
    "host": "nas",
    "databases": {"postgresql": {"host": "nas"}},
    "ids": {"uid": 450},
    "limits": {"memory": "1 GiB"},
    "jobs": {"tidy": {}},
    "never_publish": "for its host alone",
    "options": {"services.a.enable": True},
    "port": 81,
    "recovery": True,
    "ports": {"b": {"port": 82}},
    "secrets": {"a": {}},
    "state": ["/var/lib/a"],
    "tags": ["a"],
    "uses": ["jellyfin"],
    "harden": {"exempt": "it confines itself"},
    "may_control": {"units": ["gatus"], "verbs": ["restart"]},
    "oidc": {"redirects": ["/callback"]},
    "service": "jellyfin",
    "vpn": "privado",
}
"""A valid value of each key that some kind of service does not have."""
OTHERS = [
    (word, key)
    for word, kind in KINDS.items()
    for key in sorted(kind.lacks)
    # The first key that selects a kind decides; the later ones are refused.
    if key not in KINDS or (word != "catalog" and [*KINDS].index(word) < [*KINDS].index(key))
]
MACS = sorted(HomeManagerHost.lacks)


def refused(changes: Mapping[str, Any]) -> list[str]:
    try:
        build.stack_config(changes)
    except InvalidStackError as error:
        return [str(p) for p in error.problems]
    return []


def named(word: str) -> str:
    return "jellyfin" if word == "catalog" else "app"


@pytest.mark.parametrize(("word", "key"), OTHERS)
def test_a_key_of_another_kind_is_refused_by_name_with_a_way_out(word: str, key: str) -> None:
    kind, name = KINDS[word], named(word)
    assert refused({"services": {name: SERVICES[word]}}) == []
    changed = {**SERVICES[word], key: VALUES[key]}
    (said,) = refused({"services": {name: changed}})
    assert said == f"services.{name}.{key}: {kind.called} has no {key}; {kind.lacks[key]}"


@pytest.mark.parametrize("key", MACS)
def test_a_home_manager_host_has_no_system_keys(key: str) -> None:
    (said,) = refused({"hosts": {"mac": {**MAC, key: {}}}})
    assert (
        said == f"hosts.mac.{key}: a home-manager host has no {key}; {HomeManagerHost.lacks[key]}"
    )


@pytest.mark.parametrize(
    ("kind", "others"),
    [
        *((kind, tuple(k for k in KINDS.values() if k is not kind)) for kind in KINDS.values()),
        (HomeManagerHost, (NixosHost,)),
    ],
)
def test_each_kind_has_a_message_for_every_key_of_the_others(
    kind: type[Kind], others: tuple[type[Kind], ...]
) -> None:
    theirs = {key for other in others for key in other.model_fields}
    assert set(kind.lacks) == theirs - set(kind.model_fields)


@pytest.mark.parametrize(
    ("section", "kinds"),
    [
        ("services", tuple(KINDS.values())),
        ("hosts", (NixosHost, HomeManagerHost)),
    ],
)
def test_the_schema_has_one_object_for_each_kind_with_its_own_keys_alone(
    section: str, kinds: tuple[type[Kind], ...]
) -> None:
    schema: Any = stack_schema()
    made = schema["properties"]["config"]["properties"][f"homelab:{section}"]
    refs = [o["$ref"].removeprefix("#/$defs/") for o in made["additionalProperties"]["oneOf"]]
    assert sorted(refs) == sorted(k.__name__ for k in kinds)
    for kind in kinds:
        said = schema["$defs"][kind.__name__]
        assert said["additionalProperties"] is False
        assert set(said["properties"]) == set(kind.model_fields)
    # Exactly one object fits, because the distinguishing key is required or has another value.
    told = [set(schema["$defs"][k].get("required", [])) & ({*KINDS} - {"catalog"}) for k in refs]
    words = [schema["$defs"][k]["properties"].get("kind", {}).get("const", k) for k in refs]
    assert len({(tuple(t), w) for t, w in zip(told, words, strict=True)}) == len(kinds)


def test_a_mistyped_kind_is_named_with_the_nearest_one() -> None:
    (said,) = refused({"services": {"app": {"host": "nas", "contaner": {}}}})
    assert 'services.app.contaner: there is no such key; did you mean "container"?' in said
    (said,) = refused({"services": {"app": {"host": "nas", "kind": "container"}}})
    assert said.startswith("services.app.kind: there is no such key; leave it out. Keys: ")
    (said,) = refused({"hosts": {"nas": {"kind": "nixus"}}})
    assert said == "hosts.nas.kind: there is no such kind of host; write nixos or home-manager"


def test_places_are_reported_as_they_are_written() -> None:
    """Places do not contain the internal tag of a kind."""
    (said,) = refused({"services": {"jellyfin": {"host": "nas", "routes": [{"name": "A B"}]}}})
    assert said.startswith("services.jellyfin.routes[0].name: ")
    (said,) = refused(
        {"services": {"app": {"host": "nas", "container": {"image": "a", "port": 1}}}}
    )
    assert said.startswith("services.app.container.image: ")
    (said,) = refused({"hosts": {"mac": {**MAC, "address": {"lan": "here"}}}})
    assert said.startswith("hosts.mac.address.lan: ")


def test_a_service_has_a_host_or_tags_but_not_both() -> None:
    (said,) = refused({"services": {"jellyfin": {"host": "nas", "tags": ["media"]}}})
    assert said.startswith("services.jellyfin: tags apply only to a service without a host")


def test_a_public_reason_belongs_to_its_route() -> None:
    routes = {"host": "nas", "public": "anybody may look", "routes": [{"name": "a"}]}
    (said,) = refused({"services": {"jellyfin": routes}})
    assert "public and routes exclude each other; move public into routes" in said
