"""How `pulumi up` runs `homelab`: by a script that the program leaves for the switches.

The text of a switch is kept in the stack's state, so it must be the same on every machine, and
the directory of the project is all that it can count on. Where the Python of a program is
differs: a `.venv` here or above, or an environment of somebody's own. The program knows it, so it
writes it down before it registers anything.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from pathlib import Path

import homelab
from homelab.problems import HomelabError

VARIABLE = "HOMELAB_RUNNER"
"""Names another place than `RUNNER`, for a project that cannot be written to."""
RUNNER = ".homelab/run"
"""Beside the stack file; not committed."""
COMMAND = f'sh "${{{VARIABLE}:-{RUNNER}}}"'
"""Runs `homelab` from a project's directory, in the shell."""


class RunnerError(HomelabError):
    """The script cannot be written."""


def write_runner(directory: Path) -> Path:
    """Leave a script that runs this very `homelab`, by this very Python.

    Written whole or not at all, for another stack's run may be reading it.
    """
    path = directory / (os.environ.get(VARIABLE) or RUNNER)
    text = _script(sys.executable, Path(homelab.__file__).parent.parent)
    try:
        if path.is_file() and path.read_bytes() == os.fsencode(text):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix="run.", delete=False) as file:
            file.write(os.fsencode(text))
        Path(file.name).replace(path)
    except OSError as error:
        raise RunnerError(
            f"{path}: cannot be written ({error.strerror}), and switches are run by it; "
            f"name a file that can be in {VARIABLE}"
        ) from None
    return path


def _script(python: str, modules: Path) -> str:
    """No directory that the caller stands in may give `homelab` another meaning (`-P`)."""
    return (
        "# Runs the homelab of the last `pulumi up` here; the next one writes this anew.\n"
        f"PYTHONPATH={shlex.quote(str(modules))}${{PYTHONPATH:+:$PYTHONPATH}}\n"
        "export PYTHONPATH\n"
        f'exec {shlex.quote(python)} -P -m homelab "$@"\n'
    )
