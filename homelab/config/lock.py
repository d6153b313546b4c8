"""A stack's lock file: placements, ports and paths that must not change unnoticed.

The planner is a pure function and has no memory: it cannot see that a service has moved or that its
port has changed. The lock records them, and the planner compares.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

import yaml
from pydantic import Field, ValidationError

from homelab.config.base import AbsolutePath, Model, Name, Port, Str
from homelab.plaintext import UnreadableError, yaml_data
from homelab.problems import InvalidStackError, Problem


class Placement(Model):
    """The recorded placement of a service."""

    host: Name
    port: Port | None = None
    """Web port."""
    state: list[AbsolutePath] = Field(default_factory=list)
    """Its state directories."""
    datasets: dict[str, Name] = Field(default_factory=dict)
    """The datasets that it writes, by role. Empty in locks of earlier versions."""
    databases: dict[str, Name] = Field(default_factory=dict)
    """Hosts of the databases that homelab creates for it, by kind."""
    database_names: dict[str, Str] = Field(default_factory=dict)
    """Names of these databases, by kind. Empty in locks of earlier versions."""
    service: Name | None = None
    """Its catalog entry, if that has another name."""
    owner: Str | None = None
    """Name that its secrets are derived from, if that is not its key in the lock."""
    moved_from: Name | None = None
    """Host from which `homelab move` brings its state; until the move is over."""


class Machine(Model):
    """The recorded identity of a host."""

    host_key: Str
    """SSH host key, which identifies the machine under any name."""
    state_version: Str = ""
    """NixOS release that it was installed with. Empty in locks of earlier versions."""
    persistence: Str = ""
    """Where a root that forgets keeps its files; empty if it does not forget, and in locks of
    earlier versions."""


class Copy(Model):
    """The recorded place of a replica."""

    host: Name
    """Host that receives it."""
    place: Str
    """Directory on that host, or its ZFS dataset."""


class Place(Model):
    """The recorded place of a dataset."""

    host: Name
    path: AbsolutePath
    replica: Copy | None = None
    """Its copy on another host. None in locks of earlier versions."""


class Left(Model):
    """A directory that the stack has used. Its files stay until the owner removes them."""

    host: Name
    path: AbsolutePath
    dataset: Str = ""
    """The dataset that was there."""
    service: Str = ""
    """The service whose state was there."""
    target: Str = ""
    """The backup target whose repositories were there."""


class Derived(Model):
    """Inputs of derived secrets that encrypt data."""

    namespace: Str = ""
    epochs: dict[str, int] = Field(default_factory=dict)


class Numbers(Model):
    """Uid of a user, and gid of the group of the same name."""

    uid: int
    gid: int


class Lock(Model):
    """The whole lock file."""

    stack: Str = ""
    """Name of the stack. Empty in locks of earlier versions."""
    services: dict[str, Placement] = Field(default_factory=dict)
    """By service, or by `service@host` for a service that runs on several hosts."""
    datasets: dict[str, Place] = Field(default_factory=dict)
    hosts: dict[str, Machine] = Field(default_factory=dict)
    targets: dict[str, Str] = Field(default_factory=dict)
    """Location of each backup target."""
    left: list[Left] = Field(default_factory=list)
    """Former places of datasets, targets and state. Empty in locks of earlier versions."""
    secrets: Derived | None = None
    """None in locks of earlier versions."""
    ids: dict[str, Numbers] = Field(default_factory=dict)
    """Uids and gids that firewall rules and files refer to."""


HEAD = """\
# What homelab has seen and must not change by itself: placements, ports and state paths.
# Written by `homelab lock`; commit it beside the stack file.
"""


def parse_lock(text: str | bytes, file: str) -> Lock:
    """The lock of a text. Raises InvalidStackError if it is not a valid lock file, or has no
    `services`, as a file that was emptied or cut off.
    """
    try:
        data = yaml_data(text)
        lock = Lock.model_validate(data or {})
    except (UnreadableError, ValidationError):
        raise _damaged(file) from None
    if not isinstance(data, Mapping) or "services" not in data:
        raise _damaged(file)
    return lock


def _damaged(file: str) -> InvalidStackError:
    return InvalidStackError(
        [
            Problem(
                file,
                "this is not a lock file that homelab wrote",
                "restore it from version control, or remove it and write it again: homelab lock",
            )
        ]
    )


def lock_text(lock: Lock) -> str:
    """The text of the lock file."""
    data: dict[str, object] = {
        "services": {
            name: {k: v for k, v in placement.model_dump().items() if v not in (None, [], {})}
            for name, placement in sorted(lock.services.items())
        }
    }
    for section, known in (("datasets", lock.datasets), ("hosts", lock.hosts)):
        if known:
            data[section] = {
                name: {k: v for k, v in one.model_dump().items() if v}
                for name, one in sorted(known.items())
            }
    if lock.targets:
        data["targets"] = dict(sorted(lock.targets.items()))
    if lock.left:
        data["left"] = [{k: v for k, v in one.model_dump().items() if v} for one in lock.left]
    if lock.secrets is not None:
        data["secrets"] = lock.secrets.model_dump()
    if lock.ids:
        data["ids"] = {name: numbers.model_dump() for name, numbers in sorted(lock.ids.items())}
    stack = yaml.safe_dump({"stack": lock.stack}) if lock.stack else ""
    return HEAD + stack + yaml.safe_dump(data, sort_keys=True, default_flow_style=False)


def without_host(lock: Lock, host: str, kept: Container[str]) -> Lock:
    """The lock without the records of a host, but with those of the services in `kept`."""
    services = {
        key: placement
        for key, placement in lock.services.items()
        if placement.host != host or key in kept
    }
    hosts = {name: machine for name, machine in lock.hosts.items() if name != host}
    left = [one for one in lock.left if one.host != host]
    return lock.model_copy(update={"services": services, "hosts": hosts, "left": left})
