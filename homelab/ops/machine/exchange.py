"""Data through one SSH connection: input and output of a command, or of two commands in a pipe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import asyncssh

from homelab.ops.machine.here import Here
from homelab.ops.machine.ssh import DialError, Session


@dataclass(frozen=True)
class Answered:
    """The exit code, the bytes and the errors of a command."""

    exit: int
    output: bytes
    errors: str


async def follow(
    connection: Session,
    command: str,
    stdin: str,
    report: Callable[[str], None],
) -> int:
    """Run a command over a connection, and report each line as it comes. The exit code.

    Raises DialError if the connection ends first.
    """
    try:
        if isinstance(connection, Here):
            return await connection.follow(command, stdin.encode(), report)
        async with connection.create_process(
            command, stderr=asyncssh.STDOUT, errors="replace"
        ) as process:
            process.stdin.write(stdin)
            process.stdin.write_eof()
            async for line in process.stdout:
                if line.strip():
                    report(line.rstrip())
            done = await process.wait()
    except (OSError, asyncssh.Error) as error:
        raise DialError(str(error) or "the connection ended") from None
    if done.exit_status is None:
        raise DialError("the connection ended")
    return done.exit_status


async def exchange(connection: Session, command: str, stdin: bytes) -> Answered:
    """Run a command over a connection with bytes in both directions, without a time limit.

    Raises DialError if the connection ends first.
    """
    try:
        if isinstance(connection, Here):
            code, output, errors = await connection.run(command, stdin)
            return Answered(code, output, errors.decode(errors="replace"))
        done = await connection.run(command, input=stdin, encoding=None)
    except (OSError, asyncssh.Error) as error:
        raise DialError(str(error) or "the connection ended") from None
    return _answered(done)


async def pipe(
    source: Session,
    sender: tuple[str, bytes],
    target: Session,
    receiver: tuple[str, bytes],
    passed: Callable[[int], None],
) -> tuple[Answered, Answered]:
    """Run a command on each of two machines, and pass the output of the first to the second, after
    the second's own input. `passed` is told how many bytes went through.

    Raises DialError if a connection ends first.
    """
    try:
        async with started(source, sender[0]) as first, started(target, receiver[0]) as second:
            second.stdin.write(receiver[1])

            async def feed() -> None:
                first.stdin.write(sender[1])
                await first.stdin.drain()
                first.stdin.write_eof()

            feeding = asyncio.create_task(feed())
            while data := await first.stdout.read(_PIECE):
                second.stdin.write(data)
                await second.stdin.drain()
                passed(len(data))
            await feeding
            second.stdin.write_eof()
            return await first.ended(), await second.ended()
    except (OSError, asyncssh.Error) as error:
        raise DialError(str(error) or "the connection ended") from None


class _Input(Protocol):
    def write(self, data: bytes) -> object: ...
    def write_eof(self) -> None: ...
    async def drain(self) -> None: ...


class _Output(Protocol):
    async def read(self, n: int = -1) -> bytes: ...


@dataclass(frozen=True)
class _Running:
    """A command that runs, there or here."""

    stdin: _Input
    stdout: _Output
    ended: Callable[[], Awaitable[Answered]]
    """Waits for its end."""


@asynccontextmanager
async def started(session: Session, command: str) -> AsyncIterator[_Running]:
    """A command that runs, with bytes in both directions."""
    if isinstance(session, Here):
        local = await session.start(command)
        assert local.stdin is not None
        assert local.stdout is not None

        async def ended() -> Answered:
            output, errors = await local.communicate()
            return Answered(local.returncode or 0, output, errors.decode(errors="replace"))

        yield _Running(local.stdin, local.stdout, ended)
        return
    async with session.create_process(command, encoding=None) as remote:

        async def finished() -> Answered:
            return _answered(await remote.wait())

        yield _Running(remote.stdin, remote.stdout, finished)


_PIECE = 256 * 1024


def _answered(done: asyncssh.SSHCompletedProcess) -> Answered:
    output, errors = done.stdout, done.stderr
    return Answered(
        -1 if done.exit_status is None else done.exit_status,
        output if isinstance(output, bytes) else b"",
        errors.decode(errors="replace") if isinstance(errors, bytes) else "",
    )
