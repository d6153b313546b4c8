"""Retire and forget hosts: remove the files of homelab from a host, and its entries from the lock.

Nothing here changes the system that runs on a host, its profile, or any data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from homelab.config.base import HostKey
from homelab.deploy import scripts
from homelab.deploy.leaving import STAYS, after_forgetting, after_retiring
from homelab.ops.hosts import link_to, named
from homelab.ops.machine.host import ASK_SECONDS, HostLink, HostPath
from homelab.ops.machine.ssh import DialMap
from homelab.ops.project.files import forget_host
from homelab.ops.project.stack import Stack
from homelab.plan import Plan
from homelab.problems import UsageError
from homelab.system.model import Host

Report = Callable[[str], None]
Machine = tuple[HostPath, str]
"""The path to a host that is not in the stack, and its host key."""
_PATIENCE = scripts.LOCK_SECONDS + ASK_SECONDS


def retire(
    stack: Stack,
    name: str,
    report: Report,
    steps: Callable[[Plan, Host], Iterable[str]] = after_retiring,
) -> None:
    """Clean up a retired host, and report the remaining manual steps and `steps`.

    Raises HomelabError, with what to do first, unless the host is retired in the stack and runs
    its retired release.
    """
    host = named(stack.plan, name)
    if host.config.state != "retired":
        raise UsageError(
            f"{host.source}.state: {name} is {host.config.state} in the stack; set state: retired, "
            f"then pulumi up, then homelab retire {name}"
        )
    link = link_to(host, DialMap.from_environment())
    script = scripts.retire_script(name, stack.releases[name].id)
    asyncio.run(link.carry_out(script, report, _PATIENCE))
    for line in steps(stack.plan, host):
        report(f"{name}: {line}")


def forget(
    directory: Path,
    plan: Plan,
    name: str,
    machine: Machine | None,
    report: Report,
    *,
    confirmed: bool,
) -> None:
    """Forget a host that is no longer in the stack; unless `confirmed`, only list what would go.

    With a `machine` that can still be reached, also remove the files of homelab from it. Raises
    HomelabError if that would harm a host of the stack.
    """
    if name in plan.hosts:
        raise UsageError(_still_there(plan.hosts[name]))
    if machine is not None:
        path, key = machine
        _check_not_in_stack(plan, path, key)
        link = HostLink(name, (path,), key, DialMap.from_environment())
        script = scripts.forget_script(confirmed=confirmed)
        asyncio.run(link.carry_out(script, report, _PATIENCE))
        report(f"{name}: stays: {STAYS}")
    for line in forget_host(directory, plan, name, confirmed=confirmed):
        report(f"{name}: {line}")
    for line in after_forgetting(plan, name):
        report(f"{name}: {line}")
    if not confirmed:
        report(f"{name}: nothing was changed; run it again with --yes to do this")


def machine_at(address: str | None, host_key: str | None, user: str, port: int) -> Machine | None:
    """The machine that the options of the command name; None without an address."""
    if address is None and host_key is None:
        return None
    if address is None:
        raise UsageError("--address is missing; name the address where the host can be reached")
    try:
        key = TypeAdapter(HostKey).validate_python(host_key)
    except ValidationError:
        raise UsageError(
            f"--host-key: needed to check that {address} is the host; give the line that the stack "
            'had in ssh.host_key, "ssh-ed25519 AAAA…"'
        ) from None
    return HostPath(name="address", address=address, port=port, user=user), key


def _still_there(host: Host) -> str:
    state, name = host.config.state, host.name
    first = {
        "live": f"set state: retired, then pulumi up, then homelab retire {name}",
        "retired": f"homelab retire {name} lists the steps before this one",
    }
    remove = f"remove it from the stack, then pulumi up, then homelab forget {name}"
    return f"{host.source}: {name} is still in the stack, and {state}; {first.get(state, remove)}"


def _check_not_in_stack(plan: Plan, path: HostPath, key: str) -> None:
    """Refuse the address or key of a host in the stack: a typo must not clean that host."""
    body = key.split()[1:2]
    for host in plan.hosts.values():
        if path.address in host.addresses.values():
            raise UsageError(
                f"--address: {path.address} is {host.name}'s in the stack; give the address of the "
                "one that left"
            )
        if host.config.ssh.host_key and host.config.ssh.host_key.split()[1:2] == body:
            raise UsageError(
                f"--host-key: this is {host.name}'s in the stack; give the key of the one that left"
            )
