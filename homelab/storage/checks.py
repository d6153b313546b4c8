"""Checks of datasets and shares: they exist, on the right host, with safe access."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.model import Service
from homelab.storage.datasets import NIXOS_GROUPS
from homelab.storage.memory import moved_datasets
from homelab.storage.shares import SAMBA, SMB, plan_shares


@check("dataset-host")
def dataset_host(plan: Plan) -> Iterator[Problem]:
    """A service must run on the host of its datasets, or on one that mounts them over NFS or has a
    replica to read.
    """
    for name, config in plan.stack.datasets.items():
        if config.host not in plan.stack.hosts:
            yield Problem(
                f"datasets.{name}.host",
                f'there is no host "{config.host}"',
                did_you_mean(config.host, plan.stack.hosts, "hosts"),
            )
    for service in plan.services:
        for part, name in service.datasets.items():
            where = service.dataset_at(part)
            dataset = plan.stack.datasets.get(name)
            if dataset is None:
                yield Problem(
                    where,
                    f'there is no dataset "{name}"',
                    did_you_mean(name, plan.stack.datasets, "datasets"),
                )
            elif dataset.host not in plan.stack.hosts:
                continue  # reported at the dataset
            elif dataset.path_on(service.host) is None:
                yield Problem(
                    where,
                    f"{service.name} runs on {service.host}, but the dataset {name} "
                    f"is on {dataset.host}",
                    f"move {service.name} (host: {dataset.host}), or use a dataset of "
                    f"{service.host}, or mount it there: "
                    f"datasets.{name}.nfs: {{hosts: {{{service.host}: /mnt/{name}}}}}",
                )
            if not _has_part(service, part):
                yield Problem(
                    where,
                    f'{service.name} has no role "{part}" for a dataset',
                    did_you_mean(part, service.entry.datasets, "roles"),
                )


def _has_part(service: Service, part: str) -> bool:
    """Whether the service has such a part. A service without facts may name its parts freely."""
    return service.is_made or part in service.entry.datasets


@check("dataset-gid")
def dataset_gid(plan: Plan) -> Iterator[Problem]:
    """A group has one number, and a number one group: files belong to numbers, and whoever is in
    another group of the same number reads them.
    """
    of_group: dict[tuple[str, str], int] = {}
    of_number: dict[tuple[str, int], str] = {}
    for dataset in plan.datasets:
        if dataset.gid is None:
            continue
        where = f"{dataset.source}.gid"
        if dataset.group in NIXOS_GROUPS:
            what = f"NixOS gives the group {dataset.group} its number"
            yield Problem(where, what, "write a group of its own, group: media, or leave gid out")
            continue
        number = of_group.setdefault((dataset.host, dataset.group), dataset.gid)
        group = of_number.setdefault((dataset.host, dataset.gid), dataset.group)
        if number != dataset.gid:
            what = f"{dataset.group} has the number {number} on {dataset.host} already"
            yield Problem(where, what, f"write gid: {number}, or another group")
        elif group != dataset.group:
            what = f"{group} has the number {dataset.gid} on {dataset.host} already"
            yield Problem(where, what, f"write group: {group}, or another gid")


@check("dataset-once")
def dataset_once(plan: Plan) -> Iterator[Problem]:
    """Two datasets at one place have two owners, groups and tiers, and the sandbox of a service
    that uses one of them hides the other.
    """
    first: dict[tuple[str, str], str] = {}
    for dataset in plan.datasets:
        other = first.setdefault((dataset.host, dataset.path.rstrip("/")), dataset.source)
        if other != dataset.source:
            yield Problem(
                f"{dataset.source}.path",
                f"{other} is {dataset.path} on {dataset.host}, too",
                "use one of them for both, or name another directory",
            )


@check("vault-always-on")
def vault_always_on(plan: Plan) -> Iterator[Problem]:
    """Irreplaceable data must be on an always-on host, so that it is backed up every night."""
    for dataset in plan.datasets:
        host = plan.hosts.get(dataset.host)
        if host is None or host.always_on or dataset.tier != "irreplaceable":
            continue
        vaults = ", ".join(h.name for h in plan.hosts.values() if h.always_on and h.may_serve)
        yield Problem(
            f"{dataset.source}.host",
            f"the dataset {dataset.name} is irreplaceable, and {host.name} is not always on",
            f"hosts.{host.name}.always_on: true"
            + (f", or move it to an always-on host: {vaults}" if vaults else ""),
        )


@check("smb-not-public")
def smb_not_public(plan: Plan) -> Iterator[Problem]:
    """SMB passwords can be guessed, so shares are open on the tailnet only, or on the LAN with a
    reason.
    """
    on_lan = {share.host for share in plan_shares(plan.stack) if share.lan}
    for share in plan_shares(plan.stack):
        host = plan.hosts.get(share.host)
        if (
            host is not None
            and not share.lan
            and not any(s.name == "tailscale" for s in plan.on(host.name))
        ):
            way = "add homelab:tailnet"
            if plan.stack.tailnet is not None:
                way = f"remove {host.source}.tailscale: null"
            yield Problem(
                share.source,
                f"{host.name} is not in the tailnet, so no device could reach the share",
                f"{way}, or leave samba out, or open it to the LAN: lan: why",
                cause="tailnet" if plan.stack.tailnet is None else f"{host.source}.tailscale",
            )
    config = plan.stack.services.get(SAMBA)
    for name in ("name", "routes", "publish", "audience", "auth", "ports"):
        if config is not None and getattr(config, name):
            yield Problem(
                f"services.{SAMBA}.{name}",
                "network drives have no host name and no sign-in at the proxy",
                "leave it out; devices of the tailnet open smb://<host>/<share>",
            )
    for route in plan.routes:
        if route.port in SMB:
            yield Problem(
                route.source,
                f"{route.service} listens on {route.port}, which is SMB and not HTTP",
                "leave the route out, and share a dataset: datasets.….samba: {}",
            )
    for use in plan.ports:
        if use.owner == SAMBA and use.host in on_lan:
            continue
        if use.port in SMB and use.scope not in ("loopback", "tailnet"):
            scoped = ".ports." in use.source  # The web port has no scope of its own.
            yield Problem(
                use.source,
                f"{use.owner} opens SMB ({use.port}) on {use.host} beyond the tailnet",
                ("write scope: tailnet, or leave it out" if scoped else "choose another port")
                + " and share a dataset: datasets.….samba: {}",
            )


@check("smb-guest")
def smb_guest(plan: Plan) -> Iterator[Problem]:
    """With guest access any device on the tailnet can change or delete irreplaceable data."""
    for share in plan_shares(plan.stack):
        tier = plan.stack.datasets[share.dataset].tier
        if share.guest and not share.read_only and tier == "irreplaceable":
            yield Problem(
                f"{share.source}.guest",
                f"{share.dataset} is {tier}, and every device that reaches {share.host} could "
                "delete it without a password",
                "add read_only: true, or leave guest out: then the owner, or the users in users, "
                "open it with a password",
            )


@check("smb-shares")
def smb_shares(plan: Plan) -> Iterator[Problem]:
    """Samba without a share opens its port for no reason."""
    shared = {s.host for s in plan_shares(plan.stack)}
    for service in plan.services:
        if service.entry.name == SAMBA and service.host not in shared:
            yield Problem(
                service.source,
                f"{service.name} opens port {SMB[1]}, but no dataset of {service.host} is shared",
                "leave it out, or share a dataset: datasets.….samba: {}",
            )


@check("smb-users")
def smb_users(plan: Plan) -> Iterator[Problem]:
    """A share needs a user that exists and a name that no other share has."""
    known = {plan.stack.site.owner.user, *plan.stack.site.members}
    seen: dict[tuple[str, str], str] = {}
    for share in plan_shares(plan.stack):
        config = plan.stack.datasets[share.dataset].samba
        for index, user in enumerate(config.users if config is not None else ()):
            if user not in known:
                yield Problem(
                    f"{share.source}.users[{index}]",
                    f'there is no person "{user}"',
                    did_you_mean(user, known, "people")
                    + f"; add others: site.members.{user}: {{email: …}}",
                )
        if share.guest and config is not None and config.users:
            yield Problem(
                f"{share.source}.users",
                "guest opens the share to everyone, so users has no effect",
                "keep one of the two",
            )
        if share.name in ("global", "homes", "printers"):
            yield Problem(
                f"{share.source}.share",
                f'"{share.name}" is a reserved name in Samba',
                "give the share another name",
            )
        first = seen.setdefault((share.host, share.name), share.source)
        if first != share.source:
            yield Problem(
                f"{share.source}.share",
                f"{share.host} already has a share {share.name}: {first}",
                "give one of them another name",
            )


@check("dataset-moved")
def dataset_moved(plan: Plan) -> Iterator[Problem]:
    """Files do not move with the path in the stack: the dataset and its backup would be empty."""
    for dataset, before in moved_datasets(plan):
        if dataset.host not in plan.hosts:
            continue  # reported by dataset-host
        yield Problem(
            dataset.source,
            f"{dataset.name} was {before.path} on {before.host}, and its files are still there",
            f"copy it to {dataset.path} on {dataset.host}, then acknowledge: "
            f"homelab lock --move {dataset.name}; or restore the old place: host: {before.host}, "
            f"path: {before.path}",
        )
