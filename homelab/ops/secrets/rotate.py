"""Rotate one secret: raise its epoch in the stack file, or store a new value with sops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from homelab.config.base import SecretRef
from homelab.config.secrets import Generate
from homelab.config.stack_edit import with_values
from homelab.ops.secrets.assign import Stored, named, store, store_generated, title
from homelab.ops.secrets.sops import resolve
from homelab.ops.whole import replace_file
from homelab.plan import Plan
from homelab.problems import HomelabError, UsageError
from homelab.secrets.deployer import MASTER
from homelab.secrets.inventory import DEPLOYER
from homelab.secrets.model import RESTIC, Secret
from homelab.secrets.renewal import Renewal, how_else, notes, renewal, restarts

Value = Callable[[str], str]
"""Gives the new value of a secret with this title."""


class RotationError(HomelabError):
    """A secret that cannot be rotated this way. Nothing was changed."""


def planned_secret(plan: Plan, name: str, host: str | None) -> Secret | None:
    """The derived or issued secret with this name (`miniflux-oidc`), or this key of an epoch."""
    found = [
        secret
        for secret in plan.secrets.secrets
        if secret.is_sent
        and name in (secret.name, secret.epoch_key)
        and host in (None, secret.host)
    ]
    return found[0] if found else None


def rotate_by_epoch(
    directory: Path, file: str, plan: Plan, secret: Secret, *, dry_run: bool = False
) -> Iterator[str]:
    """Raise the epoch of a derived or issued secret in the stack file; yields what happens.

    Raises RotationError if data is encrypted with the secret, or if nothing rotates it.
    """
    found = renewal(plan, secret)
    if found is None:
        raise RotationError(f"{secret.name} has no epoch; {how_else(secret)}")
    sealed = sorted({f"{s.name} ({s.encrypts})" for s in found.secrets if s.encrypts})
    if sealed:
        by_hand = " (restic key add)" if secret.service == RESTIC else ""
        raise RotationError(
            f"no other value decrypts what this one encrypted: {', '.join(sealed)}; change the key "
            f"in the program first{by_hand}, then write secrets.epochs.{found.key}: {found.epoch} "
            f"and run homelab lock --rotate {found.key}"
        )
    path = directory / file
    place = ("secrets", "epochs", found.key)
    text = with_values(path.read_text(encoding="utf-8"), {place: found.epoch})
    if not text:
        raise RotationError(
            f"{file} has a form that cannot be edited; write secrets.epochs.{found.key}: "
            f"{found.epoch} yourself"
        )
    if not dry_run:
        replace_file(path, text)
    yield f"{file}: secrets.epochs.{found.key} {'becomes' if dry_run else 'is'} {found.epoch}"
    yield f"this replaces {', '.join(_places(found))}"
    yield from notes(plan, found.secrets)
    where = ((s.host, s.units) for s in found.secrets)
    yield f"next: pulumi up, which {restarts(where)}"
    if secret.source == "issued":
        yield "after the switch, it revokes the old one"


def rotate_stored(
    directory: Path,
    plan: Plan,
    stored: Stored,
    how: Generate | None,
    value: Value,
    today: str,
    *,
    dry_run: bool = False,
) -> Iterator[str]:
    """Store a new value, made or given by `value`; yields what happens.

    Raises RotationError for a secret that is missing, for the master key, and for the value that
    is stored already.
    """
    if stored.is_missing:
        raise RotationError(f"{stored.key} is missing; homelab secret set {stored.key}")
    if any(row.name == MASTER for row in stored.rows):
        raise RotationError(
            "another master key replaces every derived secret, also the passwords of the backup "
            "repositories; see the guide, Secrets, The master key; then homelab secret set "
            f"{MASTER} --replace"
        )
    if dry_run:
        source = f"a new {how.kind}" if how is not None else "a value that you give"
        yield f"{stored.key} in {', '.join(stored.files)} becomes {source}"
    elif how is not None:
        yield from store_generated(directory, plan, stored, how, today)
    else:
        new = value(title(stored))
        for file in stored.files:
            if resolve(SecretRef(sops=stored.key), directory, file) == new:
                raise RotationError(f"this is the present value of {stored.key}; give another one")
        yield from store(directory, plan, stored, new, today)
    hosts = [(row.host, row.units) for row in stored.rows if row.host != DEPLOYER]
    yield f"next: pulumi up, which {restarts(hosts) if hosts else 'uses the new one'}"
    if how is None:
        yield "after the switch, revoke the old one where you got it"


def find(
    plan: Plan, sources: Mapping[str, str | bytes], name: str, host: str | None
) -> Secret | Stored:
    """The secret to rotate. Raises UsageError if there is none with this name."""
    secret = planned_secret(plan, name, host)
    if secret is not None:
        return secret
    known = {s.service for s in plan.secrets.secrets if s.is_sent}
    if name in known:
        own = {s.name for s in plan.secrets.secrets if s.service == name and s.is_sent}
        raise UsageError(
            f"{name} is a service; name one of its secrets: {', '.join(sorted(own))}; to rotate "
            f"all of them, raise secrets.epochs.{name}"
        )
    elsewhere = planned_secret(plan, name, None)
    if elsewhere is not None:
        hosts = sorted({s.host for s in plan.secrets.secrets if s.name == elsewhere.name})
        raise UsageError(f"{host} does not have {elsewhere.name}; write --host {hosts[0]}")
    return named(
        plan, sources, name, host, also=[s.name for s in plan.secrets.secrets if s.is_sent]
    )


def _places(found: Renewal) -> list[str]:
    return [f"{s.name} on {s.host}" for s in found.secrets]
