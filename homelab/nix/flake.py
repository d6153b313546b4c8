"""A host's `flake.nix`, and its `flake.lock` pruned to the inputs of that flake."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias, cast

from homelab.nix.printer import attribute, print_file
from homelab.nix.values import Call, Function, Nix, Raw
from homelab.plaintext import json_data, mapping

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"


class LockError(ValueError):
    """An unusable flake.lock: it is not a lock file, or an input is missing."""

    def __init__(self, what: str, missing: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.missing = tuple(missing)


def prune_lock(text: str, inputs: Sequence[str]) -> str:
    """The lock file with exactly these root inputs and their transitive inputs.

    Nix rewrites a lock file with more inputs than its flake has, and fails when it may not write
    it (seen with Nix 2.8). So every host gets its own lock file.
    """
    try:
        nodes, known, version = _parts(text)
    except (ValueError, KeyError, TypeError) as error:
        raise LockError("this is not a flake.lock") from error
    missing = [i for i in inputs if i not in known]
    if missing:
        raise LockError(f"the lock file has no input {', '.join(missing)}", missing)
    kept: dict[str, Json] = {"root": {"inputs": {i: known[i] for i in sorted(inputs)}}}
    pending = [known[i] for i in inputs]
    while pending:
        name = pending.pop()
        # A list is a `follows`: a path of inputs from the root, which are kept anyway.
        if isinstance(name, list) or name in kept:
            continue
        if not isinstance(name, str) or name not in nodes:
            raise LockError("the lock file refers to a node that it does not contain")
        if not isinstance(nodes[name], dict):
            raise LockError(f"its node {name} is not an object")
        kept[name] = dict(nodes[name])
        further = nodes[name].get("inputs", {})
        pending.extend(further.values() if isinstance(further, dict) else ())
    whole: Json = {"nodes": {k: kept[k] for k in sorted(kept)}, "root": "root", "version": version}
    return json.dumps(whole, indent=2, sort_keys=True) + "\n"


def originals(text: str) -> dict[str, Mapping[str, Json]]:
    """`original` of each root input that has one; empty when the text is not a lock file."""
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


@dataclass(frozen=True)
class LockedInput:
    """A root input of a lock file."""

    original: Mapping[str, Json]
    locked: Mapping[str, Json]
    follows: Mapping[str, str]
    """Its inputs that follow inputs of the root, each as a path: `nixpkgs`, or empty for none."""


def locked_inputs(text: str) -> dict[str, LockedInput]:
    """The root inputs by name; empty when the text is not a lock file."""
    try:
        nodes, known, _ = _parts(text)
        found = {}
        for name, key in known.items():
            if not isinstance(key, str):
                continue  # a `follows` of the root has no revision of its own
            node = mapping(nodes[key])
            inner = mapping(node.get("inputs", {}))
            follows = {i: "/".join(map(str, to)) for i, to in inner.items() if isinstance(to, list)}
            original, locked = mapping(node["original"]), mapping(node["locked"])
            found[name] = LockedInput(
                cast("Mapping[str, Json]", original), cast("Mapping[str, Json]", locked), follows
            )
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return found


def modified(lock: str, name: str = "nixpkgs") -> datetime | None:
    """The date of an input's revision; None if the lock file does not have it."""
    found = locked_inputs(lock).get(name)
    when = found.locked.get("lastModified") if found is not None else None
    # A path has no date; Nix writes 1 or leaves it out.
    if not isinstance(when, int) or isinstance(when, bool) or not 86_400 < when < 2**40:
        return None
    return datetime.fromtimestamp(when, UTC)


def _parts(text: str) -> tuple[dict[str, dict[str, Json]], dict[str, Json], Json]:
    """Nodes, root inputs and version.

    Raises `ValueError`, `KeyError` or `TypeError` when the text is not a lock file.
    """
    lock = cast("dict[str, Json]", json_data(text))
    nodes = cast("dict[str, dict[str, Json]]", lock["nodes"])
    known = mapping(nodes[cast("str", lock["root"])]).get("inputs", {})
    if not isinstance(nodes, dict) or not isinstance(known, dict):
        raise TypeError("nodes and inputs of a lock file are objects")
    return nodes, cast("dict[str, Json]", known), lock["version"]


def flake_text(
    *,
    head: str,
    description: str,
    inputs: Mapping[str, tuple[str, Mapping[str, str]]],
    outputs: Mapping[str, Nix],
    written: Mapping[str, Nix] | None = None,
) -> str:
    """`flake.nix`. Each input is (URL, its inputs that follow ours: its name to our name).
    `written` are inputs as another flake declares them.
    """
    declared: dict[str, Nix] = dict(written or {})
    for name, (url, follows) in sorted(inputs.items()):
        declaration: dict[str, Nix] = {"url": url}
        if follows:
            declaration["inputs"] = {
                input_name: {"follows": target} for input_name, target in follows.items()
            }
        declared[name] = declaration
    body: dict[str, Nix] = {
        "description": description,
        "inputs": dict(sorted(declared.items())),
        "outputs": Function("inputs", dict(outputs)),
    }
    return print_file(body, head=head)


EXTEND = "lib/extend.nix"
"""The file of a host's tree with the function that extends a flake."""
INHERITED = Raw("{ inherit inputs; }")
_TO_HOMES = Raw("{ home-manager.extraSpecialArgs = { inherit inputs; }; }")


def nixos_output(
    systems: Mapping[str, tuple[str, Sequence[tuple[str, str]]]],
    *,
    inputs: bool = False,
    homes: bool = False,
    extended: Mapping[str, tuple[str, str]] | None = None,
) -> dict[str, Nix]:
    """`nixosConfigurations.<name>`. Each system is (file of the tree, modules of other flakes).

    With `inputs`, its modules get the flake's inputs as the argument `inputs`. With `homes`, the
    modules of home-manager do. A system in `extended` is that of another flake, with modules added:
    (its directory, its name there).
    """
    configurations: dict[str, Nix] = {}
    for name, (file, modules) in sorted(systems.items()):
        module_list: list[Nix] = [Raw(f"./{file}")]
        module_list += [Raw(attribute(f"inputs.{flake}.{path}")) for flake, path in modules]
        module_list += [_TO_HOMES] if homes else []
        arguments: dict[str, Nix] = {"modules": module_list}
        if inputs:
            arguments["specialArgs"] = INHERITED
        base = (extended or {}).get(name)
        configurations[name] = (
            Call("inputs.nixpkgs.lib.nixosSystem", (arguments,))
            if base is None
            else extended_system(".", *base, Raw("inputs"), arguments)
        )
    return {"nixosConfigurations": configurations}


def extended_system(
    top: str, directory: str, name: str, inputs: Nix, arguments: Mapping[str, Nix]
) -> Nix:
    """The system of the flake in a directory of a host's tree, with modules added. `top` is the
    path of that tree.
    """
    return Call(
        f"import {top}/{EXTEND}",
        ({**arguments, "directory": Raw(f"{top}/{directory}"), "inputs": inputs, "name": name},),
    )


def home_output(user: str, platform: str, *, inputs: bool = False) -> dict[str, Nix]:
    """`homeConfigurations.<user>`, for a machine without NixOS."""
    arguments: dict[str, Nix] = {
        "modules": [Raw("./default.nix")],
        "pkgs": Raw(f"inputs.nixpkgs.legacyPackages.{platform}"),
    }
    if inputs:
        arguments["extraSpecialArgs"] = INHERITED
    call = Call("inputs.home-manager.lib.homeManagerConfiguration", (arguments,))
    return {"homeConfigurations": {user: call}}
