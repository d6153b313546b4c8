"""What is left for a person to do when a host leaves; none of it is ours to do unasked."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from homelab.plan import Plan
from homelab.secret_paths import host_file
from homelab.system.model import Host

MACHINES = "https://login.tailscale.com/admin/machines"
STAYS = "the system, its data, backups and user accounts"
"""What neither retiring nor forgetting a host touches."""


def after_retiring(plan: Plan, host: Host) -> Iterator[str]:
    """What stays on a retired host that has been cleaned, and the way to its end, a line each."""
    name = host.name
    state = sorted({p for s in plan.on(name) for p in s.state} | _remembered(plan, name))
    yield f"stays: {STAYS}" + (f"; state of services in {', '.join(state)}" if state else "")
    yield "stays: older systems of its boot menu, which start without the secrets that we sent"
    sources = sources_of(plan, host)
    yield f"next: take {' and '.join(sources)} out of the stack" + (
        ", their names, records and Access with them" if len(sources) > 1 else ""
    )
    yield "next: homelab check, which names whatever still needs it"
    yield f"next: pulumi up, which forgets {_forgotten(name)}"
    if plan.tailnet is not None and host.tailnet:
        ids = [d.id for d in plan.tailnet.devices if d.host == name]
        device = f"{ids[0]} ({host.tailnet})" if ids else f"at {host.tailnet}"
        yield f"next: remove its device {device} from the tailnet: {MACHINES}"
    if any(s.source == "stored" for s in plan.secrets.on(name)):
        yield f"next: delete {host_file(plan.stack, name)}, then homelab sops --out .sops.yaml"
    yield f"next: {forget_command(host)}"


def sources_of(plan: Plan, host: Host) -> list[str]:
    """What of the stack goes with a host: itself, and the services that it runs."""
    services = [s.source for s in plan.on(host.name) if s.source.startswith("services.")]
    return [host.source, *services]


def after_forgetting(plan: Plan, name: str) -> Iterator[str]:
    """What else may know a host that is in the stack no more."""
    yield f"Pulumi: the next pulumi up forgets {_forgotten(name)}"
    if plan.tailnet is not None:
        yield f"Tailscale: its device is yours to remove, if it is still there: {MACHINES}"


def forget_command(host: Host) -> str:
    """The call that forgets this host, with what only the stack knows of it."""
    ssh = host.config.ssh
    words = ["homelab", "forget", host.name, "--address", host.lan or host.tailnet]
    words += ["--host-key", ssh.host_key or ""]
    words += ["--user", ssh.user] if ssh.user != "root" else []
    words += ["--port", str(ssh.port)] if ssh.port != 22 else []
    return shlex.join(words)


def _forgotten(name: str) -> str:
    return f"{name}-files, -secrets, -build and -switch, and runs nothing on it"


def _remembered(plan: Plan, name: str) -> set[str]:
    """Directories with state that the lock has seen there, of services that left before."""
    placed = plan.lock.services.values()
    return {path for placement in placed if placement.host == name for path in placement.state}
