"""The nixpkgs and the flakes that hosts are built from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from homelab.config.base import (
    Model,
    Reason,
    Release,
    TreePath,
)
from homelab.config.types import (
    FlakeUrl,
    InputName,
    InputOrNone,
    PackageAttribute,
)


class Pin(Model):
    """One nixpkgs, pinned by a flake lock file."""

    release: Release
    """NixOS release, in quotes: `"25.11"`. It decides which option names are written."""
    url: FlakeUrl
    """Flake reference: `github:NixOS/nixpkgs/nixos-25.11`."""
    lock: TreePath
    """Path of the committed flake.lock, with every input that hosts of this pin need."""
    max_age_days: Annotated[int, Field(ge=1, le=3650)] = 365
    """Days after which the revision of nixpkgs in the lock file is a warning."""


class FlakeInput(Model):
    """A flake that provides services or modules."""

    url: FlakeUrl
    """Flake reference, pinned by the lock: `github:owner/repo`."""
    follows: dict[InputName, InputOrNone] = Field(default_factory=lambda: {"nixpkgs": "nixpkgs"})
    """Inputs of the flake that follow inputs of the generated flake; an empty name drops an input.
    """
    packages: list[PackageAttribute] = Field(default_factory=list)
    """Packages of this flake, which is a nixpkgs, in place of those of the pin, on every NixOS
    host: `[immich, jellyfin]`. `homelab pin` adds them."""
    private: Reason | None = None
    """Hosts fetch this private flake themselves, and how root there gets access to it:
    `a deploy key in /root/.ssh of each host`. Default: the deployer fetches a `git+ssh:` flake at
    its locked revision, and sends it to the host that builds."""

    @model_validator(mode="after")
    def _nixpkgs_has_no_inputs(self) -> FlakeInput:
        if self.packages and "follows" not in self.model_fields_set:
            object.__setattr__(self, "follows", {})
        return self
