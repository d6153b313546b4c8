"""Whether a run targets hosts only, so that it contacts neither Cloudflare nor Tailscale.

Pulumi does not pass `--target` to the program. It also reads each flag from an environment
variable, which the program can read: https://www.pulumi.com/docs/iac/cli/environment-variables/.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping

TARGETS = ("PULUMI_OPTION_TARGET", "PULUMI_OPTION_TARGET_REPLACE")
DEPENDENTS = "PULUMI_OPTION_TARGET_DEPENDENTS"
SELECTIONS = (
    *TARGETS,
    DEPENDENTS,
    "PULUMI_OPTION_EXCLUDE",
    "PULUMI_OPTION_EXCLUDE_DEPENDENTS",
    "PULUMI_OPTION_REPLACE",
)
"""All variables that limit a run to some resources, or replace some."""
ALONE = f"{TARGETS[0]}='**:Host::*,**:File::*,**:Command::*'"
"""Targets all resources of hosts, and no others."""
OF_HOSTS = (":Command", ":File", ":Host")
"""Ends of the types of a host's resources. No Cloudflare or Tailscale type ends so."""


def hosts_alone(environment: Mapping[str, str]) -> bool:
    """Whether the variables name targets, and each target can only match resources of a host.

    A target is a URN, which ends with the type and the name, or a pattern of one in which `*`
    stands for anything but a colon and `**` for anything. So `**:Command::pi-*` can only be
    commands, and `**::pi-*` may be anything that has such a name.
    """
    named = [
        target
        for variable in TARGETS
        for target in next(csv.reader([environment.get(variable, "")]), [])
        if target
    ]
    dependents = environment.get(DEPENDENTS, "").lower() in ("1", "true")
    return bool(named) and not dependents and all(map(_is_of_hosts, named))


def _is_of_hosts(target: str) -> bool:
    kind, colons, name = target.rpartition("::")
    # A `**` after the type may match another type.
    return bool(colons) and "**" not in name and kind.endswith(OF_HOSTS)
