"""Commands on this machine, in place of an SSH connection: the deployer is one of its hosts."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Callable
from pathlib import Path

PUBLIC_KEY = Path("/etc/ssh/ssh_host_ed25519_key.pub")
"""The SSH host key of this machine."""
_PIECE = 256 * 1024


class Here:
    """This machine. Commands survive an interruption of this process, as those over SSH do."""

    def abort(self) -> None:
        """Close nothing: there is no connection."""

    async def run(self, command: str, stdin: bytes) -> tuple[int, bytes, bytes]:
        """Run a command; its exit code, output and errors."""
        process = await self.start(command)
        output, errors = await process.communicate(stdin)
        return _code(process), output, errors

    async def follow(self, command: str, stdin: bytes, report: Callable[[str], None]) -> int:
        """Run a command, and report each line as it comes; its exit code."""
        process = await self.start(command, together=True)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(stdin)
        process.stdin.write_eof()
        rest = ""
        while data := await process.stdout.read(_PIECE):
            *lines, rest = (rest + data.decode(errors="replace")).split("\n")
            for line in filter(str.strip, lines):
                report(line.rstrip())
        if rest.strip():
            report(rest.rstrip())
        await process.wait()
        return _code(process)

    async def start(self, command: str, *, together: bool = False) -> asyncio.subprocess.Process:
        """Start a command of words, without a shell; `together`: its errors are in its output."""
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *shlex.split(command),
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT if together else pipe,
            # An interruption from the terminal must not stop a script half-way.
            start_new_session=True,
        )


def has_key(host_key: str) -> bool:
    """Whether this machine has the SSH host key of a host."""
    try:
        own = PUBLIC_KEY.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return own.split()[:2] == host_key.split()[:2]


def user() -> str:
    """Root if this process is root's; else the scripts need sudo."""
    return "root" if os.geteuid() == 0 else ""


def _code(process: asyncio.subprocess.Process) -> int:
    return -1 if process.returncode is None else process.returncode
