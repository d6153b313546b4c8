"""A stack's lock: what must stay as it was first seen, though the planner forgets everything.

The planner is pure, so a service that moves or changes its port looks like any other. The lock
remembers where each one was, and the planner compares.
"""

from __future__ import annotations

from collections.abc import Container

import yaml
from pydantic import Field, ValidationError

from homelab.config.base import AbsolutePath, Model, Name, Port, Str
from homelab.plaintext import UnreadableError, yaml_data
from homelab.problems import InvalidStackError, Problem


class Placement(Model):
    """One service, as it was first seen."""

    host: Name
    port: Port | None = None
    """Web port."""
    state: list[AbsolutePath] = Field(default_factory=list)
    """Directories with its state."""
    service: Name | None = None
    """Its catalog service, where that has another name."""
    owner: Str | None = None
    """What its secrets are derived for, where that is not its key here."""


class Machine(Model):
    """A host, as it was first seen."""

    host_key: Str
    """What it is known by, whatever its name."""


class Place(Model):
    """A dataset, as it was first seen."""

    host: Name
    path: AbsolutePath


class Derived(Model):
    """What derived secrets that encrypt something were made with."""

    namespace: Str = ""
    epochs: dict[str, int] = Field(default_factory=dict)


class Numbers(Model):
    """Numbers of a user and of the group of the same name."""

    uid: int
    gid: int


class Lock(Model):
    """The whole lock file."""

    stack: Str = ""
    """Whose it is: the name of its stack. Locks of before name none."""
    services: dict[str, Placement] = Field(default_factory=dict)
    """By service, or `service@host` for one that runs on several hosts."""
    datasets: dict[str, Place] = Field(default_factory=dict)
    hosts: dict[str, Machine] = Field(default_factory=dict)
    targets: dict[str, Str] = Field(default_factory=dict)
    """Where the backups of each target lie."""
    secrets: Derived | None = None
    """None in a lock from before locks knew."""
    ids: dict[str, Numbers] = Field(default_factory=dict)
    """Users whose numbers rules and files know."""


HEAD = """\
# What homelab has seen and must not change by itself: placements, ports and state paths.
# Written by `homelab lock`; commit it beside the stack file.
"""


def parse_lock(text: str | bytes, file: str) -> Lock:
    """The lock of a text. Raises InvalidStackError where it was edited into something else."""
    try:
        return Lock.model_validate(yaml_data(text) or {})
    except (UnreadableError, ValidationError):
        raise InvalidStackError(
            [
                Problem(
                    file,
                    "this is not a lock file that homelab wrote",
                    "restore it from version control, or remove it and write it anew: homelab lock",
                )
            ]
        ) from None


def lock_text(lock: Lock) -> str:
    """The lock as a file."""
    data: dict[str, object] = {
        "services": {
            name: {k: v for k, v in placement.model_dump().items() if v not in (None, [])}
            for name, placement in sorted(lock.services.items())
        }
    }
    for section, known in (("datasets", lock.datasets), ("hosts", lock.hosts)):
        if known:
            data[section] = {name: one.model_dump() for name, one in sorted(known.items())}
    if lock.targets:
        data["targets"] = dict(sorted(lock.targets.items()))
    if lock.secrets is not None:
        data["secrets"] = lock.secrets.model_dump()
    if lock.ids:
        data["ids"] = {name: numbers.model_dump() for name, numbers in sorted(lock.ids.items())}
    stack = yaml.safe_dump({"stack": lock.stack}) if lock.stack else ""
    return HEAD + stack + yaml.safe_dump(data, sort_keys=True, default_flow_style=False)


def without_host(lock: Lock, host: str, kept: Container[str]) -> Lock:
    """The lock without what it remembers on a host, less the services that are `kept`."""
    services = {
        key: placement
        for key, placement in lock.services.items()
        if placement.host != host or key in kept
    }
    hosts = {name: machine for name, machine in lock.hosts.items() if name != host}
    return lock.model_copy(update={"services": services, "hosts": hosts})
