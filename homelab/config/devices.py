"""Devices of a host that services use: radios, disks, cameras, by names that do not change."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, model_validator

from homelab.config.base import STRAIGHT, Model, Str, pattern
from homelab.config.types import DeviceNode, Label, OptionPath

StableDevice = Annotated[
    Str,
    pattern(
        rf"{STRAIGHT}/dev/(serial/by-(id|path)|disk/by-(id|path|uuid|partuuid)|dri/by-path"
        r"|v4l/by-(id|path)|input/by-(id|path))/[A-Za-z0-9._:+@=-]+",
        "this is not a name that stays the same: /dev/ttyUSB0, /dev/sda and /dev/dri/card0 may "
        "name another device after a boot; write the name that `ls -l /dev/serial/by-id` shows "
        "(disks: /dev/disk/by-id, graphics: /dev/dri/by-path, cameras: /dev/v4l/by-id), or "
        'usb: "10c4:ea60" as lsusb shows it',
    ),
]
UsbId = Annotated[
    Str,
    pattern(
        r"[0-9a-f]{4}:[0-9a-f]{4}",
        'this is not the id of a USB device; write vendor and product as lsusb shows them: "10c4:'
        'ea60"',
    ),
]
UsbSerial = Annotated[
    Str,
    pattern(
        r"[A-Za-z0-9._:-]{1,64}",
        "this is not the serial number of a USB device; write what `lsusb -v` shows as iSerial",
    ),
]
UsbKind = Literal["serial", "camera", "hid", "raw"]

_GROUPS = {
    "/dev/serial/": ("dialout",),
    "/dev/disk/": ("disk",),
    "/dev/dri/": ("render", "video"),
    "/dev/v4l/": ("video",),
    "/dev/input/": ("input",),
}


class Device(Model):
    """A device of the host: its stable path, or the ids of a USB device."""

    path: StableDevice | None = None
    """Name that udev keeps for it: `/dev/serial/by-id/usb-…`."""
    usb: UsbId | None = None
    """Vendor and product, in quotes: `"10c4:ea60"`. Its path is then `/dev/homelab/NAME`."""
    serial: UsbSerial | None = None
    """Serial number of the USB device, to distinguish two of the same product."""
    kind: UsbKind = "serial"
    """Which of its device nodes, for `usb`. serial: /dev/ttyUSB0 or /dev/ttyACM0; camera:
    /dev/video0; hid: /dev/hidraw0, such as of a UPS; raw: the USB device itself."""
    shared: bool = False
    """Let several services open it. A serial port answers only one program correctly."""

    @model_validator(mode="after")
    def _one_name(self) -> Device:
        if (self.path is None) == (self.usb is None):
            raise ValueError("a device has one name; write path or usb")
        for field in ("serial", "kind"):
            if self.path is not None and field in self.model_fields_set:
                raise ValueError(f"{field} belongs to usb; leave it out")
        return self

    def at(self, name: str) -> str:
        """Its path on the host, by its name in the stack config."""
        return self.path or f"/dev/homelab/{name}"

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups of the host that may open it."""
        if self.path is None:
            return ("video",) if self.kind == "camera" else ("dialout",)
        return next(groups for start, groups in _GROUPS.items() if self.path.startswith(start))


def _path(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


HostDevice = Annotated[Device, BeforeValidator(_path, json_schema_input_type=StableDevice | Device)]
"""A device, or only its path: `{zigbee: /dev/serial/by-id/usb-…}`."""
DeviceTarget = DeviceNode
"""Path of a device inside a container."""


class DeviceFact(Model):
    """A device that a service can use."""

    why: Label
    """What it is: `Zigbee radio`."""
    option: OptionPath | Literal[""] = ""
    """Option that names its path. It is set if the stack gives the service a device."""
    required: bool = False
    """The service needs it, or the option with something else, such as an address."""
    waits: bool = True
    """The service runs only while the device is there: it starts when the device appears and stops
    when it is removed."""


def _why(value: object) -> object:
    return {"why": value} if isinstance(value, str) else value


DeviceOfFacts = Annotated[
    DeviceFact, BeforeValidator(_why, json_schema_input_type=Label | DeviceFact)
]
"""A device, or only what it is: `{radio: Zigbee radio}`."""
