"""States of hosts: what may be placed on a planned or retired host."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from homelab.show import as_tables
from homelab.testing import merged
from tests import build
from tests.household import Changes, household

CHECK = "service-host-state"
MUSIC: Changes = {"services": {"navidrome": {"host": "aurora"}}}
BY_TAG: Changes = {
    "hosts": {"aurora": {"tags": ["media"]}},
    "services": {"navidrome": {"tags": ["media"]}},
}
TAILNET: Changes = {
    "tailnet": {
        "name": "example.ts.net",
        "client_id": {"sops": "tailscale/id"},
        "client_secret": {"sops": "tailscale/secret"},
        "owners": ["sam@example.org"],
    }
}
SHARE: Changes = {
    **TAILNET,
    "datasets": {"library": {"host": "aurora", "path": "/mnt/lib", "tier": "user", "samba": {}}},
}
GATE: Changes = {"identity": {"host": "aurora"}}


def aurora(state: str) -> Changes:
    return {"hosts": {"aurora": {"state": state}}}


@pytest.mark.parametrize(
    ("placed", "where", "name"),
    [
        (MUSIC, "services.navidrome.host", "navidrome"),
        (BY_TAG, "services.navidrome.tags", "navidrome"),
        (SHARE, "datasets.library.host", "samba"),
        (GATE, "identity.host", "authelia"),
    ],
)
@pytest.mark.requirement("S0-07", "S0-80")
def test_a_retired_or_planned_host_runs_no_service(placed: Changes, where: str, name: str) -> None:
    """Whichever section places it."""
    stack = household(placed)
    (error,) = build.found(merged(stack, aurora("retired")), CHECK)
    assert (error.where, error.severity) == (where, "error")
    assert error.what == f"aurora is retired, so {name} does not run there"
    assert error.way_out == f"place it on one of: nas, pi, workstation; or leave {name} out"
    (warning,) = build.found(merged(stack, aurora("planned")), CHECK)
    assert (warning.where, warning.severity) == (where, "warning")
    assert warning.what == f"aurora is planned, so {name} does not run there yet"
    assert warning.way_out.endswith("or write hosts.aurora.state: live")
    for state in ("live", "held"):
        assert build.found(merged(stack, aurora(state)), CHECK) == []


@pytest.mark.requirement("S0-80")
def test_a_retired_host_keeps_its_network_access() -> None:
    """Tailscale stays until the host is forgotten."""
    assert build.found(household(TAILNET, aurora("retired")), CHECK) == []


def test_show_lists_planned_hosts() -> None:
    out = io.StringIO()
    as_tables(build.plan(household(MUSIC, aurora("planned"))), Console(file=out, width=400))
    lines = out.getvalue().splitlines()
    assert sum("aurora (planned)" in line for line in lines) == 1
    (route,) = [line for line in lines if "navidrome" in line and "https://" in line]
    assert "(planned)" in route
    assert not any("pi (" in line for line in lines)
