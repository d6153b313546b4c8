"""Run a command that ends when this process ends, even if this process is killed.

A keeper process starts the command. It reads a pipe whose other end only this process has. The
kernel closes that end however this process ends. Without the keeper, a switch would outlive its
rehearsal and run into the next one. This file is also the keeper's program, so it imports only the
standard library.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence


def run_attached(
    words: Sequence[str], stdin: str, environment: Mapping[str, str], directory: str | None
) -> tuple[int, str, str]:
    """Run the command to its end. Returns exit status (negative: a signal), output and errors.

    Raises OSError if the program or the directory does not exist.
    """
    ours, theirs = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-S", "-E", "-s", __file__, str(ours), *words],
            input=stdin.encode(),
            capture_output=True,
            check=False,
            cwd=directory,
            env=dict(environment),
            pass_fds=(ours,),
        )
    finally:
        os.close(ours)
        os.close(theirs)
    if done.returncode == _NOT_THERE:
        raise FileNotFoundError(2, "no such file or directory", words[0])
    return done.returncode, _decoded(done.stdout), _decoded(done.stderr)


_NOT_THERE = 213
"""Exit status of the keeper if the program does not exist."""


def _decoded(output: bytes) -> str:
    return output.decode(errors="replace")


def _keep(pipe: int, words: Sequence[str]) -> int:
    try:
        command = subprocess.Popen(words, start_new_session=True)
    except OSError:
        return _NOT_THERE

    def end_with_parent() -> None:
        os.read(pipe, 1)
        os.killpg(command.pid, signal.SIGKILL)

    # Ctrl-C reaches the terminal's process group, and the command is in another one.
    signal.signal(signal.SIGINT, lambda *_: os.killpg(command.pid, signal.SIGINT))
    threading.Thread(target=end_with_parent, daemon=True).start()
    code = command.wait()
    if code < 0:
        # These two signals cannot have a handler to reset.
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(_keep(int(sys.argv[1]), sys.argv[2:]))
