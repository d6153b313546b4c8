"""Every secret of a stack: where it is read, where it comes from, and what is wrong with it.

Made from the plan and the text of the sops files, without a key. Contains no value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from pydantic import BaseModel

from homelab.config.base import SecretRef
from homelab.plan import Plan
from homelab.secret_paths import sops_file
from homelab.secrets.deployer import references
from homelab.secrets.model import Secret, SopsFile
from homelab.secrets.readers import Readers, readers_of
from homelab.secrets.sops_file import parse_sops_file

DEPLOYER = "deployer"
"""Name of the machine that runs `pulumi up`, in the column of hosts."""


_SOURCES = {"fetched": "1password", "provided": "file"}
"""Words for sources of secrets; the others have one word everywhere."""


@dataclass(frozen=True)
class Row:
    """One secret on one host, or of the deployer."""

    name: str
    """`miniflux-admin`; of the deployer the place in the stack config, `cloudflare.token`."""
    host: str
    """Host that reads it, or `deployer`."""
    service: str
    source: str
    """derived, stored, issued, 1password, or file for one that a module of the owner provides."""
    units: tuple[str, ...] = ()
    """Units that restart when it changes."""
    file: str = ""
    """The sops file that contains it."""
    key: str = ""
    """Its key in that file, or its reference elsewhere."""
    changed: str = ""
    """Day of its last change, or of the last change of its file: YYYY-MM-DD; empty if unknown."""
    is_exact: bool = False
    """Whether `changed` is the day of this value. Otherwise the value may be older."""
    limit: int | None = None
    """Greatest age in days."""
    status: tuple[str, ...] = ()
    """What is wrong with it; nothing if it is in order."""
    origin: str = ""
    """Place in the stack config that requires it."""
    encrypts: str = ""
    """What only this value can decrypt."""

    def as_data(self) -> dict[str, object]:
        """The row as plain data, for scripts."""
        return {
            "name": self.name,
            "host": self.host,
            "service": self.service,
            "units": [*self.units],
            "source": self.source,
            "file": self.file,
            "key": self.key,
            "changed": self.changed,
            "exact": self.is_exact,
            "limit": self.limit,
            "status": [*self.status],
            "where": self.origin,
        }


def inventory(plan: Plan, sources: Mapping[str, str | bytes]) -> tuple[Row, ...]:
    """Every secret of the stack, the deployer's first, then by host and name; after those, keys of
    the sops files that nothing reads.
    """
    readers = readers_of(plan)
    files = _files(readers, sources)
    rows = [_of_deployer(place, ref, plan) for place, ref in references(plan).items()]
    rows += [_of_host(s, plan) for s in plan.secrets.secrets]
    rows = [_completed(row, plan, files, readers) if row.file else row for row in rows]
    return (*rows, *_unused(rows, plan, files, readers))


def sops_files(plan: Plan, sources: Mapping[str, str | bytes]) -> dict[str, SopsFile]:
    """The stack's sops files that exist, by path."""
    return _files(readers_of(plan), sources)


def _files(
    readers: Mapping[str, Readers], sources: Mapping[str, str | bytes]
) -> dict[str, SopsFile]:
    return {
        path: parse_sops_file(path, text if isinstance(text, str) else "")
        for path in sorted(readers)
        if (text := sources.get(path)) is not None
    }


def _of_deployer(place: str, ref: SecretRef, plan: Plan) -> Row:
    stored = ref.sops is not None
    return Row(
        name=place,
        host=DEPLOYER,
        service="pulumi",
        source="stored" if stored else "1password",
        file=plan.secrets.file if stored else "",
        key=ref.name,
        origin=place,
    )


def _of_host(secret: Secret, plan: Plan) -> Row:
    stored = secret.source == "stored"
    return Row(
        name=secret.name,
        host=secret.host,
        service=secret.service,
        source=_SOURCES.get(secret.source, secret.source),
        units=secret.units,
        file=sops_file(plan.stack, secret.host, secret.key) if stored else "",
        key=secret.key,
        origin=secret.origin,
        encrypts=secret.encrypts,
    )


def _completed(
    row: Row, plan: Plan, files: Mapping[str, SopsFile], readers: Mapping[str, Readers]
) -> Row:
    """The row with what its sops file says."""
    known = plan.stack.secrets.stored.get(row.key)
    limit = int(known.limit[:-1]) if known is not None and known.limit is not None else None
    file = files.get(row.file)
    if file is None:
        return replace(row, limit=limit, status=("file missing",))
    if not file.encrypted:
        return replace(row, limit=limit, status=("file not encrypted",))
    own = file.changed.get(row.key, "")
    changed = own or file.unchanged.get(row.key, file.modified)
    if row.key not in file.kinds:
        return replace(row, limit=limit, status=("missing",))
    wrong = ["not encrypted"] if file.kinds[row.key] == "plain" else []
    stale = readers[row.file].compared(file)
    wrong += ["stale recipients"] if stale.missing or stale.extra else []
    return replace(row, limit=limit, changed=changed, is_exact=bool(own), status=tuple(wrong))


def with_ages(rows: tuple[Row, ...], today: str) -> tuple[Row, ...]:
    """The rows with the status `too old` on this day."""
    return tuple(
        replace(row, status=(*row.status, "too old"))
        if row.limit is not None
        and row.changed
        and (date.fromisoformat(today) - date.fromisoformat(row.changed)).days > row.limit
        else row
        for row in rows
    )


def _named(value: object) -> Iterator[str]:
    """The keys in sops files that a part of the stack config names."""
    if isinstance(value, SecretRef):
        yield value.sops or ""
    elif isinstance(value, BaseModel):
        for field in type(value).model_fields:
            yield from _named(getattr(value, field))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _named(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _named(inner)


def _unused(
    rows: list[Row], plan: Plan, files: Mapping[str, SopsFile], readers: Mapping[str, Readers]
) -> Iterator[Row]:
    used = {(row.file, row.key) for row in rows}
    # A key that the stack names while no host reads it yet, as that of the authority before the
    # entry host is managed, cannot be made again.
    waiting = {*_named(plan.stack)} - {row.key for row in rows}
    stored, identity = plan.stack.secrets.stored, plan.stack.identity
    people = identity.users.sops if identity is not None and identity.users is not None else None
    for path, file in files.items():
        for key in sorted(file.kinds):
            # The deployer's file has the password of a hash under the key of the hash, and that of
            # the owner under the key of the users' file.
            known = stored.get(key)
            kind = known.generate.kind if known is not None and known.generate else ""
            hashed = kind in ("argon2", "htpasswd") or key == people
            kept = path == plan.secrets.file and (hashed or key in waiting)
            if kept or (path, key) in used:
                continue
            own = file.changed.get(key, "")
            yield Row(
                name="",
                host=", ".join(readers[path].hosts) or DEPLOYER,
                service="",
                source="stored",
                file=path,
                key=key,
                changed=own or file.unchanged.get(key, file.modified),
                is_exact=bool(own),
                status=("unused",),
            )
