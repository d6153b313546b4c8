"""Send many bytes to a script on a machine, without holding them in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncssh

from homelab.ops.machine.exchange import started
from homelab.ops.machine.host import HostLink
from homelab.ops.machine.ssh import DialError
from homelab.problems import HomelabError

_PIECE = 256 * 1024


async def sent_to(link: HostLink, script: str, read: Callable[[int], Awaitable[bytes]]) -> None:
    """Run a script on a machine that reads the bytes after its own text. `read` gives at most so
    many of them, and none at the end.

    Raises HomelabError with the script's last error line if it fails.
    """
    session, path = await link.open()
    try:
        async with started(session, path.shell(link.dial_map)) as process:
            process.stdin.write(script.encode())
            while data := await read(_PIECE):
                process.stdin.write(data)
                await process.stdin.drain()
            process.stdin.write_eof()
            done = await process.ended()
    except (OSError, asyncssh.Error) as error:
        await link.close()
        raise DialError(f"{link.name}: {error or 'the connection ended'}") from None
    if done.exit != 0:
        lines = done.errors.strip().splitlines() or [f"it exited with {done.exit}"]
        raise HomelabError(f"{link.name}: {lines[-1].removeprefix('homelab: ')}")
