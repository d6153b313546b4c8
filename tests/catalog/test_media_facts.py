"""The *arr services have the same facts, apart from their names."""

from __future__ import annotations

import pytest

from homelab.catalog import ENTRIES
from tests import build
from tests.household import Changes

pytestmark = pytest.mark.requirement("S4-18")
MEDIA = {"films": {"host": "nas", "path": "/mnt/films", "tier": "re-derivable"}}
NAMES = {
    "sonarr": {"PORT": "8989", "CONFIG": "/var/lib/sonarr/.config/NzbDrone", "STATE": "series"},
    "radarr": {"PORT": "7878", "CONFIG": "/var/lib/radarr/.config/Radarr", "STATE": "films"},
}
"""What has another value in each, by a name that stands for it."""


def rendered(name: str) -> str:
    """The files of a service, with names in place of what differs."""
    service = {"host": "nas", "datasets": {"media": "films", "downloads": "films"}}
    files = build.render({"services": {name: service}, "datasets": MEDIA})["nas"]
    text = "\n".join(files[f] for f in (f"services/{name}.nix", "hardening.nix", "storage.nix"))
    for stands, value in NAMES[name].items():
        text = text.replace(value, stands)
    text = text.replace(f"/var/lib/{name}", "CONFIG").replace("CONFIG/.config/Radarr", "CONFIG")
    return text.replace(name.capitalize(), "Arr").replace(name, "arr").replace("films", "STATE")


def test_sonarr_and_radarr_are_equal_with_their_names_swapped() -> None:
    assert rendered("sonarr") == rendered("radarr")


@pytest.mark.parametrize("name", ["radarr", "lidarr"])
def test_their_entries_have_the_same_keys_and_rules(name: str) -> None:
    one, other = ENTRIES["sonarr"], ENTRIES[name]
    for field in ("since", "database", "health", "hardening", "sign_in"):
        assert getattr(one, field, None) == getattr(other, field, None), field
    assert set(one.options) == {o.replace(name, "sonarr") for o in other.options}


def test_bazarr_is_a_service_of_the_catalog_with_the_same_parts() -> None:
    changes: Changes = {
        "services": {"bazarr": {"host": "nas", "datasets": {"media": "films"}}},
        "datasets": MEDIA,
    }
    plan = build.plan(changes)
    (unit,) = [u for u in plan.hardening if u.service == "bazarr"]
    assert dict(unit.settings)["BindPaths"] == ["/mnt/films"]
    assert dict(unit.settings)["UMask"] == "0002"
    assert [r.internal for r in plan.routes_of("bazarr")] == ["bazarr.home.example.org"]


@pytest.mark.parametrize("directory", ["lib/sonarr", "./sonarr", "/var/lib/../sonarr"])
def test_a_state_directory_is_an_absolute_path(directory: str) -> None:
    with pytest.raises(Exception, match=r"services\.sonarr\.state"):
        build.plan({"services": {"sonarr": {"host": "nas", "state": [directory]}}})
