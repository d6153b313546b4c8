"""Modules of homelab for services of which nixpkgs has the package alone, by catalog entry."""

from __future__ import annotations

from importlib import resources

from homelab.nix import Library

_PLACES = {"backrest": "homelab.backup"}
"""The Python package with the module `<entry>.nix`, and its script `<entry>.sh`."""
_QUOTE = resources.files("homelab.nix") / "quote.nix"


def library_of(entry: str) -> Library | None:
    """The module of an entry; None if the options of the entry are nixpkgs'."""
    return Library.of(_PLACES[entry], entry) if entry in _PLACES else None


def files_of(entry: str) -> tuple[tuple[str, str], ...]:
    """The further files of that module, with their text."""
    if entry not in _PLACES:
        return ()
    script = resources.files(_PLACES[entry]) / f"{entry}.sh"
    return (
        ("lib/quote.nix", _QUOTE.read_text(encoding="utf-8")),
        (f"lib/{entry}.sh", script.read_text(encoding="utf-8")),
    )
