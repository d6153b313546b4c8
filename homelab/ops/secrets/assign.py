"""Set stored secrets: find them by name, check each value, and write it into its sops files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from homelab.config.base import SecretRef
from homelab.config.secrets import Generate
from homelab.ops.secrets.edit import delete_key, write_values
from homelab.ops.secrets.generate import Made, generate
from homelab.ops.secrets.lookup import resolve
from homelab.plan import Plan
from homelab.problems import HomelabError, UsageError, did_you_mean
from homelab.secrets.deployer import MASTER
from homelab.secrets.forms import complaint
from homelab.secrets.inventory import DEPLOYER, Row, inventory

HASHES = ("argon2", "htpasswd")
"""Generators of a hash, whose password the deployer's file gets."""
Ask = Callable[[str], str]
"""Asks a person for the value of a secret with this name, without showing it."""


class RefusedValueError(HomelabError):
    """A value that the program that reads it would not accept. The message does not have it."""


@dataclass(frozen=True)
class Stored:
    """One key of sops files, and the secrets that read it."""

    key: str
    rows: tuple[Row, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """The sops files that contain it."""
        return tuple(sorted({row.file for row in self.rows}))

    @property
    def is_missing(self) -> bool:
        """Whether a file lacks it."""
        return self.filled != self.files

    @property
    def filled(self) -> tuple[str, ...]:
        """The sops files that have a value of it."""
        lacking = {r.file for r in self.rows if {"missing", "file missing"} & {*r.status}}
        return tuple(file for file in self.files if file not in lacking)


def stored_secrets(plan: Plan, sources: Mapping[str, str | bytes]) -> tuple[Stored, ...]:
    """The stored secrets that something reads, by key. A key that the deployer and hosts read is
    two secrets, because its values differ.
    """
    found: dict[tuple[bool, str], list[Row]] = {}
    for row in inventory(plan, sources):
        if row.source == "stored" and row.key and "unused" not in row.status:
            found.setdefault((row.host != DEPLOYER, row.key), []).append(row)
    return tuple(Stored(key, tuple(rows)) for (_, key), rows in sorted(found.items()))


def named(
    plan: Plan,
    sources: Mapping[str, str | bytes],
    name: str,
    host: str | None,
    *,
    also: Sequence[str] = (),
) -> Stored:
    """The stored secret with this name, key or place in the stack config, on one host or on all
    that read it. Raises UsageError, whose message knows the names in `also` too.
    """
    every = stored_secrets(plan, sources)
    found = [
        stored
        for stored in every
        if name == stored.key or any(name in (row.name, row.origin) for row in stored.rows)
    ]
    readers = sorted({row.host for stored in found for row in stored.rows})
    found = [s for s in found if host is None or any(row.host == host for row in s.rows)]
    if readers and not found:
        raise UsageError(f"{host} does not have {name}; write --host {readers[0]}")
    if len(found) > 1:
        raise UsageError(f"{name} is a key of several files; add --host: {', '.join(readers)}")
    if not found:
        names = {row.name for s in every for row in s.rows} | {s.key for s in every}
        others = {r.name: r for r in inventory(plan, sources) if r.source != "stored"}
        if name in others:
            raise UsageError(_not_stored(others[name]))
        kind = "secret" if also else "stored secret"
        known = did_you_mean(name, names.union(also), "secrets")
        where = "" if also else f"; write {{sops: {name}}} in the stack where it is read, first"
        raise UsageError(f'there is no {kind} "{name}"; {known}{where}')
    rows = tuple(r for r in found[0].rows if host is None or r.host == host)
    return Stored(found[0].key, rows)


def check_master(stored: Stored, *, replace: bool) -> None:
    """Raise UsageError for a master key that is there, unless it may be replaced; and for any
    other secret that may.
    """
    master = any(row.name == MASTER for row in stored.rows)
    if master and not stored.is_missing and not replace:
        raise UsageError(
            "the master key is set, and another one changes every derived secret, also the "
            "passwords of the backup repositories; to replace it nevertheless, add --replace"
        )
    if replace and not master:
        raise UsageError("--replace is for the master key; leave it out")


def generator(plan: Plan, stored: Stored) -> Generate | None:
    """How the stack, or else homelab, makes the value of a secret."""
    known = plan.stack.secrets.stored.get(stored.key)
    if known is not None and known.generate is not None:
        return known.generate
    master = any(row.name == MASTER for row in stored.rows)
    return Generate(kind="base64") if master else None


def store(
    directory: Path, plan: Plan, stored: Stored, value: str, today: str, *, made: Made | None = None
) -> Iterator[str]:
    """Check a value and write it into every file of the secret; yields what happened.

    Raises RefusedValueError before anything is written.
    """
    how = generator(plan, stored)
    logins = {
        f"backup.targets.{name}.credentials": target.kind
        for name, target in plan.stack.backup.targets.items()
    }
    variables = {(s.host, s.name) for s in plan.secrets.secrets if s.form == "env"}
    for row in stored.rows:
        variable = (row.host, row.name) in variables
        target = logins.get(row.origin, "")
        kind = how.kind if how else ""
        if wrong := complaint(row, value, kind, variable=variable, target=target):
            raise RefusedValueError(f"{row.name}: {wrong}; nothing was written")
    for file in stored.files:
        yield from write_values(directory, plan, file, {stored.key: value}, today)
        yield f"{stored.key} is in {file}"
    if made is not None and made.password:
        yield from write_values(
            directory, plan, plan.secrets.file, {stored.key: made.password}, today
        )
        yield f"its password is in {plan.secrets.file}, under the same key"
    if made is not None and made.public:
        yield f"its public key: {made.public}"


def store_generated(
    directory: Path, plan: Plan, stored: Stored, how: Generate, today: str
) -> Iterator[str]:
    """Make a value of this kind and write it; yields what happened."""
    if how.kind in HASHES and plan.secrets.file in stored.files:
        raise UsageError(
            f"{stored.key} is in {plan.secrets.file}, which would get the password under the same "
            "key; generate hashes for hosts only"
        )
    made = generate(how, plan.stack.site.owner.user)
    yield from store(directory, plan, stored, made.value, today, made=made)


def store_missing(
    directory: Path, plan: Plan, sources: Mapping[str, str | bytes], ask: Ask, today: str
) -> Iterator[str]:
    """Fill every missing key: copied from a file that has it, made if the stack says how, otherwise
    asked; yields what happened.

    An empty answer skips a secret.
    """
    for stored in stored_secrets(plan, sources):
        if not stored.is_missing:
            continue
        how = generator(plan, stored)
        if value := _value_elsewhere(directory, stored):
            yield from _copied(directory, plan, stored, value, today)
        elif how is not None:
            yield from store_generated(directory, plan, stored, how, today)
        elif value := ask(title(stored)):
            yield from store(directory, plan, stored, value, today)
        else:
            yield f"{stored.key} is still missing"


def _value_elsewhere(directory: Path, stored: Stored) -> str:
    """The value in a file that has it, such as those of other hosts; empty if none can be read."""
    for file in stored.filled:
        try:
            return resolve(SecretRef(sops=stored.key), directory, file)
        except HomelabError:
            continue
    return ""


def _copied(directory: Path, plan: Plan, stored: Stored, value: str, today: str) -> Iterator[str]:
    """Write a value into the files that lack it; yields what happened."""
    filled = stored.filled
    for file in stored.files:
        if file not in filled:
            yield from write_values(directory, plan, file, {stored.key: value}, today)
            yield f"{stored.key} is in {file}, as in {filled[0]}"


def remove_unused(
    directory: Path, plan: Plan, sources: Mapping[str, str | bytes], key: str
) -> Iterator[str]:
    """Remove a key that nothing reads from its sops files; yields what happened."""
    unused = [r for r in inventory(plan, sources) if "unused" in r.status]
    files = [row.file for row in unused if row.key == key]
    if not files:
        keys = {row.key for row in unused}
        raise UsageError(
            f'there is no unused key "{key}"; {did_you_mean(key, keys, "unused keys")}'
        )
    for file in files:
        delete_key(directory, file, key)
        yield f"{key} is no longer in {file}"


def title(stored: Stored) -> str:
    """What to ask a person for: the key, and who reads it."""
    readers = sorted({f"{row.service} on {row.host}" for row in stored.rows})
    return f"{stored.key} ({', '.join(readers)})"


def _not_stored(row: Row) -> str:
    if row.source == "1password":
        return f"{row.name} is in 1Password ({row.key}); change it there"
    if row.source == "file":
        return f"{row.name} is {row.key}, which a module of yours provides; change it there"
    if row.source == "derived":
        change = f"homelab secret rotate {row.name}"
        return f"{row.name} is derived from the master key; change it: {change}"
    return f"{row.name} is issued by a provider during up, so there is nothing to set"
