"""Devices of services: which each one opens, and how its unit follows the device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from homelab.config.devices import Device, DeviceFact
from homelab.config.hosts import NixosHost
from homelab.config.stack import StackConfig
from homelab.grouping import grouped
from homelab.nix import Attrs, Lines, Module, Nix, attrs, merge
from homelab.plan import Plan
from homelab.services.model import Service
from homelab.services.parts import Part
from homelab.system.model import Host


@dataclass(frozen=True)
class Claim:
    """A device that a service opens."""

    role: str
    name: str
    """Its name in `hosts.….devices`."""
    device: Device
    waits: bool
    """Whether the service runs only while the device is there."""
    unit: str
    """The unit that opens it, without `.service`; empty if the service has none."""
    place: str
    """Its place in the stack."""

    @property
    def path(self) -> str:
        """Its path on the host."""
        return self.device.at(self.name)


def devices_on(stack: StackConfig, host: str) -> Mapping[str, Device]:
    """The devices of a host, by name."""
    config = stack.hosts.get(host)
    return config.devices if isinstance(config, NixosHost) else {}


def claims(stack: StackConfig, service: Service) -> tuple[Claim, ...]:
    """The devices that a service opens, by role. A check reports unknown ones."""
    known = devices_on(stack, service.host)
    if service.parts:
        return tuple(
            Claim(name, name, known[name], waits=True, unit=part.unit, place=place)
            for part in service.parts
            for name, place in sorted(places_in(service, part).items())
            if name in known
        )
    facts = service.entry.devices
    unit = next(iter(service.units), "")
    return tuple(
        Claim(
            role,
            name,
            known[name],
            waits=facts.get(role, DeviceFact(why=role)).waits,
            unit=unit,
            place=service.at(f"devices.{role}"),
        )
        for role, name in sorted(service.devices.items())
        if name in known
    )


def places_in(service: Service, part: Part) -> Mapping[str, str]:
    """The devices of a container by name, with their places in the stack."""
    below = f"{part.place}.devices" if part.name else "devices"
    return {name: service.at(f"{below}.{name}") for name in part.devices}


def path_of_device(stack: StackConfig, service: Service, role: str) -> str | None:
    """Path of the device that a service uses in this role."""
    return next((c.path for c in claims(stack, service) if c.role == role), None)


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`devices.nix`, on a host with devices that services use."""
    rules = [*_rules(devices_on(plan.stack, host.name))]
    waiting = [
        (claim.name, claim.path, claim.unit)
        for service in plan.on(host.name)
        for claim in claims(plan.stack, service)
        if claim.waits and claim.unit
    ]
    targets = (
        following(
            target_of_device(name), f"Device {name}", users[0][1], [unit for _, _, unit in users]
        )
        for name, users in sorted(grouped(waiting, lambda w: w[0]).items())
    )
    rendered = merge(_ruled(rules) if rules else {}, *targets)
    if rendered:
        yield Module("devices.nix", "Devices that services use, by stable names", derived=rendered)


def _ruled(rules: list[str]) -> Attrs:
    """The rules, and a unit that applies them to devices that are there already: udev itself reads
    new rules at a switch and applies them when a device is plugged in.
    """
    return merge(
        attrs("services.udev.extraRules", Lines("".join(f"{r}\n" for r in rules))),
        attrs(
            f"systemd.services.{TRIGGER}",
            {
                "description": "Apply the rules of devices",
                "after": ["systemd-udevd.service"],
                "wantedBy": ["multi-user.target"],
                "restartTriggers": [*rules],
                "script": "exec udevadm trigger --action=change --subsystem-match="
                + " --subsystem-match=".join(sorted({_subsystem(rule) for rule in rules})),
                "serviceConfig": {"RemainAfterExit": True, "Type": "oneshot"},
            },
        ),
    )


def _subsystem(rule: str) -> str:
    return rule.split('"')[1]


TRIGGER = "homelab-devices"
"""Unit that applies the rules."""
_SUBSYSTEMS = {"camera": "video4linux", "hid": "hidraw", "serial": "tty"}


