"""The manual steps that remain when a host is retired or forgotten."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from homelab.plan import Plan
from homelab.secret_paths import host_file
from homelab.system.model import Host

MACHINES = "https://login.tailscale.com/admin/machines"
STAYS = "the system, its data, backups and user accounts"
"""What retiring and forgetting a host leave alone."""


def after_retiring(plan: Plan, host: Host) -> Iterator[str]:
    """What stays on a retired host after its clean-up, and the remaining steps, a line each."""
    name = host.name
    state = sorted({p for s in plan.on(name) for p in s.state} | _remembered(plan, name))
    yield f"stays: {STAYS}" + (f"; state of services in {', '.join(state)}" if state else "")
    yield "stays: older systems in its boot menu; they start without the secrets of homelab"
    sources = sources_of(plan, host)
    yield f"next: remove {' and '.join(sources)} from the stack" + (
        ", with their names, records and Access rules" if len(sources) > 1 else ""
    )
    yield "next: homelab check, which names what still refers to it"
    yield f"next: pulumi up, which removes {_forgotten(name)}"
    if plan.tailnet is not None and host.tailnet:
        ids = [d.id for d in plan.tailnet.devices if d.host == name]
        device = f"{ids[0]} ({host.tailnet})" if ids else f"at {host.tailnet}"
        yield f"next: remove its device {device} from the tailnet: {MACHINES}"
    if any(s.source == "stored" for s in plan.secrets.on(name)):
        yield f"next: delete {host_file(plan.stack, name)}, then homelab secret recipients"
    yield f"next: {forget_command(host)}"


def sources_of(plan: Plan, host: Host) -> list[str]:
    """The places in the stack that belong to a host: itself, and the services that it runs."""
    services = [s.source for s in plan.on(host.name) if s.source.startswith("services.")]
    return [host.source, *services]


def after_forgetting(plan: Plan, name: str) -> Iterator[str]:
    """Where else a host that has left the stack may still be recorded."""
    yield f"Pulumi: the next pulumi up removes {_forgotten(name)}"
    if plan.tailnet is not None:
        yield f"Tailscale: remove its device by hand if it is still there: {MACHINES}"


def forget_command(host: Host) -> str:
    """The command that forgets this host, with the address, key and user that the stack has."""
    ssh = host.config.ssh
    words = ["homelab", "forget", host.name, "--address", host.address]
    words += ["--host-key", ssh.host_key or ""]
    words += ["--user", ssh.user] if ssh.user != "root" else []
    words += ["--port", str(ssh.port)] if ssh.port != 22 else []
    return shlex.join(words)


def _forgotten(name: str) -> str:
    return (
        f"{name}-files, -secrets, -build and -switch from its state, and runs nothing on the host"
    )


def _remembered(plan: Plan, name: str) -> set[str]:
    """State directories on the host that the lock records of services that left before."""
    placed = plan.lock.services.values()
    return {path for placement in placed if placement.host == name for path in placement.state}
