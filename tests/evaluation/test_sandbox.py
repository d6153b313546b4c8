"""Settings that are weaker than planned, by the rules of systemd."""

from __future__ import annotations

import pytest

from homelab.evaluation.sandbox import weaker
from homelab.hardening.baseline import BASELINE
from homelab.nix import Nix

HOLD: list[tuple[str, Nix, list[str]]] = [
    ("ProtectSystem", "strict", ["strict"]),
    ("ProtectSystem", True, ["full"]),
    ("ProtectHome", True, ["tmpfs"]),
    ("ProtectHome", "tmpfs", ["tmpfs"]),
    ("PrivateTmp", True, ["disconnected"]),
    ("NoNewPrivileges", False, []),
    ("CapabilityBoundingSet", "", [""]),
    ("CapabilityBoundingSet", "CAP_NET_ADMIN CAP_NET_BIND_SERVICE", ["cap_net_bind_service"]),
    ("CapabilityBoundingSet", "~", []),
    ("RestrictAddressFamilies", "AF_UNIX AF_INET", ["AF_INET", "AF_UNIX"]),
    ("RestrictAddressFamilies", "AF_UNIX AF_INET", ["none"]),
    ("RestrictNamespaces", True, ["true"]),
    ("SystemCallArchitectures", "native", ["native"]),
    ("UMask", "0027", ["0077"]),
    ("TemporaryFileSystem", ["/mnt:ro", "/srv:ro"], ["/srv:ro", "/mnt:ro", "/opt:ro"]),
    ("DeviceAllow", ["char-drm rw"], ["char-drm rw"]),
]

FAIL: list[tuple[str, Nix, list[str]]] = [
    ("ProtectSystem", "strict", ["full"]),
    ("ProtectSystem", "strict", []),
    ("ProtectHome", True, ["read-only"]),
    ("ProtectHome", "tmpfs", ["true"]),
    ("PrivateTmp", True, ["false"]),
    ("PrivateTmp", True, []),
    ("CapabilityBoundingSet", "", []),
    ("CapabilityBoundingSet", "", ["CAP_SYS_ADMIN"]),
    ("CapabilityBoundingSet", "CAP_CHOWN", ["~CAP_SYS_ADMIN"]),
    ("RestrictAddressFamilies", "AF_UNIX AF_INET", [""]),
    ("RestrictAddressFamilies", "AF_UNIX AF_INET", ["AF_UNIX AF_PACKET"]),
    ("RestrictNamespaces", True, ["user mnt"]),
    ("SystemCallArchitectures", "native", []),
    ("UMask", "0077", ["0022"]),
    ("UMask", "0077", []),
    ("TemporaryFileSystem", ["/mnt:ro", "/srv:ro"], ["/srv:ro"]),
    ("DeviceAllow", ["char-drm rw"], ["char-drm rw", "/dev/sda rw"]),
    ("ReadWritePaths", ["/var/log/caddy"], []),
]


@pytest.mark.parametrize(("setting", "promised", "got"), HOLD)
def test_a_setting_that_is_as_strict_is_accepted(
    setting: str, promised: Nix, got: list[str]
) -> None:
    assert list(weaker([(setting, promised)], {setting: got})) == []


@pytest.mark.parametrize(("setting", "promised", "got"), FAIL)
def test_a_weaker_setting_is_reported(setting: str, promised: Nix, got: list[str]) -> None:
    assert [s for s, _, _ in weaker([(setting, promised)], {setting: got})] == [setting]


@pytest.mark.parametrize("part", BASELINE, ids=lambda part: part.setting)
def test_a_missing_part_of_the_baseline_is_reported(part) -> None:  # type: ignore[no-untyped-def]
    assert [s for s, _, _ in weaker([(part.setting, part.value)], {})] == [part.setting]
    assert list(weaker([(part.setting, part.relaxed)], {})) == []
