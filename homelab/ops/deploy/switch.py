"""`homelab switch`: bring one host to one release, and succeed only if the host commits it.

The host does the work in its own units (homelab/deploy/scripts). This side starts it, follows its
status, and confirms over new connections. Even if this side stops, the host commits or rolls back.
Running it again converges.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from homelab.deploy import scripts
from homelab.deploy.status import HostFacts
from homelab.deploy.windows import ANY_TIME, Window, closed, opens_all
from homelab.ops.deploy import external
from homelab.ops.deploy import report as reports
from homelab.ops.deploy.confirm import Confirmation
from homelab.ops.deploy.spec import SwitchSpec
from homelab.ops.machine.host import ASK_SECONDS, HostLink
from homelab.ops.machine.ssh import DialError, DialMap, HostKeyError
from homelab.problems import HomelabError

Report = Callable[[str], None]
"""Prints a line of progress or the outcome. Never given a secret."""

_BUSY = 75
_WAIT_SECONDS = 10
"""Longest time that a host may wait for a change of its phase before it answers."""
_REACHED = ("committed", "tested", "prepared")
"""Phases in which a deployment has ended with its release."""
_NOTHING_TO_AWAIT = ("", "rebooting", *_REACHED)
"""Phases in which the host cannot report the next one: not begun, on the way down, or the last."""
_FIRST_PAUSE = 0.2
"""Seconds before the second try to confirm; each further pause is twice as long."""


Spec = TypeVar("Spec", bound=SwitchSpec)
Switch: TypeAlias = Callable[[Spec, DialMap | None, Report], Coroutine[None, None, None]]
"""Returns when the host has committed its release; else raises with the report."""


class NotCommittedError(HomelabError):
    """The host has not committed the release. The text is the whole report."""


def run(spec_json: str, *, report: Report) -> int:
    """Switch a host; the exit code. 0: committed. 1: not committed, see the report. 2: bad spec."""
    return asyncio.run(carry_out(SwitchSpec, bring, spec_json, os.environ, report))


async def carry_out(
    model: type[Spec],
    switch: Switch[Spec],
    spec_json: str,
    environment: Mapping[str, str],
    report: Report,
) -> int:
    """Read the spec and run `switch` with it; the exit code, as of `run`. `environment` may name a
    dial map.
    """
    try:
        spec = model.model_validate_json(spec_json)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            where = ".".join(str(part) for part in problem["loc"]) or "spec"
            report(
                f"{where}: {problem['msg']}; `homelab switch` reads the spec that `pulumi up` makes"
            )
        return 2
    try:
        await switch(spec, DialMap.from_environment(environment), report)
    except asyncio.CancelledError:
        report(
            f"{spec.host}: interrupted; the host itself rolls back a switch that had begun, "
            "unless this is run again before"
        )
        return 1
    except HomelabError as error:
        report(str(error))
        return 1
    return 0


async def bring(spec: SwitchSpec, dial_map: DialMap | None, report: Report) -> None:
    """Return when the host has committed its release; else raise with the report."""
    await _Switch(patient(spec, dial_map), dial_map, report).converge()


def patient(spec: Spec, dial_map: DialMap | None) -> Spec:
    """The spec with no timeout longer than the dial map allows."""
    return spec.patient(dial_map.confirm_seconds if dial_map else None)


def has_committed(facts: HostFacts, spec: SwitchSpec) -> bool:
    """Whether the release and its secrets are committed, running, and the boot default."""
    return (
        facts.release == spec.release
        and facts["secrets"] == spec.secrets_version
        and facts["again"] == spec.again
        and not facts["rotation"]
        and facts["running"] == facts["default"] == facts["built"] != ""
    )


def has_reached(facts: HostFacts, spec: SwitchSpec) -> bool:
    """Whether the host is where the mode of the spec brings it: committed, or as far as `test` or
    `boot` goes.
    """
    if has_committed(facts, spec):
        return True
    ours = (facts["provisional-release"], facts["provisional-secrets"], facts["provisional-again"])
    if facts["provisional"] != spec.mode or facts["rotation"]:
        return False
    system = facts["running"] if spec.mode == "test" else facts["default"]
    wanted = (spec.release, spec.secrets_version, spec.again)
    return ours == wanted and system == facts["built"] != ""


def outside(spec: SwitchSpec, now: datetime) -> str:
    """Why a deployment may not begin at this time; empty if it may. Raises HomelabError if this
    machine does not know the time zone, or if `HOMELAB_ANY_TIME` has an unknown value.
    """
    # `boot` restarts no service.
    if not spec.windows or spec.mode == "boot" or opens_all(os.environ):
        return ""
    try:
        zone = ZoneInfo(spec.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise NotCommittedError(
            f"{spec.host}: this machine does not know the time zone {spec.timezone} of "
            f"deploy.windows; install tzdata, or run {ANY_TIME}=1 pulumi up"
        ) from None
    windows = [Window(w.days, w.start, w.end) for w in spec.windows]
    return closed(windows, now.astimezone(zone))


@dataclass
class _Switch:
    spec: SwitchSpec
    dial_map: DialMap | None
    report: Report
    tried: list[str] = field(default_factory=list)
    answered: frozenset[str] = frozenset()
    """External probes that passed before the switch."""

    def __post_init__(self) -> None:
        spec = self.spec
        self.policy = spec.policy
        self.host = HostLink(spec.host, spec.paths, spec.host_key, self.dial_map)

    async def converge(self) -> None:
        """Return when the release is committed; else raise with the report."""
        try:
            await self._converge()
        finally:
            await self.host.close()

    async def _converge(self) -> None:
        spec = self.spec
        status = await self._status()
        if has_committed(status, spec):
            self.report(f"{spec.host}: release {spec.release} is already committed and running")
            return
        if has_reached(status, spec):
            self.report(f"{spec.host}: {reports.provisional(spec, status)}")
            return
        if not status["built"]:
            raise NotCommittedError(
                f"{spec.host}: release {spec.release} is not built on it; "
                "run pulumi up, which stages and builds it first"
            )
        if spec.mode == "dry":
            await self._rehearse()
            return
        if status["phase"]:
            same = (
                status["deployment-release"],
                status["deployment-secrets"],
                status["deployment-again"],
            )
            ours = same == (spec.release, spec.secrets_version, spec.again)
            if ours and (status["supervised"] or status["phase"] == "rebooting"):
                self.report(f"{spec.host}: resumes deployment {status['deployment']}")
                self.answered = frozenset(filter(None, status["deployment-external"].split("\t")))
                await self._follow(status["deployment"])
                return
            await self._settle(status)
        await self._follow(await self._start())

    async def _rehearse(self) -> None:
        """Report what a switch would do."""
        spec = self.spec
        done = await self.host.ask(scripts.dry_script(spec.release), spec.activation_seconds)
        for line in done.stdout.splitlines():
            self.report(f"{spec.host}: {line}")
        if done.exit != 0:
            raise NotCommittedError(
                await self._outcome("", f"cannot be tried: {done.last_line}; nothing was changed")
            )
        self.report(f"{spec.host}: dry run; release {spec.release} is not deployed")

    async def _start(self) -> str:
        """Begin a deployment on the host; returns its id."""
        spec, deployment_id = self.spec, secrets.token_hex(8)
        # The clock says nothing about hosts of the lab.
        if self.dial_map is None and (why := outside(spec, datetime.now(UTC))):
            raise NotCommittedError(await self._outcome("", f"was not started: {why}"))
        asked = () if self.dial_map else spec.external
        self.answered, paths = await asyncio.gather(
            external.answering(asked), self.host.working_paths()
        )
        for path in spec.paths:
            if path.name not in paths:
                self.report(f"{spec.host}: note: does not answer over {path.name} ({path.address})")
        script = scripts.activate_script(
            spec.release,
            deployment_id,
            self.policy,
            secrets_version=spec.secrets_version,
            paths=paths,
            activation_seconds=spec.activation_seconds,
            confirm_seconds=spec.confirm.seconds,
            external=sorted(self.answered),
            lock_seconds=spec.lock_seconds,
        )
        try:
            done = await self.host.ask(script, spec.lock_seconds + ASK_SECONDS)
        except DialError as error:
            # It may have begun even so; the next status shows it.
            self._note(f"start: {error}")
            return deployment_id
        if done.exit == _BUSY:
            # Another deployment began between our status and our start.
            await self._settle(await self._status())
            return await self._start()
        found = [line for line in done.stderr.splitlines() if line.startswith("  ")]
        if done.exit != 0:
            for line in found:
                self._note(line.strip())
            raise NotCommittedError(await self._outcome("", f"was not started: {done.last_line}"))
        for line in found:
            self.report(f"{spec.host}: {line.strip()}")
        return deployment_id

    async def _settle(self, status: HostFacts) -> None:
        """Wait until another deployment has ended; roll it back if it has no supervisor."""
        spec, deployment_id = self.spec, status["deployment"]
        other = f"deployment {deployment_id} for release {status['deployment-release']}"
        end = _now() + spec.lock_seconds
        if status["supervised"]:
            self.report(f"{spec.host}: waits for {other}, which is {status['phase']}")
        elif status["phase"]:
            self.report(f"{spec.host}: rolls back {other}, which stopped while {status['phase']}")
            end += spec.activation_seconds
            await self.host.ask(
                scripts.rollback_script(deployment_id), spec.lock_seconds + ASK_SECONDS
            )
        while status["phase"] not in ("", *_REACHED, "rolled_back", "failed_rollback"):
            if _now() > end:
                what = f"was not started: {other} did not end, and is {status['phase']}"
                raise NotCommittedError(await self._outcome(deployment_id, what))
            status = await self._status(deployment_id, seen=status["phase"])

    async def _follow(self, deployment_id: str) -> None:
        """Follow a deployment to its end, and confirm it when it waits for that."""
        spec, sealed, last, pause = self.spec, False, HostFacts({}), _FIRST_PAUSE
        # A rollback may take as long as the activation did.
        end = _now() + 2 * spec.activation_seconds + spec.confirm.seconds + spec.grace_seconds
        # Time to come back, to start all units, and to be confirmed.
        restart = spec.restart_seconds + 2 * spec.confirm.seconds + spec.grace_seconds
        while _now() < end:
            try:
                confirms = last["phase"] == "awaiting" and not sealed
                seen = "" if confirms or last["phase"] in _NOTHING_TO_AWAIT else last["phase"]
                status = await self._status(deployment_id, seen=seen)
            except DialError as error:
                # An initrd that asks for a disk passphrase over SSH has another host key.
                if isinstance(error, HostKeyError) and not _restarts(last):
                    raise
                self._note(f"ask: {error}")
                await asyncio.sleep(spec.poll_seconds)
                continue
            phase = status["phase"]
            if phase != last["phase"]:
                self.report(f"{spec.host}: release {spec.release} is {phase or 'not begun'}")
                if phase == "rebooting":
                    self.report(f"{spec.host}: restarts; waiting up to {spec.restart_seconds} s")
                    end = _now() + restart
                elif status["mode"] == "boot" and phase == "activating":
                    # The phase may change to rebooting between two queries.
                    end = _now() + spec.activation_seconds + restart
            last = status
            if phase in _REACHED and has_reached(status, spec):
                if phase != "committed":
                    self.report(f"{spec.host}: {reports.provisional(spec, status)}")
                return
            if phase in ("rolled_back", "failed_rollback"):
                raise NotCommittedError(await self._outcome(deployment_id))
            if status["rebooted"] and not status["supervised"]:
                await self._resume(deployment_id, status)
            if phase == "awaiting" and not sealed:
                # After a `boot`, the host adds what answered before its restart.
                self.answered = frozenset(filter(None, status["deployment-external"].split("\t")))
                wait = await self._confirmation(deployment_id, status).seal()
                sealed = wait is None
                if not sealed:
                    await asyncio.sleep(min(wait or pause, spec.poll_seconds))
                    pause *= 2
            elif phase in _NOTHING_TO_AWAIT:
                await asyncio.sleep(spec.poll_seconds)
        raise NotCommittedError(reports.unknown(spec, deployment_id, last, self.tried))

    def _confirmation(self, deployment_id: str, status: HostFacts) -> Confirmation:
        paths = status["deployment-paths"].split()
        return Confirmation(self.spec, deployment_id, self.host, paths, self.answered, self._note)

    async def _resume(self, deployment_id: str, status: HostFacts) -> None:
        """Resume a deployment without a supervisor after a restart. The host resumes it by itself,
        unless its old system has no unit for that.
        """
        if status["mode"] != "boot":
            what = f"was interrupted: the host restarted while it was {status['phase']}"
            raise NotCommittedError(await self._outcome(deployment_id, what))
        # Let the host's own unit resume it first.
        await asyncio.sleep(2 * self.spec.poll_seconds)
        try:
            await self.host.ask(
                scripts.resume_script(deployment_id), self.spec.lock_seconds + ASK_SECONDS
            )
        except DialError as error:
            self._note(f"resume: {error}")

    async def _outcome(self, deployment_id: str, what: str = "") -> str:
        """The report, with the host's present status and log."""
        try:
            status = await self._status(deployment_id, log_lines=40)
        except DialError as error:
            self._note(f"ask: {error}")
            status = HostFacts({})
        return reports.ended(self.spec, status, self.tried, what)

    async def _status(
        self, deployment_id: str = "", log_lines: int = 0, seen: str = ""
    ) -> HostFacts:
        """The host's report; with `seen`, once the deployment has another phase, or soon."""
        done = await self.host.ask(
            scripts.status_script(
                self.spec.release,
                deployment_id,
                log_lines=log_lines,
                loader=self.policy.loader,
                seen=seen,
                wait_seconds=_WAIT_SECONDS,
            )
        )
        if done.exit != 0:
            raise DialError(f"{self.spec.host}: its status script failed: {done.last_line}")
        return HostFacts.parse(done.stdout)

    def _note(self, what: str) -> None:
        """Remember a failure once, for the report."""
        if what not in self.tried:
            self.tried.append(what)


def _restarts(last: HostFacts) -> bool:
    """Whether the host may be in a restart that the switch asked for."""
    return last["mode"] == "boot" and last["phase"] in ("armed", "activating", "rebooting")


def _now() -> float:
    return asyncio.get_running_loop().time()
