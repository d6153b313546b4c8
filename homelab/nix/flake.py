"""A host's thin flake, and the lock pruned to exactly what it names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from homelab.nix.printer import attribute, print_file
from homelab.nix.values import Call, Function, Nix, Raw
from homelab.plaintext import json_data, mapping

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"


class LockError(ValueError):
    """A flake.lock that cannot serve: not a lock, or an input is missing from it."""

    def __init__(self, what: str, missing: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.missing = tuple(missing)


def prune_lock(text: str, inputs: Sequence[str]) -> str:
    """The lock with exactly these root inputs and what they need in turn.

    Nix rewrites a lock that holds more than its flake names, and refuses to when it may not
    (tried with 2.8), so every host gets its own.
    """
    try:
        nodes, known, version = _parts(text)
    except (ValueError, KeyError, TypeError) as error:
        raise LockError("this is not a flake.lock") from error
    missing = [i for i in inputs if i not in known]
    if missing:
        raise LockError(f"the lock has no {', '.join(missing)}", missing)
    kept: dict[str, Json] = {"root": {"inputs": {i: known[i] for i in sorted(inputs)}}}
    pending = [known[i] for i in inputs]
    while pending:
        name = pending.pop()
        # A list is a path of inputs from the root: `follows`. Its end is reached by its own name.
        if isinstance(name, list) or name in kept:
            continue
        if not isinstance(name, str) or name not in nodes:
            raise LockError("the lock names a node that it does not hold")
        if not isinstance(nodes[name], dict):
            raise LockError(f"its node {name} is none")
        kept[name] = dict(nodes[name])
        further = nodes[name].get("inputs", {})
        pending.extend(further.values() if isinstance(further, dict) else ())
    whole: Json = {"nodes": {k: kept[k] for k in sorted(kept)}, "root": "root", "version": version}
    return json.dumps(whole, indent=2, sort_keys=True) + "\n"


def originals(text: str) -> dict[str, Mapping[str, Json]]:
    """What each root input of a lock was locked for, where the lock says; nothing of no lock."""
    try:
        nodes, known, _ = _parts(text)
        found = {
            name: nodes[node].get("original")
            for name, node in known.items()
            if isinstance(node, str) and node in nodes
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {name: original for name, original in found.items() if isinstance(original, dict)}


def _parts(text: str) -> tuple[dict[str, dict[str, Json]], dict[str, Json], Json]:
    """Nodes, root inputs and version. Raises ValueError, KeyError or TypeError for no lock."""
    lock = cast("dict[str, Json]", json_data(text))
    nodes = cast("dict[str, dict[str, Json]]", lock["nodes"])
    known = mapping(nodes[cast("str", lock["root"])]).get("inputs", {})
    if not isinstance(nodes, dict) or not isinstance(known, dict):
        raise TypeError("a lock is an object of objects")
    return nodes, cast("dict[str, Json]", known), lock["version"]


def flake_text(
    *,
    head: str,
    description: str,
    inputs: Mapping[str, tuple[str, Mapping[str, str]]],
    outputs: Mapping[str, Nix],
) -> str:
    """`flake.nix`: inputs as (URL, which of its inputs follow ours), and outputs of them."""
    declared: dict[str, Nix] = {}
    for name, (url, follows) in sorted(inputs.items()):
        one: dict[str, Nix] = {"url": url}
        if follows:
            one["inputs"] = {theirs: {"follows": ours} for theirs, ours in follows.items()}
        declared[name] = one
    body: dict[str, Nix] = {
        "description": description,
        "inputs": declared,
        "outputs": Function("inputs", dict(outputs)),
    }
    return print_file(body, head=head)


INHERITED = Raw("{ inherit inputs; }")
_TO_HOMES = Raw("{ home-manager.extraSpecialArgs = { inherit inputs; }; }")


def nixos_output(
    systems: Mapping[str, tuple[str, Sequence[tuple[str, str]]]],
    *,
    inputs: bool = False,
    homes: bool = False,
) -> dict[str, Nix]:
    """`nixosConfigurations.<name>`, each of a file of the tree and modules of other flakes.

    With `inputs`, its modules may ask for the flake's inputs as an argument; with `homes`, those
    of home-manager may.
    """
    made: dict[str, Nix] = {}
    for name, (file, modules) in sorted(systems.items()):
        listed: list[Nix] = [Raw(f"./{file}")]
        listed += [Raw(attribute(f"inputs.{flake}.{path}")) for flake, path in modules]
        listed += [_TO_HOMES] if homes else []
        arguments: dict[str, Nix] = {"modules": listed}
        if inputs:
            arguments["specialArgs"] = INHERITED
        made[name] = Call("inputs.nixpkgs.lib.nixosSystem", (arguments,))
    return {"nixosConfigurations": made}


def home_output(user: str, platform: str, *, inputs: bool = False) -> dict[str, Nix]:
    """`homeConfigurations.<user>`, for a machine whose system is not ours."""
    arguments: dict[str, Nix] = {
        "modules": [Raw("./default.nix")],
        "pkgs": Raw(f"inputs.nixpkgs.legacyPackages.{platform}"),
    }
    if inputs:
        arguments["extraSpecialArgs"] = INHERITED
    call = Call("inputs.home-manager.lib.homeManagerConfiguration", (arguments,))
    return {"homeConfigurations": {user: call}}
