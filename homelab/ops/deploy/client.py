"""The client of `server.py`: `python client.py SOCKET switch HOST`, run by the runner script.

It imports the standard library only, so it starts in a few milliseconds. If the program does not
serve switches, or ends before the switch does, this becomes `homelab switch`, which resumes it.
"""

from __future__ import annotations

import json
import os
import socket
import sys

COMPARED = ("HOME", "SSH_AUTH_SOCK")
"""Environment variables that must be equal here and in the program."""
PASSED = ("HOMELAB_DIAL",)
"""Environment variables that are passed to the program."""


def main(place: str, words: list[str]) -> int:
    """Run `homelab` with these words; the exit code."""
    if len(words) != 2 or words[0] != "switch" or words[1].startswith("-"):
        become(words, None)
    spec = sys.stdin.buffer.read()
    code = None
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(place)
            code = ask(connection, spec)
    except OSError:
        pass
    if code is None:
        become(words, spec)
    return code or 0


def ask(connection: socket.socket, spec: bytes) -> int | None:
    """Send the spec and print the report; the exit code, or None if the program gives none."""
    environment = {name: os.environ.get(name) for name in (*COMPARED, *PASSED)}
    header = {"environment": environment, "length": len(spec)}
    connection.sendall(json.dumps(header).encode() + b"\n" + spec)
    lines = connection.makefile("r", encoding="utf-8")
    while True:
        try:
            answer = json.loads(lines.readline() or '{"exit": null}')
        except KeyboardInterrupt:
            # The program ends the switch, and answers once more.
            connection.shutdown(socket.SHUT_WR)
            continue
        if "exit" in answer:
            return answer["exit"]  # type: ignore[no-any-return]
        print(answer["report"], file=sys.stderr, flush=True)


def become(words: list[str], spec: bytes | None) -> None:
    """Replace this process by `homelab`, with the spec on standard input."""
    if spec is not None:
        # The spec may hold secrets, so it is in no file.
        there, here = os.pipe()
        if os.fork() == 0:
            os.close(there)
            with os.fdopen(here, "wb") as pipe:
                pipe.write(spec)
            os._exit(0)
        os.close(here)
        os.dup2(there, 0)
    os.execv(sys.executable, [sys.executable, "-P", "-m", "homelab", *words])  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
