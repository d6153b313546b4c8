"""One changed field of a service changes its component, the hosts concerned and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.components.component import Component
from homelab.testing import Recorded

from .test_program import IDENTITY, home, run_anew, up

CHANGES: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "options": (
        "miniflux",
        {"options": {"services.miniflux.config.POLLING_FREQUENCY": 45}},
        {"aurora/services/miniflux.nix"},
    ),
    "monitor": ("miniflux", {"monitor": {"interval": "7m"}}, {"pi/monitoring.nix"}),
    "health": ("draw", {"health": "/ready"}, {"pi/monitoring.nix", "aurora/dashboard.nix"}),
    "tile": ("draw", {"tile": {"description": "Boards"}}, {"aurora/dashboard.nix"}),
    "backup": ("vaultwarden", {"backup": {"at": "04:40"}}, {"aurora/backup.nix"}),
    "hardening": (
        "miniflux",
        {"harden": {"relax": {"protect-home": "it reads a key in /home"}}},
        {"aurora/hardening.nix"},
    ),
    "image": (
        "draw",
        {"container": {"image": "docker.io/excalidraw/excalidraw:next@sha256:" + "a" * 64}},
        {"aurora/services/draw.nix"},
    ),
    "state": (
        "eurovote",
        {"state": ["/var/lib/private/eurovote", "/srv/votes"]},
        {"pi/backup.nix"},
    ),
}


def inputs(recorded: Recorded) -> dict[tuple[str, str], dict[str, Any]]:
    return {(r.type.rpartition(":")[2], r.name): r.inputs for r in recorded.resources}


QUICK = ("options", "image")


@pytest.mark.parametrize(
    "field", [f if f in QUICK else pytest.param(f, marks=pytest.mark.long) for f in CHANGES]
)
def test_one_field_changes_its_service_and_the_hosts_concerned(field: str) -> None:
    service, change, files = CHANGES[field]
    old = inputs(up())
    new = inputs(home({"services": {service: change}}))
    changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    shown = {n for kind, n in changed if kind == "File" and n.rpartition("/")[2] not in IDENTITY}
    assert files <= shown
    hosts = {name.partition("/")[0] for name in shown}
    assert {n for kind, n in changed if kind == "Service"} == {service}
    (key,) = change
    before, after = (run["Service", service]["settings"] for run in (old, new))
    assert {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)} == {key}
    others = {k for k in changed if k[0] not in {"File", "Service"}}
    assert others == {("Host", h) for h in hosts} | {
        ("Command", f"{h}-{what}")
        for h in hosts
        for what in ("files", "secrets", "build", "switch")
        if ("Command", f"{h}-{what}") in new
    }


def test_a_service_is_made_before_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A preview shows the change in the stack, then the lines that it changes on hosts. The engine
    gets the registrations in the order in which the program makes the resources, or nearly so.
    """
    made: list[str] = []
    init = Component.__init__

    def noted(self: Component, *args: Any, **kwargs: Any) -> None:
        made.append(type(self).__name__)
        init(self, *args, **kwargs)

    monkeypatch.setattr(Component, "__init__", noted)
    run_anew()
    last_service = len(made) - 1 - made[::-1].index("Service")
    assert last_service < made.index("Host") < made.index("Rollout")


def test_a_name_is_published_after_the_switch_of_the_tunnels_host() -> None:
    recorded = up()
    for record in recorded.of(":DnsRecord"):
        assert "pi-switch" in recorded.needs(record)
