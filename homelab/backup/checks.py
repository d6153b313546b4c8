"""Checks of backups: all data is backed up, and every backup can be restored."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.backup.dumps import commands_of
from homelab.backup.globs import leaves_out
from homelab.backup.plan import (
    KEPT_TIERS,
    dumps_of,
    every_path,
    is_settled,
    not_kept,
    paths_of,
    skip_reason,
)
from homelab.check import check
from homelab.config.backup import CustomBackup
from homelab.config.containers import PartsBackup
from homelab.hardening.paths import below
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.databases import database_of, dumped_as, parts_of_dump
from homelab.services.model import Service
from homelab.storage.owners import Kind, is_fixed, taken


@check("backup-intent")
def backup_intent(plan: Plan) -> Iterator[Problem]:
    """A service without backup settings may lose its data unnoticed."""
    for service in plan.services:
        if not skip_reason(service) and not is_settled(service):
            yield Problem(
                service.at("backup"),
                f"the stack does not say what to back up of {service.name}",
                _what_to_keep(service),
                cause=service.at("state") if service.is_custom else "",
            )


def _what_to_keep(service: Service) -> str:
    skip = 'skip: "why nothing is backed up"'
    if service.unit is None:
        return f"include: [/var/lib/…], or {skip}"
    private = "private/" if service.entry.dynamic_user else ""
    return f"write state: [/var/lib/{private}{service.name}], or backup: {{{skip}}}"


@check("backup-live")
def backup_live(plan: Plan) -> Iterator[Problem]:
    """A reason for copying files in use has no effect if no files are copied."""
    for service in plan.services:
        backup = service.config.backup
        live = backup.live if isinstance(backup, CustomBackup) else None
        # `backup-intent` reports a service that states nothing at all.
        copies = not skip_reason(service) and (paths_of(service) or not is_settled(service))
        if live is not None and not copies:
            yield Problem(
                service.at("backup.live"),
                f"no files of {service.name} are backed up, so this has no effect",
                "leave live out; or write state: [/var/lib/…] if it keeps files",
            )


@check("backup-dump")
def backup_dump(plan: Plan) -> Iterator[Problem]:
    """A copy of a database in use may be inconsistent, which shows only when it is restored."""
    for service in plan.services:
        backup = service.config.backup
        if not isinstance(backup, CustomBackup):
            continue
        if skip_reason(service) or not paths_of(service) or backup.live is not None:
            continue
        for part in service.parts:
            kind = database_of(part)
            dumped = [p for dump in backup.dump for p in parts_of_dump(service.parts, dump)]
            # The only container of a service may be dumped in another way, as a SQLite file.
            if kind and part not in dumped and (part.name or not backup.dump):
                word = dumped_as(kind)
                how = f"{word}: its database" if word else "command: [its own dump program, …]"
                yield Problem(
                    service.at("backup"),
                    f"{part.container} is a database ({kind}), and its files are copied while it "
                    "writes them",
                    f"dump: {{{how}{f', part: {part.name}' if part.name else ''}}}, or live: why a "
                    "copy of the files is usable",
                )


@check("backup-dump-part")
def backup_dump_part(plan: Plan) -> Iterator[Problem]:
    """A dump runs in one container of its service; in another it would find no database."""
    for service in plan.services:
        backup = service.config.backup
        if not isinstance(backup, PartsBackup):
            continue
        names = [part.name for part in service.parts]
        for index, dump in enumerate(backup.dump):
            where = service.at(f"backup.dump[{index}]")
            found = parts_of_dump(service.parts, dump)
            if dump.part is not None and not found:
                yield Problem(
                    f"{where}.part",
                    f'{service.name} has no container "{dump.part}"',
                    did_you_mean(dump.part, names, f"containers of {service.name}"),
                )
            elif len(found) > 1:
                several = " and ".join(part.name for part in found)
                kind = "mysql" if dump.mysql is not None else "postgresql"
                several_dumps = ", ".join(
                    f"{{{kind}: {getattr(dump, kind)}, part: {part.name}}}" for part in found
                )
                yield Problem(
                    where,
                    f"{several} are such databases",
                    f"write a dump for each, {several_dumps}, and remove this one",
                )


@check("backup-exclude")
def backup_exclude(plan: Plan) -> Iterator[Problem]:
    """A path that is excluded is not backed up, even if `include` names it."""
    for service in plan.services:
        for index, out in enumerate(service.config.backup.exclude):
            gone = [p for p in every_path(service) if leaves_out(out, p)]
            if gone:
                yield Problem(
                    service.at(f"backup.exclude[{index}]"),
                    f"{gone[0]} is to be backed up, and this pattern excludes it",
                    "exclude a part of it, or keep one of the two",
                )
            elif skip_reason(service):
                yield Problem(
                    service.at(f"backup.exclude[{index}]"),
                    f"{service.name} is not backed up: {skip_reason(service)}",
                    "leave exclude out",
                )
    config = plan.stack.backup
    patterns = [(f"backup.exclude[{i}]", p, "") for i, p in enumerate(config.exclude)]
    for name, extra in config.extra.items():
        for index, out in enumerate(extra.exclude):
            patterns.append((f"backup.extra.{name}.exclude[{index}]", out, f"extra-{name}"))
    for where, out, job in patterns:
        taken_out = [
            (j.name, p)
            for j in plan.backup.jobs
            for p in j.paths
            if job in ("", j.name) and leaves_out(out, p)
        ]
        if taken_out:
            name, path = taken_out[0]
            yield Problem(
                where,
                f"{path} is to be backed up by the job {name}, and this pattern excludes it",
                "exclude a part of it, or keep one of the two",
            )


@check("backup-include", severity="warning")
def backup_include(plan: Plan) -> Iterator[Problem]:
    """`include` replaces the state directories: one that it does not name is not backed up."""
    for service in plan.services:
        include = service.config.backup.include
        if include is None or service.entry.stateless or skip_reason(service):
            continue
        # An include that names a part of a directory leaves out the rest on purpose.
        # dynamic-user-path reports the link that stands for a directory in /var/lib/private.
        links = {i.replace("/var/lib/", "/var/lib/private/", 1) for i in include}
        lost = [
            p
            for p in service.state
            if not any(below(p, (i,)) or below(i, (p,)) for i in (*include, *links))
        ]
        if lost:
            yield Problem(
                service.at("backup.include"),
                f"{', '.join(lost)} is state of {service.name}, and include does not contain it",
                f"write include: [{', '.join((*lost, *include))}], or name the part of it that is "
                "to back up",
            )


@check("backup-target-known")
def backup_target_known(plan: Plan) -> Iterator[Problem]:
    """A job for a target that does not exist backs up nothing."""
    targets = plan.stack.backup.targets
    for name, target in targets.items():
        if target.host is not None and target.host not in plan.stack.hosts:
            yield Problem(
                f"backup.targets.{name}.host",
                f'there is no host "{target.host}"',
                did_you_mean(target.host, plan.stack.hosts, "hosts"),
            )
    named = [(s.name, s.at("backup"), s.config.backup.targets) for s in plan.services]
    named += [
        (name, f"backup.extra.{name}", extra.targets)
        for name, extra in plan.stack.backup.extra.items()
    ]
    for what, source, stated in named:
        for index, name in enumerate(stated or ()):
            if name not in targets:
                yield Problem(
                    f"{source}.targets[{index}]",
                    f'{what} is to be backed up to "{name}", and there is no such target',
                    did_you_mean(name, targets, "targets"),
                )


@check("backup-has-target")
def backup_has_target(plan: Plan) -> Iterator[Problem]:
    """Data with a tier needs a backup target, or a reason for having none."""
    kept = {(j.name, j.host) for j in plan.backup.jobs}
    wanted = [
        (s.name, s.host, s.at("backup"), s.config.backup.targets)
        for s in plan.services
        if not skip_reason(s) and (paths_of(s) or dumps_of(s) or commands_of(s))
    ] + [
        (f"dataset-{d.name}", d.host, d.source, None)
        for d in plan.datasets
        if d.tier in KEPT_TIERS and plan.stack.datasets[d.name].backup is None
    ]
    wanted += [
        (f"extra-{name}", e.host, f"backup.extra.{name}", e.targets)
        for name, e in plan.stack.backup.extra.items()
    ]
    lost = [w for w in wanted if w[1] in plan.hosts and w[:2] not in kept]
    if lost and not plan.stack.backup.targets:
        names = ", ".join(sorted({name for name, *_ in lost}))
        yield Problem(
            "backup.targets",
            f"there is no backup target, so nothing is backed up of {names}",
            "add one: disk: {kind: local, host: …, path: /mnt/…}; or "
            + next(_without(source) for _, _, source, _ in lost),
            cause="backup.targets",
        )
        return
    known = set(plan.stack.backup.targets)
    if any(t.host and t.host not in plan.stack.hosts for t in plan.stack.backup.targets.values()):
        return  # reported by backup-target-known
    for name, host, source, targets in lost:
        if targets and not set(targets) & known:
            continue
        yield Problem(
            source,
            f"{host} reaches no backup target for {name}",
            "only its own host can write to a local target; add to backup.targets one of another "
            "kind, such as b2: {kind: b2, path: bucket/…, credentials: {sops: …}}",
            cause="backup.targets",
        )


def _without(source: str) -> str:
    if source.startswith("backup.extra."):
        return f"leave {source} out"
    return f"give a reason for each, as in {not_kept(source)}"


@check("backup-target-single")
def backup_target_single(plan: Plan) -> Iterator[Problem]:
    """Two writers in one repository lock each other out and prune each other's snapshots."""
    seen: dict[tuple[str, str], str] = {}
    for name, target in plan.stack.backup.targets.items():
        place = (target.host or target.bucket or target.kind, target.path.rstrip("/"))
        if place in seen:
            yield Problem(
                f"backup.targets.{name}.path",
                f"{name} and {seen[place]} write to the same repositories, {target.path}",
                "give each its own directory, or keep one",
            )
        seen.setdefault(place, name)
    # A repository has the name of its job, and a job the name of its service or dataset.
    written: dict[str, str] = {}
    for job in plan.backup.jobs:
        other = written.setdefault(job.repository, job.source)
        if other != job.source:
            yield Problem(
                job.source,
                f"its backup and that of {other} would share the repository {job.repository}",
                "rename one of them",
            )


