"""A module of a host's tree: what a package's backend returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources

from homelab.nix.values import Attrs


@dataclass(frozen=True)
class Library:
    """A NixOS module with `homelab.*` options, shipped in a host's tree as `lib/<name>.nix`.

    Its text is a file of the package, the same on every host. Generated files set its options.
    """

    name: str
    text: str

    @classmethod
    def of(cls, package: str, name: str) -> Library:
        """The library `<name>.nix` of a Python package."""
        file = resources.files(package).joinpath(f"{name}.nix")
        return cls(name, file.read_text(encoding="utf-8"))

    @property
    def file(self) -> str:
        """Path inside the tree."""
        return f"lib/{self.name}.nix"


@dataclass(frozen=True)
class Module:
    """One file of a host's tree, named after the package it comes from."""

    file: str
    """Path inside the tree: `proxy.nix`, `services/immich.nix`."""
    what: str
    """Its head comment: what the file contains."""
    derived: Attrs = field(default_factory=dict)
    """Options that follow from the stack config. A hand-written module overrides them."""
    stated: Attrs = field(default_factory=dict)
    """Options that the stack config sets explicitly: plain definitions."""
    imports: tuple[str, ...] = ()
    """Further imports, as Nix expressions: `./hardware.nix`, `inputs.x.nixosModules.y`."""
    flakes: tuple[tuple[str, str], ...] = ()
    """Modules of flakes that it needs, as `("sops-nix", "nixosModules.sops")`."""
    inputs: tuple[str, ...] = ()
    """Inputs of the host's flake that its expressions use, as `inputs.NAME`."""
    shared: bool = False
    """The same on every host, so it is printed once."""
    library: Library | None = None
    """The library whose options it sets: this file imports it, and the tree has its text."""
    nested: tuple[Module, ...] = ()
    """Modules that this one imports itself, into a place of its own, as that of a home."""
    extra: tuple[tuple[str, str], ...] = ()
    """Further files of the tree that this module refers to: (path, text)."""
