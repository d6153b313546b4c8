"""The jobs of a service, a dataset or extra paths: one for each target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from homelab.backup.account import login_names, private_key
from homelab.backup.hooks import NO_HOOKS, Hooks
from homelab.backup.model import DumpCommand, Job
from homelab.backup.times import start_of
from homelab.cloudflare.model import R2, bucket_address
from homelab.config.backup import KEEP, Keep, Tier
from homelab.config.backup_targets import CHECK_WEEKS, BackupTarget
from homelab.config.stack import StackConfig
from homelab.network.between import dialled
from homelab.secret_paths import referred_path, secret_path
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
    holds: tuple[str, ...] = ()
    """Other jobs of the host whose commands enclose this one, too."""
    at: str | None = None
    """When it starts, if the stack config says so."""
    callers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Hosts and units that use the data over the network."""
    arrives_from: str = ""


def job_of(
    stack: StackConfig, hosts: Mapping[str, Host], work: Work, name: str, target: BackupTarget
) -> Job:
    """The backup of a work to one target, which its host reaches."""
    here = target.host == work.host
    secret = referred_path(target.credentials, "restic", f"{name}-credentials")
    if target.bucket is not None:
        secret = secret_path(R2, target.bucket, "issued", "file")
    place = _existing(stack, target, work.host) or _place(
        stack, hosts, target, work.host, here=here
    )
    file = secret if target.credentials or target.bucket else ""
    sftp = target.kind == "sftp" and not here
    if target.kind == "rest" and target.host and not here:
        file = secret_path("restic", login_names(name, work.host)[0], "derived", "env")
    return Job(
        name=work.name,
        host=work.host,
        target=name,
        repository=_existing(stack, target, f"{work.host}/{work.name}") or f"{place}/{work.name}",
        place=place,
        paths=work.paths,
        exclude=(*work.exclude, *LEFTOVERS),
        at=start_of(stack.backup, work.name, work.at),
        tier=work.tier,
        keep=stack.backup.tiers.get(work.tier) or KEEP.get(work.tier, Keep()),
        dumps=work.dumps,
        commands=work.commands,
        live=work.live,
        password=referred_path(target.password, "restic", name)
        if target.password
        else secret_path("restic", name, "derived", "file"),
        environment=file if target.kind in _CLOUDS else "",
        rclone_config=file if target.kind == "rclone" else "",
        ssh_key=private_key(name) if sftp else "",
        server=target.host or "" if not here else "",
        mounts=work.mounts,
        directory=target.path if here else "",
        source=work.source,
        by_hand=work.by_hand,
        units=work.units,
        callers=work.callers,
        arrives_from=work.arrives_from,
        hooks=work.hooks,
        holds=work.holds,
        stated_at=work.at is not None,
        upload_kib=target.upload_kib,
        check_weeks=_check_weeks(target),
        # Root on the host of the repositories writes to their directory itself.
        keeps_all=target.keeps_all and not here,
        adopted=target.password is not None
        or any(p in target.repositories for p in (work.host, f"{work.host}/{work.name}")),
    )


def _check_weeks(target: BackupTarget) -> int:
    if target.check_weeks is not None:
        return target.check_weeks
    return 52 if target.kind in ("b2", "s3", "rclone") else CHECK_WEEKS


_CLOUDS = ("b2", "s3", "rest")
_SSH = 22


def _existing(stack: StackConfig, target: BackupTarget, place: str) -> str:
    """The repository that the stack config names for a host or a job; empty if it names none."""
    stated = target.repositories.get(place)
    return _written(stack, target, stated) if stated is not None else ""


def _place(
    stack: StackConfig,
    hosts: Mapping[str, Host],
    target: BackupTarget,
    client: str,
    *,
    here: bool,
) -> str:
    """Where the repositories of a host are, for restic on that host."""
    if target.kind == "sftp" and not here:
        server = hosts[target.host or ""]
        address, port = dialled(stack, client, server.name), server.config.ssh.port
        # For the client, the root is its own directory.
        login = account(target.user, client)
        return f"sftp:{login}@{address}:" if port == _SSH else f"sftp://{login}@{address}:{port}/"
    if target.kind == "rest" and target.host and not here:
        address = dialled(stack, client, target.host)
        return f"rest:http://{address}:{target.port}/{client}"
    path = target.path.rstrip("/")
    # A bucket or a remote has no root directory.
    end = "" if path.endswith(":") else "/" if target.kind != "b2" or "/" in path else ":"
    return _written(stack, target, f"{path}{end}{client}")


def _written(stack: StackConfig, target: BackupTarget, path: str) -> str:
    """A path of a target as restic reads it."""
    path = path.rstrip("/")
    if target.bucket is not None:
        return f"s3:{bucket_address(stack.cloudflare, target.bucket)}/{path.lstrip('/')}"
    if target.host is not None:
        return path
    if target.kind == "b2":
        bucket, _, inside = path.replace(":", "/", 1).partition("/")
        return f"b2:{bucket}:{inside}"
    return f"{target.kind}:{path}"
