"""Each unit that reports its failure has `notify@` on its host: systemd ignores one that is absent."""

from __future__ import annotations

import pytest

from homelab.config.document import Document
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock
from homelab.monitoring.plan import ABSENT
from homelab.nix import print_module
from homelab.plan import Plan
from homelab.planner import make_plan
from homelab.render import modules_of
from homelab.testing import merged
from tests import build
from tests.connections.homes import MEDIA, service
from tests.household import Changes
from tests.secrets.test_fetched import MINIFLUX, ONEPASSWORD
from tests.site.rich import VARIANTS
from tests.site.test_every_field import stack

NTFY = {"monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}}}
MOVED = {
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
}


"""The only reporter of nas, in each of these."""


def silent(plan: Plan) -> set[str]:
    """Hosts with a unit that names a `notify@` which they do not have."""
    found = set()
    for host in plan.hosts.values():
        if (
            not host.is_nixos
            or host.config.state in ABSENT
            or not host.config.manages("monitoring")
        ):
            continue
        text = "".join(print_module(m, "head") for m in modules_of(plan, host))
        if "notify@%N.service" in text and 'services."notify@"' not in text:
            found.add(host.name)
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_host_of_any_stack_reports_to_nobody(variant: str) -> None:
    plan = make_plan(load_stack_config(Document(stack(variant))), Lock())
    assert silent(plan) == set()


@pytest.mark.parametrize("name", ALONE)
def test_a_host_whose_only_reporter_is_this_has_the_unit_that_alerts(name: str) -> None:
    plan = build.plan(merged(NTFY, ALONE[name]))
    assert "nas" in plan.alert_hosts
    assert silent(plan) == set()
    assert [s.host for s in plan.secrets.on("nas") if s.service == "ntfy"] == ["nas"]
