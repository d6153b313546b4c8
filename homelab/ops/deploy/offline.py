"""`homelab switch` for a host that may sleep: wake it, or let its release wait where it fetches it.

Files, secrets and build come along in the spec, for nothing else of an `up` could wake the host or
wait for it. Success means what it always means: the host is committed to its release.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Literal, NoReturn

from pydantic import Field

from homelab.config.base import HostKey, Model, Name, PublicKey, Str
from homelab.deploy import scripts
from homelab.deploy.status import WENT_BACK, HostFacts
from homelab.offline.bundle import Bundle, bundle_text, identity
from homelab.ops.deploy import switch
from homelab.ops.deploy.bundle import seal, sign
from homelab.ops.deploy.spec import SwitchSpec
from homelab.ops.deploy.switch import NotCommittedError, Report, last_word, patient
from homelab.ops.machine.host import ASK_SECONDS, HostLink, HostPath
from homelab.ops.machine.ssh import DialError, DialMap, Endpoint, HostKeyError

PACKET_SECONDS = 20
"""How long after a packet the next one goes out."""


class Payload(Model):
    """What the host is brought before it switches."""

    stage: Str
    """Script that writes the files."""
    secrets: dict[Str, Str]
    """Values by name."""
    build: Str
    """Script that builds."""


class Awake(Model):
    """Who is awake instead, and what that one does."""

    host: Name
    paths: Annotated[tuple[HostPath, ...], Field(min_length=1)]
    host_key: HostKey
    wake: Str = ""
    """Its command that wakes the host; where empty, the release waits there."""
    wake_seconds: Annotated[int, Field(ge=1)] = 180
    """How long the host may take to answer then."""
    signers: tuple[PublicKey, ...] = ()
    """Whose signature the host trusts on what waits for it."""


class OfflineSpec(SwitchSpec):
    """What the switch of a host that may sleep needs to know. It holds secrets."""

    payload: Payload
    offline: Awake


def run(spec_json: str, *, report: Report) -> int:
    """As `switch.run`, for any host."""
    try:
        sleeps = "offline" in json.loads(spec_json)
    except (ValueError, TypeError):
        sleeps = False
    if not sleeps:
        return switch.run(spec_json, report=report)
    return switch.carry_out(OfflineSpec, bring, spec_json, report)


async def bring(spec: OfflineSpec, dial_map: DialMap | None, report: Report) -> None:
    """Return when the host is committed to its release; else raise with the report."""
    offline_host = _OfflineHost(patient(spec, dial_map), dial_map, report)
    try:
        await (offline_host.woken() if spec.offline.wake else offline_host.fetched())
    finally:
        await offline_host.host.close()
        await offline_host.other.close()


@dataclass
class _OfflineHost:
    spec: OfflineSpec
    dial_map: DialMap | None
    report: Report
    tried: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        spec, awake = self.spec, self.spec.offline
        self.name, self.awake = spec.host, awake
        self.host = HostLink(spec.host, spec.paths, spec.host_key, self.dial_map)
        self.other = HostLink(awake.host, awake.paths, awake.host_key, self.dial_map)

    # --- the host answers -------------------------------------------------------------------------

    async def directly(self) -> None:
        """Everything that a host which is always on has resources for, and then its switch."""
        spec = self.spec
        placed = self._secrets()
        if not switch.has_committed(await self._facts(), spec):
            for what, script in (
                ("is not there: its files could not be written", spec.payload.stage),
                ("is not there: its secrets could not be placed", placed),
                ("was not built, or would not come through the switch", spec.payload.build),
            ):
                done = await self.host.ask(script, None)
                if done.exit != 0:
                    self._fail(what, *(done.stderr.splitlines()[-60:] or [last_word(done)]))
        await switch.bring(spec, self.dial_map, self.report)

    def _secrets(self) -> str:
        spec = self.spec
        return scripts.secrets_script(spec.release, spec.payload.secrets, stack=spec.stack)

    async def _facts(self) -> HostFacts:
        done = await self.host.ask(scripts.status_script(self.spec.release))
        if done.exit != 0:
            raise DialError(f"{self.name}: it cannot say how it is: {last_word(done)}")
        return HostFacts.parse(done.stdout)

    # --- a neighbour wakes it ---------------------------------------------------------------------

    async def woken(self) -> None:
        """Wake the host unless it answers, and go on as with any other."""
        try:
            await self._facts()
        except HostKeyError:
            raise
        except DialError:
            await self._wake()
        await self.directly()

    async def _wake(self) -> None:
        awake = self.awake
        self.report(f"{self.name}: does not answer; {awake.host} wakes it")
        end, due, packets = _now() + awake.wake_seconds, 0.0, 0
        while True:
            if _now() >= due:
                await self._packet()
                packets, due = packets + 1, _now() + PACKET_SECONDS
            try:
                await self._facts()
            except HostKeyError:
                raise
            except DialError as error:
                answer = str(error)
            else:
                self.report(f"{self.name}: is awake")
                return
            if _now() > end:
                break
            await asyncio.sleep(self.spec.poll_seconds)
        self._fail(
            "is not there: it sleeps, and did not answer "
            f"within {awake.wake_seconds} s of being woken",
            f"{awake.wake} on {awake.host}, {packets} time{'s' if packets != 1 else ''}",
            *answer.splitlines(),
            way_out="see whether it has power and its firmware heeds Wake-on-LAN, "
            "or wake it by hand; then run pulumi up again",
        )

    async def _packet(self) -> None:
        awake = self.awake
        try:
            done = await self.other.ask(scripts.wake_script(awake.wake))
        except DialError as error:
            self._fail(
                f"is not there: it sleeps, and {awake.host} cannot wake it",
                *str(error).splitlines(),
            )
        if done.exit != 0:
            self._fail(f"is not there: it sleeps, and {awake.host} cannot wake it", last_word(done))

    # --- its release waits where it fetches it ----------------------------------------------------

    async def fetched(self) -> None:
        """Return when the host has told that it took this release, or took it directly."""
        spec, awake = self.spec, self.awake
        what = identity(spec.release, spec.secrets_version, spec.again)
        try:
            waiting = await self._relay("look")
        except DialError as error:
            waiting = HostFacts({})
            self.tried += str(error).splitlines()
        ours = waiting["WHAT"] == what
        reported = (
            waiting["report-phase"]
            if ours and waiting["report-id"] == waiting["DEPLOYMENT_ID"]
            else ""
        )
        if reported == "committed":
            self.report(
                f"{self.name}: fetched release {spec.release} from {awake.host} and committed it"
            )
            return
        made = time.time_ns()
        try:
            await self.directly()
        except HostKeyError:
            raise
        except DialError as error:
            self.tried += str(error).splitlines()
        else:
            await self._settle(made)
            return
        reported_lines = [f"why: {waiting['report-reason']}"] if reported else []
        reported_lines += [f"log: {line}" for line in waiting.log] if reported else []
        if reported in WENT_BACK:
            self._fail(
                f"was fetched from {awake.host}, and {WENT_BACK[reported]}",
                *reported_lines,
                way_out=f"mend the cause; or deploy.again: {{{self.name}: …}} to try as it is",
            )
        # What could not be taken waits anew, as a deployment of its own.
        left = ours and not reported
        since = waiting["SINCE"] if left else await self._put(what, made)
        self._fail(
            f"waits for it on {awake.host} since {since}",
            *(["it tried to take it, and could not", *reported_lines] if reported else []),
            way_out="nothing; it takes it when it wakes, and the next pulumi up records it",
        )

    async def _settle(self, made: int) -> None:
        """What waited is stale now, for the host and for its relay."""
        done = await self.host.ask(scripts.taken_script(made), self.spec.lock_seconds + ASK_SECONDS)
        if done.exit != 0:
            self.report(f"{self.name}: could not note what is stale: {last_word(done)}")
        try:
            await self._relay("drop")
        except DialError as error:
            self.report(f"{self.awake.host}: still keeps what waited: {error}")

    async def _put(self, what: str, made: int) -> str:
        """Let the release wait on the relay; since when."""
        spec = self.spec
        since = datetime.fromtimestamp(made / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        bundle = bundle_text(
            Bundle(
                host=spec.host,
                release=spec.release,
                secrets_version=spec.secrets_version,
                # Nobody would be there after a restart to confirm it.
                policy=replace(spec.policy, reboot="never"),
                stage=spec.payload.stage,
                build=spec.payload.build,
                sealed=seal(self._secrets(), self._host_key()),
                port=spec.paths[0].port,
                paths=tuple(path.name for path in spec.paths),
                units=spec.confirm.units,
                activation_seconds=spec.activation_seconds,
                confirm_seconds=spec.confirm.seconds,
                settle=spec.confirm.settle,
                lock_seconds=spec.lock_seconds,
                made=made,
                since=since,
                deployment_id=secrets.token_hex(8),
            )
        )
        signature = await asyncio.to_thread(sign, bundle, self.awake.signers, self.dial_map)
        try:
            await self._relay("put", bundle, signature)
        except DialError as error:
            self._fail(f"could not be left on {self.awake.host}", *str(error).splitlines())
        return since

    def _host_key(self) -> str:
        """The key that the host opens its secrets with."""
        if self.dial_map is None:
            return self.spec.host_key
        path = self.spec.paths[0]
        endpoint = Endpoint(self.name, path.name, path.address, path.port, path.user)
        return self.dial_map.look_up(endpoint).host_key

    async def _relay(
        self, do: Literal["look", "put", "drop"], bundle: str = "", signature: str = ""
    ) -> HostFacts:
        done = await self.other.ask(scripts.relay_script(self.name, do, bundle, signature))
        if done.exit != 0:
            raise DialError(f"{self.awake.host}: {last_word(done)}")
        return HostFacts.parse(done.stdout)

    # --- the end ----------------------------------------------------------------------------------

    def _fail(
        self, what: str, *lines: str, way_out: str = "mend the cause, then run pulumi up again"
    ) -> NoReturn:
        """Raise the report."""
        found = [*dict.fromkeys(self.tried), *lines]
        raise NotCommittedError(
            "\n".join(
                [
                    f"{self.name}: release {self.spec.release} {what}",
                    *(f"  {line}" for line in found),
                    f"  next: {way_out}",
                ]
            )
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
