"""Checks of devices: each exists, keeps its name, has one user, and is given where it is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.check import check
from homelab.config.devices import Device
from homelab.nested import texts
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.declared import declared_options
from homelab.services.devices import Claim, claims, devices_on, places_in
from homelab.services.model import Service
from homelab.services.parts import Part

_UNSTABLE = re.compile(
    r"/dev/(tty(USB|ACM)[0-9]+|[hsv]d[a-z]+[0-9]*|nvme[0-9]+(n[0-9]+(p[0-9]+)?)?|video[0-9]+"
    r"|hidraw[0-9]+|bus/usb/[0-9]+/[0-9]+|dri/card[0-9]+)"
)
"""Names that the kernel gives in the order in which it finds devices."""
_CONTAINERS = ("virtualisation", "oci-containers")
_SYSTEM = ("boot", "disko", "fileSystems", "swapDevices")
"""Options with disks of the host."""
_DISK = re.compile(r"/dev/([hsv]d[a-z]|nvme)")
_STABLE = (
    ("tty", "/dev/serial/by-id"),
    ("video", "/dev/v4l/by-id"),
    ("dri", "/dev/dri/by-path"),
    ("hidraw", ""),
    ("bus", ""),
    ("", "/dev/disk/by-id"),
)
"""Where udev keeps stable names, by the beginning of an unstable one; empty for nowhere."""


@check("device-known")
def device_known(plan: Plan) -> Iterator[Problem]:
    """A device that the host does not have, or a role that the service does not know, would leave
    the service without it.
    """
    for service in plan.services:
        known = devices_on(plan.stack, service.host)
        if service.parts:
            for part in service.parts:
                for name, where in sorted(places_in(service, part).items()):
                    if name in known:
                        yield from _in_container(service, part, name, known[name], where)
                    else:
                        yield _unknown(plan, service, name, where)
            continue
        roles = service.entry.devices
        for role, name in sorted(service.devices.items()):
            where = service.at(f"devices.{role}")
            if not service.is_made and role not in roles:
                yield Problem(
                    where,
                    f'{service.entry.title} uses no device as "{role}"',
                    did_you_mean(role, roles, "roles") if roles else "leave devices out",
                )
            if name not in known:
                yield _unknown(plan, service, name, where)


def _unknown(plan: Plan, service: Service, name: str, where: str) -> Problem:
    others = sorted(h.name for h in plan.hosts.values() if name in devices_on(plan.stack, h.name))
    known = devices_on(plan.stack, service.host)
    way_out = (
        f"place {service.name} on {others[0]}, or move the device's entry"
        if others
        else did_you_mean(name, known, "devices") + f"; or add "
        f"hosts.{service.host}.devices: {{{name}: /dev/serial/by-id/…}}"
    )
    return Problem(where, f'{service.host} has no device "{name}"', way_out)


def _in_container(
    service: Service, part: Part, name: str, device: Device, where: str
) -> Iterator[Problem]:
    path = device.path or ""
    if path.startswith("/dev/disk/"):
        yield Problem(
            where,
            f"with the disk {name} the container can become root on {service.host}",
            f"leave it out, and mount a directory of the disk: {part.place}.mounts: "
            "[{source: …, target: …}]",
        )
    elif ":" in path:
        yield Problem(
            f"hosts.{service.host}.devices.{name}",
            f"{path} has a colon, at which Podman divides --device",
            'write its name below /dev/serial/by-id, or usb: "…" as lsusb shows it',
        )


@check("device-single")
def device_single(plan: Plan) -> Iterator[Problem]:
    """Two programs that open one serial port each get half of its data."""
    for host in plan.hosts:
        users: dict[tuple[str, ...], tuple[str, str]] = {}
        for service in plan.on(host):
            for claim in claims(plan.stack, service):
                mine = (service.name, claim.unit)
                first, unit = users.setdefault(_identity(claim), mine)
                if (first, unit) != mine and not claim.device.shared:
                    yield Problem(
                        claim.place,
                        f"{first} uses {claim.path} of {host} already, and a device answers one "
                        "program",
                        "give it another device, or leave it out of one of them; or, if both may "
                        f"open it, write hosts.{host}.devices: {{{claim.name}: {_shared(claim)}}}",
                    )


def _identity(claim: Claim) -> tuple[str, ...]:
    """What distinguishes a device: the stack may name one twice."""
    device = claim.device
    if device.path is not None:
        return (device.path,)
    return (device.usb or "", device.serial or "", device.kind)


def _shared(claim: Claim) -> str:
    device = claim.device
    parts = [f"path: {device.path}"] if device.path else [f'usb: "{device.usb}"']
    parts += [f'serial: "{device.serial}"'] if device.serial else []
    parts += [f"kind: {device.kind}"] if device.usb and device.kind != "serial" else []
    return f"{{{', '.join(parts)}, shared: true}}"


@check("service-needs")
def service_needs(plan: Plan) -> Iterator[Problem]:
    """A service without the device that it needs does not start."""
    for service in plan.services:
        for role, fact in sorted(service.entry.devices.items()):
            if not fact.required or role in service.devices:
                continue
            choices = [c for c in service.entry.requires_one_of if fact.option in c]
            instead = {fact.option, *(option for c in choices for option in c)} - {""}
            if _set(service) & instead:
                continue
            known = sorted(devices_on(plan.stack, service.host))
            device = known[0] if len(known) == 1 else "…"
            add = (
                "" if known else f"hosts.{service.host}.devices: {{NAME: /dev/serial/by-id/…}} and "
            )
            way_out = (
                f"write {add}{service.at('devices')}: {{{role}: {device if known else 'NAME'}}}"
            )
            other = sorted(instead - {fact.option})
            if instead:
                way_out += f"; or set {other[0] if other else fact.option} in its options"
            yield Problem(
                service.at("devices"), f"{service.name} needs a {fact.why}, and has none", way_out
            )


def _set(service: Service) -> set[str]:
    """The options that the owner sets, without those that name a device of the stack."""
    return {
        option.name
        for option in declared_options(service.config)
        if option.value is not None
        and not (isinstance(option.value, Mapping) and "$device" in option.value)
    }


@check("usb-by-id")
def usb_by_id(plan: Plan) -> Iterator[Problem]:
    """A name such as /dev/ttyUSB0 may be another device after a boot or when one is plugged in."""
    for service in plan.services:
        for option in declared_options(service.config):
            if option.path[:2] == _CONTAINERS and _DISK.search(str(option.value)):
                continue  # option-opens reports a disk in a container
            if option.path[0] in _SYSTEM:
                continue  # disk-by-id reports it
            yield from _unstable(service, service.at(f"options.{option.key}"), option.value)
        for part in service.parts:
            for i, mount in enumerate(part.config.mounts):
                where = service.at(f"{part.place}.mounts[{i}].source")
                yield from _unstable(service, where, mount.source)


def _unstable(service: Service, where: str, value: object) -> Iterator[Problem]:
    for text in texts(value):
        # Podman's --device=/dev/ttyUSB0:/dev/ttyACM0 names the device of the host first.
        path = text.removeprefix("--device=").partition(":")[0]
        if not _UNSTABLE.fullmatch(path):
            continue
        name = path.removeprefix("/dev/")
        stable = next(there for start, there in _STABLE if name.startswith(start))
        roles = sorted(service.entry.devices)
        role = roles[0] if roles else "NAME"
        inside = "PATH IN THE CONTAINER" if service.parts else "NAME"
        several = any(part.name for part in service.parts)
        below = "containers.…." if several else ""
        use = (
            f"services.{service.name}.{below}devices: {{{role}: {inside}}}, and leave it out here"
            if roles or service.parts
            else "its stable path here"
        )
        named = f"the path that `ls -l {stable}` shows" if stable else 'usb: "…" as lsusb shows it'
        yield Problem(
            where,
            f"{path} may be another device after a boot",
            f"write hosts.{service.host}.devices: {{NAME: …}} with {named}, and {use}",
        )
