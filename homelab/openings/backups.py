"""Options that stop or change the backup jobs of the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from homelab.backup.account import stores
from homelab.backup.model import Job
from homelab.backup.plan import not_kept
from homelab.backup.rest import served
from homelab.nix.source import Setting, Value
from homelab.openings.model import Opening, View, rule, shown, texts

_OF_THE_PLAN = (
    *("dynamicFilesFrom", "environmentFile", "exclude", "extraOptions", "passwordFile", "paths"),
    *("pruneOpts", "repository", "repositoryFile", "user"),
)
"""Options that the plan sets for each job. With another value `homelab show` would be wrong."""
_DUMPS = "backupPrepareCommand"
"""Creates the dumps of a job that has any."""


@rule("services.restic.backups.**")
def restic(setting: Setting, view: View) -> Iterator[Opening]:
    """Jobs of the plan. Jobs that the owner adds are not restricted."""
    rest = setting.path[3:]
    jobs = {j.unit: j for j in view.plan.backup.on(view.host.name)}
    if not rest:
        if jobs and _is_nothing(setting.value) and setting.forced is None:
            yield _opening(setting, "the backup of the host", next(iter(jobs.values())).source)
        return
    job = jobs.get(rest[0])
    if job is None:
        return
    ends = (len(rest) == 1 and _is_nothing(setting.value)) or _is_idle(rest[1:], setting.value)
    dumps = rest[1:] == (_DUMPS,) and bool(job.dumps or job.commands)
    if ends or dumps or rest[1:2] in [(field,) for field in _OF_THE_PLAN]:
        yield _opening(setting, f"the backup {rest[0]}", job.source)


@rule(
    *("services.restic.server.appendOnly", "services.restic.server.extraFlags"),
    *("services.restic.server.htpasswd-file", "services.restic.server.enable"),
)
def server(setting: Setting, view: View) -> Iterator[Opening]:
    """The rest-server with backups of other hosts: who signs in, and whether they may delete."""
    targets = served(view.plan, view.host.name)
    kind, value = setting.path[-1], setting.value
    opens = {
        "appendOnly": value is not True and any(t.keeps_all for _, t in targets),
        "extraFlags": any(text.startswith("--no-auth") for text in texts(value)),
        "enable": value is not True,
    }.get(kind, True)
    if targets and opens:
        name = targets[0][0]
        yield _opening(setting, f"the server of the target {name}", f"backup.targets.{name}")


@rule("homelab.backup.**")
def library(setting: Setting, view: View) -> Iterator[Opening]:
    """Options of `lib/backup.nix` and `lib/backup-stores.nix` that the plan sets."""
    kind, name, rest = "".join(setting.path[2:3]), setting.path[3:4], setting.path[4:]
    jobs = view.plan.backup.on(view.host.name)
    named: Mapping[str, Mapping[str, str]] = {
        "jobs": {j.name: j.source for j in jobs},
        "targets": {j.target: f"backup.targets.{j.target}" for j in jobs},
        "tiers": {j.tier: f"backup.tiers.{j.tier}" for j in jobs},
        "stores": {t: f"backup.targets.{t}" for t in stores(view.plan, view.host)},
    }
    ours = named.get(kind, {})
    if kind == "dumpAt" and any(job.postgresql for job in jobs):
        yield _opening(setting, "the dumps of the databases", "backup.dump_at")
    elif not name:
        # A set of jobs, or a list of units: only an empty value takes anything away.
        if jobs and _is_nothing(setting.value) and (setting.forced is None or kind == "onFailure"):
            yield _opening(setting, "the backup of the host", "backup.targets")
    elif name[0] in ours and (not rest or _is_of_the_plan(kind, rest)):
        if rest and kind in ("jobs", "tiers") and _keeps_enough(kind, name[0], setting, jobs):
            return
        if rest or _is_nothing(setting.value):
            yield _opening(setting, f"the backup {kind.removesuffix('s')} {name[0]}", ours[name[0]])


def _is_of_the_plan(kind: str, rest: tuple[str, ...]) -> bool:
    """Whether the plan sets the option. Another time and further mounts are allowed."""
    return kind in ("tiers", "stores") or rest[0] not in ("at", "mounts")


def _keeps_enough(kind: str, name: str, setting: Setting, jobs: Sequence[Job]) -> bool:
    """Whether it is a number of snapshots that is at least the plan's."""
    period = setting.path[-1]
    if (kind == "jobs" and setting.path[4] != "keep") or not isinstance(setting.value, int):
        return False
    keeps = [j.keep for j in jobs if (j.name if kind == "jobs" else j.tier) == name]
    return all(setting.value >= getattr(keep, period, 0) for keep in keeps)


@rule("systemd.timers.*.**", "systemd.services.*.**")
def units(setting: Setting, view: View) -> Iterator[Opening]:
    """Units and timers that run the jobs and the dumps before them."""
    kind, name, rest = setting.path[1], setting.path[2], setting.path[3:]
    source = _units(view).get(name)
    if source is None:
        return
    ends = rest == ("enable",) and setting.value is False
    ends |= not rest and _is_nothing(setting.value)
    bends = rest[:1] in (("script",), ("startAt",)) or rest[:2] == ("serviceConfig", "ExecStart")
    if kind == "timers":
        bends |= rest[:1] == ("wantedBy",) or _is_idle(rest, setting.value)
    if ends or bends:
        yield _opening(setting, name, source)


@rule("services.postgresqlBackup.*.**")
def postgresql(setting: Setting, view: View) -> Iterator[Opening]:
    """Dumps of the host's databases, which the jobs back up."""
    field = setting.path[2]
    dumped = [
        j.source
        for j in view.plan.backup.on(view.host.name)
        if any(kind == "postgresql" for kind, *_ in j.dumps)
    ]
    ends = field == "enable" and setting.value is False
    if dumped and (
        ends or field in ("backupAll", "compression", "databases", "location", "startAt")
    ):
        yield _opening(setting, "the dumps of the databases", dumped[0])


def _units(view: View) -> Mapping[str, str]:
    jobs = view.plan.backup.on(view.host.name)
    found = {f"restic-backups-{j.unit}": j.source for j in jobs}
    found |= {
        f"postgresqlBackup-{database}": j.source
        for j in jobs
        for kind, database, _ in j.dumps
        if kind == "postgresql"
    }
    return found


def _is_idle(path: tuple[str, ...], value: Value) -> bool:
    """Whether a timer has no time left. Another time is allowed."""
    return path[:1] == ("timerConfig",) and path[1:] in ((), ("OnCalendar",)) and not value


def _is_nothing(value: Value) -> bool:
    return value is None or value is False or value in ((), {})


def _opening(setting: Setting, what: str, source: str) -> Opening:
    return Opening(
        "backup-changed",
        f"{setting.name} is {shown(setting.value)}, so {what} is not what the plan says",
        "leave it out; backup.at, backup.targets and backup.tiers change it"
        + ("" if source.startswith("backup.") else f", and {not_kept(source)} ends it"),
    )
