"""What follows when a secret is rotated: the hosts and units that get the new value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from homelab.cloudflare.model import ACCESS, ACME_TOKEN
from homelab.plan import Plan
from homelab.secrets.model import Secret
from homelab.secrets.rotation import rotatable
from homelab.tailnet.model import JOIN_KEY

_BY_EPOCH = (ACME_TOKEN[0], JOIN_KEY[0])
"""Services whose issued secrets an epoch replaces."""


@dataclass(frozen=True)
class Renewal:
    """The rotation of a secret that an epoch replaces."""

    key: str
    """Key of `secrets.epochs`."""
    epoch: int
    """Its next epoch."""
    secrets: tuple[Secret, ...]
    """The secrets that change together."""


def renewal(plan: Plan, secret: Secret) -> Renewal | None:
    """How an epoch rotates a derived or issued secret; None if none does."""
    epochs = plan.stack.secrets.epochs
    if secret.source == "issued":
        if secret.service not in _BY_EPOCH:
            return None
        every = tuple(s for s in plan.secrets.secrets if (s.service, s.source) == _kind(secret))
        return Renewal(secret.service, epochs.get(secret.service, 1) + 1, every)
    for key, secrets in rotatable(plan).items():
        if secret in secrets:
            return Renewal(key, epochs.get(key, 1) + 1, secrets)
    return None


def how_else(secret: Secret) -> str:
    """How to replace an issued secret that no epoch replaces."""
    if secret.service == ACCESS:
        return f"raise cloudflare.access.service_tokens.{secret.purpose}.version"
    return (
        f"replace its resource: pulumi up --replace URN, with the URN of {secret.purpose} "
        "from pulumi stack --show-urns"
    )


def restarts(secrets: Iterable[tuple[str, tuple[str, ...]]]) -> str:
    """`sends it to pi and restarts miniflux.service on pi`, for pairs of a host and its units."""
    pairs = list(secrets)
    hosts = sorted({host for host, _ in pairs})
    units = sorted({f"{unit} on {host}" for host, units in pairs for unit in units})
    return f"sends it to {', '.join(hosts)}" + (
        f" and restarts {', '.join(units)}" if units else ""
    )


def notes(plan: Plan, secrets: Iterable[Secret]) -> tuple[str, ...]:
    """What the catalog says of these secrets, such as that an app reads one at first start only."""
    entries = {(s.name, s.host): s.entry for s in plan.services}
    found = []
    for secret in secrets:
        entry = entries.get((secret.service, secret.host))
        fact = entry.secrets.get(secret.label) if entry is not None else None
        if fact is not None and fact.note:
            found.append(f"{secret.name}: {fact.note}")
    return tuple(dict.fromkeys(found))


def _kind(secret: Secret) -> tuple[str, str]:
    return secret.service, secret.source
