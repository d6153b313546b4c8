"""Derived keys that encrypted data and would change."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.plan import Plan


def rotations(plan: Plan) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Changed keys: (`namespace` or a service, place in the stack config, encrypted data)."""
    return tuple(_rotations(plan))


def _rotations(plan: Plan) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    before = plan.lock.secrets
    if before is None:
        return
    sealed: dict[str, set[str]] = {}
    for secret in plan.secrets.secrets:
        if secret.encrypts and secret.service in before.epochs:
            sealed.setdefault(secret.service, set()).add(f"{secret.name}: {secret.encrypts}")
    if sealed and (plan.stack.secrets.namespace or "") != before.namespace:
        every = {data for sealed_data in sealed.values() for data in sealed_data}
        yield "namespace", "secrets.namespace", tuple(sorted(every))
        return
    for service, sealed_data in sorted(sealed.items()):
        if plan.stack.secrets.epochs.get(service, 1) != before.epochs[service]:
            yield service, f"secrets.epochs.{service}", tuple(sorted(sealed_data))
