"""Every field that names a host tells when that host is planned or retired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatch

import pytest

from homelab.checks import run_checks
from tests import build
from tests.site.rich import RICH
from tests.site.ways_out.needed import target
from tests.site.ways_out.stacks import both, host

STATES = frozenset(
    {
        "copy-possible",
        "database-host",
        "heartbeat-host",
        "jump-known",
        "needed-host-state",
        "offline-known",
        "service-host-state",
    }
)
"""Checks of what a host does for others."""
NOT_NEEDED = {
    "backup.extra.*.host": "the data is the host's own",
    "cloudflare.access.service_tokens.*.host": "the host gets the token for itself",
    "datasets.clips.host": "no other host reads it",
    "datasets.films.host": "no other host reads it",
    "datasets.*.nfs.hosts.*": "the host mounts it for itself",
    "deploy.again.*": "that host is switched again",
    "deploy.last[[]*]": "that host is the last to be switched",
    "homes.*.hosts[[]*]": "the home is on the host",
    "site.members.*.account.hosts[[]*]": "the account is on the host",
    "tailnet.grants[[]*": "a rule about hosts",
    "tailnet.tests[[]*": "a rule about hosts",
    "vpn.*.host": "services in the tunnel are on its host",
}
"""Fields that name a host which does nothing there for another one."""


def _naming(value: object, name: str, place: str = "") -> Iterator[str]:
    """Places that have the name as a value, or as the key of a host that mounts a dataset."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            at = f"{place}.{key}" if place else str(key)
            if key == name and place.endswith(".nfs.hosts"):
                yield at
            yield from _naming(inner, name, at)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _naming(inner, name, f"{place}[{index}]")
    elif value == name:
        yield place


def _told(changes: Mapping[str, object]) -> dict[str, str]:
    return {p.where: p.check for p in run_checks(build.plan(changes)) if p.check in STATES}


@pytest.mark.parametrize("state", ["planned", "retired"])
@pytest.mark.parametrize("name", ["nas", "pi"])
def test_every_field_that_names_a_host_tells_of_its_state(name: str, state: str) -> None:
    told = _told(both(RICH, host(name, state=state)))
    silent = [
        place
        for place in _naming(RICH, name)
        if place not in told and not any(fnmatch(place, known) for known in NOT_NEEDED)
    ]
    assert silent == []


@pytest.mark.parametrize("state", ["live", "held"])
def test_a_host_that_runs_is_not_told_of(state: str) -> None:
    assert "needed-host-state" not in _told(target(state)).values()
    assert "needed-host-state" in _told(target("retired")).values()


@pytest.mark.parametrize("state", ["planned", "retired"])
def test_a_host_that_only_such_hosts_need_is_not_told_of(state: str) -> None:
    """A new homelab, all of which is planned."""
    assert (
        "needed-host-state" not in _told(both(target("planned"), host("pi", state=state))).values()
    )


def test_a_held_host_needs_its_backups() -> None:
    found = build.found(both(target("retired"), host("pi", state="held")), "needed-host-state")
    assert [p.where for p in found] == ["backup.targets.shelf.host"]
    assert found[0].severity == "error"
    assert "until the repositories are moved" in found[0].way_out