@check("backup-target-root")
def backup_target_root(plan: Plan) -> Iterator[Problem]:
    """A repository needs a directory of its own. sshd confines a client to it only if root alone
    can write every directory above it; a service could damage a repository in its state; and a
    job that backs up its own repository grows without end.
    """
    for name, target in plan.stack.backup.targets.items():
        host = target.host or ""
        if host not in plan.hosts:
            continue
        where = f"backup.targets.{name}.path"
        way_out = "name a directory outside every dataset, such as /mnt/<disk>/restic"
        # path-taken reports a dataset that is a directory of the system.
        here = [d for d in plan.datasets if d.host == host and not is_fixed(d.path)]
        inside = [d for d in here if below(target.path, (d.path,))]
        for dataset in inside:
            end = ", so sshd refuses every client" if target.kind == "sftp" else ""
            yield Problem(
                where,
                f"{target.path} is in the dataset {dataset.name}, which {dataset.group} "
                f"can write{end}",
                way_out,
            )
        found = taken(plan, host, target.path, _NOT_FOR_TARGETS, relations=("is", "lies in"))
        if found is not None and not inside:
            yield Problem(
                where,
                f"{found}, and repositories would be written there",
                "name a separate directory, such as /mnt/<disk>/restic",
            )


_NOT_FOR_TARGETS: tuple[Kind, ...] = ("home", "homelab", "memory", "secret", "state", "system")


