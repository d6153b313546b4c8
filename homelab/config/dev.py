"""`homelab:dev`: development shells."""

from __future__ import annotations

from pydantic import Field, model_validator

from homelab.config.base import Model, Name
from homelab.config.types import PackageAttribute


class DevShell(Model):
    """A development shell: `nix develop .#NAME`."""

    fragments: list[Name] = Field(default_factory=list)
    """Sets of tools that homelab knows, each with those that it needs: `[python, claude-code]`."""
    packages: list[PackageAttribute] = Field(default_factory=list)
    """Further packages of nixpkgs."""

    @model_validator(mode="after")
    def _has_something(self) -> DevShell:
        if not self.fragments and not self.packages:
            raise ValueError("this shell has no tool; write fragments or packages")
        return self


class DevConfig(Model):
    """Development shells of the owner's repository, for every computer with Nix."""

    shells: dict[Name, DevShell] = Field(default_factory=dict)
    """Shells by name. `homelab dev-shells` writes them for the flake of `homelab init`."""

    @model_validator(mode="after")
    def _default_is_taken(self) -> DevConfig:
        if "default" in self.shells:
            raise ValueError(
                "default is the shell of homelab itself, with its tools; give this one another name"
            )
        return self
