"""An option is the same however it is nested or quoted: no check looks at how it was typed."""

from __future__ import annotations

from typing import Any

import pytest

from homelab import testing
from homelab.services.declared import declared_options
from tests import build


def spelled(path: str, value: Any) -> list[dict[str, Any]]:
    """An option in every way of writing it."""
    parts = path.split(".")
    ways = []
    for cut in range(1, len(parts) + 1):
        inner: Any = value
        for part in reversed(parts[cut:]):
            inner = {part: inner}
        ways.append({".".join(parts[:cut]): inner})
        ways.append({".".join(f'"{p}"' for p in parts[:cut]): inner})
    return ways


def of(service: str, options: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = {"host": "nas", "backup": {"skip": "only a test"}, "options": options, **more}
    return {"services": {service: said}}


TOLD: dict[str, tuple[str, str, Any, dict[str, Any]]] = {
    "open-firewall-ban": ("navidrome", "services.navidrome.openFirewall", True, {}),
    "option-opens": ("navidrome", "services.openssh.enable", False, {}),
    "dns-single-writer": (
        "navidrome",
        "services.unbound.enable",
        True,
        {"services": {"navidrome": {"host": "pi"}}},
    ),
    "harden-unit-known": (
        "navidrome",
        "systemd.services.navidrom.serviceConfig.PrivateTmp",
        True,
        {},
    ),
    "module-available": (
        "cockpit",
        "services.cockpit.showBanner",
        True,
        {"nixpkgs": {"default": {"release": "25.05"}}},
    ),
    "f2b-ignore": ("navidrome", "services.fail2ban.enable", True, {}),
    "secret-literal": ("navidrome", "services.navidrome.settings.Password", "hunter2", {}),
    "wifi-backend-single": (
        "navidrome",
        "networking.networkmanager.enable",
        True,
        {"hosts": {"nas": {"wifi": {"backend": "iwd"}}}},
    ),
}
"""Checks that look at options: a service, an option that each tells of, and what else it takes."""


@pytest.mark.parametrize("check", TOLD)
def test_no_spelling_gets_past_a_check(check: str) -> None:
    service, path, value, more = TOLD[check]
    for options in spelled(path, value):
        changes = testing.changed(of(service, options), more)
        assert build.found(changes, check), options


def test_an_option_is_taken_apart_to_its_values_and_words() -> None:
    options = {"a.b": {"c": {"d": 1}, "e": {}, "f.g": [{"h": 1}]}, 'x."y.z"': {"$port": "web"}}
    config = build.stack_config(of("navidrome", options)).services["navidrome"]
    assert {(s.path, str(s.value)) for s in declared_options(config)} == {
        (("a", "b", "c", "d"), "1"),
        (("a", "b", "e"), "{}"),
        (("a", "b", "f.g"), "[{'h': 1}]"),
        (("x", "y.z"), "{'$port': 'web'}"),
    }
