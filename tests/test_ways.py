"""Alternatives are equally complete: service kinds, and the two VPN modes."""

from __future__ import annotations

import re

import pytest

from homelab.plan import Plan
from tests import build
from tests.household import Changes, household
from tests.vpn.stack import NAMESPACE, stack

STATE = "/var/lib/page"
RUNTIMES: dict[str, Changes] = {
    "module": {"service": "miniflux"},
    "container": {
        "container": {"image": f"a/b:1@sha256:{'0' * 64}", "port": 80},
        "port": 8007,
        "state": [STATE],
        "tile": {"group": "Tools"},
    },
    "flake": {
        "flake": {"input": "eurovote", "unit": "page"},
        "options": {"services.page.host": {"$text": "{bind}"}},
        "port": 8007,
        "state": [STATE],
        "tile": {"group": "Tools"},
    },
}


def running(kind: str) -> Changes:
    more: Changes = {
        "flakes": {"eurovote": {"url": "github:anerisgreat/eurovote"}},
        "monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}},
        "services": {
            "page": {"host": "aurora", "audience": "family", **RUNTIMES[kind]},
            "gatus": {"host": "pi"},
            "homepage": {"host": "pi"},
        },
    }
    return household(more)


@pytest.mark.parametrize("kind", RUNTIMES)
@pytest.mark.requirement("T12", "S0-59", "S2-18")
def test_every_kind_of_service_has_the_same_parts(kind: str) -> None:
    """A port, a name, a firewall rule, sign-in, a probe, a tile, a backup and a sandbox."""
    made = build.plan(running(kind))
    rendered = build.render(running(kind))
    (service,) = [s for s in made.services if s.name == "page"]
    (route,) = made.routes_of("page")
    assert (route.internal, route.port) == ("page.home.example.org", service.port)
    assert [u.scope for u in made.firewall.on("aurora") if u.port == service.port] == ["hosts"]
    assert route.internal in dict(made.dns.names)
    assert "page.home.example.org" in rendered["pi"]["proxy.nix"]
    assert 'name = "page";' in rendered["pi"]["monitoring.nix"]
    assert "https://page.home.example.org" in rendered["pi"]["dashboard.nix"]
    kept = {j.name for j in made.backup.jobs if j.host == "aurora"}
    assert "page" in kept or made.backup.databases_on("aurora")
    assert [str(p) for p in build.problems(running(kind)) if p.severity == "error"] == []
    assert "services/page.nix" in rendered["aurora"]


def _members(made: Plan) -> set[str]:
    return {m.service for v in made.vpn.vpns for m in v.members}


@pytest.mark.parametrize("use", ["privado", NAMESPACE], ids=["killswitch", "namespace"])
@pytest.mark.requirement("T13")
def test_both_vpn_modes_have_the_same_members_resolvers_and_start_order(use: object) -> None:
    """In both modes: one tunnel, its resolvers, no traffic before it is up, and the proxy
    reaches the app."""
    changes = stack(jellyfin=use, navidrome=use)
    made, files = build.plan(changes), build.render(changes)["nas"]
    assert _members(made) == {"jellyfin", "navidrome"}
    whole = "\n".join(files[f] for f in files if f.startswith("vpn"))
    assert "10.2.0.1" in whole
    for unit in ("jellyfin.service", "navidrome.service"):
        assert re.search(rf'(requiredBy|before) = \[[^\]]*"{re.escape(unit)}"', whole), unit
    for name in ("jellyfin", "navidrome"):
        (route,) = made.routes_of(name)
        service = made.service(name)
        assert service is not None
        assert route.port == service.port
        assert (route.address != "127.0.0.1") is (route.remote or service.namespace is not None)
    assert [str(p) for p in build.problems(changes) if p.check.startswith("vpn-")] == []
