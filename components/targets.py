"""Whether a run is for hosts alone, so that no cloud takes part in it.

Pulumi tells a program nothing of `--target`. It reads each of its flags from a variable as well,
and that one the program can read too: https://www.pulumi.com/docs/iac/cli/environment-variables/.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping

TARGETS = ("PULUMI_OPTION_TARGET", "PULUMI_OPTION_TARGET_REPLACE")
DEPENDENTS = "PULUMI_OPTION_TARGET_DEPENDENTS"
ALONE = f"{TARGETS[0]}='**:Host::*,**:File::*,**:Command::*'"
"""How every host is named, and nothing else."""
OF_HOSTS = (":Command", ":File", ":Host")
"""How the types of a host's resources end; no type of a cloud ends so."""


def hosts_alone(environment: Mapping[str, str]) -> bool:
    """Whether the variables name targets, and each of them can only be a resource of a host.

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
    # What a `**` after the type stands for may hold another type.
    return bool(colons) and "**" not in name and kind.endswith(OF_HOSTS)
