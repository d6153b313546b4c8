"""What an adopted machine has, as lines for its owner."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.adoption.machine import Machine, Mount
from homelab.catalog import find, names


def found_on(machine: Machine) -> Iterator[str]:
    """One line for each subject, the system first."""
    label = machine.version.label or machine.release
    yield f"system: NixOS {label}, {machine.platform}, host name {machine.name}"
    if machine.machine_id:
        yield f"host id: {machine.machine_id[:8]} (from /etc/machine-id)"
    if machine.loader:
        yield f"boot loader: {machine.loader}"
    if machine.graphics:
        yield f"graphics: {', '.join(sorted(machine.graphics))}"
    for mount in machine.mounts:
        yield f"file system: {mount.path} ({mount.kind}) on {_stable(machine, mount)}"
    people = [a for a in machine.accounts if 1000 <= a.uid < 30000]
    if people:
        yield f"accounts: {', '.join(f'{a.name} ({a.uid})' for a in people)}"
    yield from _services(machine)
    if machine.ports:
        listed = dict.fromkeys(f"{p.number}/{p.protocol}" for p in machine.ports)
        yield f"ports that listen beyond loopback: {', '.join(listed)}"
    tailnet = machine.tailnet
    if tailnet is not None:
        tags = f", tags {', '.join(tailnet.tags)}" if tailnet.tags else ", no tags"
        routes = f", routes {', '.join(tailnet.routes)}" if tailnet.routes else ""
        yield f"tailnet: {', '.join(tailnet.addresses)}, device {tailnet.id}{tags}{routes}"


def _stable(machine: Machine, mount: Mount) -> str:
    """A name of the device that does not change: by id, by uuid, or the device itself."""
    links = sorted(link for link, device in machine.links.items() if device == mount.device)
    return next(iter(links), mount.device)


def _services(machine: Machine) -> Iterator[str]:
    """Services of the catalog whose units the machine has, and their state there."""
    uids = {a.name: a.uid for a in machine.accounts}
    for name in sorted(names()):
        entry = find(name)
        if entry is None or not entry.units or not {*entry.units} <= machine.units:
            continue
        state = [s for s in entry.state if s.rpartition("/")[2] in machine.state]
        uid = f", user {entry.user} ({uids[entry.user]})" if entry.user in uids else ""
        where = f", state {', '.join(state)}" if state else ""
        yield f"service: {name} ({', '.join(entry.units)}){where}{uid}"
