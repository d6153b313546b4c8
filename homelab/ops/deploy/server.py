"""Switches run in the program's own process, for the runners of one `pulumi up`.

A switch needs Python, asyncssh and the models of its spec, which take half a second to import for
each host. The program has most of them already and outlives all its resources, so it serves the
switches on a Unix socket that only its user can reach. `client.py` is the other side.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import shutil
import tempfile
import threading
from functools import cache
from importlib import import_module
from pathlib import Path

from homelab.ops.deploy.client import COMPARED


@cache
def serve_switches() -> Path:
    """Serve switches from now on, in a thread of this process; the path of the socket.

    Called again, it returns the same path. The thread ends with the process.
    """
    directory = Path(tempfile.mkdtemp(prefix="homelab-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    place, ready = directory / "switch", threading.Event()
    threading.Thread(
        target=lambda: asyncio.run(_serve(place, ready)), name="homelab-switches", daemon=True
    ).start()
    ready.wait()
    return place


def load_switches() -> None:
    """Import what a switch needs, in a thread, so that the first switch does not wait for it."""
    threading.Thread(
        target=import_module, args=("homelab.ops.deploy.offline",), daemon=True
    ).start()


async def _serve(place: Path, ready: threading.Event) -> None:
    server = await asyncio.start_unix_server(_answer, place)
    ready.set()
    async with server:
        await server.serve_forever()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Run the switch of one client. Without an exit code the client runs it itself."""
    from homelab.ops.deploy import offline

    def send(**answer: str | int) -> None:
        writer.write(json.dumps(answer).encode() + b"\n")

    try:
        header = json.loads(await reader.readline())
        spec = (await reader.readexactly(header["length"])).decode()
        environment = {name: text for name, text in header["environment"].items() if text}
        if any(environment.get(name) != os.environ.get(name) for name in COMPARED):
            return
        switch = asyncio.create_task(
            offline.carry_out(spec, environment, report=lambda text: send(report=text))
        )
        # The client sends nothing more: it is interrupted or gone.
        gone = asyncio.create_task(reader.read())
        await asyncio.wait({switch, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        switch.cancel()  # does nothing if it has ended
        send(exit=await switch)
        await writer.drain()
    except (OSError, ValueError, KeyError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()