_WITHOUT_JOB = {
    "backup": "write another host, or leave it out",
    "datasets": 'backup: "why nothing is backed up", or another host',
    "services": 'backup: {skip: "why nothing is backed up"}, or another host',
}
"""How the owner of a job does without it, by section."""


@check("role-backup")
def role_backup(plan: Plan) -> Iterator[Problem]:
    """A repository wears out flash memory, and an agent must hold no backups: the programs on it
    could delete them.
    """
    for name, target in sorted(plan.stack.backup.targets.items()):
        held_by = plan.hosts.get(target.host or "")
        if held_by is not None and held_by.role == "agent":
            others = ", ".join(h.name for h in plan.hosts.values() if h.may_serve)
            yield Problem(
                f"backup.targets.{name}.host",
                f"{held_by.name} has role agent, and the programs that run there must not reach "
                "backups",
                f"name another host: {others}" if others else "leave the target out",
            )
    for job in plan.backup.jobs:
        host = plan.hosts[job.host]
        if host.role == "agent":
            yield Problem(
                job.source,
                f"{job.name} runs on {host.name}, which has role agent and is not backed up",
                _WITHOUT_JOB.get(job.source.partition(".")[0], _WITHOUT_JOB["services"]),
            )
        elif job.repository.startswith("/") and (host.role == "appliance" or host.config.flash):
            why = "an appliance" if host.role == "appliance" else "on flash"
            yield Problem(
                job.source,
                f"{job.name} would be backed up to {job.target}, on its own host {host.name}, "
                f"which is {why}",
                f"set backup.targets without {job.target}, or move the service to another host",
            )


