"""Stack files as text and on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from homelab.testing.changes import Changes, changed


class _Dumper(yaml.CSafeDumper):
    """Quotes all text, so that every YAML parser reads it as text."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def represent_mapping(
        self, tag: str, mapping: object, flow_style: bool | None = None
    ) -> yaml.MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style)  # type: ignore[arg-type]
        for key, _ in node.value:
            key.style = None
        return node


_Dumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def stack_text(config: Changes, *changes: Changes) -> str:
    """The text of a stack file with these settings, with all text quoted."""
    sections = changed(config, *changes)
    return dump({"config": {f"homelab:{section}": value for section, value in sections.items()}})


def write_stack(directory: Path, name: str, config: Changes, *changes: Changes) -> Path:
    """Write `Pulumi.<name>.yaml`. Returns its path."""
    path = directory / f"Pulumi.{name}.yaml"
    path.write_text(stack_text(config, *changes), encoding="utf-8")
    return path


def dump(value: Mapping[str, object]) -> str:
    """YAML with all text quoted."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=10_000)
