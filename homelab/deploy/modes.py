"""What `pulumi up` does with a built system: `deploy.mode`, and `HOMELAB_MODE` for one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast, get_args

from homelab.config.deploy import DeployMode
from homelab.deploy.policy import DeployPolicy
from homelab.problems import UsageError, did_you_mean
from homelab.system.model import Host

MODE = "HOMELAB_MODE"
"""Environment variable of the deployer with the mode of one run, for every host."""

TARGET = "PULUMI_OPTION_TARGET"
"""Pulumi's variable for the resources of one run."""
_STEPS = ("files", "secrets", "build", "switch", "dry")
"""Ends of the names of a host's commands."""


def targets_of(hosts: Iterable[str]) -> str:
    """The value of `TARGET` for all resources of these hosts, and no others."""
    found = []
    for name in hosts:
        found += [f"**:Host::{name}", f"**:File::{name}/*"]
        found += [f"**:Command::{name}-{step}" for step in _STEPS]
    return ",".join(found)


def mode_of(environment: Mapping[str, str]) -> DeployMode | None:
    """The mode that `HOMELAB_MODE` sets; None without it. Raises UsageError for another word."""
    value, known = environment.get(MODE, ""), get_args(DeployMode)
    if value and value not in known:
        raise UsageError(f'{MODE} is "{value}"; {did_you_mean(value, known, "modes")}')
    return cast("DeployMode | None", value or None)


def is_tried(policy: DeployPolicy, host: Host) -> bool:
    """Whether a dry run takes the place of the switch."""
    return policy.mode == "dry" and not fetches(host)


def leaves_switch(policy: DeployPolicy, host: Host) -> bool:
    """Whether the switch of a host stays as it is: a dry run is another resource, and a host that
    fetches its release can only switch to it.
    """
    return policy.mode == "dry" or (policy.mode != "switch" and fetches(host))


def fetches(host: Host) -> bool:
    """Whether the host fetches its releases by itself."""
    return host.config.offline is not None and not host.config.offline.wake_by
