"""The options of `lib/backup.nix` and `lib/backup-stores.nix` for each host.

Those modules make the restic units, dumps, accounts and directories. The files here state what
differs between hosts: jobs, targets and changed tiers.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from importlib import resources

from homelab.backup.account import stores
from homelab.backup.dumps import IN_MYSQL, PROGRAM, live_files
from homelab.backup.hooks import NO_HOOKS
from homelab.backup.jobs import LEFTOVERS
from homelab.backup.model import Job
from homelab.config.backup import KEEP, BackupConfig, Keep
from homelab.config.backup_targets import CHECK_WEEKS
from homelab.config.deploy import DeployConfig
from homelab.deploy.probes import apps_probed
from homelab.deploy.scripts import MOVING
from homelab.nix import Attrs, Comment, Library, Module, Nix, Text, attrs
from homelab.plan import Plan
from homelab.services.unit import reported
from homelab.system.model import Host

Source = tuple[tuple[str, ...], str]
"""Path of an option, and the place in the stack config that it comes from."""

METRICS = "/run/homelab-metrics"
"""Directory of the files that the node exporter reads."""
_NODE_EXPORTER = "node-exporter"
_JOBS = Library.of("homelab.backup", "backup")
_STORES = Library.of("homelab.backup", "backup-stores")
_BACKUP = resources.files("homelab.backup")
_QUOTE = (
    "lib/quote.nix",
    resources.files("homelab.nix").joinpath("quote.nix").read_text(encoding="utf-8"),
)
_SCRIPTS = _BACKUP / "scripts"
_PROBE = (resources.files("homelab.deploy") / "scripts" / "probe.sh").read_text(encoding="utf-8")
"""The shell functions that ask a probe, as a deployment does."""
_PARTS = (
    *("common", "mysql", "containers", "in-place", "paths", "undo", "arrive", "contents"),
    *("proof", "mysql-drill", "hooks", "copy", "main"),
)
COMMAND = (
    "lib/backup.sh",
    "\n".join(
        (
            "# shellcheck shell=bash",
            "set -euo pipefail",
            # The shell of the container expands it.
            "# shellcheck disable=SC2016",
            f"in_mysql={shlex.quote(IN_MYSQL)}",
            MOVING,
            _PROBE,
            *((_SCRIPTS / f"{part}.sh").read_text(encoding="utf-8") for part in _PARTS),
        )
    ),
)
"""The file of the command `homelab-backup`: its name and its text."""
_DUMPS = ("lib/backup-dumps.nix", _BACKUP.joinpath("backup-dumps.nix").read_text(encoding="utf-8"))
_PROGRAM_DUMP = (
    "lib/program-dump.sh",
    _BACKUP.joinpath("program-dump.sh").read_text(encoding="utf-8"),
)
_SHELL = ("lib/backup-target.sh", _BACKUP.joinpath("target.sh").read_text(encoding="utf-8"))


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`backup.nix` on a host with jobs, `backup-stores.nix` on one that other hosts back up to."""
    jobs, accounts = plan.backup.on(host.name), stores(plan, host)
    if jobs:
        yield Module(
            file="backup.nix",
            what="Backups: what is backed up of this host, and where to",
            derived=attrs("homelab.backup", _options(plan, host, jobs)),
            library=_JOBS,
            extra=(
                *(_QUOTE, _DUMPS, COMMAND),
                *((_PROGRAM_DUMP,) if any(map(_runs_program, jobs)) else ()),
            ),
        )
    if accounts:
        yield Module(
            file="backup-stores.nix",
            what="Backups of other hosts: which directories hold them, and who may write there",
            derived=attrs("homelab.backup.stores", accounts),
            library=_STORES,
            extra=(_QUOTE, _SHELL),
        )


def _runs_program(job: Job) -> bool:
    return any(PROGRAM in command.command.parts for command in job.commands)


