"""The desktop of a host: login screen, keyboard, and no sleep on a host that is always on."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.config.desktop import Desktop
from homelab.nix import Attrs, Comment, Module, attrs, merge
from homelab.plan import Plan
from homelab.system.hardware import SLEEP_TARGETS
from homelab.system.model import Host

GNOME_MOVED = "25.11"
"""First release with `services.desktopManager.gnome` and `services.displayManager.gdm`, which were
below `services.xserver` (its release notes)."""


def modules(_plan: Plan, host: Host) -> Iterator[Module]:
    """`desktop.nix`, on a host with a desktop."""
    desktop = host.config.desktop
    if desktop is None or not host.is_nixos:
        return
    yield Module(
        "desktop.nix",
        "The desktop and its keyboard",
        derived=merge(
            _environment(desktop, host.release),
            attrs("services.xserver.xkb.layout", desktop.layout) if desktop.layout else {},
            attrs("services.xserver.xkb.variant", desktop.variant) if desktop.variant else {},
            _awake(host),
        ),
    )


def _environment(desktop: Desktop, release: str) -> Attrs:
    on = {"enable": True}
    if desktop.environment == "plasma":
        return merge(
            attrs("services.desktopManager.plasma6", on),
            attrs("services.displayManager.sddm", {**on, "wayland": on}),
        )
    if desktop.environment == "gnome" and release >= GNOME_MOVED:
        return merge(
            attrs("services.desktopManager.gnome", on), attrs("services.displayManager.gdm", on)
        )
    screen = "gdm" if desktop.environment == "gnome" else "lightdm"
    return attrs(
        "services.xserver",
        {
            **on,
            "desktopManager": {desktop.environment: on},
            "displayManager": {screen: on},
        },
    )


def _awake(host: Host) -> Attrs:
    """GNOME and others suspend a machine that nobody uses, and with it every service."""
    if not host.config.always_on:
        return {}
    targets: Attrs = {target: {"enable": False} for target in SLEEP_TARGETS}
    return attrs(
        "systemd.targets",
        Comment("always_on: a desktop suspends a machine that nobody uses.", targets),
    )
