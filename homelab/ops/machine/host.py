"""SSH to a host over its paths: LAN first, then tailnet, always with the pinned host key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from homelab.config.base import Model, Name, Port, Str
from homelab.deploy import scripts
from homelab.ops.machine import here
from homelab.ops.machine.exchange import Answered, pipe
from homelab.ops.machine.exchange import exchange as exchange_bytes
from homelab.ops.machine.exchange import follow as follow_command
from homelab.ops.machine.ssh import (
    Completed,
    DialError,
    DialMap,
    Endpoint,
    HostKeyError,
    Session,
    Via,
    connect,
)
from homelab.ops.machine.ssh import run as run_command
from homelab.problems import HomelabError

ASK_SECONDS = 60
"""Seconds that a script on a host may take to answer."""


class JumpHost(Model):
    """The host through which a path leads, with its own pinned key."""

    host: Name
    address: Str
    port: Port = 22
    user: Str = "root"
    host_key: Str


class HostPath(Model):
    """One network path to the host."""

    name: Name
    """lan, tailnet or local."""
    address: Str
    port: Port = 22
    user: Str = "root"
    jump: JumpHost | None = None
    proxy_command: tuple[Str, ...] = ()
    key: Str = ""
    here: bool = False
    """The host is the deployer itself."""

    def shell(self, dial_map: DialMap | None) -> str:
        """The command that reads scripts on the host."""
        return scripts.shell(here.user() if self.here and dial_map is None else self.user)

    def endpoint(self, host: str) -> Endpoint:
        """The same as the endpoint of a host."""
        jump = self.jump
        via = (
            Via(Endpoint(jump.host, "jump", jump.address, jump.port, jump.user), jump.host_key)
            if jump is not None
            else None
        )
        how = (self.proxy_command, self.key, self.here)
        return Endpoint(host, self.name, self.address, self.port, self.user, via, *how)


async def _reach(endpoint: Endpoint, host_key: str, dial_map: DialMap | None) -> Session:
    """A new connection to the host, or the host itself if it is this machine. The caller closes it.

    Raises HostKeyError if the host is said to be this machine, and another machine runs this.
    """
    if not endpoint.here or dial_map is not None:
        return await connect(endpoint, host_key, dial_map)
    if not here.has_key(host_key):
        raise HostKeyError(
            f"{endpoint.host}: this machine has another SSH host key than ssh.host_key, so it is "
            f"not {endpoint.host}; run this on {endpoint.host}, or leave out ssh.local"
        )
    return here.Here()


@dataclass
class HostLink:
    """A host over any of its paths; keeps one connection open."""

    name: str
    paths: tuple[HostPath, ...]
    host_key: str
    dial_map: DialMap | None
    session: Session | None = None
    path: HostPath | None = None

    async def dial(self, path: HostPath) -> Session:
        """A new connection over this path; the caller closes it."""
        return await _reach(path.endpoint(self.name), self.host_key, self.dial_map)

    async def ask(self, script: str, seconds: float | None = ASK_SECONDS) -> Completed:
        """Run a script over the open connection, or a new one over the first path that works.

        `seconds` None means no time limit.
        """
        session, path = await self.open()
        try:
            return await run_command(session, path.shell(self.dial_map), script, seconds=seconds)
        except DialError as error:
            await self.close()
            raise DialError(f"{self.name} over {path.name}: {error}") from None

    async def open(self) -> tuple[Session, HostPath]:
        """The open connection and its path; opens one over the first path that works."""
        if self.session is None or self.path is None:
            self.session, self.path = await self._first()
        return self.session, self.path

    def afresh(self, path: HostPath) -> HostLink:
        """The same host over this path alone, with a connection of its own."""
        return HostLink(self.name, (path,), self.host_key, self.dial_map)

    async def carry_out(
        self, script: str, report: Callable[[str], None], seconds: float = ASK_SECONDS
    ) -> None:
        """Run one script, report each line of its output, and close the connection.

        Raises HomelabError with the script's error output if it fails.
        """
        try:
            done = await self.ask(script, seconds)
        finally:
            await self.close()
        for line in done.stdout.splitlines():
            report(f"{self.name}: {line}")
        if done.exit != 0:
            raise HomelabError(f"{self.name}: {done.stderr.strip().removeprefix('homelab: ')}")

    async def follow(self, script: str, report: Callable[[str], None]) -> int:
        """Run a script without a time limit, and report each line as it comes. The exit code."""
        session, path = await self.open()
        try:
            return await follow_command(session, path.shell(self.dial_map), script, report)
        finally:
            await self.close()

    async def exchange(self, script: str, data: bytes = b"") -> bytes:
        """Run a script that may read these bytes after it. Its output; no time limit.

        Raises HomelabError with the script's error output if it fails.
        """
        session, path = await self.open()
        done = await exchange_bytes(session, path.shell(self.dial_map), script.encode() + data)
        return self._sound(done)

    async def pass_to(
        self,
        script: str,
        data: bytes,
        other: HostLink,
        receiver: str,
        passed: Callable[[int], None],
    ) -> None:
        """Pass the output of a script here to a script there, which reads it after its own text.

        Raises HomelabError with the error output of the script that fails.
        """
        session, path = await self.open()
        there, its_path = await other.open()
        sent, received = await pipe(
            session,
            (path.shell(self.dial_map), script.encode() + data),
            there,
            (its_path.shell(other.dial_map), receiver.encode()),
            passed,
        )
        self._sound(sent)
        other._sound(received)

    def _sound(self, done: Answered) -> bytes:
        if done.exit != 0:
            lines = done.errors.strip().splitlines() or [f"it exited with {done.exit}"]
            raise HomelabError(f"{self.name}: {lines[-1].removeprefix('homelab: ')}")
        return done.output

    async def working_paths(self) -> list[str]:
        """The names of the paths that reach the host now; the open connection's path counts."""
        works = await asyncio.gather(*(self._works(path) for path in self.paths))
        return [path.name for path, well in zip(self.paths, works, strict=True) if well]

    async def _works(self, path: HostPath) -> bool:
        if path is not self.path:
            try:
                (await self.dial(path)).abort()
            except HostKeyError:
                raise
            except DialError:
                return False
        return True

    async def close(self) -> None:
        """Close the open connection, if there is one."""
        if self.session is not None:
            self.session.abort()
        self.session = self.path = None

    async def _first(self) -> tuple[Session, HostPath]:
        failures = []
        for path in self.paths:
            try:
                return await self.dial(path), path
            except HostKeyError:
                raise
            except DialError as error:
                failures.append(str(error))
        raise DialError("\n".join(failures))
