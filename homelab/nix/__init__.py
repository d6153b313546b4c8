"""Nix values and the printer: the only code that knows Nix syntax."""

from homelab.nix.module import Library, Module
from homelab.nix.printer import attrs, print_file, print_module, print_value
from homelab.nix.values import (
    After,
    Attrs,
    Before,
    Call,
    Comment,
    Force,
    Function,
    Lines,
    Nix,
    Path,
    Pkg,
    Raw,
    Script,
    Text,
    merge,
)

__all__ = [
    "After",
    "Attrs",
    "Before",
    "Call",
    "Comment",
    "Force",
    "Function",
    "Library",
    "Lines",
    "Module",
    "Nix",
    "Path",
    "Pkg",
    "Raw",
    "Script",
    "Text",
    "attrs",
    "merge",
    "print_file",
    "print_module",
    "print_value",
]
