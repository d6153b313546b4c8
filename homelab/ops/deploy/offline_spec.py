"""What an offline host's switch needs, besides what any switch does."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from homelab.config.base import HostKey, Model, Name, PublicKey, Str
from homelab.ops.deploy.before import BeforeSpec
from homelab.ops.deploy.closure import ClosureSpec
from homelab.ops.deploy.spec import SwitchSpec
from homelab.ops.machine.host import HostPath


class Payload(Model):
    """What the host needs before it can switch."""

    stage: Str
    """Script that writes the files."""
    secrets: dict[Str, Str]
    """Values by name."""
    build: Str
    """Script that builds."""
    closure: ClosureSpec | None = None
    """Another machine builds before that script."""
    before: BeforeSpec | None = None
    """What the host gets before that script."""


class Awake(Model):
    """The always-on host that wakes the offline host or relays its bundle."""

    host: Name
    paths: Annotated[tuple[HostPath, ...], Field(min_length=1)]
    host_key: HostKey
    wake: Str = ""
    """Its command that wakes the host; if empty, it is the relay."""
    wake_seconds: Annotated[int, Field(ge=1)] = 180
    """Seconds until the woken host must answer."""
    signers: tuple[PublicKey, ...] = ()
    """Public keys whose signature on a bundle the host accepts."""


class OfflineSpec(SwitchSpec):
    """The spec of an offline host's switch. It holds secrets."""

    payload: Payload
    offline: Awake
