"""The home stack in a directory with edits, for cases that owners reported."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from homelab import testing
from homelab.ops.project.stack import check_stack, open_stack
from homelab.problems import InvalidStackError, Problem
from tests import build

BESIDE = ("hosts", "home", "secrets", "locks", "homelab.lock.yaml")


def laid_out(
    directory: Path, edit: Mapping[str, Any], files: Mapping[str, str] | None = None
) -> Path:
    """The home stack with settings merged over its own (None removes a key) and files beside it."""
    for name in BESIDE:
        source = build.SHIPPED / name
        if source.is_dir():
            shutil.copytree(source, directory / name)
        elif source.exists():
            shutil.copy(source, directory / name)
    stack = yaml.safe_load((build.SHIPPED / "Pulumi.home.yaml").read_text(encoding="utf-8"))
    over = {key if ":" in key else f"homelab:{key}": value for key, value in edit.items()}
    stack["config"] = testing.changed(stack["config"], over)
    text = yaml.safe_dump(stack, sort_keys=False)
    (directory / "Pulumi.home.yaml").write_text(text, encoding="utf-8")
    for path, content in (files or {}).items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(content, encoding="utf-8")
    return directory


def tried(directory: Path) -> list[Problem]:
    """All its problems, but for what an edit adds and the shipped lock does not have."""
    try:
        return [p for p in check_stack(directory, "home")[1] if p.check != "lock-current"]
    except InvalidStackError as error:
        return [*error.problems]


def rendered(directory: Path) -> dict[str, dict[str, str]]:
    """The text of every file of every host, by host and path."""
    return {
        host: {path: text for path, text in release.files if isinstance(text, str)}
        for host, release in open_stack(directory, "home").releases.items()
    }
