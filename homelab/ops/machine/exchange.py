"""Data through one SSH connection: input and output of a command, or of two commands in a pipe."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import asyncssh

from homelab.ops.machine.ssh import DialError


@dataclass(frozen=True)
class Answered:
    """The exit code, the bytes and the errors of a command."""

    exit: int
    output: bytes
    errors: str


async def exchange(
    connection: asyncssh.SSHClientConnection, command: str, stdin: bytes
) -> Answered:
    """Run a command over a connection with bytes in both directions, without a time limit.

    Raises DialError if the connection ends first.
    """
    try:
        done = await connection.run(command, input=stdin, encoding=None)
    except (OSError, asyncssh.Error) as error:
        raise DialError(str(error) or "the connection ended") from None
    return _answered(done)


async def pipe(
    source: asyncssh.SSHClientConnection,
    sender: tuple[str, bytes],
    target: asyncssh.SSHClientConnection,
    receiver: tuple[str, bytes],
    passed: Callable[[int], None],
) -> tuple[Answered, Answered]:
    """Run a command on each of two machines, and pass the output of the first to the second, after
    the second's own input. `passed` is told how many bytes went through.

    Raises DialError if a connection ends first.
    """
    try:
        async with (
            source.create_process(sender[0], encoding=None) as first,
            target.create_process(receiver[0], encoding=None) as second,
        ):
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
            return _answered(await first.wait()), _answered(await second.wait())
    except (OSError, asyncssh.Error) as error:
        raise DialError(str(error) or "the connection ended") from None


_PIECE = 256 * 1024


def _answered(done: asyncssh.SSHCompletedProcess) -> Answered:
    output, errors = done.stdout, done.stderr
    return Answered(
        -1 if done.exit_status is None else done.exit_status,
        output if isinstance(output, bytes) else b"",
        errors.decode(errors="replace") if isinstance(errors, bytes) else "",
    )
