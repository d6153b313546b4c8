"""A second program for a WiFi device that the stack config gives to one."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.nix.source import Setting
from homelab.openings.model import Opening, View, is_set, rule

BACKEND = "second-wifi"


@rule(
    "networking.networkmanager.enable",
    "networking.wireless.enable",
    "networking.wireless.iwd.enable",
)
def second(setting: Setting, view: View) -> Iterator[Opening]:
    """A program of a hand-written module. `wifi-backend-single` itself reads those of the stack."""
    wifi = view.host.config.wifi
    if setting.source or setting.value is not True or wifi is None:
        return
    mine = ("networking", "wireless", *(("iwd",) if wifi.backend == "iwd" else ()), "enable")
    manager = setting.path[1] == "networkmanager"
    # NetworkManager may leave the device alone, or tell iwd what to do.
    apart = is_set(view.value("networking", "networkmanager", "unmanaged")) or (
        wifi.backend == "iwd"
        and view.value("networking", "networkmanager", "wifi", "backend") == "iwd"
    )
    if setting.path != mine and not (manager and apart):
        yield Opening(
            BACKEND,
            f"{setting.name} starts a second program for the WiFi of {view.host.name}, which "
            f"{wifi.backend} has",
            f"leave it out, or leave {view.host.source}.wifi out",
        )
