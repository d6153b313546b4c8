"""When jobs start: each at a time of its own in the night."""

from __future__ import annotations

import hashlib

from homelab.config.backup import BackupConfig

_DAY = 24 * 60


def start_of(config: BackupConfig, job: str, stated: str | None = None) -> str:
    """The local time at which a job starts, `HH:MM`. Same as in `lib/backup.nix`.

    Without a stated time it follows from the name of the job, so a new job moves no other. The
    targets of a job start at once: its service is held once, and its dumps are of one moment.
    """
    if stated is not None:
        return stated
    hour, minute = (int(part) for part in config.at.split(":"))
    start = hour * 60 + minute
    if config.spread_minutes:
        digest = hashlib.sha256(job.encode()).hexdigest()
        number = int("1" + "".join(filter(str.isdigit, digest))[:6])
        start += number % config.spread_minutes
    return f"{start % _DAY // 60:02}:{start % 60:02}"
