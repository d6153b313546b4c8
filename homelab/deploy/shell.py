"""Shell from values: the only place where text of the stack becomes part of a script.

Pure and exact: the shell reads each value back byte for byte. A value that no script can carry is
refused with a `ScriptError` that names its place and never its content.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from homelab.problems import HomelabError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(\.[A-Za-z0-9_-]{1,63}){0,8}")
_PATH = re.compile(r"[A-Za-z0-9._+@=,~ -]+(/[A-Za-z0-9._+@=,~ -]+)*")
# Some versions of bash use \001 and \177 as internal markers inside here-documents.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


class ScriptError(HomelabError):
    """A name, path or text that a script cannot carry."""


def assigned(names: Mapping[str, str], arguments: Sequence[str] = ()) -> str:
    """Assignments of these variables, and `set --` with the script's arguments, if any."""
    lines = [f"{name}={shlex.quote(text)}\n" for name, text in names.items()]
    if arguments:
        lines.append(f"set -- {shlex.join(arguments)}\n")
    return "".join(lines)


def fed(command: str, text: str) -> str:
    """A command that reads exactly this text on standard input; the text ends with a newline."""
    mark = _delimiter(text)
    return f"{command} <<'{mark}'\n{text}{mark}\n"


def function(name: str, body: str) -> str:
    """A shell function; `body` ends with a newline."""
    return f"{name}() {{\n{body}}}\n"


def files_function(name: str, below: str, files: Mapping[str, str | bytes]) -> str:
    """A shell function that writes a tree of files with the `put` functions of `stage.sh`."""
    return _tree(name, below, files, [_document(p, files[p]) for p in _checked(files)])


def secrets_function(name: str, secrets: Mapping[str, str]) -> str:
    """A shell function that writes secrets with the `secret` functions of `secrets.sh`."""
    return _tree(name, "", secrets, [_secret(p, secrets[p]) for p in _checked(secrets)])


def named(what: str, name: str) -> str:
    """The name, if it may name a directory on a host or a command. Raises ScriptError."""
    if not _NAME.fullmatch(name):
        raise ScriptError(
            f"{what} {name!r}: it names a directory on a host; use letters, digits, - and _"
        )
    return name


def _tree(name: str, below: str, paths: Iterable[str], lines: Iterable[str]) -> str:
    """A shell function that makes the directories of a tree, then its files."""
    parents = sorted({str(d) for p in paths for d in PurePosixPath(p).parents if str(d) != "."})
    folders = "".join(f' "$work"/{shlex.quote(below + d)}' for d in parents)
    body = (f"mkdir -p{folders}\n" if folders else "") + "".join(lines) or ":\n"
    return function(name, body)


def _document(path: str, content: str | bytes) -> str:
    """One file as a quoted word, or as base64 if a shell would change it.

    With a here-document for each file, the shell would start a process for each.
    """
    data = _encoded(path, content) if isinstance(content, str) else content
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    where = shlex.quote(path)
    if _UNFIT.search(text):
        return f"put_base64 {where} <<'BASE64'\n{base64.encodebytes(data).decode()}BASE64\n"
    return f"put {where} {shlex.quote(text)}\n"


def _delimiter(text: str) -> str:
    """A line that the text does not contain; always the same for the same text."""
    lines = frozenset(text.split("\n"))
    mark = "END"
    while mark in lines:
        mark = f"END_{hashlib.sha256((mark + text).encode()).hexdigest()[:16]}"
    return mark


def _secret(path: str, value: str) -> str:
    where, data = shlex.quote(path), _encoded(path, value)
    if _UNFIT.search(value):
        return f"secret_base64 {where} {base64.b64encode(data).decode()}\n"
    return f"secret {where} {shlex.quote(value)}\n"


def _encoded(path: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # The original error would show the text, which may be a secret.
        raise ScriptError(f"{path}: this text cannot be written as UTF-8; set it again") from None


def can_carry(path: str) -> bool:
    """Whether a script can write a file with this path below the release."""
    return _PATH.fullmatch(path) is not None and {".", ".."}.isdisjoint(path.split("/"))


def _checked(paths: Iterable[str]) -> list[str]:
    """The paths in order. Raises ScriptError if one leaves the tree or is another's directory."""
    ordered = sorted(paths)
    for path in ordered:
        if not can_carry(path):
            raise ScriptError(
                f"{path!r}: not a path below the release; use a/b.nix, without .., // or a first /"
            )
    known = frozenset(ordered)
    for path in ordered:
        for parent in PurePosixPath(path).parents:
            if str(parent) in known:
                raise ScriptError(f"{path!r}: {str(parent)!r} is a file too; rename one of them")
    return ordered
