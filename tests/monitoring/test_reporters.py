"""Each unit that reports its failure has `notify@` on its host: systemd ignores one that is absent. A
host without it, such as an agent, has no unit that names it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from homelab.config.document import Document
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock
from homelab.monitoring.plan import may_alert
from homelab.nix import print_module
from homelab.plan import Plan
from homelab.planner import make_plan
from homelab.render import modules_of
from homelab.system.model import Host
from homelab.testing import merged
from tests import build
from tests.connections.homes import MEDIA, service
from tests.household import Changes
from tests.secrets.test_fetched import MINIFLUX, ONEPASSWORD
from tests.site.rich import VARIANTS
from tests.site.test_every_field import stack

NAMED = "notify@%N.service"
NTFY = {"monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}}}
KEY = "cache.example.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
CACHE = [{"url": "https://cache.example.org", "key": KEY}]
MOVED: Changes = {
    "file_systems": {
        "/mnt/fast": {"fs": "ext4", "from": "/dev/disk/by-label/a"},
        "/mnt/slow": {"fs": "ext4", "from": "/dev/disk/by-label/b"},
        "/mnt/all": {"pool": "all"},
    },
    "pools": {
        "all": {
            "kind": "mergerfs",
            "branches": ["/mnt/fast", "/mnt/slow"],
            "mover": {"from": "/mnt/fast", "age": 30},
        }
    },
}
ALONE: dict[str, Changes] = {
    "a mover": {"hosts": {"nas": MOVED}},
    "a blank root": {"hosts": {"nas": {"persistence": {"blank": "@root-blank"}}}},
    "connections": merged(
        MEDIA, {"services": {"sonarr": service(connects=["sabnzbd"]), "sabnzbd": service()}}
    ),
    "1Password": {"secrets": ONEPASSWORD, "services": {"miniflux": MINIFLUX}},
    "a secret of the host": {
        "secrets": ONEPASSWORD,
        "hosts": {"nas": {"nix": {"substituters": CACHE, "netrc": {"op": "op://home/nix/netrc"}}}},
    },
    "Uptime Kuma": {
        "services": {"uptime-kuma": {"host": "nas", "audience": "operator"}},
        "monitoring": {"kuma": {}},
    },
}
"""The only reporter of nas, in each of these."""


def texts(plan: Plan, host: Host) -> str:
    return "".join(print_module(m, "head") for m in modules_of(plan, host))


def dangling(plan: Plan) -> set[str]:
    """Hosts with a unit that names a `notify@` which they do not have."""
    made = {h.name: texts(plan, h) for h in plan.hosts.values() if h.is_nixos}
    return {n for n, text in made.items() if NAMED in text and 'services."notify@"' not in text}


def untold(plan: Plan) -> set[str]:
    """Hosts with a unit that would report, if they were among those that alert."""
    every = replace(plan, alert_hosts=frozenset(plan.hosts))
    return {
        host.name
        for host in every.hosts.values()
        if may_alert(host.config)
        and host.is_nixos
        and NAMED in texts(every, host)
        and host.name not in plan.alert_hosts
    }


@pytest.mark.parametrize(
    "variant",
    [v if v == next(iter(VARIANTS)) else pytest.param(v, marks=pytest.mark.long) for v in VARIANTS],
)
def test_no_host_of_any_stack_reports_to_nobody(variant: str) -> None:
    plan = make_plan(load_stack_config(Document(stack(variant))), Lock())
    assert (dangling(plan), untold(plan)) == (set(), set())
    assert dangling(replace(plan, alert_hosts=frozenset())) == set()


@pytest.mark.parametrize("name", ALONE)
def test_a_host_whose_only_reporter_is_this_has_the_unit_that_alerts(name: str) -> None:
    plan = build.plan(merged(NTFY, ALONE[name]))
    assert "nas" in plan.alert_hosts
    assert (dangling(plan), untold(plan)) == (set(), set())
    assert [s.host for s in plan.secrets.on("nas") if s.service == "ntfy"] == ["nas"]


WITHOUT: dict[str, Changes] = {
    "an agent": {"role": "agent", "persistence": {"blank": "@root-blank"}},
    "monitoring of its own": {**MOVED, "manage": ["disks"]},
}


@pytest.mark.parametrize("host", WITHOUT.values(), ids=WITHOUT)
def test_a_host_without_the_unit_that_alerts_does_not_name_it(host: Changes) -> None:
    plan = build.plan(merged(NTFY, {"hosts": {"nas": host}}))
    assert (dangling(plan), untold(plan)) == (set(), set())


def test_a_token_that_expires_is_not_reported_without_ntfy() -> None:
    plan = build.plan(
        {
            "cloudflare": {"acme": {"until": "2027-01-01"}},
            "services": {"miniflux": {"host": "nas", "audience": "operator"}},
        }
    )
    assert "acme-token-expiry" in texts(plan, plan.hosts["pi"])
    assert dangling(plan) == set()
