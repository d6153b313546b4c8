"""The expression that asks Nix of one host: by the tree's flake, or by inputs in directories."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources

from homelab.evaluation.model import Asked
from homelab.nix import print_value
from homelab.plan import Plan
from homelab.system.model import Host

DEPTH = 5
"""Parts of a path that are asked for: every option that the tree sets ends there or before."""

_REPORT = resources.files("homelab.evaluation").joinpath("report.nix").read_text(encoding="utf-8")
_INPUTS = resources.files("homelab.evaluation").joinpath("inputs.nix").read_text(encoding="utf-8")
_HOME = "home: { toplevel = home.activationPackage.drvPath; }"
"""A home's own evaluation throws what its assertions say, and warns of the rest."""


def attribute(plan: Plan, host: Host) -> str:
    """Which output of the host's flake is evaluated."""
    if host.is_nixos:
        return f'nixosConfigurations."{host.name}"'
    return f'homeConfigurations."{plan.stack.site.owner.user}"'


def by_flake(host: Host, asked: Asked) -> str:
    """A function of that output, for `nix eval --apply`."""
    return _function(host, asked)


def by_directories(plan: Plan, host: Host, asked: Asked, inputs: Mapping[str, str]) -> str:
    """The answer itself, from each input's directory on the machine that evaluates."""
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
    # As text, which is a tenth of what it is as lists of Nix; one argument holds 128 KiB at most.
    text = print_value(json.dumps(data, separators=(",", ":")))
    return f"(\n{_REPORT}\n) (builtins.fromJSON {text})"
