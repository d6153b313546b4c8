"""The reference page of unsupported settings, with the alternative to each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.config.base import Kind
from homelab.config.not_yet import KEYS, SHAPES, VALUES, Missing
from homelab.config.stack import StackConfig
from tests.docs.stack_page import reached

_HEAD = """\
# Unsupported settings

Generated from `homelab/config/not_yet.py` and the models of the stack config with `make docs`; do not edit.

homelab refuses these keys. The error names the alternative in the last column.

## Unsupported features

| Feature | Keys | Alternative |
| --- | --- | --- |"""

_KEYS = """
## Keys that an object does not have

| Object | Keys | Alternative |
| --- | --- | --- |"""


def limits_page() -> str:
    """Every missing feature, then every key that a kind of object refuses with a way out."""
    return "\n".join([_HEAD, *_features(), _KEYS, *_refused()]) + "\n"


def _features() -> Iterator[str]:
    found: dict[Missing, list[str]] = {}
    for model, keys in KEYS.items():
        for missing in dict.fromkeys(keys.values()):
            names = ", ".join(f"`{key}`" for key, value in keys.items() if value == missing)
            found.setdefault(missing, []).append(f"{_called(model)}: {names}")
    for model, missing in SHAPES.items():
        found.setdefault(missing, []).append(f"{_called(model)} as a list or a text")
    for (model, field), missing in VALUES.items():
        found.setdefault(missing, []).append(f"{_called(model)}: other values of `{field}`")
    for missing, where in found.items():
        yield _row(missing.what, "; ".join(where), missing.way_out)


def _refused() -> Iterator[str]:
    kinds = {
        m
        for found in reached(StackConfig)
        for m in found.__mro__
        if issubclass(m, Kind) and vars(m).get("lacks")
    }
    for model in sorted(kinds, key=lambda m: m.__name__):
        by_text: dict[str, list[str]] = {}
        lacks: Mapping[str, str] = model.lacks
        for key, text in lacks.items():
            by_text.setdefault(text, []).append(key)
        for text, names in by_text.items():
            yield _row(_called(model), ", ".join(f"`{n}`" for n in names), text)


def _called(model: type) -> str:
    if model is StackConfig:
        return "the stack config"
    return str(getattr(model, "called", "") or f"`{model.__name__}`")


def _row(*cells: str) -> str:
    return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"
