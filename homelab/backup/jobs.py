"""The jobs of a service, a dataset or extra paths: one for each target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from homelab.backup.account import private_key
from homelab.backup.hooks import NO_HOOKS, Hooks
from homelab.backup.model import DumpCommand, Job
from homelab.backup.times import start_of
from homelab.cloudflare.model import R2, bucket_address
from homelab.config.backup import KEEP, Keep, Tier
from homelab.config.backup_targets import CHECK_WEEKS, BackupTarget
from homelab.config.stack import StackConfig
from homelab.network.between import dialled
from homelab.secret_paths import secret_path
from homelab.system.login import account
from homelab.system.model import Host

LEFTOVERS = (
    *(".homelab-before-*", ".homelab-undone-*"),
    *(f"*.{what}-{'[0-9]' * 14}" for what in ("before", "undone")),
)
"""Names of the directories in which a restore keeps what was there before. No job backs them up."""
Dump = tuple[str, str, str]


@dataclass(frozen=True)
class Work:
    """A service or dataset to back up, without its targets."""

    name: str
    host: str
    paths: tuple[str, ...]
    exclude: tuple[str, ...]
    dumps: tuple[Dump, ...]
    commands: tuple[DumpCommand, ...]
    live: str
    mounts: tuple[str, ...]
    tier: Tier
    targets: tuple[str, ...]
    source: str
    by_hand: tuple[str, ...]
    units: tuple[str, ...]
    hooks: Hooks = NO_HOOKS
    at: str | None = None
    """When it starts, if the stack config says so."""


def job_of(
    stack: StackConfig, hosts: Mapping[str, Host], work: Work, name: str, target: BackupTarget
) -> Job:
    """The backup of a work to one target, which its host reaches."""
    here = target.kind in ("local", "sftp") and target.host == work.host
    secret = secret_path("restic", f"{name}-credentials", "stored", "file")
    if target.bucket is not None:
        secret = secret_path(R2, target.bucket, "issued", "file")
    sftp = target.kind == "sftp" and not here
    return Job(
        name=work.name,
        host=work.host,
        target=name,
        repository=_repository(stack, hosts, target, work.host, work.name, here=here),
        paths=work.paths,
        exclude=(*work.exclude, *LEFTOVERS),
        at=start_of(stack.backup, work.name, work.at),
        tier=work.tier,
        keep=stack.backup.tiers.get(work.tier) or KEEP.get(work.tier, Keep()),
        dumps=work.dumps,
        commands=work.commands,
        live=work.live,
        password=secret_path("restic", name, "derived", "file"),
        environment=secret
        if target.kind in _CLOUDS and (target.credentials or target.bucket)
        else "",
        ssh_key=private_key(name) if sftp else "",
        server=target.host or "" if sftp else "",
        mounts=work.mounts,
        directory=target.path if here else "",
        source=work.source,
        by_hand=work.by_hand,
        units=work.units,
        hooks=work.hooks,
        stated_at=work.at is not None,
        upload_kib=target.upload_kib,
        check_weeks=_check_weeks(target),
    )


def _check_weeks(target: BackupTarget) -> int:
    if target.check_weeks is not None:
        return target.check_weeks
    return 52 if target.kind in ("b2", "s3") else CHECK_WEEKS


_CLOUDS = ("b2", "s3", "rest")
_SSH = 22


def _repository(
    stack: StackConfig,
    hosts: Mapping[str, Host],
    target: BackupTarget,
    client: str,
    job: str,
    *,
    here: bool,
) -> str:
    below = f"{client}/{job}"
    path = target.path.rstrip("/")
    if target.bucket is not None:
        return f"s3:{bucket_address(stack.cloudflare, target.bucket)}/{path.lstrip('/')}/{below}"
    if here:
        return f"{path}/{below}"
    if target.kind == "sftp":
        server = hosts[target.host or ""]
        address, port = dialled(stack, client, server.name), server.config.ssh.port
        # For the client, the root is its own directory.
        login = account(target.user, client)
        if port == _SSH:
            return f"sftp:{login}@{address}:/{job}"
        return f"sftp://{login}@{address}:{port}//{job}"
    if target.kind == "b2":
        bucket, _, inside = path.partition("/")
        return f"b2:{bucket}:{inside}/{below}" if inside else f"b2:{bucket}:{below}"
    return f"{target.kind}:{path}/{below}"