def sources(plan: Plan, host: Host) -> Iterator[Source]:
    """What each option of a job, tier, target or store comes from, with the units it results in."""
    ours = ("homelab", "backup")
    yield (*ours, "at"), "backup.at"
    yield (*ours, "spreadMinutes"), "backup.spread_minutes"
    yield (*ours, "onBattery"), "backup.on_battery"
    yield (*ours, "dumpAt"), "backup.dump_at"
    yield (*ours, "onFailure"), "monitoring.ntfy"
    yield (*ours, "metrics"), "services.node-exporter"
    yield (*ours, "probeSeconds"), "deploy.confirm_seconds"
    yield (*ours, "maxAgeDays"), "backup.proof.max_age_days"
    yield (*ours, "drill", "days"), "backup.proof.drill_days"
    yield (*ours, "drill", "megabytes"), "backup.proof.drill_megabytes"
    for kind in ("services", "timers"):
        yield ("systemd", kind, "homelab-backup-fresh"), "backup.proof"
        yield ("systemd", kind, "homelab-backup-late"), "backup.on_battery"
    for job in plan.backup.on(host.name):
        if job.arrives_from:
            yield ("systemd", "services", f"homelab-arrive-{job.name}"), job.source
        if job.hooks.after or job.holds:
            yield ("systemd", "services", "homelab-backup-release"), job.source
            for kind in ("services", "timers"):
                yield ("systemd", kind, "homelab-backup-limit"), job.source
    yield ("systemd", "services", "homelab-restore-resume"), "backup.targets"
    yield (*ours, "inhibitsSleep"), f"{host.source}.always_on"
    for tier in KEEP:
        yield (*ours, "tiers", tier), f"backup.tiers.{tier}"
    for target in stores(plan, host):
        yield (*ours, "stores", target), f"backup.targets.{target}"
        yield ("systemd", "services", f"backup-target-{target}"), f"backup.targets.{target}"
    for job in plan.backup.on(host.name):
        yield (*ours, "targets", job.target), f"backup.targets.{job.target}"
        yield (*ours, "jobs", job.name), job.source
        yield ("services", "restic", "backups", job.unit), job.source
        for kind in ("services", "timers"):
            yield ("systemd", kind, f"restic-backups-{job.unit}"), job.source
            for database in job.postgresql:
                yield ("systemd", kind, f"postgresqlBackup-{database}"), job.source
        if job.postgresql:
            yield ("services", "postgresqlBackup"), job.source


def _options(plan: Plan, host: Host, jobs: tuple[Job, ...]) -> Attrs:
    config, defaults = plan.stack.backup, BackupConfig()
    every = {job.target for job in jobs}
    probes = apps_probed(plan, host)
    options: Attrs = {
        "jobs": {name: _job(same, every, probes) for name, same in _by_name(jobs).items()},
        "targets": {job.target: _target(job, jobs) for job in jobs},
    }
    tiers = {tier: _changed(config.tiers.get(tier, keep), keep) for tier, keep in KEEP.items()}
    if any(tiers.values()):
        options["tiers"] = {tier: counts for tier, counts in tiers.items() if counts}
    if config.at != defaults.at:
        options["at"] = config.at
    if config.spread_minutes != defaults.spread_minutes:
        options["spreadMinutes"] = config.spread_minutes
    if config.on_battery and not host.always_on:
        options["onBattery"] = True
    if config.dump_at != defaults.dump_at and any(job.postgresql for job in jobs):
        options["dumpAt"] = config.dump_at
    options |= reported(plan, host.name)
    if not host.always_on:
        options["inhibitsSleep"] = True
    proof, usual = config.proof, defaults.proof
    if proof.max_age_days != usual.max_age_days:
        options["maxAgeDays"] = proof.max_age_days
    deploy, ordinary = plan.stack.deploy, DeployConfig()
    if deploy.confirm_seconds != ordinary.confirm_seconds:
        options["probeSeconds"] = deploy.confirm_seconds
    if any(s.name == _NODE_EXPORTER for s in plan.on(host.name)):
        options["metrics"] = METRICS
    drill: Attrs = {}
    if proof.drill_days != usual.drill_days:
        drill["days"] = proof.drill_days
    if proof.drill_megabytes != usual.drill_megabytes:
        drill["megabytes"] = proof.drill_megabytes
    if drill:
        options["drill"] = drill
    return options


