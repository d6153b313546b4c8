"""`homelab switch` for an offline host: wake it, or leave its bundle on the relay.

The spec carries files, secrets and build script, because no other resource of an `up` can wake the
host or wait for it. Exit code 0 means the same as for any host: it has committed the release.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, NoReturn

from homelab.deploy import scripts
from homelab.deploy.spec import json_of
from homelab.deploy.status import WENT_BACK, HostFacts
from homelab.offline.bundle import Bundle, bundle_text, identity
from homelab.ops.deploy import switch
from homelab.ops.deploy.before import prepared
from homelab.ops.deploy.bundle import seal, sign
from homelab.ops.deploy.closure import ClosureSpec, bring_closure
from homelab.ops.deploy.inputs import fetched
from homelab.ops.deploy.offline_spec import OfflineSpec
from homelab.ops.deploy.spec import SwitchSpec
from homelab.ops.deploy.switch import NotCommittedError, Report, patient
from homelab.ops.machine.host import ASK_SECONDS, HostLink
from homelab.ops.machine.ssh import DialError, DialMap, HostKeyError
from homelab.problems import HomelabError

PACKET_SECONDS = 20
"""Seconds between two wake packets."""


def run(text: str, *, report: Report) -> int:
    """As `switch.run`, for any host."""
    return asyncio.run(carry_out(text, os.environ, report=report))


async def carry_out(text: str, environment: Mapping[str, str], *, report: Report) -> int:
    """As `run`, in a loop that runs already. `environment` may name a dial map."""
    spec_json = json_of(text)
    try:
        is_offline = "offline" in json.loads(spec_json)
    except (ValueError, TypeError):
        is_offline = False
    if not is_offline:
        return await switch.carry_out(SwitchSpec, switch.bring, spec_json, environment, report)
    return await switch.carry_out(OfflineSpec, bring, spec_json, environment, report)


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
        """Place the files and secrets, build, and switch, as for an always-on host."""
        spec = self.spec
        placed = self._secrets()
        if not switch.has_committed(await self._facts(), spec):
            for what, script in (
                ("was not staged: its files could not be written", spec.payload.stage),
                ("was not staged: its secrets could not be placed", placed),
                ("was not built, or failed the preflight", spec.payload.build),
            ):
                text = await self._ready_to_build() if script is spec.payload.build else script
                done = await self.host.ask(text, None)
                if done.exit != 0:
                    self._fail(what, *(done.stderr.splitlines()[-60:] or [done.last_line]))
        await switch.bring(spec, self.dial_map, self.report)

    async def _ready_to_build(self) -> str:
        """The build script, after what must come before it."""
        payload = self.spec.payload
        if payload.closure is not None:
            await self._copied(payload.closure)
        if payload.before is None:
            return payload.build
        before = payload.before.model_copy(update={"release": self.spec.release})
        return await prepared(before, self.host, payload.build, self.report)

    async def _copied(self, closure: ClosureSpec) -> None:
        try:
            await bring_closure(closure, self.host, self.spec.stack, self.dial_map, self.report)
        except HomelabError as error:
            self._fail("was not built on another machine", *str(error).splitlines())

    def _secrets(self) -> str:
        spec = self.spec
        return scripts.secrets_script(spec.release, spec.payload.secrets, stack=spec.stack)

    async def _facts(self) -> HostFacts:
        done = await self.host.ask(scripts.status_script(self.spec.release))
        if done.exit != 0:
            raise DialError(f"{self.name}: its status script failed: {done.last_line}")
        return HostFacts.parse(done.stdout)

    # --- wake_by ----------------------------------------------------------------------------------

    async def woken(self) -> None:
        """Wake the host unless it answers, then continue as for an always-on host."""
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
            "was not switched: the host is off, and did not answer "
            f"within {awake.wake_seconds} s of the wake packets",
            f"{awake.wake} on {awake.host}, {packets} time{'s' if packets != 1 else ''}",
            *answer.splitlines(),
            way_out="check that it has power and that its firmware has Wake-on-LAN enabled, "
            "or turn it on by hand; then run pulumi up again",
        )

    async def _packet(self) -> None:
        awake = self.awake
        try:
            done = await self.other.ask(scripts.wake_script(awake.wake))
        except DialError as error:
            self._fail(
                f"was not switched: the host is off, and {awake.host} cannot wake it",
                *str(error).splitlines(),
            )
        if done.exit != 0:
            self._fail(
                f"was not switched: the host is off, and {awake.host} cannot wake it",
                done.last_line,
            )

    # --- pull_from --------------------------------------------------------------------------------

    async def fetched(self) -> None:
        """Return when the host has reported this release as committed, or was switched directly."""
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
                way_out=f"fix the cause; or deploy.again: {{{self.name}: …}} to try as it is",
            )
        # A bundle that the host could not apply is stored again, with a new deployment id.
        left = ours and not reported
        since = waiting["SINCE"] if left else await self._put(what, made)
        self._fail(
            f"waits for it on {awake.host} since {since}",
            *(["the last try to apply it failed", *reported_lines] if reported else []),
            way_out="nothing to do; the host fetches it when it is on, and the next pulumi up "
            "records it",
        )

    async def _settle(self, made: int) -> None:
        """Mark earlier bundles as stale on the host, and drop the one on the relay."""
        done = await self.host.ask(scripts.taken_script(made), self.spec.lock_seconds + ASK_SECONDS)
        if done.exit != 0:
            self.report(f"{self.name}: could not mark older bundles as stale: {done.last_line}")
        try:
            await self._relay("drop")
        except DialError as error:
            self.report(f"{self.awake.host}: still keeps the old bundle: {error}")

    async def _put(self, what: str, made: int) -> str:
        """Store the bundle on the relay; returns the time, in ISO 8601."""
        spec = self.spec
        since = datetime.fromtimestamp(made / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        bundle = bundle_text(
            Bundle(
                host=spec.host,
                release=spec.release,
                secrets_version=spec.secrets_version,
                # The host confirms its own switch, and could not after a restart.
                policy=replace(spec.policy, reboot="never"),
                stage=spec.payload.stage,
                build=spec.payload.build,
                sealed=seal(self._secrets(), self._host_key()),
                inputs=await self._inputs(),
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

    async def _inputs(self) -> tuple[str, ...]:
        """Scripts that put the private inputs into the host's store, encrypted to its key."""
        before, found = self.spec.payload.before, []
        for each in before.inputs if before is not None and self.dial_map is None else ():
            archive = await asyncio.to_thread(fetched, each)
            found.append(seal(scripts.take_script(each.path, "", archive), self._host_key()))
        return tuple(found)

    def _host_key(self) -> str:
        """The key to which the host's secrets are encrypted."""
        if self.dial_map is None:
            return self.spec.host_key
        path = self.spec.paths[0]
        return self.dial_map.look_up(path.endpoint(self.name)).host_key

    async def _relay(
        self, do: Literal["look", "put", "drop"], bundle: str = "", signature: str = ""
    ) -> HostFacts:
        done = await self.other.ask(scripts.relay_script(self.name, do, bundle, signature))
        if done.exit != 0:
            raise DialError(f"{self.awake.host}: {done.last_line}")
        return HostFacts.parse(done.stdout)

    # --- the end ----------------------------------------------------------------------------------

    def _fail(
        self, what: str, *lines: str, way_out: str = "fix the cause, then run pulumi up again"
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
