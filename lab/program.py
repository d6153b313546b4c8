"""Run a Pulumi program as Pulumi's own language host does, against the embedded engine."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import runpy
import sys
import traceback
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pulumi
import yaml
from pulumi import runtime
from pulumi.runtime import settings

from homelab.lab.monitor import Monitor

ORGANIZATION: Final = "organization"
"""Pulumi's name for the owner of a stack in a local backend."""

_WAITING: Final = 64
"""Threads in which the SDK waits for the engine. The engine limits parallel steps."""


def run(
    project_dir: Path,
    stack: str,
    config: Mapping[str, str],
    secret_keys: Collection[str],
    engine: Monitor,
    preview: bool,
) -> None:
    """Execute the project's program, and report its error as an `error` message.

    `config` is the whole stack config as Pulumi passes it: text by `namespace:key`.
    """
    project_dir = project_dir.resolve()
    project = yaml.safe_load((project_dir / "Pulumi.yaml").read_text())
    if (project["name"], stack) != (engine.project, engine.stack):
        raise ValueError(f"the engine is for {engine.project}/{engine.stack}")
    program = project_dir / project.get("main", "")
    engine.configure(config, secret_keys)

    def go() -> None:
        runtime.set_all_config(dict(config), list(secret_keys))
        settings.configure(
            settings.Settings(
                project=engine.project,
                stack=stack,
                monitor=engine,
                engine=engine,
                dry_run=preview,
                organization=ORGANIZATION,
                root_directory=str(project_dir),
            )
        )
        settings.set_root_resource(None)  # type: ignore[arg-type]
        _run_in_loop(program, engine)

    # The SDK keeps its settings in context variables, so a new context resets the SDK.
    with _as_own_process(program, project_dir):
        contextvars.copy_context().run(go)


def _run_in_loop(program: Path, engine: Monitor) -> None:
    loop = asyncio.new_event_loop()
    # After a failed apply, asyncio would report every future that was not awaited.
    loop.set_exception_handler(lambda *_: None)
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(_WAITING)
    loop.set_default_executor(executor)
    try:
        loop.run_until_complete(
            runtime.run_in_stack(lambda: runpy.run_path(str(program), run_name="__main__"))  # type: ignore[arg-type, return-value]
        )
    except KeyboardInterrupt:
        engine.interrupt()
    except pulumi.RunError as error:
        engine.program_failed(str(error))
    except SystemExit as error:
        if error.code not in (None, 0):
            engine.program_failed(f"Program exited with {error.code}")
    except Exception:  # noqa: BLE001 whatever a program raises is its own error
        engine.program_failed(
            "Program failed with an unhandled exception:\n" + _own_traceback(program)
        )
    finally:
        executor.shutdown(wait=True)  # running steps finish and are recorded
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        asyncio.set_event_loop(None)
        loop.close()


def _own_traceback(program: Path) -> str:
    """The traceback from the program's first line on, without frames of the lab."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    main = program / "__main__.py" if program.is_dir() else program
    for at, frame in enumerate(frames):
        if Path(frame.filename) == main:
            return traceback.format_exc(limit=at - len(frames))
    return traceback.format_exc()


@contextmanager
def _as_own_process(program: Path, project_dir: Path) -> Iterator[None]:
    """Set the program's directory, arguments and modules, and restore them afterwards."""
    directory, argv, path = Path.cwd(), sys.argv, list(sys.path)
    modules = set(sys.modules)
    shared = {name.partition(".")[0] for name in modules}
    asyncio_log = logging.getLogger("asyncio")
    level = asyncio_log.level
    asyncio_log.setLevel(logging.CRITICAL)
    sys.argv = [str(program)]
    os.chdir(project_dir)
    # Python takes a module for unchanged that was written anew within a second, to the same length;
    # two runs of one lab can be that close.
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes_bytecode
        os.chdir(directory)
        sys.argv, sys.path[:] = argv, path
        asyncio_log.setLevel(level)
        # A program's own modules are read anew in the next run, as in a process of its own.
        for name in set(sys.modules) - modules:
            file = getattr(sys.modules[name], "__file__", None) or ""
            own = file.startswith(f"{project_dir}{os.sep}") and "site-packages" not in file
            if own and name.partition(".")[0] not in shared:
                del sys.modules[name]
