"""Files and directories that the user may not read, also for a test that runs as root."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def close(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`chmod 000` of a file or directory. Root may read it all the same, so for root the calls of
    the system answer as they do for everybody else.
    """
    if os.geteuid() != 0:
        path.chmod(0)
        return
    here, is_directory = str(path.absolute()), path.is_dir()

    def refused(name: object, *, within: bool) -> bool:
        if not isinstance(name, (str, os.PathLike)):
            return False
        there = str(Path(os.fsdecode(name)).absolute())
        if there == here:
            return not within
        return is_directory and there.startswith(f"{here}/")

    def guarded(call: Callable[..., object], *, within: bool) -> Callable[..., object]:
        def answer(name: object = ".", *rest: object, **more: object) -> object:
            if refused(name, within=within):
                raise PermissionError(13, "Permission denied", str(name))
            return call(name, *rest, **more)

        return answer

    opened = guarded(io.open, within=False)
    monkeypatch.setattr(io, "open", opened)
    monkeypatch.setattr(builtins, "open", opened)
    for name in ("listdir", "scandir", "open"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name), within=False))
    for name in ("stat", "lstat", "readlink"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name), within=True))

    def access(name: object, mode: int, **_: object) -> bool:
        return not refused(name, within=False)

    monkeypatch.setattr(os, "access", access)
