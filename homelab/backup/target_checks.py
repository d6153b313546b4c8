"""Checks of targets beside each other: each has its own directory, and its own accounts."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.backup.account import clients_of
from homelab.check import check
from homelab.hardening.paths import below
from homelab.network.between import path_between
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.system.login import account

BACKREST = "backrest"
"""Catalog entry whose module reads the jobs of its host."""


@check("backup-target-login")
def backup_target_login(plan: Plan) -> Iterator[Problem]:
    """An account has one directory and one file of keys. With two targets for one account, sshd
    refuses every backup to the second.
    """
    stack = plan.stack
    people = {stack.site.owner.user: "the owner"}
    people |= {name: f"the member {name}" for name, m in stack.site.members.items() if m.account}
    taken: dict[tuple[str, str], str] = {}
    clients = sorted({(j.target, j.host) for j in plan.backup.jobs if j.ssh_key})
    reported: set[str] = set()
    for name, client in clients:
        target = stack.backup.targets[name]
        login = account(target.user, client)
        other = taken.setdefault((target.host or "", login), f"the target {name}")
        other = people.get(login, other)
        if other != f"the target {name}" and name not in reported:
            reported.add(name)
            yield Problem(
                f"backup.targets.{name}.user",
                f"{client} would log in to {target.host} as {login}, which is also the account "
                f"of {other}",
                f"write another user: restic-{name}",
            )


@check("backup-target-nested")
def backup_target_nested(plan: Plan) -> Iterator[Problem]:
    """A directory inside another target is inside the root of one of its clients, which sees what
    the others back up there.
    """
    targets = plan.stack.backup.targets
    for name, target in targets.items():
        for other, outer in targets.items():
            inside = below(target.path, (outer.path,)) and target.path != outer.path
            if target.host is not None and target.host == outer.host and inside:
                yield Problem(
                    f"backup.targets.{name}.path",
                    f"{target.path} is inside {outer.path}, the directory of the target {other}",
                    "name a directory beside it",
                )


@check("backup-rest-single")
def backup_rest_single(plan: Plan) -> Iterator[Problem]:
    """The rest-server of a host has one directory, so it would not serve a second target."""
    first: dict[str, str] = {}
    for name, target in plan.stack.backup.targets.items():
        if target.kind != "rest" or target.host is None:
            continue
        other = first.setdefault(target.host, name)
        if other != name:
            yield Problem(
                f"backup.targets.{name}.host",
                f"the rest-server of {target.host} already serves the target {other}",
                f"leave one of them out, name another host, or write {name} with kind: sftp",
            )


@check("backup-rest-plain", severity="warning")
def backup_rest_plain(plan: Plan) -> Iterator[Problem]:
    """The LAN sees the password with which a client signs in to a rest-server over HTTP. Anyone
    who has it can add backups and read encrypted ones.
    """
    for name, target in plan.stack.backup.targets.items():
        if target.kind != "rest":
            continue
        open_ = [
            client
            for client in clients_of(plan, name)
            if (path := path_between(plan.stack, client, target.host or "")) is not None
            and path.network == "lan"
        ]
        if open_:
            yield Problem(
                f"backup.targets.{name}",
                f"{', '.join(open_)} would send a password to {target.host} over the LAN, "
                "unencrypted",
                "add homelab:tailnet for both hosts, or write kind: sftp and leave port and "
                "append_only out",
            )
        elif target.host is None and target.path.startswith("http://"):
            yield Problem(
                f"backup.targets.{name}.path",
                f"the login goes to {target.path} unencrypted",
                f"write https{target.path.removeprefix('http')} if it answers there",
            )


@check("backup-repository-known")
def backup_repository_known(plan: Plan) -> Iterator[Problem]:
    """A mistyped host or job starts a new repository beside the one to keep."""
    for name, target in plan.stack.backup.targets.items():
        for place in target.repositories:
            known = {j.host for j in plan.backup.jobs if j.target == name}
            if "/" in place:
                known = {f"{j.host}/{j.name}" for j in plan.backup.jobs if j.target == name}
            if place not in known:
                yield Problem(
                    f"backup.targets.{name}.repositories.{place}",
                    f"{place} has no backup to {name}",
                    did_you_mean(place, known, "backups"),
                )


@check("backrest-jobs")
def backrest_jobs(plan: Plan) -> Iterator[Problem]:
    """Backrest shows the repositories of the jobs of its own host. Without a job it shows nothing,
    and its module has no jobs to read.
    """
    for service in plan.services:
        others = any(job.name != service.name for job in plan.backup.on(service.host))
        if service.entry.name == BACKREST and not service.parts and not others:
            having = sorted(plan.backup.hosts - {service.host})
            yield Problem(
                f"{service.source}.host",
                f"{service.host} backs up nothing that Backrest could show",
                f"run it on a host with backups: {', '.join(having)}"
                if having
                else "add backup.targets, or leave the service out",
                cause="" if having else "backup.targets",
            )
