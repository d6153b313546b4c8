"""The files of a host do not grow with the number of other hosts."""

from __future__ import annotations

import pytest

from homelab import testing
from tests import build, stackdir
from tests.fleet import large
from tests.household import Changes

OF_ALL = {"release-id.nix"}
"""Changes with every byte of every other file."""


def known(changes: Changes, host: str) -> set[str]:
    """The hosts in a host's known_hosts."""
    files = build.render(stackdir.changed(changes))[host]
    text = files.get("known-hosts.nix", "")
    names = build.plan(stackdir.changed(changes)).hosts
    return {name for name in names if f'"{name}"' in text}


@pytest.fixture(scope="module")
def fleets() -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    small, twice = (build.render(large(n)) for n in (6, 12))
    return small, twice


def test_a_host_has_the_same_files_in_a_fleet_of_twice_the_size(
    fleets: tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]],
) -> None:
    small, twice = fleets
    assert set(small["box0"]) == set(twice["box0"])
    differ = {p for p, text in small["box0"].items() if twice["box0"][p] != text}
    assert differ <= OF_ALL


def test_only_hosts_that_serve_all_others_list_all_others(
    fleets: tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]],
) -> None:
    _, twice = fleets
    telling = {
        host for host, files in twice.items() if any("box9" in text for text in files.values())
    }
    assert telling == {"box9", "pi", "nas"}


def box(**said: object) -> Changes:
    here: Changes = {
        "platform": "x86_64-linux",
        "state_version": "25.11",
        "hardware": "hosts/box/hardware.nix",
        "address": {"lan": "192.168.1.4"},
        "ssh": {"host_key": build.host_key("box")},
        **said,
    }
    return {"hosts": {"box": here}}


USB: Changes = {
    "backup": {"targets": {"usb": {"kind": "sftp", "host": "nas", "path": "/mnt/usb/restic"}}}
}
WAYS: dict[str, tuple[Changes, str]] = {
    "a service behind the proxy": ({"services": {"miniflux": {"host": "box"}}}, "pi"),
    "backups": ({"services": {"miniflux": {"host": "box"}}, **USB}, "nas"),
    "a build": (box(build={"host": "nas"}), "nas"),
    "being woken": (
        box(
            always_on=False,
            offline={"wake_by": "nas"},
            wake_on_lan={"interface": "enp2s0", "mac": "d8:5e:d3:0a:1b:2c"},
        ),
        "nas",
    ),
    "releases that wait": (box(always_on=False, offline={"pull_from": "nas"}), "nas"),
}


@pytest.mark.parametrize("way", WAYS)
def test_hosts_that_connect_to_each_other_know_each_others_keys(way: str) -> None:
    """restic and Nix cannot ask a person to accept a key."""
    changes, other = WAYS[way]
    whole = testing.merged(box(), changes)
    assert other in known(whole, "box")
    assert "box" in known(whole, other)


def test_a_host_without_connections_knows_only_its_own_key() -> None:
    assert known(box(), "box") == {"box"}
