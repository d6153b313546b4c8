"""Every unit whose command homelab writes has the baseline, or a reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from homelab.nix import Attrs, Nix
from homelab.nix.printer import joined
from homelab.nix.values import Comment, Force
from homelab.plan import Plan
from homelab.render import modules_of
from tests import build
from tests.site.rich import VARIANTS
from tests.site.test_every_field import stack

FIVE = (
    *("NoNewPrivileges", "PrivateTmp", "ProtectSystem", "ProtectHome"),
    "RestrictAddressFamilies",
)
REASONS = {
    "ProtectSystem": {
        "dataset-films": "sets attributes of a directory of the owner",
        "dataset-library": "sets attributes of a directory of the owner",
        "backup-target-web": "makes the directory of a target, which may be anywhere",
        "replicas-fresh": "reads directories of the owner anywhere",
        "replica-library": "writes a directory of the owner",
        "replica-films": "changes properties of a ZFS dataset",
    },
    "*": {
        "homelab-devices": "restarts services when a device appears",
        "homelab-disk-links": "asks every disk of the host",
        "homelab-resume": "continues a switch of the whole system",
        "podman-papers-network": "Podman configures the host's network",
        "podman-wiki-network": "Podman configures the host's network",
        "ssh-recovery": "opens SSH and sets a password",
        "ssh-recovery-at-boot": "opens SSH and sets a password",
        "vpn-killswitch": "configures routing rules and the packet filter of the host",
        "wifi-watchdog": "restarts the radio and the host",
    },
}
"""By setting that is missing, and by unit; `*` for a unit without any of them."""


def written(plan: Plan) -> Iterator[tuple[str, str, Attrs]]:
    """(host, unit, options) of every unit whose command homelab writes."""
    for host in plan.hosts.values():
        confined = {u.unit for u in plan.units_on(host.name)}
        for module in modules_of(plan, host) if host.is_nixos else ():
            for tree in (module.derived, module.stated):
                for name, body in _sets(_inner(joined(tree), "systemd", "services")):
                    config = _inner(body, "serviceConfig")
                    if ("script" in body or "ExecStart" in config) and name not in confined:
                        yield host.name, name, config


def _inner(value: Nix, *keys: str) -> Attrs:
    for key in keys:
        value = _bare(value)
        value = value.get(key, {}) if isinstance(value, dict) else {}
    value = _bare(value)
    return value if isinstance(value, dict) else {}


def _bare(value: Nix) -> Nix:
    while isinstance(value, Comment | Force):
        value = value.value
    return dict(value) if hasattr(value, "items") else value  # type: ignore[call-overload]


def _sets(values: Attrs) -> Iterator[tuple[str, Attrs]]:
    for name, value in values.items():
        yield name, _inner({"x": value}, "x")


@pytest.mark.requirement("S4-19")
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_unit_of_homelab_has_the_five_settings(variant: str) -> None:
    plan = build.plan(stack(variant))
    seen = 0
    for _, unit, config in written(plan):
        # A unit without a network needs no list of address families.
        alone = (
            {"RestrictAddressFamilies"} if _bare(config.get("PrivateNetwork")) is True else set()
        )
        missing = [s for s in FIVE if s not in config and s not in alone]
        seen += not missing
        if unit in REASONS["*"]:
            assert missing, f"{unit} has a sandbox; leave it out of the reasons"
            continue
        assert [s for s in missing if unit not in REASONS.get(s, {})] == [], unit
    assert seen > 5
