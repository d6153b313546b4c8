"""A host's flake: the inputs that its modules need, by the names that they use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from types import MappingProxyType

from homelab.config.pins import FlakeInput
from homelab.config.stack import StackConfig
from homelab.nix import Attrs, Module
from homelab.nix.flake import flake_text, home_output, nixos_output, prune_lock
from homelab.nix.flake_inputs import FlakeInputsError, declared_inputs
from homelab.plan import Plan
from homelab.system import bootstrap
from homelab.system.home import homes_of
from homelab.system.model import Host
from homelab.system.own import inputs_asked, own_files

OURS = ("home-manager", "impermanence", "nixos-hardware", "sops-nix")
"""Inputs that generated modules need; the stack may replace one."""


def inputs(stack: StackConfig, release: str) -> Mapping[str, FlakeInput]:
    """Every available input: those of homelab, then the stack's, which may replace one."""
    return {
        "home-manager": FlakeInput(url=f"github:nix-community/home-manager/release-{release}"),
        "impermanence": FlakeInput(
            url="github:nix-community/impermanence",
            follows={"home-manager": "", "nixpkgs": "nixpkgs"},
        ),
        "nixos-hardware": FlakeInput(url="github:NixOS/nixos-hardware", follows={}),
        "sops-nix": FlakeInput(url="github:Mic92/sops-nix"),
        **stack.flakes,
    }


def inputs_of(
    plan: Plan, host: Host, modules: Sequence[Module], sources: Mapping[str, str | bytes]
) -> list[str]:
    """Names of the flake inputs that a host's tree needs, with its hand-written modules. A check
    reports unknown ones.
    """
    known = inputs(plan.stack, host.release)
    needed = {name for m in modules for name, _ in m.flakes if name in known}
    needed |= {name for m in modules for name in m.inputs if name in known}
    needed |= inputs_asked(host, sources) & known.keys()
    if not host.is_nixos:
        needed.add("home-manager")
    if host.config.extends is not None:
        return sorted({*extended_inputs(host, sources), *needed})
    return sorted({"nixpkgs", *needed})


EXTEND_TEXT = (resources.files("homelab.system") / "extend.nix").read_text(encoding="utf-8")
"""The function that extends a flake, for the tree of a host."""


def extended_inputs(host: Host, sources: Mapping[str, str | bytes]) -> dict[str, Attrs]:
    """The inputs of the flake that a host extends, as it declares them; empty if they cannot be
    read, which a check reports.
    """
    try:
        return read_inputs(host, sources)
    except FlakeInputsError:
        return {}


def read_inputs(host: Host, sources: Mapping[str, str | bytes]) -> dict[str, Attrs]:
    """As `extended_inputs`. Raises FlakeInputsError for an input that cannot be carried over."""
    extends = host.config.extends
    if extends is None:
        return {}
    texts = (sources.get(f"{extends.flake}/{name}", "") for name in ("flake.nix", "flake.lock"))
    return declared_inputs(*(t if isinstance(t, str) else "" for t in texts))


@dataclass(frozen=True)
class FlakeParts:
    """What a host's flake declares, before it is printed."""

    inputs: Mapping[str, tuple[str, Mapping[str, str]]]
    """By name: URL, and its inputs that follow ours."""
    systems: Mapping[str, tuple[str, Sequence[tuple[str, str]]]]
    """By output: file of the tree, and modules of other flakes."""
    passes_inputs: bool
    """Whether its modules get the inputs as an argument."""
    passes_to_homes: bool
    """Whether the modules of home-manager do, too."""
    declared: Mapping[str, Attrs] = field(default_factory=dict)
    """Inputs of the flake that the host extends, as it declares them."""
    extends: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By output: directory in the tree, and name, of the system that it extends."""

    @property
    def names(self) -> list[str]:
        """The names of all inputs."""
        return sorted({*self.inputs, *self.declared})


def parts_of(
    plan: Plan,
    host: Host,
    modules: Sequence[Module] | None,
    sources: Mapping[str, str | bytes],
) -> FlakeParts:
    """The flake of a host's system, where it has modules, and of its image."""
    pin = plan.stack.nixpkgs[host.config.nixpkgs]
    known = inputs(plan.stack, pin.release)
    # The tree of an image has no hand-written modules.
    own = own_files(host, sources) if modules is not None else {}
    names = inputs_of(plan, host, modules or (), sources if own else {})
    listed: dict[str, tuple[str, Mapping[str, str]]] = {
        n: (known[n].url, known[n].follows) for n in names if n in known
    }
    declared: Mapping[str, Attrs] = {}
    extends: dict[str, tuple[str, str]] = {}
    if host.config.extends is None or modules is None:
        listed["nixpkgs"] = (pin.url, {})
    else:
        declared = extended_inputs(host, sources)
        listed = {name: value for name, value in listed.items() if name not in declared}
        system = (f"own/{host.config.extends.flake}", host.config.extends.name or host.name)
        extends = {host.name: system}
    systems: dict[str, tuple[str, Sequence[tuple[str, str]]]] = {}
    if modules is not None:
        systems[host.name] = ("default.nix", sorted({f for m in modules for f in m.flakes}))
    if host.config.bootstrap is not None:
        systems[bootstrap.output(host)] = (bootstrap.FILE, ())
    asked = bool(own) and bool(inputs_asked(host, sources))
    asked = asked or any(m.inputs for m in modules or ())
    homes = asked and bool(homes_of(host, plan.stack.site.owner.user))
    return FlakeParts(listed, systems, asked, homes, declared, extends)


def flake(
    plan: Plan,
    host: Host,
    modules: Sequence[Module] | None,
    sources: Mapping[str, str | bytes],
    head: str,
    also: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, str]:
    """`flake.nix` and its lock: of the host's system, where it has modules, and of its image.

    `also` has further systems with the same modules of flakes, by output: a file of the tree.
    """
    parts = parts_of(plan, host, modules, sources)
    if also:
        _, others = parts.systems[host.name]
        more = {name: (file, others) for name, file in also.items()}
        extends = {name: parts.extends[host.name] for name in also if parts.extends}
        parts = replace(
            parts, systems={**parts.systems, **more}, extends={**parts.extends, **extends}
        )
    outputs = (
        nixos_output(
            parts.systems,
            inputs=parts.passes_inputs,
            homes=parts.passes_to_homes,
            extended=parts.extends,
        )
        if host.is_nixos
        else home_output(
            plan.stack.site.owner.user, host.config.platform, inputs=parts.passes_inputs
        )
    )
    text = flake_text(
        head=head,
        description=f"{host.name}, generated by homelab",
        inputs=parts.inputs,
        outputs=outputs,
        written=parts.declared,
    )
    return text, prune_lock(lock_of(plan, host, sources), parts.names)


def lock_of(plan: Plan, host: Host, sources: Mapping[str, str | bytes]) -> str:
    """The text of the lock file of a host's pin; empty if it is missing."""
    lock = sources.get(plan.stack.nixpkgs[host.config.nixpkgs].lock, "")
    return lock if isinstance(lock, str) else lock.decode()
