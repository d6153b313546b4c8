"""Texts of this package with fields `%{name}`: shell, Nix and workflows use `$` themselves."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from string import Template


class _Text(Template):
    delimiter = "%"


def raw(package: str, name: str) -> str:
    """A text as it is."""
    return resources.files(package).joinpath(*name.split("/")).read_text(encoding="utf-8")


def filled(package: str, name: str, fields: Mapping[str, str]) -> str:
    """A text with its fields. Raises KeyError for a field that has no value."""
    return _Text(raw(package, name)).substitute(fields)
