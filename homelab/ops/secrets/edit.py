"""Write values into sops files with the `sops` command.

A value goes to sops over standard input: never as an argument, in the environment or in a file. The
work is done on a copy, and the finished file replaces the old one at once.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from homelab.ops.secrets.sops_command import RULES, SopsError, path_of, require_sops, sops
from homelab.ops.whole import replace_file
from homelab.plan import Plan
from homelab.secrets.model import SopsFile
from homelab.secrets.readers import Difference, Readers, names_of, readers_of
from homelab.secrets.recipients import OURS, sops_yaml
from homelab.secrets.sops_file import CHANGED, NOTES, UNCHANGED, parse_sops_file


def write_values(
    directory: Path, plan: Plan, file: str, values: Mapping[str, str], today: str
) -> list[str]:
    """Write the values of keys (`a/b`) into a sops file, with this day as their date. Returns what
    else changed, one line each.

    Makes the file and its rule if they are missing, and encrypts the file for its readers. Raises
    SopsError, with the file unchanged.
    """
    require_sops()
    readers = readers_of(plan)[file]
    if not readers.is_known:
        raise SopsError(_no_readers(file, readers))
    lines = write_rules(directory, plan)
    with _copy(directory, file) as place:
        if (place / file).exists():
            before = _parsed(place, file)
            lines += _synced(place, file, readers)
            for key, value in values.items():
                sops(["set", "--value-stdin", file, path_of(key.split("/"))], place, value, key=key)
            _write_days(place, file, before, dict.fromkeys(values, today))
        else:
            tree: dict[str, object] = {}
            for key, value in values.items():
                _put(tree, key.split("/"), value)
            tree[NOTES] = {CHANGED: dict.fromkeys(values, today)}
            words = ["encrypt", "--input-type", "json", "--output-type", "yaml"]
            text = sops([*words, "--filename-override", file], place, tree)
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (place / file).write_text(text, encoding="utf-8")
            lines.append(f"{file} is new")
        _check(_parsed(place, file), values)
        _replace(directory, place, file)
    return lines


def sync_recipients(
    directory: Path, plan: Plan, *, dry_run: bool = False
) -> tuple[list[str], bool]:
    """Update `.sops.yaml` and the recipients of every sops file to match the stack. Returns the
    changes, one line each, and whether anything changes.

    A file that loses a recipient gets a new data key. Raises SopsError.
    """
    lines = write_rules(directory, plan, dry_run=dry_run)
    stale = bool(lines)
    for file, readers in sorted(readers_of(plan).items()):
        if not (directory / file).is_file():
            continue
        parsed = _parsed(directory, file)
        if not parsed.encrypted:
            lines.append(f"{file} is not encrypted: sops encrypt -i {file}")
        elif not readers.is_known:
            lines.append(f"{file} is left alone: {_no_readers(file, readers)}")
        elif _lines(file, difference := readers.compared(parsed), plan):
            stale = True
            lines += _lines(file, difference, plan)
            if not dry_run:
                require_sops()
                with _copy(directory, file) as place:
                    _synced(place, file, readers)
                    _replace(directory, place, file)
    return lines, stale


def write_rules(directory: Path, plan: Plan, *, dry_run: bool = False) -> list[str]:
    """Write `.sops.yaml`, unless somebody else wrote it. Returns the changes, one line each."""
    path, text = directory / RULES, sops_yaml(plan)
    before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    if before and not before.startswith(OURS):
        return []
    if dry_run:
        return [f"{RULES} changes"] if before != text else []
    return [f"{RULES} written"] if replace_file(path, text) else []


def delete_key(directory: Path, file: str, key: str) -> None:
    """Remove a key from a sops file. Raises SopsError."""
    with _copy(directory, file) as place:
        before = _parsed(place, file)
        sops(["unset", file, path_of(key.split("/"))], place)
        _write_days(place, file, before, {})
        _replace(directory, place, file)


def _no_readers(file: str, readers: Readers) -> str:
    if readers.hosts:
        hosts = ", ".join(readers.hosts)
        return f"{hosts} cannot read {file} yet; write hosts.{readers.hosts[0]}.ssh.host_key"
    return (
        f"nobody could open {file}; add the age1… line of your key: secrets.operators: [age1…]; "
        "age-keygen makes a key"
    )


def _lines(file: str, difference: Difference, plan: Plan) -> list[str]:
    names = names_of(plan.stack)
    return [
        *(f"{file}: + {names.get(key, key)}" for key in difference.missing),
        *(f"{file}: - {names.get(key, key)}" for key in difference.extra),
    ]


def _synced(place: Path, file: str, readers: Readers) -> list[str]:
    """Encrypt a copy for its readers, if it is not. The rules in the copy are the stack's."""
    parsed = _parsed(place, file)
    if not parsed.encrypted:
        raise SopsError(f"{file} is not encrypted; encrypt it: sops encrypt -i {file}")
    difference = readers.compared(parsed)
    if not difference.missing and not difference.extra:
        return []
    # Recipients that may be right although the stack does not name them stay.
    kept = (parsed.recipients - {*difference.extra}) | {*readers.recipients}
    _write_rule(place, file, sorted(kept))
    sops(["updatekeys", "-y", file], place)
    if difference.extra:
        # With the old data key, a former reader could decrypt later values too.
        sops(["rotate", "-i", file], place)
    return [f"{file} has new recipients"]


