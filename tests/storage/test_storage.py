"""Datasets: their directories, their users, and checks."""

from __future__ import annotations

import pytest

from tests import build
from tests.household import Changes, household

MUSIC: Changes = {
    "datasets": {
        "library": {
            "host": "aurora",
            "path": "/mnt/family/library",
            "mount": "/mnt/family",
            "tier": "user",
            "group": "family",
        }
    },
    "services": {"navidrome": {"host": "aurora", "datasets": {"music": "library"}}},
}


def found(changes: Changes, check: str) -> list[str]:
    return [str(p) for p in build.found(household(MUSIC, changes), check)]


@pytest.mark.requirement("S0-40")
def test_a_dataset_gets_its_directory_and_its_services_wait_for_its_disk() -> None:
    rendered = build.render(household(MUSIC))
    text = rendered["aurora"]["storage.nix"]
    assert '"/mnt/family/library".d = {\n      group = "family";\n      mode = "2775";' in text
    assert "users.groups.family = { };" in text
    assert 'unitConfig.RequiresMountsFor = [ "/mnt/family" ];' in text
    assert 'serviceConfig.SupplementaryGroups = [ "family" ];' in text
    assert "storage.nix" not in rendered["pi"]


@pytest.mark.requirement("S0-40")
def test_the_plan_has_the_services_that_use_a_dataset() -> None:
    (dataset,) = [d for d in build.plan(household(MUSIC)).datasets if d.name == "library"]
    assert (dataset.users, dataset.mount) == (("navidrome",), "/mnt/family")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"services": {"navidrome": {"host": "pi"}}},
            ["services.navidrome.datasets.music", "navidrome runs on pi", "library is on aurora"],
        ),
        (
            {"services": {"navidrome": {"datasets": {"music": "libary"}}}},
            ['there is no dataset "libary"', 'did you mean "library"?'],
        ),
        (
            {"services": {"navidrome": {"datasets": {"musik": "library"}}}},
            ['no role "musik"', 'did you mean "music"?'],
        ),
        (
            {"datasets": {"library": {"host": "aurorra"}}},
            ["datasets.library.host", 'did you mean "aurora"?'],
        ),
    ],
)
@pytest.mark.requirement("S0-40")
def test_a_service_uses_the_datasets_of_its_own_host(changes: Changes, words: list[str]) -> None:
    """The message names the service, the dataset and both hosts."""
    messages = "\n".join(found(changes, "dataset-host"))
    assert all(word in messages for word in words), messages


@pytest.mark.requirement("S0-40")
def test_a_dataset_on_the_same_host_is_accepted() -> None:
    assert found({}, "dataset-host") == []


@pytest.mark.requirement("S0-04")
def test_irreplaceable_data_is_on_an_always_on_host() -> None:
    photos = {"path": "/mnt/photos", "tier": "irreplaceable"}
    offline: Changes = {"datasets": {"photos": {**photos, "host": "workstation"}}}
    awake: Changes = {"datasets": {"photos": {**photos, "host": "aurora"}}}
    (message,) = found(offline, "vault-always-on")
    assert "datasets.photos.host" in message
    assert "workstation is not always on" in message
    assert found(awake, "vault-always-on") == []
