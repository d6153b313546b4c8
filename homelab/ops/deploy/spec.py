"""The spec of a switch, as the runner reads it; `homelab.deploy.spec` writes it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field

from homelab.config.base import HostKey, Model, Name, Str
from homelab.config.deploy import DeployMode
from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy, ExternalProbe, Probe, ProbeKind, restart_of
from homelab.ops.machine.host import HostPath


class ProbeSpec(Model):
    """A probe on the host; see `homelab.deploy.policy.Probe`."""

    kind: ProbeKind
    name: Str
    target: Str
    resolve: Str = ""


class ExternalProbeSpec(Model):
    """A probe from the deployer's machine; see `homelab.deploy.policy.ExternalProbe`."""

    kind: Literal["web", "dns"]
    name: Str
    address: Str
    host: Str


class Confirm(Model):
    """When a new system is confirmed."""

    seconds: Annotated[int, Field(ge=1)] = 240
    """How long the host waits for the confirmation before it rolls back."""
    settle: Annotated[int, Field(ge=0)] = 0
    """Seconds in which systemd must not have restarted any service."""
    units: tuple[Str, ...] = ()
    """Units that must be active."""
    probes: tuple[ProbeSpec, ...] = ()
    """Probes on the host that must pass again if they passed before."""
    external: tuple[ExternalProbeSpec, ...] = ()
    """The same for probes from this machine, over the LAN and the tailnet."""


class BootRules(Model):
    """The boot loader of the host."""

    loader: Str = "hardware"
    limit: Annotated[int, Field(ge=1)] = 10


class RebootRules(Model):
    """How the host may be restarted."""

    seconds: Annotated[int, Field(ge=1)] = 600
    """How long a restart may take until the host answers again."""
    without_one_shot: bool = False
    unlocked: bool = False


class WindowSpec(Model):
    """A part of the day; see `homelab.deploy.windows.Window`."""

    days: tuple[Str, ...]
    start: Str
    end: Str


class SwitchSpec(Model):
    """The spec of one host's switch; read as JSON from standard input."""

    host: Name
    release: Str
    paths: Annotated[tuple[HostPath, ...], Field(min_length=1)]
    """Tried in this order."""
    host_key: HostKey
    mode: DeployMode = "switch"
    confirm: Confirm = Confirm()
    activation_seconds: Annotated[int, Field(ge=1)] = 600
    boot: BootRules = BootRules()
    reboot: RebootRules | None = None
    """Set if a change that takes effect at boot only may restart the host; None: it does not."""
    need_backups: bool = False
    """Refuse the switch while a backup of the host is too old."""
    clean_up: bool = False
    """Delete generations beyond the limit after the commit."""
    stack: Str = ""
    """The stack that runs this."""
    windows: tuple[WindowSpec, ...] = ()
    """Times in which it may begin; see `homelab.deploy.windows`."""
    timezone: Str = ""
    """Time zone of the windows."""
    again: Str = ""
    """If it differs from the committed one: switch even if the host was changed by hand."""
    may_fail: tuple[Str, ...] = ()
    """Units whose failure does not cause a rollback."""
    secrets_version: Str = ""
    """Changes when a secret of the release does; the switch then runs again."""
    lock_seconds: Annotated[int, Field(ge=0)] = scripts.LOCK_SECONDS
    """How long to wait for another change of the same host."""
    poll_seconds: Annotated[float, Field(gt=0)] = 2.0
    grace_seconds: Annotated[int, Field(ge=0)] = 60
    """How long past its own deadlines a host may go without an answer."""

    @property
    def policy(self) -> DeployPolicy:
        """The settings of the scripts on the host."""
        how = self.reboot
        return DeployPolicy(
            host=self.host,
            mode=self.mode,
            stack=self.stack,
            loader=self.boot.loader,
            limit=self.boot.limit,
            again=self.again,
            may_fail=self.may_fail,
            reboot=restart_of(how),
            unlocked=how is not None and how.unlocked,
            need_backups=self.need_backups,
            clean_up=self.clean_up,
            probes=tuple(Probe(p.kind, p.name, p.target, p.resolve) for p in self.confirm.probes),
        )

    @property
    def external(self) -> tuple[ExternalProbe, ...]:
        """The probes from this machine."""
        return tuple(
            ExternalProbe(o.kind, o.name, o.address, o.host) for o in self.confirm.external
        )

    @property
    def restart_seconds(self) -> int:
        """How long the host may take to come back from a restart."""
        return self.reboot.seconds if self.reboot is not None else 0

    def patient(self, longest: int | None) -> Self:
        """The spec with no timeout longer than this, for the hosts of the lab."""
        if longest is None:
            return self
        seconds = min(longest, self.confirm.seconds)
        confirm = self.confirm.model_copy(update={"seconds": seconds, "settle": 0})
        reboot = self.reboot
        if reboot is not None:
            reboot = reboot.model_copy(update={"seconds": min(longest, reboot.seconds)})
        return self.model_copy(update={"confirm": confirm, "reboot": reboot})
