"""`homelab:deploy`: how switches are confirmed and rolled back."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from homelab.config.base import Model, Name, Str, Time, pattern

_UNIT = r"[A-Za-z0-9@._:-]+\.(service|timer|mount|path|socket|target)"
Unit = Annotated[
    Str,
    pattern(_UNIT, "this is not a unit; write its name and its kind, as in jellyfin.service"),
    Field(json_schema_extra={"pattern": f"^{_UNIT}$"}),
]


DeployMode = Literal["switch", "test", "boot", "dry"]
"""switch: activate, confirm, and make it the boot default. test: activate and confirm; a reboot
returns to the committed system. boot: make it the boot default, and activate nothing. dry: build,
and print what a switch would do."""


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class WindowConfig(Model):
    """A part of the day in which a deployment may switch hosts, in `site.timezone`."""

    start: Time
    """`"22:00"`, in quotes."""
    end: Time
    """`"06:00"`, in quotes. An earlier time than `start` is on the next day."""
    days: Annotated[list[Day], Field(min_length=1)] = Field(
        default_factory=lambda: [*get_args(Day)]
    )
    """Days on which it starts: `[fri, sat]`. Default: every day."""

    @model_validator(mode="after")
    def _has_a_length(self) -> WindowConfig:
        if self.start == self.end:
            raise ValueError("it starts when it ends; leave out windows to switch at any time")
        return self


class DeployConfig(Model):
    """`homelab:deploy`."""

    mode: DeployMode = "switch"
    """What `pulumi up` does with a built system. `hosts.….mode` sets it for one host, and
    `HOMELAB_MODE=test pulumi up` for one run."""
    canary: Name | None = None
    """Host that switches first, alone."""
    last: list[Name] | None = None
    """Hosts that switch last, one after the other. Default: the hosts that the deployer's own
    connection runs through."""
    max_parallel: Annotated[int, Field(ge=1, le=50)] = 4
    """Number of hosts of one wave that switch at the same time."""
    dry_run_first: bool = False
    """Evaluate on the host before its build starts, and print what will be built and fetched. A
    mistake shows within a minute, at the cost of a second evaluation. A preview never does this."""
    activation_seconds: Annotated[int, Field(ge=10, le=7200)] = 600
    """Seconds that an activation may take."""
    confirm_seconds: Annotated[int, Field(ge=5, le=3600)] = 240
    """Seconds that the deployer has to reconnect to the host before the host rolls back. The
    default is longer than the 141 s after which a black-holed SSH session fails."""
    settle_seconds: Annotated[int, Field(ge=0, le=600)] = 10
    """Seconds without a restart of any service before a switch counts as successful; at most half
    of `confirm_seconds`."""
    clean_up: bool = False
    """Delete generations beyond `boot.limit` after each commit. The running, the booted and the
    previous generation stay. Without it `nix.gc` deletes generations by age."""
    again: dict[Name, Str] = Field(default_factory=dict)
    """Hosts to switch again although their release has not changed, for instance after a manual
    switch. Write a new text each time: `{pi: "rebooted into the old one, 3 May"}`"""
    need_backups: bool = False
    """Refuse to switch a host on which a backup is older than `backup.proof.max_age_days`. Without
    it the preflight prints a note."""
    require_clean_git: bool = False
    """Refuse `pulumi up` while the directory of the stack has changes that are not committed, or a
    file that the stack reads is not in Git as it is, so that every deployed release is in Git. A
    preview and `homelab check` only warn."""
    require_confirm: bool = False
    """Refuse `pulumi up` unless the environment variable HOMELAB_CONFIRM has the name of the stack,
    also with `--yes`: `HOMELAB_CONFIRM=home pulumi up`."""
    windows: list[WindowConfig] = Field(default_factory=list)
    """Times in which a deployment may switch a host: `[{start: "22:00", end: "06:00"}]`. At other
    times `pulumi up` builds, and the switch fails before it changes anything. Rollbacks are always
    possible, and so is `HOMELAB_ANY_TIME=1 pulumi up`. Default: at any time."""
    may_fail: list[Unit] = Field(default_factory=list)
    """Units whose failure is reported but does not roll back the switch: `nixos-upgrade.service`.
    """

    @model_validator(mode="after")
    def _each_host_once(self) -> DeployConfig:
        named = [*filter(None, [self.canary]), *(self.last or [])]
        if twice := next((host for host in named if named.count(host) > 1), ""):
            raise ValueError(
                f"canary and last name {twice} twice, and a host switches once; leave one out"
            )
        return self

    @model_validator(mode="after")
    def _time_to_confirm(self) -> DeployConfig:
        if 2 * self.settle_seconds > self.confirm_seconds:
            raise ValueError(
                f"watching services for {self.settle_seconds} s leaves too little of the "
                f"{self.confirm_seconds} s to confirm a switch, so every switch would roll back; "
                f"write settle_seconds: {self.confirm_seconds // 2} or less, or longer "
                "confirm_seconds"
            )
        return self
