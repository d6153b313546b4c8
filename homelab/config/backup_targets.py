"""Backup targets: the repositories that jobs write to."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from homelab.config.base import Model, Name, Port, ServiceSecretRef, Str, Time, pattern
from homelab.config.types import Repository

CHECK_WEEKS = 13
"""Weeks in which the weekly checks read all data of a repository once, where reading is free."""


Rate = Annotated[
    Str,
    pattern(r"[1-9][0-9]{0,5} ?[kMG]B", "this is not an amount for one second; write 2 MB"),
]
"""Bytes in one second, in powers of 1000."""


JobPlace = Annotated[
    Str,
    pattern(
        r"[a-z][a-z0-9-]*(/[a-z][a-z0-9-]*)?",
        "this is neither a host nor one of its jobs; write pi, or pi/radicale",
    ),
]
"""A host, or a job of a host."""


class BackupTarget(Model):
    """A restic repository that backups are written to."""

    kind: Literal["local", "sftp", "b2", "s3", "rest", "rclone"]
    host: Name | None = None
    """Host that holds the repositories (local, sftp, rest). Its rest-server serves a `rest` target;
    without a host, `path` is the address of somebody else's."""
    path: Repository
    """Directory on the host, or bucket and path: `bucket/restic`; in a `bucket`, the path alone.
    For rclone, remote and path: `drive:restic`. For rest without `host`, an address:
    `https://backup.example.net/me`."""
    bucket: Name | None = None
    """A bucket of `cloudflare.buckets` (s3). Its address and keys follow from there."""
    user: Name = "restic"
    """Prefix of the logins on the host (sftp). Each client has a login of its own, `restic-pi`,
    with a derived key, and can read only its own repositories."""
    port: Port = 8000
    """Port of the rest-server on `host` (rest)."""
    append_only: bool | None = None
    """Clients can add backups, and can neither change nor delete any (rest). The host then removes
    old snapshots itself, and gets the passwords of the repositories for it; somebody else's server
    must do it on its side. Default: true with `host`."""
    credentials: ServiceSecretRef | None = None
    """Environment file with the keys of the store (b2, s3, rest), or `rclone.conf` with the remote
    (rclone)."""
    password: ServiceSecretRef | None = None
    """Password of repositories that exist already. Default: a derived one for each host."""
    repositories: dict[JobPlace, Repository] = Field(default_factory=dict)
    """Places of repositories that exist already, written as `path`: those of a host, `{pi:
    bucket/old}`, or the repository of one job, `{pi/radicale: bucket/calendars}`. Default:
    `<path>/<host>/<job>`."""
    check_weeks: Annotated[int, Field(ge=0, le=520)] | None = None
    """Weeks in which the weekly checks read all data of a repository once. 0: they read no data,
    only the structure. Default: 13; for b2 and s3 52, because reading costs money there."""

    upload: Rate | None = None
    """Most that a job sends in one second: `2 MB`. Default: no limit."""

    @model_validator(mode="before")
    @classmethod
    def _no_keys(cls, value: object) -> object:
        if isinstance(value, dict) and "keys" in value:
            raise ValueError("each client has a derived key; leave keys and credentials out")
        return value

    @model_validator(mode="after")
    def _fields(self) -> BackupTarget:
        if self.kind in ("local", "sftp"):
            if self.host is None:
                raise ValueError(f"a {self.kind} target needs the host that holds it; add host:")
            if not self.path.startswith("/"):
                raise ValueError("the path on the host must be absolute; start it with /")
        if self.host is not None and self.kind not in ("local", "sftp", "rest"):
            raise ValueError(f"a {self.kind} target is not on a host of the stack; leave host out")
        if self.bucket is not None:
            if self.kind != "s3":
                raise ValueError(f"bucket is for a target of kind s3; this one is {self.kind}")
            if self.credentials is not None:
                raise ValueError("homelab issues the keys of a bucket; leave credentials out")
        elif self.kind in ("b2", "s3", "rclone") and self.credentials is None:
            raise ValueError(
                f"a {self.kind} target has no credentials; add credentials: {{sops: restic/…}}"
            )
        if self.credentials is not None and (self.kind in ("local", "sftp") or self.host):
            why = {"sftp": ": each client has a derived key"}.get(self.kind, "")
            if self.kind == "rest":
                why = " on a host of the stack: each client has a derived password"
            raise ValueError(f"a {self.kind} target has no credentials{why}; leave credentials out")
        self._rest()
        if "user" in self.model_fields_set and self.kind != "sftp":
            raise ValueError(f"a {self.kind} target has no login; leave user out")
        if self.kind == "rclone" and not re.match(r"[^/:]+:", self.path):
            raise ValueError("the path has no remote of rclone.conf; write drive:restic")
        for path in (self.path, *self.repositories.values()) if self.kind == "b2" else ():
            self._in_bucket(path)
        if self.kind == "local" and not all(p.startswith("/") for p in self.repositories.values()):
            raise ValueError("a repository on the host must be absolute; start it with /")
        if self.kind == "rclone" and not all(":" in p for p in self.repositories.values()):
            raise ValueError("a repository has no remote of rclone.conf; write drive:restic")
        if self.repositories and (self.kind == "sftp" or (self.kind == "rest" and self.host)):
            raise ValueError(
                f"a client of {self.kind} sees only its own directory below path; leave "
                "repositories out"
            )
        if self.upload is not None and self.kind == "local":
            raise ValueError("a local target is not sent anywhere; leave upload out")
        if self.user == "root":
            raise ValueError("backups must not log in as root; leave user out, or name another")
        return self

    def _in_bucket(self, path: str) -> None:
        """A path at B2, where homelab writes the first colon as a slash, also one of a name."""
        if re.match(r"[^/:]+/[^:]*:", path):
            raise ValueError(
                f"a colon in {path} would become a slash; write {path.replace(':', '/', 1)}, which "
                "is where homelab has put such a repository"
            )

    def _rest(self) -> None:
        served = self.kind == "rest" and self.host is not None
        if served and not self.path.startswith("/"):
            raise ValueError("the path on the host must be absolute; start it with /")
        # nixpkgs' module writes the directory into a command line without quotes.
        if served and not re.fullmatch(r"[A-Za-z0-9/_.:@+-]+", self.path):
            raise ValueError(
                "the directory of a rest-server may have letters, digits and / _ . : @ + - only; "
                "choose another path"
            )
        if self.kind == "rest" and not served and not re.match(r"https?://[^/@]+(/|$)", self.path):
            raise ValueError(
                "the path is not the address of a rest-server; write https://backup.example.net/me "
                "with its login in credentials, or add host: for a host of the stack"
            )
        if "port" in self.model_fields_set and not served:
            raise ValueError("port is for a rest-server on a host of the stack; leave port out")
        if self.append_only is not None and self.kind != "rest":
            raise ValueError(
                f"append_only is for a target of kind rest; this one is {self.kind}; leave it out"
            )

    @property
    def keeps_all(self) -> bool:
        """Whether its clients cannot delete a snapshot."""
        if self.append_only is not None:
            return self.append_only
        return self.kind == "rest" and self.host is not None

    @property
    def upload_kib(self) -> int | None:
        """Most KiB that a job sends in one second, for `restic --limit-upload`."""
        if self.upload is None:
            return None
        number, unit = self.upload[:-2], self.upload[-2]
        return max(1, int(number) * {"k": 10**3, "M": 10**6, "G": 10**9}[unit] // 1024)


class Offload(Model):
    """Copies of the repositories of one target in those of another, by `restic copy`."""

    source: Annotated[Name, Field(alias="from")]
    """Target whose snapshots are copied."""
    to: Name
    """Target that gets them. Jobs back up to it only by these copies."""
    at: Time | None = None
    """Local time at which the copies of a day start: `"06:30"`. Default: only by hand, with
    `homelab backup run NAME --to TARGET`."""
    max_age_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """Days after which the last copy is too old. Default: `backup.proof.max_age_days` with `at`,
    otherwise 35."""

    @model_validator(mode="after")
    def _two(self) -> Offload:
        if self.source == self.to:
            raise ValueError(f"from and to are both {self.to}; name another target in one of them")
        return self
