"""How the generated files of hosts differ between two versions of a stack."""

from __future__ import annotations

import copy
import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff
from itertools import pairwise
from pathlib import Path

from homelab.config.document import Document, parse_document
from homelab.config.load import where
from homelab.config.places import path_in
from homelab.config.scalar import Value
from homelab.evaluation.outlook import Outlook, outlook
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.stack import Stack, open_document, open_stack
from homelab.problems import HomelabError, InvalidStackError, Problem, UsageError
from homelab.render import changed_files

_COMMIT = "git add -A && git commit"


@dataclass(frozen=True)
class Difference:
    """How one file of a host differs."""

    host: str
    file: str
    lines: tuple[str, ...]
    """A unified diff without its head; empty for a file that is not text."""

    @property
    def counts(self) -> tuple[int, int]:
        """Number of lines that are added, and that are removed."""
        signs = [line[:1] for line in self.lines]
        return signs.count("+"), signs.count("-")


def between(old: Stack, new: Stack) -> list[Difference]:
    """Every file that differs, by host and name. A host that only one of the stacks has differs in
    all of its files.
    """
    before, after = _files(old), _files(new)
    return [
        Difference(
            host,
            file,
            _lines(before.get(host, {}).get(file, ""), after.get(host, {}).get(file, "")),
        )
        for host, files in changed_files(before, after).items()
        for file in sorted(files)
    ]


def outlooks(old: Stack, new: Stack, hosts: Iterable[str]) -> dict[str, Outlook]:
    """What changes on each of these hosts, as far as the generated text tells."""
    before, after = _files(old), _files(new)
    return {
        host: outlook(old.plan, new.plan, host, before.get(host, {}), after.get(host, {}))
        for host in hosts
    }


def at_commit(directory: Path, name: str, commit: str) -> Stack:
    """The stack as a commit has it. Reads Git, and changes nothing in the working tree.

    Raises UsageError for an unknown commit, and HomelabError if its stack has errors.
    """
    with tempfile.TemporaryDirectory(prefix="homelab-") as place:
        _extract(directory, commit, Path(place))
        if not (Path(place) / f"Pulumi.{name}.yaml").exists():
            way_out = f"run {_COMMIT}" if commit == "HEAD" else "name a later commit"
            raise UsageError(f"{commit}: there is no Pulumi.{name}.yaml in it; {way_out}")
        try:
            return open_stack(Path(place), name)
        except InvalidStackError as error:
            lines = "\n".join(f"  {p}" for p in error.problems if p.severity == "error")
            raise HomelabError(f"the stack has errors at {commit}:\n{lines}") from None


def with_values(directory: Path, name: str, settings: Sequence[str]) -> Stack:
    """The stack with other values: `services.navidrome.port=4600`, as in the stack file. An empty
    value removes the key.

    Raises UsageError for a place that cannot be set, and InvalidStackError as `open_stack`.
    """
    document = read_stack_document(directory, name)
    values: dict[str, Value] = copy.deepcopy(dict(document.values))
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not path:
            raise UsageError(f'--set: "{path}" has no value; write services.navidrome.port=4600')
        _put(values, path, text)
    return open_document(directory, name, replace(document, values=values))


def _put(values: dict[str, Value], path: str, text: str) -> None:
    steps = path_in(path)
    if not steps or where(steps) != path:
        raise UsageError(f'--set: "{path}" is no place in a stack; write services.navidrome.port')
    holder: object = values
    for step, following in pairwise(steps):
        if isinstance(holder, dict) and isinstance(step, str):
            if holder.get(step) is None and isinstance(following, str):
                holder[step] = {}
            holder = holder.get(step)
        else:
            holder = _item(holder, step)
    last = steps[-1]
    if isinstance(holder, dict) and isinstance(last, str):
        if text:
            holder[last] = _parsed(text, path)
        else:
            holder.pop(last, None)
    elif isinstance(holder, list) and isinstance(last, int) and last < len(holder):
        holder[last : last + 1] = [_parsed(text, path)] if text else []
    else:
        raise UsageError(f"--set: {path}: the stack has no such place")


def _item(holder: object, step: str | int) -> object:
    if isinstance(holder, list) and isinstance(step, int) and step < len(holder):
        return holder[step]
    return None


def _parsed(text: str, path: str) -> Value:
    """A value as the stack file would hold it."""
    try:
        read: Document = parse_document(f"config:\n  homelab:set: {text}\n", "--set")
    except InvalidStackError:
        raise UsageError(f"--set: the value of {path} is not YAML; quote it") from None
    return read.values["set"]


def _files(stack: Stack) -> dict[str, dict[str, str | bytes]]:
    return {host: dict(release.files) for host, release in stack.releases.items()}


def _lines(was: str | bytes, now: str | bytes) -> tuple[str, ...]:
    if isinstance(was, bytes) or isinstance(now, bytes):
        return ()
    return tuple(_without_head(unified_diff(was.splitlines(), now.splitlines(), n=1, lineterm="")))


def _without_head(lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number > 1:
            yield line


def _succeeds(directory: Path, *words: str) -> bool:
    command = ["git", "-C", str(directory), *words]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _extract(directory: Path, commit: str, place: Path) -> None:
    """The files of the stack's directory at a commit."""
    command = ["git", "-C", str(directory), "archive", "--format=tar", commit, "--", "."]
    if commit.startswith("-"):
        raise UsageError(f'--from: "{commit}" is no commit; name one, such as HEAD~1')
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        raise UsageError("there is no command git; install it") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        what = said[-1].removeprefix("fatal: ") if said else "git archive failed"
        where, way_out = str(directory), "name a commit of its repository, such as HEAD~1"
        if not _succeeds(directory, "rev-parse", "--git-dir"):
            what, way_out = "this is not in a Git repository", f"run git init && {_COMMIT}"
        elif commit == "HEAD" and not _succeeds(directory, "rev-parse", "--verify", "HEAD"):
            what, way_out = "nothing is committed yet", f"run {_COMMIT}"
        elif commit == "HEAD" and not _succeeds(directory, "rev-parse", "--verify", "HEAD:./"):
            what, way_out = "no file of it is committed yet", f"run {_COMMIT}"
        raise UsageError(str(Problem(where, what, way_out)))
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as files:
        if hasattr(tarfile, "data_filter"):
            files.extractall(place, filter="data")
        else:
            # Python before 3.11.4. Git has no path that leads out of its tree.
            files.extractall(place)  # noqa: S202
