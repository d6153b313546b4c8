"""Features that homelab does not have yet are named with an alternative."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from homelab.config.not_yet import KEYS
from homelab.problems import InvalidStackError
from tests import build
from tests.cases.on_disk import laid_out, tried

NOT_YET: dict[str, tuple[dict[str, Any], str, str]] = {
    "another directory": (
        {"identity": {"directory": {"kind": "freeipa", "base_dn": "dc=example,dc=org"}}},
        "identity.directory.kind",
        "kind: openldap",
    ),
    "another directory, by its word": (
        {"identity": {"directory": "freeipa"}},
        "identity.directory",
        "kind: openldap",
    ),
    "a drive on the LAN": (
        {"datasets": {"photos": {"samba": {"networks": ["lan"]}}}},
        "datasets.photos.samba.networks",
        "the tailnet",
    ),
    "a drive by WebDAV": (
        {"datasets": {"photos": {"webdav": {}}}},
        "datasets.photos.webdav",
        "samba: {}",
    ),
    "VLANs": (
        {"network": {"vlans": {"iot": {"id": 20}}}},
        "network.vlans",
        "know only network.lan",
    ),
    "the VLAN of the LAN": (
        {"network": {"lan": {"vlan": 20}}},
        "network.lan.vlan",
        "hosts.….modules",
    ),
    "the VLANs of a host": (
        {"hosts": {"pi": {"vlans": [20]}}},
        "hosts.pi.vlans",
        "hosts.….modules",
    ),
    "a zone of a service": (
        {"services": {"navidrome": {"zone": "example.net"}}},
        "services.navidrome.zone",
        "with a second stack, which has its own machines",
    ),
    "two zones": (
        {"cloudflare": {"zone": [{"name": "example.org", "id": "1" * 32}]}},
        "cloudflare.zone",
        "with a second stack, which has its own machines",
    ),
    "Headscale": (
        {"tailnet": {"server": "https://hs.example.org"}},
        "tailnet.server",
        "over the LAN",
    ),
    "WireGuard between hosts": ({"wireguard": {"hosts": ["pi"]}}, "wireguard", "homelab:tailnet"),
    "DNS elsewhere": ({"dns": {"provider": "desec"}}, "dns", "network.entry.acme"),
}
"""The edit that people try, its place, and the way out."""


@pytest.mark.parametrize("name", NOT_YET)
def test_an_unsupported_feature_is_named(name: str, tmp_path: Path) -> None:
    """It is not reported as a mistyped key."""
    edit, where, way_out = NOT_YET[name]
    (problem,) = [p for p in tried(laid_out(tmp_path, edit)) if p.severity == "error"]
    assert problem.where == where
    assert "not supported yet" in problem.what or "does not partition disks" in problem.what
    assert way_out in problem.way_out
    assert "did you mean" not in str(problem)


@pytest.mark.parametrize("key", ["readers", "services", "writers"])
def test_a_dataset_that_names_services_says_where_they_are_named(tmp_path: Path, key: str) -> None:
    edit = {"datasets": {"photos": {key: ["immich"]}}}
    (problem,) = [p for p in tried(laid_out(tmp_path, edit)) if p.severity == "error"]
    assert problem.where == f"datasets.photos.{key}"
    assert problem.what == "a dataset does not name the services that use it"
    assert "write at the service: datasets: {ROLE: NAME}" in problem.way_out


@pytest.mark.parametrize("model", KEYS, ids=lambda m: str(m.__name__))
def test_an_unsupported_feature_is_not_a_key(model: type[BaseModel]) -> None:
    """A feature that exists is removed from this list."""
    kinds = [model, *model.__subclasses__()]
    assert not {f for kind in kinds for f in kind.model_fields} & KEYS[model].keys()


def test_unsupported_keys_are_not_offered(tmp_path: Path) -> None:
    (problem,) = tried(laid_out(tmp_path, {"hosts": {"pi": {"address": {"iot": "192.168.2.3"}}}}))
    assert problem.way_out.endswith("Keys: lan, public, tailnet")


@pytest.mark.parametrize(("provider", "says"), [("desec", "DESEC_TOKEN"), ("ovh", "acme/ovh")])
def test_another_dns_provider_is_pointed_to_its_credentials(provider: str, says: str) -> None:
    with pytest.raises(InvalidStackError, match=says) as error:
        build.stack_config({"network": {"entry": {"acme": {"provider": provider}}}})
    assert ("DESEC" in str(error.value)) is (provider == "desec")
