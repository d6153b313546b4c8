"""The script through which switches of `pulumi up` run `homelab`.

The command of a switch is kept in the stack's state, so it must be the same on every machine, and
can rely on the project's directory only. The path of Python differs between machines: a `.venv`
here or above, or another environment. So the program writes its own Python's path into this script
before it registers anything.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from pathlib import Path

import homelab
from homelab.ops.deploy import client
from homelab.problems import HomelabError

VARIABLE = "HOMELAB_RUNNER"
"""Environment variable with another path than `RUNNER`, for a read-only project directory."""
RUNNER = ".homelab/run"
"""The script, beside the stack file; not committed."""
COMMAND = f'sh "${{{VARIABLE}:-{RUNNER}}}"'
"""The shell command that runs `homelab` from a project's directory."""


class RunnerError(HomelabError):
    """The script cannot be written."""


def write_runner(directory: Path, socket: Path | None = None) -> Path:
    """Write the script that runs this installation of `homelab` with this Python.

    With `socket`, a switch runs in the process that serves it there, if that still does.

    Replaced atomically, because another stack's run may be reading it.
    """
    path = directory / (os.environ.get(VARIABLE) or RUNNER)
    text = _script(sys.executable, Path(homelab.__file__).parent.parent, socket)
    try:
        if path.is_file() and path.read_bytes() == os.fsencode(text):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix="run.", delete=False) as file:
            file.write(os.fsencode(text))
        Path(file.name).replace(path)
    except OSError as error:
        raise RunnerError(
            f"{path}: cannot be written ({error.strerror}), and switches need it; "
            f"set {VARIABLE} to a path that can be written"
        ) from None
    return path


def _script(python: str, modules: Path, socket: Path | None) -> str:
    """The script's text. `-P`: the current directory must not shadow `homelab`."""
    words = ["-P", "-m", "homelab"]
    if socket is not None:
        # Without site packages it starts in a few milliseconds.
        words = ["-I", "-S", str(Path(client.__file__)), str(socket)]
    return (
        "# Runs the homelab of the last `pulumi up` here; the next one overwrites this file.\n"
        f"PYTHONPATH={shlex.quote(str(modules))}${{PYTHONPATH:+:$PYTHONPATH}}\n"
        "export PYTHONPATH\n"
        f'exec {shlex.quote(python)} {shlex.join(words)} "$@"\n'
    )