def _write_days(place: Path, file: str, before: SopsFile, days: Mapping[str, str]) -> None:
    """Write the days of new values. Other values keep theirs; one without is as old as the file
    was, which sops has just dated today.
    """
    keys = _parsed(place, file).kinds
    changed = {k: d for k, d in {**before.changed, **days}.items() if k in keys}
    since = {k: before.unchanged.get(k, before.modified) for k in keys if k not in changed}
    notes = {CHANGED: changed, UNCHANGED: {k: day for k, day in since.items() if day}}
    stated = {kind: found for kind, found in notes.items() if found}
    sops(["set", "--value-stdin", file, path_of([NOTES])], place, stated)


def _parsed(place: Path, file: str) -> SopsFile:
    return parse_sops_file(file, (place / file).read_text(encoding="utf-8"))


def _write_rule(place: Path, file: str, recipients: Sequence[str]) -> None:
    rule = {"path_regex": f"^{re.escape(file)}$", "age": [*recipients]}
    (place / RULES).write_text(json.dumps({"creation_rules": [rule]}), encoding="utf-8")


@contextmanager
def _copy(directory: Path, file: str) -> Iterator[Path]:
    """A directory beside the stack file with copies of a sops file and of the rules."""
    place = Path(tempfile.mkdtemp(prefix=".homelab-sops.", dir=directory))
    try:
        for name in (RULES, file):
            if (directory / name).is_file():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(directory / name, place / name)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _replace(directory: Path, place: Path, file: str) -> None:
    (directory / file).parent.mkdir(parents=True, exist_ok=True)
    replace_file(directory / file, (place / file).read_text(encoding="utf-8"))


def _check(written: SopsFile, values: Mapping[str, str]) -> None:
    """Raise SopsError if a value is not encrypted, as with rules that leave some in plain text."""
    for key, value in values.items():
        if written.kinds.get(key) != "str" and value:
            raise SopsError(
                f"sops would not encrypt {key}, so nothing was written; remove unencrypted_suffix "
                f"and encrypted_regex from {RULES}, and from the section sops of the file"
            )


def _put(tree: dict[str, object], parts: Sequence[str], value: str) -> None:
    place = tree
    for part in parts[:-1]:
        inner = place.setdefault(part, {})
        if not isinstance(inner, dict):
            raise SopsError(f"{'/'.join(parts)}: {part} is a value already; name another key")
        place = inner
    place[parts[-1]] = value
