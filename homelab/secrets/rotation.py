"""Derived secrets that an epoch rotates, and those among them that have encrypted data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from homelab.plan import Plan
from homelab.secrets.model import Secret


def rotatable(plan: Plan) -> Mapping[str, tuple[Secret, ...]]:
    """The secrets of each key of `secrets.epochs` for one secret: `miniflux.oidc` to the client
    secret and its hash, which are on different hosts and change together.
    """
    derived = [s for s in plan.secrets.secrets if s.source == "derived"]
    same: dict[str, list[Secret]] = {}
    for secret in derived:
        same.setdefault(secret.purpose, []).append(secret)
    found: dict[str, dict[str, None]] = {}
    for secret in derived:
        together = same[secret.purpose]
        if _decides(secret, together):
            found.setdefault(secret.epoch_key, {})[secret.purpose] = None
    return {
        key: tuple(s for purpose in purposes for s in same[purpose])
        for key, purposes in found.items()
    }


def _decides(secret: Secret, together: list[Secret]) -> bool:
    """Whether the epoch of this secret's service counts. A password that two services share has
    the epoch of the one in its purpose, and a hash that of the app.
    """
    holder = secret.purpose.rpartition(":")[2].partition("/")[0]
    first = holder if any(s.service == holder for s in together) else secret.service
    return secret.service == first and not secret.hashed and not secret.copy


def epochs_of(plan: Plan) -> dict[str, int]:
    """Epochs that the lock records: of each service whose keys have encrypted data, and of each
    such key with an epoch of its own.
    """
    stated = plan.stack.secrets
    sealed = [s for s in plan.secrets.secrets if s.encrypts]
    return {s.service: stated.epoch(s.service) for s in sealed} | {
        s.epoch_key: s.epoch for s in sealed if s.epoch_key in stated.epochs
    }


def rotations(plan: Plan) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Changed keys: (`namespace` or the key of an epoch, place in the stack config, encrypted
    data).
    """
    return tuple(_rotations(plan))


def _rotations(plan: Plan) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    before = plan.lock.secrets
    if before is None:
        return
    stated = plan.stack.secrets
    sealed = [s for s in plan.secrets.secrets if s.encrypts and s.service in before.epochs]
    if sealed and (stated.namespace or "") != before.namespace:
        yield "namespace", "secrets.namespace", _data(sealed)
        return
    by_key: dict[str, list[Secret]] = {}
    for secret in sealed:
        service = before.epochs[secret.service]
        if secret.epoch == before.epochs.get(secret.epoch_key, service):
            continue
        whole = stated.epoch(secret.service) != service
        by_key.setdefault(secret.service if whole else secret.epoch_key, []).append(secret)
    for key, secrets in sorted(by_key.items()):
        yield key, f"secrets.epochs.{key}", _data(secrets)


def _data(secrets: Iterable[Secret]) -> tuple[str, ...]:
    return tuple(sorted({f"{s.name}: {s.encrypts}" for s in secrets}))
