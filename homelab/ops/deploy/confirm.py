"""The confirmation of a deployment: checks over new connections, and external probes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

from homelab.deploy import scripts
from homelab.deploy.status import HostFacts
from homelab.ops.deploy import external
from homelab.ops.deploy.spec import SwitchSpec
from homelab.ops.machine.host import HostLink
from homelab.ops.machine.ssh import Completed, DialError


@dataclass(frozen=True)
class Confirmation:
    """One try to confirm a deployment."""

    spec: SwitchSpec
    deployment_id: str
    host: HostLink
    paths: Collection[str]
    """Names of the paths that reached the host before the switch."""
    answered: frozenset[str]
    """External probes that passed before the switch."""
    note: Callable[[str], None]
    """Takes the reason of a failure."""

    async def seal(self) -> float | None:
        """Check over a new connection on each path. The last one seals when all others have passed.

        None: sealed; else the seconds until a next try is worth it, or 0 if that is not known.
        """
        links = [self.host.afresh(path) for path in self.spec.paths if path.name in self.paths]
        if not links or not await self._answers():
            return 0
        try:
            passed = await asyncio.gather(*map(self._check, links[:-1]), self._opened(links[-1]))
            return await self._seal(links[-1]) if all(passed) else 0
        finally:
            for link in links:
                await link.close()

    async def _opened(self, link: HostLink) -> bool:
        """Whether a new connection reaches the host."""
        try:
            await link.open()
        except DialError as error:
            self.note(f"confirm: {error}")
            return False
        return True

    async def _check(self, link: HostLink) -> bool:
        """Whether the host passes over this path."""
        done = await self._run(link, seal=False)
        return done is not None and done.exit == 0

    async def _seal(self, link: HostLink) -> float | None:
        done = await self._run(link, seal=True)
        if done is None:
            return 0
        return None if done.exit == 0 else float(HostFacts.parse(done.stdout)["wait"] or 0)

    async def _run(self, link: HostLink, *, seal: bool) -> Completed | None:
        """Run the confirmation's script; None if the connection fails."""
        confirm = self.spec.confirm
        script = scripts.confirm_script(
            self.deployment_id,
            confirm.units,
            seal=seal,
            policy=self.spec.policy,
            settle=confirm.settle,
        )
        try:
            done = await link.ask(script)
        except DialError as error:
            self.note(f"confirm: {error}")
            return None
        if done.exit != 0:
            self.note(f"confirm over {link.paths[0].name}: {done.last_line}")
        return done

    async def _answers(self) -> bool:
        """Whether all external probes that passed before pass again."""
        if not self.answered:
            return True
        now = await external.answering(p for p in self.spec.external if p.name in self.answered)
        lost = sorted(self.answered - now)
        if lost:
            self.note(f"answered from here before the switch, and does not now: {', '.join(lost)}")
        return not lost
