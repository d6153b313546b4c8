"""Files of a host do not repeat the fleet: hosts that are added change only the files that serve them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from homelab import testing
from tests import build
from tests.fleet import grown, large
from tests.household import Changes


def _lan(hosts: int) -> Changes:
    """No tailnet: hosts call each other by their LAN addresses."""
    return testing.merged(
        grown(hosts - 2),
        {
            "identity": {"host": "pi", "users": {"sops": "authelia/users"}},
            "backup": {
                "targets": {"usb": {"kind": "sftp", "host": "nas", "path": "/mnt/usb/restic"}}
            },
            "services": {
                "gatus": {"host": "pi", "name": "status"},
                "homepage": {"host": "nas", "name": "home"},
            },
        },
    )


def _offline(hosts: int) -> Changes:
    """One neighbour wakes all."""
    boxes = [f"box{i}" for i in range(hosts - 2)]
    offline: Changes = {
        "always_on": False,
        "offline": {"wake_by": "nas"},
        "wake_on_lan": {"interface": "enp5s0", "mac": "d8:5e:d3:0a:1b:2c"},
    }
    return testing.merged(large(hosts), {"hosts": dict.fromkeys(boxes, offline)})


def _measured(hosts: int) -> Changes:
    """Prometheus asks every host."""
    exporters = {
        f"node-exporter-box{i}": {"service": "node-exporter", "host": f"box{i}"}
        for i in range(hosts - 2)
    }
    return testing.merged(large(hosts), {"services": exporters})


FLEETS: dict[str, Callable[[int], Changes]] = {
    "tailnet": large,
    "LAN": _lan,
    "offline hosts": _offline,
    "measured hosts": _measured,
}
EACH = [
    kind if kind in ("tailnet", "LAN") else pytest.param(kind, marks=pytest.mark.long)
    for kind in FLEETS
]
SERVES = {
    "nas": {"backup-stores.nix", "dashboard.nix", "issued-secrets.nix", "known-hosts.nix"}
    | {"measurements.nix", "power.nix", "release-id.nix"},
    "pi": {"dns.nix", "identity.nix", "known-hosts.nix", "monitoring.nix", "power.nix"}
    | {"proxy.nix", "release-id.nix"},
}
"""Files with all hosts in them, of the two hosts that serve all: backups, names, health checks."""


@pytest.mark.parametrize("kind", EACH)
def test_a_host_that_joins_changes_no_file_of_a_host_that_does_not_serve_it(kind: str) -> None:
    few, many = (build.render(FLEETS[kind](hosts)) for hosts in (6, 16))
    for host, files in few.items():
        changed = {f for f in files.keys() | many[host] if files.get(f) != many[host].get(f)}
        assert changed <= SERVES.get(host, set()), host


@pytest.mark.parametrize(
    "kind",
    [kind if kind == "tailnet" else pytest.param(kind, marks=pytest.mark.long) for kind in FLEETS],
)
def test_the_text_of_a_fleet_is_linear_in_its_hosts(kind: str) -> None:
    sizes = [
        sum(
            len(text)
            for files in build.render(FLEETS[kind](hosts)).values()
            for text in files.values()
        )
        for hosts in (12, 22, 32)
    ]
    assert sizes[2] - sizes[1] == pytest.approx(sizes[1] - sizes[0], rel=0.03)
