"""What the owner's modules in a host's tree set, as far as their text shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from homelab.nix.source import Computed, Setting, read_nix

_ANY = "*"
"""A part of a path that only evaluation can determine."""


@dataclass(frozen=True)
class OwnSetting:
    """One setting, and the file of the tree that has it."""

    file: str
    setting: Setting

    def sets(self, option: Sequence[str]) -> bool:
        """Whether it sets an option, or one below it."""
        path, asked = _parts(self.setting.path), _parts(option)
        return len(path) >= len(asked) and _agree(path, asked)

    def holds(self, option: Sequence[str]) -> bool:
        """Whether an option may be in its value, which only evaluation can determine."""
        path, asked = _parts(self.setting.path), _parts(option)
        computed = isinstance(self.setting.value, Computed)
        return computed and 1 < len(path) < len(asked) and _agree(path, asked)

    @property
    def name(self) -> str:
        """The path of its option, without quotes; empty if only evaluation can determine it."""
        return "" if _ANY in self.setting.path else ".".join(self.setting.path)


def own_settings(files: Mapping[str, str | bytes]) -> tuple[OwnSetting, ...]:
    """Every setting of the owner's modules in a tree. A flake is no module."""
    return tuple(
        OwnSetting(file, setting)
        for file, content in files.items()
        if file.startswith("own/") and file.endswith(".nix") and isinstance(content, str)
        if not file.endswith("/flake.nix")
        for setting in read_nix(content).settings
    )


def _parts(path: Sequence[str]) -> list[str]:
    # Some versions of Nix leave out the quotes around a name with dots.
    return ".".join(path).split(".")


def _agree(path: Sequence[str], option: Sequence[str]) -> bool:
    """Whether two paths are the same as far as the shorter one goes."""
    return all(part in (asked, _ANY) for part, asked in zip(path, option, strict=False))