def _rules(devices: Mapping[str, Device]) -> Iterator[str]:
    """Rules of udev: links of USB devices, and device units that systemd does not make itself."""
    for name, device in sorted(devices.items()):
        if device.usb is not None:
            yield _usb_rule(name, device, *device.usb.split(":"))
    paths = [d.path for d in devices.values() if d.path is not None]
    for start, subsystem in (("dri", "drm"), ("input", "input"), ("v4l", "video4linux")):
        if any(p.startswith(f"/dev/{start}/") for p in paths):
            yield f'SUBSYSTEM=="{subsystem}", TAG+="systemd"'


def _usb_rule(name: str, device: Device, vendor: str, product: str) -> str:
    # A raw device has the attributes itself; the nodes of a driver are below it.
    attribute = "ATTR" if device.kind == "raw" else "ATTRS"
    match = [
        'SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device"'
        if device.kind == "raw"
        else f'SUBSYSTEM=="{_SUBSYSTEMS[device.kind]}"',
        f'{attribute}{{idVendor}}=="{vendor}"',
        f'{attribute}{{idProduct}}=="{product}"',
    ]
    if device.kind == "camera":
        # The other nodes of a camera carry metadata.
        match.append('ATTR{index}=="0"')
    if device.serial is not None:
        match.append(f'{attribute}{{serial}}=="{device.serial}"')
    group = device.groups[0]
    actions = [f'GROUP="{group}"', 'MODE="0660"', f'SYMLINK+="homelab/{name}"', 'TAG+="systemd"']
    return ", ".join((*match, *actions))


def target_of_device(name: str) -> str:
    """Name of the target that is active while a device is there, without `.target`."""
    return f"device-{name}"


def following(target: str, title: str, device: str, units: Iterable[str]) -> Attrs:
    """A target that follows a device: it starts and stops the units that need the device.

    The units do not depend on the device itself: a start of theirs would wait for a device that is
    not there, and a switch or a boot with it.
    """
    unit = device_unit(device)
    needing: list[Nix] = [f"{u}.service" for u in units]
    return attrs(
        f"systemd.targets.{target}",
        {
            "description": f"{title} ({device})".replace("%", "%%"),
            "after": [unit],
            "before": ["shutdown.target"],
            "bindsTo": [unit],
            "conflicts": ["shutdown.target"],
            "wantedBy": [unit],
            "wants": needing,
            "unitConfig": {"DefaultDependencies": False, "JobTimeoutSec": "10s"},
        },
    )


def unit_of(plan: Plan, service: Service) -> Attrs:
    """What the units of a service state for its devices: they start only if the devices are there,
    stop with them, and have their groups.
    """
    held = (claim for claim in claims(plan.stack, service) if claim.unit)
    return merge(*(_unit(service, unit, h) for unit, h in grouped(held, lambda c: c.unit).items()))


def _unit(service: Service, unit: str, held: tuple[Claim, ...]) -> Attrs:
    targets: list[Nix] = [f"{target_of_device(c.name)}.target" for c in held if c.waits]
    paths: list[Nix] = [c.path for c in held if c.waits]
    body: Attrs = {}
    if targets:
        body = {
            "partOf": targets,
            "wants": targets,
            "unitConfig": {"ConditionPathExists": paths},
        }
    groups: list[Nix] = [*dict.fromkeys(g for c in held for g in c.device.groups)]
    # nixpkgs gives a unit that it confines the groups that it needs.
    if not service.parts and not service.entry.hardening.upstream:
        body = merge(body, {"serviceConfig": {"SupplementaryGroups": groups}})
    return {"systemd": {"services": {unit: body}}} if body else {}


def device_unit(path: str) -> str:
    """The unit of a device: `systemd-escape --path --suffix=device`."""
    return f"{escaped(path)}.device"


def escaped(path: str) -> str:
    """A path in the name of a unit: `systemd-escape --path`."""
    parts = path.strip("/").replace("/", "\0").encode()
    plain = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.")
    out = ["-" if b == 0 else chr(b) if b in plain else f"\\x{b:02x}" for b in parts]
    if parts[:1] == b".":
        out[0] = "\\x2e"
    return "".join(out)
