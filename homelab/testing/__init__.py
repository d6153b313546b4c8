"""The API for tests of a homelab: its plan, problems, files, resources, and a rehearsal.

The guide is docs/guide/testing.md. Parts that need Pulumi are imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from homelab.render import changed_files
from homelab.testing.changes import Changes, changed, merged
from homelab.testing.files import stack_text, write_stack
from homelab.testing.loaded import Files, LoadedStack, stack
from homelab.testing.recorded import Recorded, Resource

if TYPE_CHECKING:
    from homelab.lab.rehearsal import Rehearsal
    from homelab.testing.mocks import run

__all__ = [
    "Changes",
    "Files",
    "LoadedStack",
    "Recorded",
    "Rehearsal",
    "Resource",
    "changed",
    "changed_files",
    "merged",
    "run",
    "stack",
    "stack_text",
    "write_stack",
]

_WHERE = {"Rehearsal": "homelab.lab.rehearsal", "run": "homelab.testing.mocks"}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
