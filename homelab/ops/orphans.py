"""`homelab orphans`: what the hosts have and the stack does not own. Reads only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from homelab.backup.orphans import Orphan, orphans, places
from homelab.deploy import scripts
from homelab.ops.hosts import link_to, named
from homelab.ops.machine.ssh import DialError, DialMap, HostKeyError
from homelab.plan import Plan


@dataclass(frozen=True)
class Found:
    """What hosts have that the stack does not own, and the hosts that did not answer."""

    orphans: tuple[Orphan, ...]
    unread: tuple[str, ...]
    """`host: reason`."""


def find_orphans(plan: Plan, name: str | None) -> Found:
    """Ask one host, or every NixOS host, in parallel. Raises UsageError for an unknown host."""
    hosts = [named(plan, name)] if name else list(plan.hosts.values())
    asked = [h.name for h in hosts if h.is_nixos and h.config.state != "planned"]
    dial_map = DialMap.from_environment()

    async def every() -> list[Found]:
        return await asyncio.gather(*(_asked(plan, host, dial_map) for host in asked))

    answers = asyncio.run(every())
    return Found(
        tuple(o for a in answers for o in a.orphans), tuple(u for a in answers for u in a.unread)
    )


async def _asked(plan: Plan, host: str, dial_map: DialMap | None) -> Found:
    link = link_to(plan.hosts[host], dial_map)
    try:
        done = await link.ask(scripts.orphans_script(places(plan, host)), seconds=120)
    except (DialError, HostKeyError) as error:
        return Found((), (f"{host}: {str(error).splitlines()[0]}",))
    finally:
        await link.close()
    if done.exit != 0:
        return Found((), (f"{host}: {done.stderr.strip()[-200:]}",))
    lines = (line.partition("\t") for line in done.stdout.splitlines())
    return Found(orphans(plan, host, ((kind, name) for kind, _, name in lines)), ())
