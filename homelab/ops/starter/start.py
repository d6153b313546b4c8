"""`homelab init`: write a new homelab, whole and checked, or nothing."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from homelab.ops.project.sources import read_sops_files
from homelab.ops.project.stack import check_stack
from homelab.ops.secrets.assign import Stored, generator, stored_secrets, title
from homelab.ops.secrets.generate import generate
from homelab.ops.secrets.new_file import Tree, sealed_text
from homelab.ops.starter.library import clone_around
from homelab.ops.starter.made import AgeKey, authority, first_user, write_key
from homelab.plan import Plan
from homelab.problems import HomelabError, InvalidStackError, Problem, UsageError
from homelab.secrets.forms import complaint
from homelab.secrets.inventory import DEPLOYER
from homelab.secrets.readers import readers_of
from homelab.secrets.recipients import sops_yaml
from homelab.secrets.sops_file import CHANGED, NOTES
from homelab.starter.answers import Answers
from homelab.starter.files import HOOK, project_files
from homelab.starter.stack_text import CA, CA_KEY, USERS

Ask = Callable[[str], str]
_GIT_SECONDS = 60


@dataclass(frozen=True)
class Started:
    """What was written."""

    written: tuple[str, ...]
    kept: tuple[str, ...]
    """Files that were there, and stay as they are."""
    missing: tuple[str, ...]
    """Keys of stored secrets that still have no value."""
    warnings: tuple[Problem, ...]
    has_hook: bool
    """Whether Git runs the hook in this directory."""
    in_repository: bool = False
    """Whether the directory is in a Git repository, a new one or one that was there."""


def check_place(directory: Path, stack: str, *, into: bool) -> None:
    """Raise UsageError unless a new homelab may be written to the directory."""
    if clone := clone_around(directory):
        raise UsageError(
            f"{directory} is in {clone}, the clone of homelab, whose repository would get your "
            f"commits; name a directory outside, such as {clone.parent / 'my-homelab'}"
        )
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory}: this is a file; name a directory that is new or empty")
    there = sorted(p.name for p in directory.iterdir()) if directory.is_dir() else []
    file = f"Pulumi.{stack}.yaml"
    if file in there:
        raise UsageError(f"{directory} has a {file}, which stays; name another stack with --stack")
    others = [name for name in there if name != ".git"]
    if others and not into:
        shown = ", ".join(others[:3])
        raise UsageError(
            f"{directory} is not empty ({shown}); name a new directory, or add only the files that "
            "it lacks: --into"
        )


def start(
    directory: Path, answers: Answers, key: AgeKey | None, ask: Ask, *, run: str, git: bool
) -> Started:
    """Write a homelab that passes every check. `ask` asks for a secret; empty skips it.

    Existing files stay. A new `key` is written where sops looks for it. Raises InvalidStackError or
    HomelabError, with nothing written.
    """
    with tempfile.TemporaryDirectory(prefix="homelab-init-") as made:
        trial = Path(made)
        for name, text in project_files(answers, run=run).items():
            _put(trial / name, text)
        missing = _secrets(trial, answers, ask)
        problems = _checked(trial, answers.stack)
        _check_secrets(trial, directory)
        written, kept = _copied(trial, directory, answers.stack, key)
    has_hook = git and HOOK in written and _with_git(directory)
    in_repository = shutil.which("git") is not None and _git(directory, "rev-parse", "--git-dir")
    return Started(written, kept, missing, problems, has_hook, in_repository)


def _checked(place: Path, stack: str) -> tuple[Problem, ...]:
    """The warnings of a stack. Raises InvalidStackError if it has errors."""
    _, problems = check_stack(place, stack)
    if any(p.severity == "error" for p in problems):
        raise InvalidStackError(problems)
    return problems


def _check_secrets(trial: Path, directory: Path) -> None:
    """Raise UsageError if a file that belongs to the new secrets is there: a certificate, say,
    would be written without its key, which only the file that stays could have.
    """
    made = [trial / CA, trial / ".sops.yaml", *(trial / "secrets").glob("*")]
    names = [p.relative_to(trial).as_posix() for p in made if p.is_file()]
    there = sorted(name for name in names if (directory / name).exists())
    if there:
        raise UsageError(
            f"{', '.join(there)} in {directory}: homelab init makes new secrets, and does not mix "
            "them with existing ones; move these away, or name another directory"
        )


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _secrets(place: Path, answers: Answers, ask: Ask) -> tuple[str, ...]:
    """Make or ask for every stored secret, and write the sops files. Returns the missing keys."""
    try:
        plan, _ = check_stack(place, answers.stack)
    except InvalidStackError as error:
        # Of the answers alone: the certificate is made once they are sound.
        raise InvalidStackError(p for p in error.problems if CA not in p.what) from None
    known, passwords = _known(place, answers)
    trees: dict[str, dict[str, str]] = {}
    missing: list[str] = []
    for stored in stored_secrets(plan, read_sops_files(place, plan)):
        value = known.get(stored.key) or _value(plan, stored, ask)
        if not value:
            missing.append(stored.key)
            continue
        for file in stored.files:
            trees.setdefault(file, {})[stored.key] = value
        if password := passwords.get(stored.key):
            trees.setdefault(plan.secrets.file, {})[stored.key] = password
    placed = {name for tree in trees.values() for name in tree}
    for name in known.keys() - placed:
        # No host reads it yet, and it cannot be made again.
        trees.setdefault(plan.secrets.file, {})[name] = known[name]
    now, readers = datetime.now(UTC), readers_of(plan)
    for file, values in sorted(trees.items()):
        notes = {CHANGED: dict.fromkeys(values, now.date().isoformat())}
        tree = {**_nested(values), NOTES: notes}
        _put(place / file, sealed_text(tree, readers[file].recipients, now))
    _put(place / ".sops.yaml", sops_yaml(plan))
    return tuple(missing)


def _known(place: Path, answers: Answers) -> tuple[dict[str, str], dict[str, str]]:
    """Values that init makes itself, and passwords of those that are hashes; by key."""
    values, passwords = {}, {}
    if answers.cloudflare is None:
        certificate, values[CA_KEY] = authority(answers.domain, answers.name)
        _put(place / CA, certificate)
    if answers.sign_in == "authelia" and not answers.adopt_later:
        values[USERS], passwords[USERS] = first_user(answers)
    return values, passwords


def _value(plan: Plan, stored: Stored, ask: Ask) -> str:
    how = generator(plan, stored)
    if how is not None:
        return generate(how, plan.stack.site.owner.user).value
    value = ask(title(stored))
    for row in stored.rows:
        if value and (wrong := complaint(row, value, "", variable=False)):
            raise HomelabError(f"{row.name}: {wrong}; nothing was written")
    if not value and any(row.host != DEPLOYER for row in stored.rows):
        raise HomelabError(
            f"{title(stored)}: this secret has no value, and its host does not start without it; "
            "run this on a terminal to type it, or name another --service"
        )
    return value


def _nested(values: dict[str, str]) -> Tree:
    tree: dict[str, str | Tree] = {}
    for key, value in values.items():
        *above, last = key.split("/")
        place = tree
        for part in above:
            inner = place.setdefault(part, {})
            assert isinstance(inner, dict)
            place = inner
        place[last] = value
    return tree


def _copied(
    trial: Path, directory: Path, stack: str, key: AgeKey | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Copy every file that is not there, and write the key. Returns the written and the kept files.

    Raises InvalidStackError, with nothing left behind, if the stack has errors together with the
    files that the directory had.
    """
    written: list[str] = []
    kept: list[str] = []
    made = [p for p in (directory, *directory.absolute().parents) if not p.exists()]
    try:
        for path in sorted(p for p in trial.rglob("*") if p.is_file()):
            name = path.relative_to(trial).as_posix()
            to = directory / name
            made += [p for p in to.parents if not p.exists()]
            to.parent.mkdir(parents=True, exist_ok=True)
            try:
                with to.open("xb") as out:
                    written.append(name)
                    out.write(path.read_bytes())
            except FileExistsError:
                kept.append(name)
                continue
            if name == HOOK:
                to.chmod(0o755)
        _checked(directory, stack)
        if key is not None:
            write_key(key)
    except BaseException as error:
        for name in written:
            (directory / name).unlink(missing_ok=True)
        for place in sorted({p.absolute() for p in made}, reverse=True):
            with suppress(OSError):
                place.rmdir()
        if not isinstance(error, OSError):
            raise
        raise HomelabError(
            f"{error.filename or directory}: cannot be written ({error.strerror}); nothing was "
            "left behind, fix that or name another directory"
        ) from None
    return tuple(written), tuple(kept)


def _with_git(directory: Path) -> bool:
    """Make a Git repository unless there is one, and activate the hooks of a new one."""
    if shutil.which("git") is None or _git(directory, "rev-parse", "--git-dir"):
        return False
    return _git(directory, "init", "--quiet") and _git(
        directory, "config", "core.hooksPath", str(Path(HOOK).parent)
    )


def _git(directory: Path, *words: str) -> bool:
    done = subprocess.run(
        ["git", *words],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_GIT_SECONDS,
        check=False,
    )
    return done.returncode == 0


def lines_of_files(started: Started) -> Iterator[str]:
    """What was written, one line each."""
    for name in started.written:
        yield f"  {name}"
    for name in started.kept:
        yield f"  {name} was there and stays as it is"
