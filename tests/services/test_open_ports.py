"""Ports of the catalog that the stack config opens."""

from __future__ import annotations

import pytest

from tests import build

SYNC = {"port": 22000, "scope": "lan", "why": "phones sync"}


@pytest.mark.requirement("S0-42")
def test_a_port_of_the_catalog_opens_with_its_reason() -> None:
    changes = {"services": {"syncthing": {"host": "nas", "ports": {"sync": SYNC}}}}
    opened = {
        (use.port, use.protocol, use.scope, use.why)
        for use in build.plan(changes).firewall.on("nas")
        if use.owner == "syncthing" and use.label != "web"
    }
    assert opened == {(22000, "tcp", "lan", "phones sync")}
    assert not build.found(changes, "service-adds")


def test_a_port_of_infrastructure_keeps_its_scope() -> None:
    shared = {"films": {"host": "nas", "path": "/srv/films", "tier": "re-derivable"}}
    shared["films"]["samba"] = {"users": ["sam"]}  # type: ignore[assignment]
    port = {"port": 445, "scope": "lan", "why": "the television"}
    changes = {"datasets": shared, "services": {"samba": {"ports": {"smb": port}}}}
    assert build.found(changes, "service-adds")
    (use,) = [p for p in build.plan(changes).firewall.on("nas") if p.owner == "samba"]
    assert use.scope == "tailnet"
