"""Single packages from another nixpkgs, by an overlay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.config.stack import StackConfig
from homelab.nix import Call, Function, Module, Nix, Raw, attrs
from homelab.plan import Plan
from homelab.system.model import Host


def replaced(stack: StackConfig) -> Mapping[str, list[str]]:
    """The packages of each flake input that replace those of the pins."""
    return {name: flake.packages for name, flake in sorted(stack.flakes.items()) if flake.packages}


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """The overlay of a host. Its other packages, and what these depend on, stay as they are."""
    found = replaced(plan.stack)
    if not found or not host.is_nixos:
        return
    overlays: list[Nix] = [_overlay(name, packages) for name, packages in found.items()]
    yield Module(
        "packages.nix",
        "Packages from another nixpkgs than the rest of the system",
        derived=attrs("nixpkgs.overlays", overlays),
        inputs=tuple(found),
    )


def _overlay(name: str, packages: list[str]) -> Nix:
    # With the settings of the host, such as the unfree packages that it allows.
    settings: Nix = {"config": Raw("prev.config"), "system": Raw("prev.stdenv.hostPlatform.system")}
    listed: Nix = [*sorted(packages)]
    other = Call(f"import inputs.{name}", (settings,))
    return Function("_", Function("prev", Call("lib.getAttrs", (listed, other))))
