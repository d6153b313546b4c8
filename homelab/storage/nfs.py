"""Datasets over NFS: one host exports them, others mount them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from homelab.config.stack import StackConfig
from homelab.grouping import grouped
from homelab.network.between import HostPath, lan_callers, path_between
from homelab.network.model import PortUse
from homelab.plan import Plan, once
from homelab.services.model import Service
from homelab.storage.model import Dataset
from homelab.system.model import nixos_hosts

NFS = 2049
"""The port of NFS version 4, which needs no other."""
OWNER = "nfs-server"
"""The unit of NixOS that serves NFS, without its suffix."""


@dataclass(frozen=True)
class Export:
    """One dataset that one host mounts from another."""

    dataset: str
    server: str
    client: str
    path: str
    """Path on the server."""
    at: str
    """Path on the client."""
    read_only: bool
    squash: bool
    """Whether everything is done as the dataset's owner and group."""
    owner: str
    group: str
    mount: str
    """Mount point on the server that must be mounted; empty if the stack config has none."""
    way: HostPath
    """The network and the addresses of both hosts."""
    source: str
    """Place of the client in the stack config."""


def plan_exports(stack: StackConfig) -> tuple[Export, ...]:
    """Every export between two NixOS hosts of the stack, by dataset and client.

    Addresses that the stack config does not have yet are empty; a check reports them, and no file
    has such an export.
    """
    hosts = nixos_hosts(stack.hosts)
    found = []
    for name, config in sorted(stack.datasets.items()):
        for client, at in sorted(config.nfs.hosts.items()) if config.nfs is not None else ():
            way = path_between(stack, client, config.host)
            if way is None or not {client, config.host} <= hosts.keys() or client == config.host:
                continue  # A check reports it.
            assert config.nfs is not None
            found.append(
                Export(
                    dataset=name,
                    server=config.host,
                    client=client,
                    path=config.path,
                    at=at,
                    read_only=config.nfs.read_only,
                    squash=config.nfs.squash,
                    owner=config.owner,
                    group=config.group,
                    mount=config.mount or "",
                    way=way,
                    source=f"datasets.{name}.nfs.hosts.{client}",
                )
            )
    return tuple(found)


@once
def by_server(plan: Plan) -> Mapping[str, tuple[Export, ...]]:
    """The exports of each host, if their two addresses are in the stack config."""
    return grouped(_known(plan), lambda e: e.server)


@once
def by_client(plan: Plan) -> Mapping[str, tuple[Export, ...]]:
    """The same by the host that mounts them."""
    return grouped(_known(plan), lambda e: e.client)


def _known(plan: Plan) -> Iterator[Export]:
    return (e for e in plan_exports(plan.stack) if e.way.caller and e.way.callee)


def nfs_ports(stack: StackConfig) -> Iterator[PortUse]:
    """The port of each host that exports a dataset, for the hosts that mount one."""
    for host, exports in grouped(plan_exports(stack), lambda e: e.server).items():
        clients = tuple(sorted({e.client for e in exports}))
        over_tailnet = any(e.way.network == "tailnet" for e in exports)
        yield PortUse(
            host=host,
            port=NFS,
            protocol="tcp",
            owner=OWNER,
            label="nfs",
            scope="tailnet" if over_tailnet else "hosts",
            peers=lan_callers(stack, clients, host),
            source=exports[0].source,
            why=f"datasets over NFS for {', '.join(clients)}",
        )


def plan_mounted(stack: StackConfig, services: tuple[Service, ...]) -> tuple[Dataset, ...]:
    """The datasets of other hosts as each client sees them. Snapshots, quota, directories and
    backups are those of the server.
    """
    return tuple(
        Dataset(
            name=export.dataset,
            host=export.client,
            path=export.at,
            mount=export.at,
            tier=stack.datasets[export.dataset].tier,
            owner=export.owner,
            group=export.group,
            mode=stack.datasets[export.dataset].mode,
            users=tuple(
                sorted(
                    s.name
                    for s in services
                    if s.host == export.client and export.dataset in s.datasets.values()
                )
            ),
            source=export.source,
            fs="nfs4",
        )
        for export in plan_exports(stack)
    )
