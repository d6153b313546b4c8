"""The spec of a switch, as the runner reads it; `homelab.deploy.spec` writes it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field

from homelab.config.base import HostKey, Model, Name, Str
from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy, ExternalProbe, Probe, ProbeKind, restart_of
from homelab.ops.machine.host import HostPath


class ProbeSpec(Model):
    """One thing that the host is for; see `Probe`."""

    kind: ProbeKind
    name: Str
    target: Str
    resolve: Str = ""


class ExternalProbeSpec(Model):
    """One thing that the host is for, as others find it; see `Outside`."""

    kind: Literal["web", "dns"]
    name: Str
    address: Str
    host: Str


class Confirm(Model):
    """When a new system counts as well."""

    seconds: Annotated[int, Field(ge=1)] = 240
    """How long the host waits to be confirmed before it returns to the old system."""
    settle: Annotated[int, Field(ge=0)] = 0
    """Seconds in which no service may have been started anew, as one that keeps crashing is."""
    units: tuple[Str, ...] = ()
    """Units that must be active."""
    probes: tuple[ProbeSpec, ...] = ()
    """What must answer again, where it answered before; asked on the host."""
    external: tuple[ExternalProbeSpec, ...] = ()
    """The same, asked from here: as the household finds it, over the LAN and the tailnet."""


class BootRules(Model):
    """What the host boots by."""

    loader: Str = "hardware"
    limit: Annotated[int, Field(ge=1)] = 10


class RebootRules(Model):
    """How the host may be restarted."""

    seconds: Annotated[int, Field(ge=1)] = 600
    """How long it may take to come back."""
    without_one_shot: bool = False
    unlocked: bool = False


class SwitchSpec(Model):
    """What the switch of one host needs to know; arrives as JSON on standard input."""

    host: Name
    release: Str
    paths: Annotated[tuple[HostPath, ...], Field(min_length=1)]
    """Tried in this order."""
    host_key: HostKey
    confirm: Confirm = Confirm()
    activation_seconds: Annotated[int, Field(ge=1)] = 600
    boot: BootRules = BootRules()
    reboot: RebootRules | None = None
    """Whether what only a boot brings in may restart the host; it waits for a boot when empty."""
    clean_up: bool = False
    """Delete generations beyond the limit after the commit."""
    stack: Str = ""
    """Whose run this is."""
    again: Str = ""
    """Another word than last time: switch again, whatever somebody did to the host by hand."""
    may_fail: tuple[Str, ...] = ()
    """Units whose failure is no reason to roll back."""
    secrets_version: Str = ""
    """Changes when a secret of the release does; the switch then runs again."""
    lock_seconds: Annotated[int, Field(ge=0)] = scripts.LOCK_SECONDS
    """How long to wait for another change of the same host."""
    poll_seconds: Annotated[float, Field(gt=0)] = 2.0
    grace_seconds: Annotated[int, Field(ge=0)] = 60
    """How long past its own deadlines a host may stay silent."""

    @property
    def policy(self) -> DeployPolicy:
        """What the scripts on the host go by."""
        how = self.reboot
        return DeployPolicy(
            host=self.host,
            stack=self.stack,
            loader=self.boot.loader,
            limit=self.boot.limit,
            again=self.again,
            may_fail=self.may_fail,
            reboot=restart_of(how),
            unlocked=how is not None and how.unlocked,
            clean_up=self.clean_up,
            probes=tuple(Probe(p.kind, p.name, p.target, p.resolve) for p in self.confirm.probes),
        )

    @property
    def external(self) -> tuple[ExternalProbe, ...]:
        """What is asked from here."""
        return tuple(
            ExternalProbe(o.kind, o.name, o.address, o.host) for o in self.confirm.external
        )

    @property
    def restart_seconds(self) -> int:
        """How long the host may take to come back from a restart."""
        return self.reboot.seconds if self.reboot is not None else 0

    def patient(self, longest: int | None) -> Self:
        """The spec for hosts of which nothing takes longer than this, such as those of the lab."""
        if longest is None:
            return self
        seconds = min(longest, self.confirm.seconds)
        confirm = self.confirm.model_copy(update={"seconds": seconds, "settle": 0})
        reboot = self.reboot
        if reboot is not None:
            reboot = reboot.model_copy(update={"seconds": min(longest, reboot.seconds)})
        return self.model_copy(update={"confirm": confirm, "reboot": reboot})
