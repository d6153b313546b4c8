"""Checks of the planned secrets. `recipients.check_recipients` checks the sops files."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.cloudflare.model import ACME_TOKEN
from homelab.config.fact_parts import ReferredFact
from homelab.connections.keys import API_KEY
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.secret_paths import owned_files
from homelab.secrets.deployer import references
from homelab.secrets.model import Secret
from homelab.secrets.rotation import rotatable, rotations
from homelab.tailnet.model import JOIN_KEY


@check("secret-master")
def secret_master(plan: Plan) -> Iterator[Problem]:
    """Derived secrets need the master key."""
    derived = sorted({s.service for s in plan.secrets.secrets if s.source == "derived"})
    if derived and plan.secrets.master is None:
        yield Problem(
            "secrets.master",
            f"is missing, and secrets of {', '.join(derived)} are derived from it",
            "add master: {sops: master}, then make the key: homelab secret set secrets.master "
            "--generate base64",
        )


@check("secret-known")
def secret_known(plan: Plan) -> Iterator[Problem]:
    """Another host has no copy of a file that a module provides: it gets copies of secrets that are
    derived or in sops, and fetches those in 1Password.
    """
    for service in plan.services:
        fact = service.entry.secrets.get(API_KEY)
        if not isinstance(fact, ReferredFact) or fact.ref.path is None:
            continue
        for wiring in plan.connections:
            keys = [k for k in wiring.keys if (k.service, k.host) == (service.name, service.host)]
            if keys and wiring.host != service.host:
                yield Problem(
                    service.at(f"secrets.{API_KEY}.ref"),
                    f"{wiring.service} on {wiring.host} needs the API key of {service.name}, and "
                    f"homelab cannot copy this file from {service.host}",
                    "write {sops: path/in/file} or {op: op://vault/item/field}; or remove the "
                    "reference, and the key is derived",
                )


@check("op-token-used", severity="warning", whole=True)
def op_token_used(plan: Plan) -> Iterator[Problem]:
    """A token of a service account that no host needs is an unnecessary secret."""
    if plan.stack.secrets.onepassword is not None and not _fetched(plan):
        yield Problem(
            "secrets.onepassword",
            "no host fetches a secret from 1Password, so this has no effect",
            "remove it, or write {op: op://vault/item/field} as ref of a service's secret",
        )


def _fetched(plan: Plan) -> list[Secret]:
    return [s for s in plan.secrets.secrets if s.source == "fetched"]


@check("op-token-present")
def op_token_present(plan: Plan) -> Iterator[Problem]:
    """A host cannot read 1Password without the token of a service account."""
    fetched = _fetched(plan)
    if fetched and plan.stack.secrets.onepassword is None:
        names = ", ".join(sorted({f"{s.name} on {s.host}" for s in fetched}))
        yield Problem(
            "secrets.onepassword",
            f"is missing, and hosts fetch {names} from 1Password",
            "add onepassword: {token: {sops: onepassword/token}}, then store the token of a "
            "service account: homelab secret set onepassword/token",
        )


@check("secret-unique")
def secret_unique(plan: Plan) -> Iterator[Problem]:
    """Two secrets with one name on one host overwrite each other."""
    seen: dict[tuple[str, str], str] = {}
    for secret in plan.secrets.secrets:
        first = seen.setdefault((secret.host, secret.name), secret.origin)
        if first != secret.origin:
            yield Problem(
                secret.origin,
                f"the name {secret.name} on {secret.host} is already taken by {first}",
                "give one of the two another name",
            )


@check("secret-epoch")
def secret_epoch(plan: Plan) -> Iterator[Problem]:
    """An epoch for an unknown service rotates nothing."""
    rotated = ("derived", ACME_TOKEN[0])
    known = sorted(
        {s.service for s in plan.secrets.secrets if s.source in rotated or s.service in rotated}
        # Join keys are no longer planned once every host has joined, but the epoch stays valid.
        | ({JOIN_KEY[0]} if plan.tailnet is not None else set())
    )
    alone = rotatable(plan)
    for name, epoch in plan.stack.secrets.epochs.items():
        service, dot, _ = name.partition(".")
        if dot and service in known and name not in alone:
            own = sorted(k for k in alone if k.startswith(f"{service}."))
            yield Problem(
                f"secrets.epochs.{name}",
                f'"{name}" is no derived secret with an epoch of its own',
                did_you_mean(name, own, "such secrets") + f"; or {service}, for all of them",
            )
        elif service not in known:
            yield Problem(
                f"secrets.epochs.{name}",
                f'"{name}" has no derived or issued secret to rotate',
                did_you_mean(service, known, "services with such secrets") + "; or remove it",
            )
        elif epoch < 1:
            yield Problem(f"secrets.epochs.{name}", "the first epoch is 1", "count up from 1")


@check("secret-stored", whole=True)
def secret_stored(plan: Plan) -> Iterator[Problem]:
    """A generator or an age limit of a key that nothing reads has no effect."""
    stored = {s.key for s in plan.secrets.secrets if s.source == "stored"}
    known = stored | {ref.sops for ref in references(plan).values() if ref.sops is not None}
    for key, config in plan.stack.secrets.stored.items():
        if key not in known:
            yield Problem(
                f"secrets.stored.{key}",
                f'nothing in the stack reads "{key}" from a sops file',
                did_you_mean(key, known - {""}, "stored secrets") + "; or remove it",
            )
        elif config.file is not None and key not in stored:
            yield Problem(
                f"secrets.stored.{key}.file",
                f"only the deployer reads {key}, and its file is secrets.file",
                "leave file out",
            )


@check("secret-shared")
def secret_shared(plan: Plan) -> Iterator[Problem]:
    """Every host that reads one key of a sops file can decrypt all of it."""
    owned = owned_files(plan.stack)
    for key, config in plan.stack.secrets.stored.items():
        if config.file in owned:
            whose = owned[config.file]
            yield Problem(
                f"secrets.stored.{key}.file",
                f"{config.file} has the other secrets of {whose}, and every host that reads {key} "
                "could decrypt them",
                "name a file for the shared secrets alone: secrets/shared.yaml",
            )


@check("secret-rotated")
def secret_rotated(plan: Plan) -> Iterator[Problem]:
    """Data that was encrypted with the old key cannot be read with the new one: backups fail, and
    apps do not start.
    """
    if plan.stack.secrets.master is None:
        return  # reported by secret-master
    for name, where, sealed in rotations(plan):
        yield Problem(
            where,
            f"this changes keys that have encrypted data: {'; '.join(sealed)}",
            "undo the change; or change the key in each program (restic: restic key add), then "
            f"acknowledge: homelab lock --rotate {name}",
            cause=where,
        )
