"""Entries whose facts needed a word of their own: ESPHome, PhotoPrism, Snapcast and slskd."""

from __future__ import annotations

import pytest

from tests import build
from tests.household import Changes

PHOTOS: Changes = {
    "datasets": {"photos": {"host": "nas", "path": "/mnt/photos", "tier": "irreplaceable"}}
}


def service_file(name: str, *, release: str = "25.11", **settings: object) -> str:
    changes: Changes = {
        "nixpkgs": {"default": {"release": release}},
        "services": {name: {"host": "nas", **settings}},
        **PHOTOS,
    }
    return build.render(changes)["nas"][f"services/{name}.nix"]


def test_a_dynamic_user_is_an_ordinary_one_when_its_state_is_elsewhere() -> None:
    """Its state then has the path that the option says, and no link leads there."""
    option = {"services.esphome.stateDir": "/srv/esphome"}
    pin = {"nixpkgs": {"default": {"release": "26.05"}}}

    def esphome(options: dict[str, str]) -> tuple[bool, tuple[str, ...]]:
        plan = build.plan({**pin, "services": {"esphome": {"host": "nas", "options": options}}})
        (service,) = (s for s in plan.services if s.name == "esphome")
        return service.entry.dynamic_user, service.state

    assert esphome({}) == (True, ("/var/lib/private/esphome",))
    assert esphome(option) == (False, ("/srv/esphome",))
    behind = {"services.esphome.stateDir": "/var/lib/esphome"}
    assert esphome(behind) == (True, ("/var/lib/private/esphome",))


def test_an_option_has_the_path_of_the_dataset_or_else_the_owner_says_it() -> None:
    """The module has no default for it, so without both nothing evaluates."""
    used = service_file("photoprism", datasets={"photos": "photos"})
    assert 'originalsPath = "/mnt/photos";' in used
    bare: Changes = {"services": {"photoprism": {"host": "nas"}}, **PHOTOS}
    (problem,) = build.found(bare, "option-demanded")
    assert problem.way_out.startswith("add datasets: {photos: its dataset}, or ")
    for settings in (
        {"datasets": {"photos": "photos"}},
        {"options": {"services.photoprism.originalsPath": "/srv/photos"}},
    ):
        service = {"host": "nas", **settings}
        assert not build.found({"services": {"photoprism": service}, **PHOTOS}, "option-demanded")


def test_originals_outside_of_datasets_are_state() -> None:
    options = {"services.photoprism.originalsPath": "/srv/photos"}
    plan = build.plan({"services": {"photoprism": {"host": "nas", "options": options}}})
    (service,) = (s for s in plan.services if s.name == "photoprism")
    assert service.state == ("/var/lib/private/photoprism", "/srv/photos")


@pytest.mark.parametrize(
    ("release", "present", "absent"),
    [("25.11", "tcp = {", "tcp-control"), ("26.05", "tcp-control = {", "stream.port")],
)
def test_snapcast_has_the_sections_of_its_release(release: str, present: str, absent: str) -> None:
    source = {"services.snapserver.settings.stream.source": "pipe:///run/snapserver/music"}
    text = service_file("snapserver", release=release, options=source)
    assert present in text
    assert absent not in text


def test_several_secrets_reach_one_unit_in_environment_files() -> None:
    """systemd reads the file of the module and those of the list."""
    text = service_file("slskd")
    assert 'environmentFile = "/run/secrets/rendered/slskd-soulseek";' in text
    assert '"/run/homelab/secrets/slskd-web"' in text
