"""The baseline compared with the modules of nixpkgs: systemd gets the planned settings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from homelab.catalog import ENTRIES
from homelab.catalog.upstream.ask import service_config
from homelab.catalog.upstream.model import Setting
from homelab.hardening.baseline import BASELINE
from homelab.hardening.nixpkgs import as_nix, holds, meet
from homelab.hardening.plan import _value
from homelab.hardening.strictness import stricter
from tests.tools.walk import walk

PARTS = {part.setting: part for part in BASELINE}
RELEASES = ("25.11", "26.05")


@pytest.mark.parametrize(
    ("setting", "ours", "theirs", "verdict"),
    [
        ("ProtectSystem", "strict", "full", "ours"),
        ("ProtectSystem", "strict", "strict", "same"),
        ("ProtectSystem", True, "full", "theirs"),
        ("ProtectHome", True, "read-only", "ours"),
        ("ProtectHome", "tmpfs", True, "theirs"),
        ("PrivateTmp", True, "disconnected", "theirs"),
        ("ProtectHostname", True, "private", "ours"),
        ("NoNewPrivileges", True, "yes", "same"),
        ("PrivateDevices", True, False, "ours"),
        ("RestrictNamespaces", True, "user mnt", "ours"),
        ("RestrictNamespaces", False, "user mnt", "theirs"),
        ("UMask", "0077", "0027", "ours"),
        ("UMask", "0022", "0066", "theirs"),
        ("UMask", "0007", "0070", "neither"),
        ("CapabilityBoundingSet", "", "CAP_NET_RAW", "ours"),
        ("CapabilityBoundingSet", "", "", "same"),
        ("CapabilityBoundingSet", "cap_chown", "CAP_CHOWN", "same"),
        ("CapabilityBoundingSet", "CAP_CHOWN", "~CAP_SYS_ADMIN", "ours"),
        ("RestrictAddressFamilies", "AF_UNIX AF_INET", "AF_UNIX", "theirs"),
        ("RestrictAddressFamilies", "AF_UNIX", "none", "theirs"),
        ("RestrictAddressFamilies", "AF_UNIX", "AF_INET", "neither"),
        ("SystemCallArchitectures", "native", "", "ours"),
    ],
)
def test_the_stricter_of_two_values_is_found(
    setting: str, ours: Any, theirs: Any, verdict: str
) -> None:
    assert stricter(setting, ours, theirs) == verdict
    mirrored = {"ours": "theirs", "theirs": "ours"}.get(verdict, verdict)
    assert stricter(setting, theirs, ours) == mirrored


def test_a_weaker_plain_value_is_overridden_and_named() -> None:
    held = meet(PARTS["ProtectSystem"], "strict", Setting("full"))
    assert (held.value, held.is_forced, held.stricter_than) == ("strict", True, "full")


def test_a_stricter_plain_value_is_used() -> None:
    held = meet(PARTS["UMask"], "0022", Setting("0066"))
    assert (held.value, held.is_forced) == ("0066", False)


@pytest.mark.parametrize("priority", ["default", "package"])
def test_a_default_of_nixpkgs_needs_no_force(priority: Any) -> None:
    held = meet(PARTS["ProtectSystem"], "strict", Setting("full", priority))
    assert (held.value, held.is_forced) == ("strict", False)


def test_a_capability_of_the_module_is_used_and_recorded() -> None:
    """Without a capability that systemd passes on, the unit would not start."""
    held = meet(PARTS["CapabilityBoundingSet"], "", Setting(("CAP_NET_RAW",)))
    assert (held.value, held.is_forced) == ("CAP_NET_RAW", False)
    assert held.weaker == "nixpkgs gives it CAP_NET_RAW"


def test_a_part_that_the_service_cannot_use_is_switched_off_if_the_module_sets_it() -> None:
    held = meet(PARTS["PrivateDevices"], None, Setting(value=True))
    assert (held.value, held.is_forced) == (False, True)
    assert meet(PARTS["PrivateDevices"], None, None).value is None


def test_a_dynamic_user_has_what_systemd_implies() -> None:
    dynamic = {"DynamicUser": Setting(value=True)}
    assert holds(PARTS["ProtectSystem"], dynamic)
    assert holds(PARTS["NoNewPrivileges"], dynamic)
    assert not holds(PARTS["PrivateDevices"], dynamic)
    assert not holds(PARTS["ProtectSystem"], {})


@walk("release", RELEASES)
@walk("name", [n for n, e in ENTRIES.items() if not e.hardening.upstream])
def test_systemd_gets_the_planned_settings(name: str, release: str) -> None:
    entry = ENTRIES[name]
    if entry.hardening.exempt:
        return
    plain = SimpleNamespace(gpu=None)
    service: Any = SimpleNamespace(
        entry=entry, config=plain, harden=SimpleNamespace(relax={}), gpu=None, devices={}
    )
    for unit in entry.units:
        for part in BASELINE:
            ours, _ = _value(service, part, ())
            theirs = service_config(name, unit, release).get(part.setting)
            held = meet(part, ours, theirs)
            wins = held.is_forced or theirs is None or theirs.priority in ("package", "default")
            if held.value is not None and not wins:
                assert stricter(part.setting, held.value, as_nix(theirs)) == "same", part.setting
            if held.is_forced and theirs is not None and not held.weaker and ours is not None:
                assert stricter(part.setting, held.value, as_nix(theirs)) == "ours"
