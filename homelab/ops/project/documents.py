"""Read a stack file and the files with parts of it: facts of services in `services/NAME.yaml`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from homelab.config.document import Document, Path_, read_document, read_mapping
from homelab.config.scalar import Value
from homelab.ops.project.reading import is_there, names_in
from homelab.problems import InvalidStackError, Problem

FACTS = "services"
"""Directory beside the stack file with facts of services."""


def read_stack_document(directory: Path, name: str) -> Document:
    """The values of a stack, with their files and lines. Raises InvalidStackError."""
    return with_facts(read_document(directory / f"Pulumi.{name}.yaml"), directory)


def with_facts(document: Document, directory: Path) -> Document:
    """The document with the facts in `services/*.yaml`, which become its section `catalog`.

    Raises InvalidStackError for a file that is not readable, and for facts that are written twice.
    """
    stated = document.values.get("catalog") or {}
    if not document.values or not isinstance(stated, dict):
        return document  # a stack of another program, or a mistake that the loader reports
    facts: dict[str, Value] = dict(stated)
    lines, files = dict(document.lines), dict(document.files)
    problems: list[Problem] = []
    place = directory / FACTS
    there = names_in(place, FACTS) if is_there(place, FACTS) else []
    for path in (p for p in there if p.name.endswith(".yaml")):
        file, name = f"{FACTS}/{path.name}", path.stem
        try:
            read = read_mapping(path, file)
        except InvalidStackError as error:
            problems += error.problems
            continue
        if name in stated:
            where = f"catalog.{name}"
            problems.append(
                Problem(where, f"these facts are in {file}, too", "keep one of the two")
            )
            continue
        here: Path_ = ("catalog", name)
        facts[name] = dict(read.values)
        files[here] = file
        lines |= {(*here, *inner): line for inner, line in read.lines.items()}
    if problems:
        raise InvalidStackError(problems)
    if not facts:
        return document
    values = {**document.values, "catalog": facts}
    return replace(document, values=values, lines=lines, files=files)