def _changed(keep: Keep, default: Keep) -> Attrs:
    before = default.model_dump()
    return {period: count for period, count in keep.model_dump().items() if count != before[period]}


def _by_name(jobs: tuple[Job, ...]) -> Mapping[str, tuple[Job, ...]]:
    found: dict[str, list[Job]] = {}
    for job in jobs:
        found.setdefault(job.name, []).append(job)
    return {name: tuple(same) for name, same in found.items()}


def _job(same: tuple[Job, ...], every: set[str], probes: Mapping[str, str]) -> Attrs:
    """One job, with its restic jobs to each target. `probes` are the URLs of the apps' probes."""
    job = min(same, key=lambda j: j.copied is not None)
    made = {*(file for *_, file in job.dumps), *(command.file for command in job.commands)}
    live = {file for database in job.sqlite for file in live_files(database)}
    paths: list[Nix] = [path for path in job.paths if path not in made]
    # Always stated, so that another tier changes one line.
    options: Attrs = {"tier": job.tier}
    lists: dict[str, list[Nix]] = {
        "paths": paths,
        "exclude": [p for p in job.exclude if p not in live and p not in LEFTOVERS],
        "sqlite": [*job.sqlite],
        "postgresql": [*job.postgresql],
        "mysql": [*job.mysql],
        "mounts": [*job.mounts],
        "byHand": [*job.by_hand],
        "units": [*job.units],
        "holds": [*job.holds],
    }
    options |= {name: values for name, values in lists.items() if values}
    probe = probes.get(job.name)
    if probe is not None and job.source.startswith("services."):
        options["probe"] = probe
    if job.arrives_from:
        options["arrivesFrom"] = job.arrives_from
    if job.stated_at:
        options["at"] = job.at
    if job.hooks.before:
        options["before"] = [[*words] for words in job.hooks.before]
    if job.hooks.after:
        options["after"] = [[*words] for words in job.hooks.after]
    if job.hooks != NO_HOOKS and job.source.startswith("backup.extra."):
        # No service waits for it, and what it mounts is needed to the end.
        options["holdMinutes"] = 0
    if job.live:
        options["paths"] = Comment(f"Copied while in use: {job.live}", paths)
    if job.commands:
        options["commands"] = {
            c.file.rpartition("/")[2]: Text(c.command.parts) for c in job.commands
        }
    inside = {
        c.file.rpartition("/")[2]: {
            "kind": c.inside.kind,
            "database": c.inside.database,
            "user": c.inside.user,
            "container": c.inside.container,
            "directory": c.inside.directory,
        }
        for c in job.commands
        if c.inside is not None
    }
    if inside:
        options["inside"] = inside
    if {one.target for one in same} != every:
        options["targets"] = [one.target for one in same]
    return options


def _target(job: Job, jobs: tuple[Job, ...]) -> Attrs:
    options: Attrs = {
        "repository": job.place,
        "passwordFile": job.password,
    }
    if job.environment:
        options["environmentFile"] = job.environment
    if job.rclone_config:
        options["rcloneConfigFile"] = job.rclone_config
    mine = [j for j in jobs if j.target == job.target]
    existing = {j.name: j.repository for j in mine if j.repository != f"{j.place}/{j.name}"}
    if existing:
        options["repositories"] = existing
    if adopted := [j.name for j in mine if j.adopted]:
        options["adopted"] = adopted
    if job.ssh_key:
        options["sshKey"] = job.ssh_key
    if job.directory:
        options["mounts"] = [job.directory]
    if job.upload_kib is not None:
        options["uploadKiB"] = job.upload_kib
    if job.copied is not None:
        options["copyOf"] = job.copied.target
        if job.copied.at:
            options["copyAt"] = job.copied.at
        options["maxAgeDays"] = job.copied.max_age_days
    if job.keeps_all:
        options["keepsAll"] = True
    if job.check_weeks != CHECK_WEEKS:
        options["checkWeeks"] = job.check_weeks
    return options
