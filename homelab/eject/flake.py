"""The one flake: the inputs of every host, their systems, and one lock file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from homelab.nix import Call, Nix, Raw
from homelab.nix.flake import Json, extended_system, flake_text, prune_lock
from homelab.nix.flake_inputs import renamed_follows
from homelab.nix.printer import attribute
from homelab.plaintext import mapping
from homelab.plan import Plan
from homelab.system.flakes import FlakeParts, lock_of
from homelab.system.model import Host

_SYSTEMS = ("x86_64-linux", "aarch64-linux", "x86_64-darwin", "aarch64-darwin")


@dataclass(frozen=True)
class HostFlake:
    """A host, and what its own flake declares."""

    host: Host
    parts: FlakeParts


def suffixes(hosts: Sequence[HostFlake]) -> dict[str, str]:
    """What is added to the names of inputs, by pin. Nothing for the first pin: `default`, if a
    host uses it.
    """
    pins = sorted({h.host.config.nixpkgs for h in hosts}, key=lambda p: (p != "default", p))
    return {pin: f"-{pin}" if number else "" for number, pin in enumerate(pins)}


def whole_flake(
    plan: Plan, hosts: Sequence[HostFlake], head: str, libraries: Mapping[str, str]
) -> str:
    """`flake.nix` with every host as a configuration and as a module, and with the modules of
    `libraries`: their files by name.
    """
    ends = suffixes(hosts)
    inputs: dict[str, tuple[str, Mapping[str, str]]] = {}
    written: dict[str, Nix] = {}
    systems: dict[str, Nix] = {}
    homes: dict[str, Nix] = {}
    modules: dict[str, Nix] = {}
    for each in hosts:
        end, name = ends[each.host.config.nixpkgs], each.host.name
        for known, (url, follows) in each.parts.inputs.items():
            renamed = {i: f"{to}{end}" if to else "" for i, to in follows.items()}
            inputs[f"{known}{end}"] = (url, renamed)
        for known, declaration in each.parts.declared.items():
            written[f"{known}{end}"] = renamed_follows(declaration, end)
        if not each.parts.extends:  # its modules alone are not the whole host
            modules[name] = Raw(f"./hosts/{name}")
        if each.host.is_nixos:
            systems |= _systems(each, end)
        else:
            homes[f"{plan.stack.site.owner.user}@{name}"] = _home(each, end)
    first = f"inputs.nixpkgs{next(iter(ends.values()))}"
    outputs: dict[str, Nix] = {
        "formatter": {
            # nixfmt alone would format nothing: `nix fmt` names no files.
            system: Raw(f"{first}.legacyPackages.{system}.nixfmt-tree")
            for system in _SYSTEMS
        },
        "nixosModules": {
            **{name: Raw(f"./{file}") for name, file in libraries.items()},
            **{n: m for n, m in modules.items() if plan.hosts[n].is_nixos},
        },
        "nixosConfigurations": systems,
    }
    if homes:
        outputs["homeConfigurations"] = homes
    return flake_text(
        head=head,
        description="The hosts of a homelab",
        inputs=inputs,
        outputs=outputs,
        written=written,
    )


def _systems(each: HostFlake, end: str) -> dict[str, Nix]:
    made: dict[str, Nix] = {}
    for output, (file, foreign) in sorted(each.parts.systems.items()):
        listed: list[Nix] = [Raw(f"./hosts/{each.host.name}/{file}")]
        listed += [Raw(attribute(f"inputs.{flake}{end}.{path}")) for flake, path in foreign]
        if each.parts.passes_to_homes:
            listed.append({"home-manager": {"extraSpecialArgs": {"inputs": _inputs(each, end)}}})
        arguments: dict[str, Nix] = {"modules": listed}
        if each.parts.passes_inputs:
            arguments["specialArgs"] = {"inputs": _inputs(each, end)}
        base = each.parts.extends.get(output)
        made[output] = (
            Call(f"inputs.nixpkgs{end}.lib.nixosSystem", (arguments,))
            if base is None
            else extended_system(f"./hosts/{each.host.name}", *base, _inputs(each, end), arguments)
        )
    return made


def _home(each: HostFlake, end: str) -> Nix:
    arguments: dict[str, Nix] = {
        "modules": [Raw(f"./hosts/{each.host.name}/default.nix")],
        "pkgs": Raw(f"inputs.nixpkgs{end}.legacyPackages.{each.host.config.platform}"),
    }
    if each.parts.passes_inputs:
        arguments["extraSpecialArgs"] = {"inputs": _inputs(each, end)}
    return Call(f"inputs.home-manager{end}.lib.homeManagerConfiguration", (arguments,))


def _inputs(each: HostFlake, end: str) -> Nix:
    """The inputs by the names that the host's modules use."""
    if not end:
        return Raw("inputs")
    names: dict[str, Nix] = {
        name: Raw(f"inputs.{attribute(f'{name}{end}')}") for name in each.parts.names
    }
    return Call("inputs //", (names,))


def whole_lock(plan: Plan, hosts: Sequence[HostFlake], sources: Mapping[str, str | bytes]) -> str:
    """The lock file of the whole flake: those of its pins, with the names of their inputs."""
    ends = suffixes(hosts)
    nodes: dict[str, Json] = {}
    root: dict[str, Json] = {}
    version: Json = 7
    for pin, end in ends.items():
        ours = [h for h in hosts if h.host.config.nixpkgs == pin]
        names = sorted({name for h in ours for name in h.parts.names})
        lock = cast("dict[str, Json]", json.loads(
            prune_lock(lock_of(plan, ours[0].host, sources), names)
        ))  # fmt: skip
        version = lock["version"]
        for name, node in mapping(lock["nodes"]).items():
            renamed = {
                i: _renamed(cast("Json", to), end) for i, to in _inputs_of_node(node).items()
            }
            if name == "root":
                root |= {f"{i}{end}": to for i, to in renamed.items()}
            else:
                nodes[f"{name}{end}"] = {
                    **cast("dict[str, Json]", node),
                    **({"inputs": renamed} if renamed else {}),
                }
    nodes["root"] = {"inputs": root}
    whole: Json = {"nodes": nodes, "root": "root", "version": version}
    return json.dumps(whole, indent=2, sort_keys=True) + "\n"


def _inputs_of_node(node: object) -> Mapping[str, object]:
    return mapping(mapping(node).get("inputs", {}))


def _renamed(to: Json, end: str) -> Json:
    """A node by its name, or a `follows`: a path of inputs that starts at the root."""
    if isinstance(to, list):
        return [f"{to[0]}{end}", *to[1:]] if to else to
    return f"{to}{end}"
