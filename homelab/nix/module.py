"""A module of a host's tree: what a package's backend returns."""

from __future__ import annotations

from dataclasses import dataclass, field

from homelab.nix.values import Attrs


@dataclass(frozen=True)
class Module:
    """One file of a host's tree, named after the package it comes from."""

    file: str
    """Path inside the tree: `proxy.nix`, `services/immich.nix`."""
    what: str
    """First line of its head comment: what it holds."""
    derived: Attrs = field(default_factory=dict)
    """What follows from the stack config: yields to a hand-written module."""
    stated: Attrs = field(default_factory=dict)
    """What the stack config says outright: plain definitions."""
    imports: tuple[str, ...] = ()
    """Further imports, as Nix expressions: `./hardware.nix`, `inputs.x.nixosModules.y`."""
    flakes: tuple[tuple[str, str], ...] = ()
    """Modules of flakes that it stands on, as `("sops-nix", "nixosModules.sops")`."""
    shared: bool = False
    """The same on every host, so it is printed once."""
    extra: tuple[tuple[str, str], ...] = ()
    """Further files of the tree that this module names: (path, text)."""
