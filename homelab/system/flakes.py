"""A host's flake: the inputs that its tree needs, by the name that its modules use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from homelab.config.hosts import FlakeInput
from homelab.config.stack import StackConfig
from homelab.nix import Module
from homelab.nix.flake import flake_text, home_output, nixos_output, prune_lock
from homelab.plan import Plan
from homelab.system import bootstrap
from homelab.system.model import Host
from homelab.system.own import carried, inputs_asked

OURS = ("home-manager", "impermanence", "nixos-hardware", "sops-nix")
"""Inputs that trees need of themselves; the stack's own may replace one."""


def inputs(stack: StackConfig, release: str) -> Mapping[str, FlakeInput]:
    """Every input the tree can find: ours, then the stack's own, which may replace one."""
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
    """Names of the flake inputs that a host's tree needs, its own modules too; a check names those
    that nobody knows.
    """
    known = inputs(plan.stack, host.release)
    needed = {name for m in modules for name, _ in m.flakes if name in known}
    needed |= inputs_asked(host, sources) & known.keys()
    if not host.is_nixos:
        needed.add("home-manager")
    return sorted({"nixpkgs", *needed})


def flake(
    plan: Plan,
    host: Host,
    modules: Sequence[Module] | None,
    sources: Mapping[str, str | bytes],
    head: str,
) -> tuple[str, str]:
    """`flake.nix` and its lock: of the host's system, where it has modules, and of its image."""
    pin = plan.stack.nixpkgs[host.config.nixpkgs]
    known = inputs(plan.stack, pin.release)
    # The tree of an image has no modules of the owner's.
    own = carried(host, sources) if modules is not None else {}
    names = inputs_of(plan, host, modules or (), sources if own else {})
    listed: dict[str, tuple[str, Mapping[str, str]]] = {
        n: (known[n].url, known[n].follows) for n in names if n in known
    }
    listed["nixpkgs"] = (pin.url, {})
    systems: dict[str, tuple[str, Sequence[tuple[str, str]]]] = {}
    if modules is not None:
        systems[host.name] = ("default.nix", sorted({f for m in modules for f in m.flakes}))
    if host.config.bootstrap is not None:
        systems[bootstrap.output(host)] = (bootstrap.FILE, ())
    asked = bool(own) and bool(inputs_asked(host, sources))
    outputs = (
        nixos_output(systems, inputs=asked, homes=asked and host.config.home is not None)
        if host.is_nixos
        else home_output(plan.stack.site.owner.user, host.config.platform, inputs=asked)
    )
    text = flake_text(
        head=head, description=f"{host.name}, as homelab made it", inputs=listed, outputs=outputs
    )
    lock = sources.get(pin.lock, "")
    return text, prune_lock(lock if isinstance(lock, str) else lock.decode(), names)
