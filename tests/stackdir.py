"""A stack on disk: the stack file, the files beside it, and the program."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from homelab import testing
from homelab.secrets.age import age_recipient
from homelab.testing import merged
from tests import build

NAME = "small"
Edits = tuple[tuple[str, str], ...]
TARGET = {"b2": {"kind": "b2", "path": "bucket/restic", "credentials": {"sops": "restic/b2"}}}
"""A directory in which every host may store data."""


def changed(changes: Mapping[str, object] | None = None) -> dict[str, object]:
    """Changes with which the smallest homelab passes every check, and further changes."""
    return merged({"backup": {"targets": TARGET}}, changes or {})


def without_nulls(value: Mapping[str, object]) -> dict[str, object]:
    """The same without keys whose value is None."""
    return {
        k: without_nulls(v) if isinstance(v, Mapping) else v
        for k, v in value.items()
        if v is not None
    }


def stack_text(changes: Mapping[str, object] | None = None, edits: Edits = ()) -> str:
    """The stack file of the smallest homelab with changes merged in, then edited as text."""
    config = build.config(changed(changes))
    text = testing.stack_text(without_nulls(config))
    for old, new in edits:
        assert old in text, f"{old!r} is not in the stack file"
        text = text.replace(old, new, 1)
    return text


def write_stack(
    directory: Path, changes: Mapping[str, object] | None = None, edits: Edits = ()
) -> Path:
    """Write a directory with the smallest homelab and everything that its program needs."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"Pulumi.{NAME}.yaml").write_text(stack_text(changes, edits), encoding="utf-8")
    for file in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(build.ROOT / file, directory / file)
    for host in ("pi", "nas"):
        place = directory / "hosts" / host / "hardware.nix"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(build.HARDWARE, encoding="utf-8")
        sops = directory / "secrets" / f"{host}.yaml"
        sops.parent.mkdir(exist_ok=True)
        text = (build.SHIPPED / "secrets/pi.yaml").read_text(encoding="utf-8")
        mine = build.KEY if host == "pi" else build.host_key(host)
        sops.write_text(text.replace(age_recipient(build.KEY), age_recipient(mine)), "utf-8")
    shutil.copy(build.SHIPPED / "secrets/deploy.yaml", directory / "secrets")
    (directory / "locks").mkdir(exist_ok=True)
    shutil.copy(build.SHIPPED / "locks/nixos-25.11.lock", directory / "locks")
    return directory
