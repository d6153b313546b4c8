"""`homelab:deploy`: how switches are confirmed and rolled back."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from homelab.config.base import Model, Name, Str

Unit = Annotated[
    Str, Field(pattern=r"^[A-Za-z0-9@._:-]+\.(service|timer|mount|path|socket|target)$")
]


class DeployConfig(Model):
    """`homelab:deploy`."""

    canary: Name | None = None
    """Host that goes first, alone."""
    last: list[Name] | None = None
    """Hosts that go last, one after the other; those that carry the deployer's way when empty."""
    max_parallel: Annotated[int, Field(ge=1, le=50)] = 4
    """Hosts of one wave that switch at the same time."""
    dry_run_first: bool = False
    """Evaluate on the host before its build begins, and say what will be built and fetched: a
    mistake shows within a minute, for a second evaluation. No preview ever does."""
    activation_seconds: Annotated[int, Field(ge=10, le=7200)] = 600
    """How long an activation may take."""
    confirm_seconds: Annotated[int, Field(ge=5, le=3600)] = 240
    """How long the deployer may take to find the host again before it rolls itself back. Longer
    than the 141 s that a black-holed SSH session takes to fail."""
    settle_seconds: Annotated[int, Field(ge=0, le=600)] = 10
    """For how long, before a switch counts as well, no service may have been started anew; at most
    half of `confirm_seconds`."""
    clean_up: bool = False
    """Delete generations beyond `boot.limit` after each commit, never the one that runs, was booted
    or ran before. Without it `nix.gc` deletes them by age."""
    again: dict[Name, Str] = Field(default_factory=dict)
    """Hosts to switch again although their release stands, with a word that is new each time:
    after somebody switched one by hand. `{pi: "rebooted into the old one, 3 May"}`"""
    may_fail: list[Unit] = Field(default_factory=list)
    """Units whose failure is said and no reason to roll back: `nixos-upgrade.service`."""

    @model_validator(mode="after")
    def _time_to_confirm(self) -> DeployConfig:
        if 2 * self.settle_seconds > self.confirm_seconds:
            raise ValueError(
                f"of {self.confirm_seconds} s to confirm a switch, {self.settle_seconds} s would "
                "go into watching its services, and every switch be rolled back; write "
                f"settle_seconds: {self.confirm_seconds // 2} or less, or longer confirm_seconds"
            )
        return self
