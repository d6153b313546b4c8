"""`homelab why`: the place in the stack config that a file, a line or an option comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from homelab.config.document import Document
from homelab.evaluation.messages import split_path
from homelab.evaluation.origin import FRAME, Origin, Origins
from homelab.evaluation.places import Place
from homelab.ops.evaluate import chosen
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.stack import Stack, line_in
from homelab.problems import UsageError, did_you_mean

_LINE = re.compile(r"(.+):(\d+)\Z")


@dataclass(frozen=True)
class Answer:
    """One origin, with the line in the stack file."""

    origin: Origin
    config: str = ""
    """`Pulumi.home.yaml:12`; empty where the stack file does not have the place."""

    def __str__(self) -> str:
        found = self.origin
        text = f"{found.file}{found.at}"
        if found.place is None:
            return f"{text}\n  {found.reason}"
        return f"{text}\n  {found.place.where}" + (f" ({self.config})" if self.config else "")

    def as_data(self) -> dict[str, str | int]:
        """The answer as plain data, for scripts."""
        found = self.origin
        return {
            "file": found.file,
            "first": found.first,
            "last": found.last,
            "option": found.option,
            "where": found.place.where if found.place else "",
            "config": self.config,
            "reason": found.reason,
        }


def why(stack: Stack, host: str, what: str = "") -> list[Answer]:
    """The origins of all files of a host, of the lines of one file, of one line, or of an option.

    Raises UsageError if the host, the file, the line or the option does not exist.
    """
    name, slash, path = host.partition("/")
    if slash and not what:
        host, what = name, path
    (chosen_host,) = chosen(stack, [host])
    files = dict(stack.releases[host].files)
    origins = Origins(stack.plan, chosen_host, files)
    what = what.removeprefix(f"{host}/")
    if not what:
        return _answers(stack, (origins.of_file(file) for file in files))
    if what in files:
        return _answers(stack, (o for o in origins.of_lines(what) if o.reason != FRAME))
    if numbered := _LINE.fullmatch(what):
        return _answers(stack, [_of_line(origins, files, numbered[1], int(numbered[2]))])
    if "/" in what or what.endswith((".nix", ".lock", ".sh", ".yaml")):
        raise UsageError(f'{host} has no file "{what}"; {did_you_mean(what, files, "files")}')
    found = origins.of_option(split_path(what))
    if not found:
        raise UsageError(
            f'no file of {host} sets "{what}"; {did_you_mean(what, origins.options(), "options")}'
        )
    return _answers(stack, found)


def _of_line(origins: Origins, files: dict[str, str | bytes], file: str, line: int) -> Origin:
    if file not in files:
        raise UsageError(f'there is no file "{file}"; {did_you_mean(file, files, "files")}')
    content = files[file]
    count = len(content.splitlines())
    if not 1 <= line <= count:
        raise UsageError(f"{file} has {count} lines; name one of them")
    return origins.of_line(file, line)


def _answers(stack: Stack, origins: Iterable[Origin]) -> list[Answer]:
    document = read_stack_document(stack.directory, stack.name)
    known: dict[Place, str] = {}
    answers = []
    for origin in origins:
        place = origin.place
        if place is not None and place not in known:
            known[place] = _config(document, place)
        answers.append(Answer(origin, known[place] if place is not None else ""))
    return answers


def _config(document: Document, place: Place) -> str:
    if place.file:
        return f"{place.file}:{place.line}" if place.line else place.file
    return line_in(document, place.where)
