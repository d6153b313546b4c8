"""Secrets of backups and replicas: passwords of repositories, logins and keys of clients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from homelab.backup.account import key_names, login_names
from homelab.backup.model import BackupPlan, Job, target_unit
from homelab.cloudflare.model import R2
from homelab.config.fact_parts import SecretFact
from homelab.config.stack import StackConfig
from homelab.secrets.demand import demanded, issued, of_host
from homelab.secrets.model import RESTIC, Secret, restic_purpose
from homelab.storage.model import REPLICA, SENDER, Replica, replica_keys


def of_backup(stack: StackConfig, backup: BackupPlan) -> Iterator[Secret]:
    """Passwords of repositories, and what their clients sign in with."""
    for job in backup.jobs:
        origin = f"backup.targets.{job.target}"
        derived = SecretFact()
        fact = SecretFact(encrypts="the existing backups")
        password = demanded(stack, job.host, RESTIC, job.target, fact, origin)
        # Each host has its own repositories; the password of a lost host can be derived anywhere.
        purpose = restic_purpose(job.target, job.host)
        existing = stack.backup.targets[job.target].password
        if existing is not None:
            kept = SecretFact(source="stored", encrypts="the existing backups")
            what = (RESTIC, job.target)
            found = of_host(stack, job.host, what, kept, existing, f"{origin}.password")
            yield _read_by(found, backup)
        else:
            yield replace(password, purpose=purpose, path=job.password)
        if job.ssh_key:
            yield from _client_key(stack, job, derived, origin)
        elif job.server:
            yield from _client_login(stack, job, replace(password, purpose=purpose), origin)
        credentials = job.environment or job.rclone_config
        bucket = stack.backup.targets[job.target].bucket
        if bucket is not None:
            yield issued(job.host, (R2, bucket), bucket, origin=f"{origin}.bucket")
        ref = stack.backup.targets[job.target].credentials
        if credentials and ref is not None:
            stored, what = SecretFact(source="stored"), (RESTIC, f"{job.target}-credentials")
            found = of_host(stack, job.host, what, stored, ref, f"{origin}.credentials")
            yield _read_by(found, backup)


def _read_by(secret: Secret, backup: BackupPlan) -> Secret:
    """A secret that a host fetches for its backups, with their units: the new value counts from the
    next backup. A change of one in sops starts no backup.
    """
    if secret.source != "fetched":
        return secret
    own = {j.unit for j in backup.on(secret.host)}
    return replace(secret, units=tuple(f"restic-backups-{unit}.service" for unit in sorted(own)))


def _client_key(stack: StackConfig, job: Job, fact: SecretFact, origin: str) -> Iterator[Secret]:
    """The SSH key of a backup client: the private half for it, the public half for the server."""
    private_name, public_name = key_names(job.target, job.host)
    purpose = f"restic/{job.target}@{job.host}/key"
    private = demanded(stack, job.host, "restic", private_name, fact, origin)
    yield replace(private, purpose=purpose, half="private")
    public = demanded(stack, job.server, "restic", public_name, fact, origin)
    # sshd reads it with the rights of the account that logs in.
    yield replace(public, purpose=purpose, half="public", mode="0444")


def _client_login(stack: StackConfig, job: Job, password: Secret, origin: str) -> Iterator[Secret]:
    """The password of a client of a rest-server: itself for the client, its hash for the server,
    which also gets the password of the repositories if the client cannot delete snapshots.
    """
    login, hashed, repositories = login_names(job.target, job.host)
    purpose = f"{password.purpose}/login"
    fact = SecretFact(
        form="env",
        env={"RESTIC_REST_USERNAME": job.host, "RESTIC_REST_PASSWORD": "{value}"},
    )
    client = demanded(stack, job.host, RESTIC, login, fact, origin)
    yield replace(client, purpose=purpose)
    there = demanded(stack, job.server, RESTIC, hashed, SecretFact(), origin)
    units = (f"{target_unit(job.target)}.service",)
    yield replace(there, purpose=purpose, epoch=client.epoch, hashed="bcrypt", units=units)
    if not job.keeps_all:
        return
    existing = stack.backup.targets[job.target].password
    what, owned = (RESTIC, repositories), SecretFact(owner=RESTIC)
    if existing is not None:
        kept = owned.model_copy(update={"source": "stored"})
        found = of_host(stack, job.server, what, kept, existing, origin)
        trim = f"{target_unit(job.target)}-prune.service"
        yield replace(found, units=(trim,) if found.source == "fetched" else ())
    else:
        found = demanded(stack, job.server, *what, owned, origin)
        yield replace(found, purpose=password.purpose, epoch=password.epoch, copy=True)


def of_replicas(stack: StackConfig, replicas: tuple[Replica, ...]) -> Iterator[Secret]:
    """The SSH key of each replica: the private half for its sender, the public for its receiver."""
    for replica in replicas:
        private_name, public_name = replica_keys(replica.dataset.name)
        purpose = f"{REPLICA}/{replica.dataset.name}@{replica.dataset.host}/{replica.host}/key"
        sender = SecretFact(owner=SENDER if replica.on_zfs else "btrbk")
        private = demanded(
            stack, replica.dataset.host, REPLICA, private_name, sender, replica.source
        )
        yield replace(private, purpose=purpose, half="private")
        public = demanded(stack, replica.host, REPLICA, public_name, SecretFact(), replica.source)
        # sshd reads it with the rights of the account that logs in.
        yield replace(public, purpose=purpose, half="public", mode="0444")
