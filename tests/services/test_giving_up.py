"""A unit that systemd starts again fails only when its attempts are used up: only then systemd starts
what `onFailure` names (`tests/faults/test_alerts.py` has a real systemd do it)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab import testing
from homelab.nix import Attrs
from homelab.nix.printer import joined
from homelab.plan import Plan
from homelab.render import modules_of
from tests import build
from tests.containers.paperless import DIGEST
from tests.household import Changes
from tests.site.rich import VARIANTS
from tests.site.test_every_field import stack
from tests.tools.libraries import set_by_libraries
from tests.tools.nixtypes import plain

BURST, INTERVAL, PAUSE = 5, 10, 0.1
"""Defaults of systemd: StartLimitBurst, StartLimitIntervalSec and RestartSec, in seconds."""
_UNITS = {"": 1, "s": 1, "min": 60, "h": 3600}


def seconds(span: object) -> float:
    found = re.fullmatch(r"([0-9.]+) *(s|min|h|)", str(span))
    assert found is not None, span
    return float(found[1]) * _UNITS[found[2]]


def units(plan: Plan, host: str, directory: Path) -> dict[str, Attrs]:
    """The settings of each unit of a host, of all modules and libraries."""
    trees = [t for m in modules_of(plan, plan.hosts[host]) for t in (m.derived, m.stated)]
    made = [plain(joined(tree)) for tree in trees]
    made.append(set_by_libraries(plan, plan.hosts[host], "systemd.services", directory))
    found: dict[str, Attrs] = {}
    for tree in made:
        for name, body in tree.get("systemd", {}).get("services", {}).items():
            unit = found.setdefault(name.strip('"'), {})
            for part in ("unitConfig", "serviceConfig"):
                config = plain(body.get(part, {}))
                unit.update(config if isinstance(config, dict) else {})
            unit.update({k: v for k, v in body.items() if k == "onFailure"})
            for option in ("startLimitBurst", "startLimitIntervalSec"):
                if option in body:
                    unit[f"S{option[1:]}"] = body[option]
    return found


def gives_up(unit: Attrs) -> bool:
    """Whether its attempts are used up within the interval in which systemd counts them."""
    burst = int(str(unit.get("StartLimitBurst", BURST)))
    interval = seconds(unit.get("StartLimitIntervalSec", INTERVAL))
    return burst * seconds(unit.get("RestartSec", PAUSE)) < interval


def alerting(variant: str, directory: Path) -> Iterator[tuple[str, Attrs]]:
    plan = build.plan(stack(variant))
    for host in plan.hosts.values():
        for name, unit in units(plan, host.name, directory).items() if host.is_nixos else ():
            # The module of nixpkgs starts containers again.
            again = unit.get("Restart", "always" if name.startswith("podman-") else "no")
            if "onFailure" in unit and again != "no" and not name.endswith(("-files", "-network")):
                yield name, unit


@pytest.mark.requirement("S0-45")
@pytest.mark.parametrize("variant", VARIANTS)
def test_an_alert_of_a_unit_that_is_tried_again_is_reached(variant: str, tmp_path: Path) -> None:
    found = dict(alerting(variant, tmp_path))
    assert [name for name, unit in found.items() if not gives_up(unit)] == []
    assert (
        variant != next(iter(VARIANTS)) or {"homelab-backup-release", "blog-hook"} <= found.keys()
    )


SITE: Changes = {
    "services": {
        "site": {
            "host": "nas",
            "port": 8090,
            "audience": "family",
            "static": {"directory": "/srv/site"},
        },
        "gatus": {"host": "nas"},
    },
    "monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}},
}


PROGRAM: Changes = {"unit": {"package": "hello", "command": ["hello"]}, "static": None}
IMAGE = f"docker.io/a/b:1{DIGEST}"
CONTAINER: Changes = {"container": {"image": IMAGE, "port": 80}, "static": None}
SEVERAL: Changes = {
    "containers": {
        "app": {"image": IMAGE, "port": 80, "depends_on": ["worker"]},
        "worker": {"image": IMAGE},
    },
    "static": None,
}
KINDS = pytest.mark.parametrize(
    ("kind", "name"),
    [
        ({}, "site"),
        (PROGRAM, "site"),
        (CONTAINER, "podman-site"),
        (SEVERAL, "podman-site-app"),
    ],
    ids=["static", "unit", "container", "containers"],
)


def made(kind: Changes, changes: Changes) -> Plan:
    stated = {"services": {"site": {**kind, "backup": {"skip": "it keeps nothing"}}}}
    return build.plan(testing.changed(testing.changed(SITE, stated), changes))


@KINDS
@pytest.mark.parametrize(
    ("changes", "watched"),
    [
        ({}, True),
        ({"services": {"site": {"monitor": {"skip": "nobody minds"}}}}, False),
        ({"hosts": {"nas": {"always_on": False}}}, False),
        ({"services": {"gatus": None}}, False),
    ],
)
def test_a_unit_gives_up_unless_a_health_check_tells_of_it(
    kind: Changes, name: str, changes: Changes, watched: bool, tmp_path: Path
) -> None:
    plan = made(kind, changes)
    unit = units(plan, "nas", tmp_path)[name]
    assert ("onFailure" in unit) is not watched
    assert gives_up(unit) is not watched
    assert watched or "nas" in plan.alert_hosts


@KINDS
def test_a_unit_of_which_nobody_would_be_told_is_tried_for_ever(
    kind: Changes, name: str, tmp_path: Path
) -> None:
    plan = made(kind, {"services": {"gatus": None}, "monitoring": None})
    unit = units(plan, "nas", tmp_path)[name]
    assert unit["StartLimitIntervalSec"] == 0
    assert unit["RestartSec"] == "5s"
    assert "onFailure" not in unit


def test_the_health_check_of_the_web_port_tells_of_no_other_container(tmp_path: Path) -> None:
    plan = made(SEVERAL, {})
    found = units(plan, "nas", tmp_path)
    assert found["podman-site-app"]["StartLimitIntervalSec"] == 0
    assert found["podman-site-worker"]["onFailure"] == ["notify@%N.service"]
    assert gives_up(found["podman-site-worker"])
    assert found["podman-site-worker"]["RestartSec"] == "5s"


def test_an_address_that_appears_late_uses_up_no_container(tmp_path: Path) -> None:
    """Podman fails at once while the address of a published port is missing."""
    game = {"ports": {"game": {"port": 7777, "scope": "lan", "why": "friends play at home"}}}
    kind = {"container": {"image": IMAGE}, "static": None, "port": None, "audience": None, **game}
    unit = units(made(kind, {}), "nas", tmp_path)["podman-site"]
    assert gives_up(unit)
    assert int(str(unit["StartLimitBurst"])) * seconds(unit["RestartSec"]) >= 300
