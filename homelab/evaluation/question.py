"""Write the Nix expression that evaluates one host: by its flake, or by inputs in directories."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources

from homelab.evaluation.model import Asked
from homelab.nix import print_value
from homelab.plan import Plan
from homelab.system.model import Host

DEPTH = 5
"""Number of parts of a path that are looked up. No option of the tree has more."""

_REPORT = resources.files("homelab.evaluation").joinpath("report.nix").read_text(encoding="utf-8")
_INPUTS = resources.files("homelab.evaluation").joinpath("inputs.nix").read_text(encoding="utf-8")
_VERSIONS = resources.files("homelab.evaluation").joinpath("versions.nix").read_text("utf-8")
_HOME = "home: { toplevel = home.activationPackage.drvPath; }"
"""The evaluation of a home throws failed assertions and prints warnings."""


def attribute(plan: Plan, host: Host) -> str:
    """The output of the host's flake that is evaluated."""
    if host.is_nixos:
        return f'nixosConfigurations."{host.name}"'
    return f'homeConfigurations."{plan.stack.site.owner.user}"'


def by_flake(host: Host, asked: Asked) -> str:
    """A function of that output, for `nix eval --apply`."""
    return _function(host, asked)


def by_directories(plan: Plan, host: Host, asked: Asked, inputs: Mapping[str, str]) -> str:
    """An expression of the answer, with a local directory for each input."""
    named = dict(sorted(inputs.items()))
    call = (
        f"(\n{_INPUTS}\n) {{ tree = ./flake; paths = builtins.mapAttrs (_: p: /. + p) "
        f"{print_value(named)}; }}"
    )
    return f"({_function(host, asked)}) ({call}).{attribute(plan, host)}"


def _function(host: Host, asked: Asked) -> str:
    if not host.is_nixos:
        return _HOME
    options = sorted({path[:DEPTH] for path in asked.options})
    data = asked.as_data() | {"options": [list(path) for path in options]}
    report = f"(\n{_REPORT}\n) ({_given(data)})"
    if not asked.packages:
        return report
    versions = f"(\n{_VERSIONS}\n) ({_given([list(path) for path in asked.packages])})"
    return f"system: ({report} system) // {{ versions = {versions} system; }}"


def _given(data: object) -> str:
    # JSON text has a tenth of the size of Nix lists, and an argument holds at most 128 KiB.
    return f"builtins.fromJSON {print_value(json.dumps(data, separators=(',', ':')))}"
