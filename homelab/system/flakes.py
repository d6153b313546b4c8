"""Flake inputs that a host's tree may need, by the name that its modules use."""

from __future__ import annotations

from collections.abc import Mapping

from homelab.site.model import Site
from homelab.system.model import FlakeInput


def inputs(site: Site, release: str) -> Mapping[str, FlakeInput]:
    """Every input the tree can find: ours, then the stack's own, which may replace one."""
    return {
        "home-manager": FlakeInput(url=f"github:nix-community/home-manager/release-{release}"),
        "impermanence": FlakeInput(
            url="github:nix-community/impermanence",
            follows={"home-manager": "", "nixpkgs": "nixpkgs"},
        ),
        "nixos-hardware": FlakeInput(url="github:NixOS/nixos-hardware", follows={}),
        "sops-nix": FlakeInput(url="github:Mic92/sops-nix"),
        **site.flakes,
    }