@check("dynamic-user-path")
def dynamic_user_path(plan: Plan) -> Iterator[Problem]:
    """With DynamicUser, /var/lib/x is a symbolic link, and restic backs up only the link."""
    yield from _links(plan)
    for service in plan.services:
        # systemd creates no directory of a site's files.
        if not service.entry.dynamic_user or service.static is not None:
            continue
        include = service.config.backup.include
        if include is None and not service.is_custom:
            continue  # its state comes from the catalog; service-adds reports additions
        field = "backup.include" if include is not None else "state"
        for index, path in enumerate(paths_of(service)):
            private = _private(path)
            if private:
                yield Problem(
                    service.at(f"{field}[{index}]"),
                    f"{service.name} runs with DynamicUser, so {path} is a link and its backup "
                    "would be empty",
                    f"write {private}",
                )


def _links(plan: Plan) -> Iterator[Problem]:
    """Extra paths that systemd makes links of."""
    for name, extra in plan.stack.backup.extra.items():
        private = {p for s in plan.on(extra.host) if s.entry.dynamic_user for p in s.state}
        for index, path in enumerate(extra.paths):
            if (there := _private(path)) and there in private:
                yield Problem(
                    f"backup.extra.{name}.paths[{index}]",
                    f"{path} is a link of a service with DynamicUser, so its backup would be empty",
                    f"write {there}",
                )


def _private(path: str) -> str:
    """The real path of a state directory of systemd; empty if the path is already right."""
    for parent in ("/var/lib/", "/var/cache/", "/var/log/"):
        rest = path.removeprefix(parent)
        if rest != path and not rest.startswith("private/"):
            return f"{parent}private/{rest}"
    return ""


@check("dump-before-backup")
def dump_before_backup(plan: Plan) -> Iterator[Problem]:
    """A dump that is made after the backup is a day old in the next one."""
    at, dump_at = plan.stack.backup.at, plan.stack.backup.dump_at
    if plan.backup.databases and dump_at >= at:
        yield Problem(
            "backup.dump_at",
            f"databases are dumped at {dump_at}, but the backup of the dumps starts at {at}",
            "set dump_at to a time before at",
        )
    stated = {j.source: j.at for j in plan.backup.jobs if j.stated_at and j.postgresql}
    for source, at in sorted(stated.items()):
        if dump_at >= at:
            yield Problem(
                f"{source}.at",
                f"databases are dumped at {dump_at}, but the backup of the dumps starts at {at}",
                "write a time after backup.dump_at, or an earlier backup.dump_at",
            )
