"""Commands for single hosts: status, rollback, unlock."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from homelab.deploy import scripts
from homelab.deploy.model import Release
from homelab.deploy.plan import policy_of
from homelab.deploy.probes import external_probes_of, probes_of
from homelab.deploy.spec import paths_of, switch_spec, way_to
from homelab.deploy.status import BY_HAND, HostFacts, HostStatus
from homelab.offline.delivery import relay_of
from homelab.ops.deploy.spec import SwitchSpec
from homelab.ops.deploy.switch import bring
from homelab.ops.machine.host import HostLink, HostPath
from homelab.ops.machine.ssh import DialError, DialMap, HostKeyError
from homelab.plan import Plan
from homelab.problems import HomelabError, UsageError, did_you_mean
from homelab.system.model import Host


def read_hosts(
    plan: Plan, releases: Mapping[str, Release], only: str = ""
) -> tuple[HostStatus, ...]:
    """The status of every host, or of `only` one, asked in parallel, also of those that do not
    answer.
    """
    asked = [
        h
        for h in plan.hosts.values()
        if h.is_nixos and h.config.state != "planned" and only in ("", h.name)
    ]
    dial_map = DialMap.from_environment()

    async def every() -> list[HostStatus]:
        answers = await asyncio.gather(*(_ask(h, releases.get(h.name), dial_map) for h in asked))
        return await asyncio.gather(*(_look(plan, answer, dial_map) for answer in answers))

    return tuple(asyncio.run(every()))


async def _ask(host: Host, release: Release | None, dial_map: DialMap | None) -> HostStatus:
    wanted = release.id if release is not None and host.is_deployed else ""
    loader = host.config.boot.loader
    link = link_to(host, dial_map)
    facts, error = None, ""
    try:
        done = await link.ask(scripts.status_script(wanted, full=True, loader=loader))
        if done.exit == 0:
            facts = HostFacts.parse(done.stdout)
        else:
            error = f"the status script exited with {done.exit}: {done.stderr.strip()[-200:]}"
    except (DialError, HostKeyError) as problem:
        error = str(problem).splitlines()[0]
    finally:
        await link.close()
    return HostStatus(host.name, wanted, facts, error, sleeps=not host.always_on)


async def _look(plan: Plan, status: HostStatus, dial_map: DialMap | None) -> HostStatus:
    """The status with the relay's answer about the host's bundle, if the host does not answer."""
    relay = relay_of(plan, plan.hosts[status.name])
    if status.facts is not None or relay is None:
        return status
    link = link_to(relay, dial_map)
    try:
        done = await link.ask(scripts.relay_script(status.name, "look"))
    except (DialError, HostKeyError):
        return status  # the relay has a line of its own
    finally:
        await link.close()
    bundle = HostFacts.parse(done.stdout) if done.exit == 0 else None
    return replace(status, relay=relay.name, bundle=bundle)


def link_to(host: Host, dial_map: DialMap | None) -> HostLink:
    """A connection to a host over the paths in the stack."""
    paths = tuple(HostPath.model_validate(path) for path in paths_of(host))
    return HostLink(host.name, paths, host.config.ssh.host_key or "", dial_map)


def path_to(host: Host | None, name: str, address: str, port: int, user: str) -> HostPath:
    """A path to an address that a host of the stack has now, through its jump host or proxy command
    and with its key. A machine that is not in the stack is dialled directly.
    """
    way = way_to(host) if host is not None else {}
    given = {"name": name, "address": address, "port": port, "user": user}
    return HostPath.model_validate({**given, **way})


def named(plan: Plan, name: str) -> Host:
    """The host of this name. Raises UsageError with the nearest known name."""
    known = [h.name for h in plan.hosts.values() if h.is_nixos and h.config.state != "planned"]
    if name not in known:
        raise UsageError(_unknown(plan, name, known))
    return plan.hosts[name]


def known_host(plan: Plan, name: str) -> Host:
    """The NixOS host of this name, in any state. Raises UsageError with the nearest known name."""
    known = [h.name for h in plan.hosts.values() if h.is_nixos]
    if name not in known:
        raise UsageError(_unknown(plan, name, known))
    return plan.hosts[name]


def _unknown(plan: Plan, name: str, known: Iterable[str]) -> str:
    """Why a command cannot work with this host, and the hosts with which it can."""
    host, others = plan.hosts.get(name), did_you_mean(name, known, "hosts")
    if host is None:
        return f'there is no host "{name}"; {others}'
    if not host.is_nixos:
        return f"{name} is managed by home-manager only, and this needs a NixOS host; {others}"
    return f"{name} is planned, so it is not set up yet; {others}"


def roll_back(plan: Plan, stack: str, name: str, to: str, report: Callable[[str], None]) -> None:
    """Switch a host to the release before the committed one (`to` is "before"), or to the committed
    one ("current"). An empty `to` is "current" while a test runs or a boot is prepared, else
    "before".

    This switch is confirmed or rolled back like any other. Raises HomelabError with the report.
    """
    asyncio.run(_roll_back(plan, stack, named(plan, name), to, report))


async def _roll_back(
    plan: Plan, stack: str, host: Host, to: str, report: Callable[[str], None]
) -> None:
    dial_map = DialMap.from_environment()
    link = link_to(host, dial_map)
    try:
        done = await link.ask(scripts.status_script(""))
        facts = HostFacts.parse(done.stdout)
    finally:
        await link.close()
    if not to:
        to = "current" if facts.awaits_confirmation else "before"
    release = facts["release"] if to == "current" else facts["before"]
    if not release:
        raise HomelabError(
            f"{host.name}: there is no {'committed' if to == 'current' else 'previous'} release; "
            "boot an older generation from its boot menu instead"
        )
    if to == "current" and facts.awaits_confirmation:
        how = {"test": "is a test", "boot": "is prepared for a boot"}[facts["provisional"]]
        report(
            f"{host.name}: release {facts['provisional-release']} {how} and is not committed; goes "
            f"back to release {release}, which is"
        )
    version = facts["secrets" if to == "current" else "before-secrets"]
    # The rollback replaces what runs now, so the check for changes by hand must not stop it, and
    # nor does the time of day.
    again = f"{BY_HAND}{secrets.token_hex(4)}"
    await bring(_spec(plan, stack, host, release, version, again), dial_map, report)
    report(
        f"{host.name}: the stack still has the other release; change it, or switch to it again "
        f'with deploy.again: {{{host.name}: "…any new text"}}'
    )


def confirm(plan: Plan, stack: str, name: str, report: Callable[[str], None]) -> None:
    """Commit the release that a host tests, or that it has booted after `mode: boot`.

    It is checked like any other switch, and rolled back if it does not pass. Raises HomelabError
    with the report, or if there is nothing to confirm.
    """
    asyncio.run(_confirm(plan, stack, named(plan, name), report))


async def _confirm(plan: Plan, stack: str, host: Host, report: Callable[[str], None]) -> None:
    dial_map = DialMap.from_environment()
    link = link_to(host, dial_map)
    try:
        facts = HostFacts.parse((await link.ask(scripts.status_script(""))).stdout)
    finally:
        await link.close()
    release, system = facts["provisional-release"], facts["provisional-system"]
    if not release:
        raise HomelabError(
            f"{host.name}: there is nothing to confirm; it has no release from a test or a boot"
        )
    if facts["running"] != system:
        after = "the test ended with a reboot; run pulumi up again"
        if facts["provisional"] == "boot":
            after = f"reboot it first: homelab ssh {host.name} systemctl reboot"
        raise HomelabError(f"{host.name}: release {release} does not run; {after}")
    version, again = facts["provisional-secrets"], facts["provisional-again"]
    await bring(_spec(plan, stack, host, release, version, again), dial_map, report)


def _spec(plan: Plan, stack: str, host: Host, release: str, version: str, again: str) -> SwitchSpec:
    """The spec of a switch by hand, at any time of the day."""
    policy = policy_of(plan.stack, host, probes_of(plan, host), stack=stack, mode="switch")
    policy = replace(policy, again=again, windows=())
    external = external_probes_of(plan, host)
    values = switch_spec(host, release, plan.stack.deploy, policy, external)
    return SwitchSpec.model_validate_json(json.dumps(values | {"secrets_version": version}))


def unlock(plan: Plan, name: str, report: Callable[[str], None], *, force: bool) -> None:
    """Release a host that a deployment or a script left locked. Reports what it stopped.

    With `force`, a switch in progress is rolled back; without, it raises HomelabError.
    """
    link = link_to(named(plan, name), DialMap.from_environment())
    asyncio.run(link.carry_out(scripts.unlock_script(force=force), report))
