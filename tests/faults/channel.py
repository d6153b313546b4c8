"""The protocol of QEMU's monitor and guest agent: one line of JSON each way."""

from __future__ import annotations

import itertools
import json
import socket
import time
from pathlib import Path
from typing import Any

_numbers = itertools.count(1)


class Channel:
    """A connection to a socket that QEMU made."""

    def __init__(self, path: Path, seconds: float = 10) -> None:
        self._path, self._left = path, b""
        end = time.monotonic() + seconds
        while True:
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.connect(str(path))
            except (FileNotFoundError, ConnectionRefusedError):
                self._socket.close()
                assert time.monotonic() < end, f"nothing listens at {path}"
                time.sleep(0.02)
            else:
                return

    def close(self) -> None:
        self._socket.close()

    def ask(self, execute: str, seconds: float = 30, **arguments: Any) -> Any:
        """A command's answer. Raises `TimeoutError` if there is none in time."""
        said = {"execute": execute, "arguments": arguments}
        end = time.monotonic() + seconds
        self._say(json.dumps(said).encode())
        while True:
            answer = self._read(end)
            assert "error" not in answer, f"{execute}: {answer['error']['desc']}"
            if "return" in answer:
                return answer["return"]

    def sync(self, seconds: float) -> None:
        """Synchronise with the agent, which may have restarted, and discard earlier answers."""
        number = next(_numbers)
        said = {"execute": "guest-sync", "arguments": {"id": number}}
        end = time.monotonic() + seconds
        # The first byte makes the agent drop a partial line.
        self._say(b"\xff" + json.dumps(said).encode())
        while self._read(end).get("return") != number:
            pass

    def _say(self, line: bytes) -> None:
        try:
            self._socket.sendall(line + b"\n")
        except ConnectionError as error:
            raise TimeoutError(self._path) from error

    def _read(self, end: float) -> dict[str, Any]:
        while b"\n" not in self._left:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(self._path)
            self._socket.settimeout(left)
            try:
                more = self._socket.recv(1 << 16)
            except ConnectionError:
                more = b""
            if not more:
                # The other end is closed.
                raise TimeoutError(self._path)
            self._left += more
        line, _, self._left = self._left.partition(b"\n")
        answer: dict[str, Any] = json.loads(line.lstrip(b"\xff"))
        return answer
