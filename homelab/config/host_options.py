"""Facets of a host that take more than a line: WiFi, boots, sleep, whom it turns away."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from homelab.config.base import AbsolutePath, Model, Name, Network, Reason, SecretRef, Str
from homelab.config.types import Calendar

WIFI = ("wifi", "psk")
"""Service and name of the secret that holds the password."""
VARIABLE = "wifi_psk"
"""What wpa_supplicant calls the password: `ext:wifi_psk` stands for it in the network's block."""
SIZES = range(len(VARIABLE) + 1 + 8, len(VARIABLE) + 1 + 64 + 2)
"""How long `wifi_psk=<password>` can be: a password has 8 to 63 characters, a raw key 64, and a
line may have an end. An encrypted value is as long as the value, so this shows without any key."""

Duration = Annotated[Str, Field(pattern=r"^[1-9][0-9]*[smhd]$")]
Span = Annotated[Str, Field(pattern=r"^[1-9][0-9]*(s|min|h)$")]
Ssid = Annotated[Str, Field(pattern=r'^[^"\\\x00-\x1f\x7f]{1,32}$')]


def supplicant(interface: str | None) -> str:
    """The unit of wpa_supplicant, which has one for each interface that is named."""
    return f"wpa_supplicant-{interface}" if interface else "wpa_supplicant"


PASSWORD = ("owner", "password")
"""Service and name of the secret that holds the hash of the owner's password."""
RECOVERY = ("recovery", "password")
"""The same of a host that has a way in by password, which is the account's own there."""


class Recovery(Model):
    """A way in for whoever lost the key: by password, from home, for a while after each boot.

    `systemctl start ssh-recovery` opens it as well. The account has that password for as long.
    """

    password: SecretRef
    """Hash of the owner's password in the host's sops file, as `mkpasswd` makes it."""
    seconds: Annotated[int, Field(ge=60, le=600)] = 300
    """How long it is open."""


class Reboot(Model):
    """A kernel or initrd takes part at a boot only: a switch that brings one restarts the host.

    It is started just once before it is confirmed. If it does not come up, the next start is the
    old system. A host that fetches its release itself (`offline.pull_from`) is not restarted.
    """

    seconds: Annotated[int, Field(ge=60, le=7200)] = 600
    """How long the host may take to come back."""
    unlocked: bool = False
    """Its encrypted disks open without a person; without that, a switch refuses to restart it."""
    without_one_shot: bool = False
    """Restart it also where the boot loader cannot start a system just once, as all but
    systemd-boot: what comes up and is not confirmed goes back, but a kernel that does not come up
    needs a person."""


class WifiWatchdog(Model):
    """What is done when the router no longer answers: first for the radio, then for the host."""

    delay: Span = "5min"
    """Wait after boot before the router is first asked."""
    interval: Span = "2min"
    """How often it is asked."""
    grace: Span = "30s"
    """How long the radio has to find back before the host restarts, once for each outage."""


class Wifi(Model):
    """The wireless network that a host is on."""

    backend: Literal["wpa_supplicant", "iwd"] = "wpa_supplicant"
    """wpa_supplicant: the network that is written here; iwd: networks are joined on the host with
    `iwctl`, which keeps their passwords itself."""
    ssid: Ssid | None = None
    """Name of the network (wpa_supplicant)."""
    psk: SecretRef | None = None
    """Its secret, in the host's sops file: one line, `wifi_psk=<password>` (wpa_supplicant)."""
    power_save: bool = False
    """Let the radio sleep between packets, which saves little and loses connections."""
    watchdog: WifiWatchdog | None = None
    """Restart what drives the radio, and at last the host, when the router no longer answers."""


class Fail2ban(Model):
    """Who is turned away after failed logins, and for how long."""

    bantime: Duration = "1h"
    """How long an address stays out."""
    maxretry: Annotated[int, Field(ge=1, le=100)] = 5
    """Failures before it is."""
    findtime: Duration = "10m"
    """Within which they are counted."""
    ignore: list[Network] = Field(default_factory=list)
    """Networks that are never banned, beside the LAN and the tailnet."""


class Offline(Model):
    """How a release reaches an offline host: it is woken, or takes the release when it wakes."""

    wake_by: Name | None = None
    """The neighbour that wakes it by Wake-on-LAN, a host that is always on; needs `wake_on_lan`."""
    pull_from: Name | None = None
    """The host, always on, where its release waits until it wakes and fetches it."""
    wake_seconds: Annotated[int, Field(ge=10, le=1800)] = 180
    """How long it may take to answer after the first packet (`wake_by`)."""

    @model_validator(mode="after")
    def _one(self) -> Offline:
        if (self.wake_by is None) == (self.pull_from is None):
            raise ValueError("an offline host has one way; write wake_by or pull_from")
        return self

    @property
    def host(self) -> str:
        """The host that is awake instead."""
        return self.wake_by or self.pull_from or ""


class Persistence(Model):
    """What survives a restart of a host whose root file system does not.

    Kept without a word are the state of every service, database and container that runs there,
    certificates, the machine's identity, logs and homes. The generated `impermanence.nix` lists it.
    """

    root: AbsolutePath = "/persist"
    """Directory on a disk that keeps it."""
    mount: AbsolutePath | None = None
    """Mount point of that disk, as in `/nix` for `root: /nix/persist`; `root` itself when empty."""
    directories: list[AbsolutePath] = Field(default_factory=list)
    """Directories to keep beside those."""
    files: list[AbsolutePath] = Field(default_factory=list)
    """Files to keep beside the host's keys and its machine-id."""
    mounted: list[AbsolutePath] = Field(default_factory=list)
    """Directories on file systems of their own, which keep them anyway: `/home`."""
    forget: dict[AbsolutePath, Reason] = Field(default_factory=dict)
    """What is not kept after all, and why: `{/home: what agents leave there goes}`."""

    @property
    def disk(self) -> str:
        """Mount point of the disk that keeps it."""
        return self.mount or self.root


class Watchdog(Model):
    """A timer in the hardware, which systemd has to wind up: a machine that hangs is reset."""

    module: Annotated[Str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] | None = None
    """Kernel module that drives it; what the profile knows when empty (`bcm2835_wdt` of a
    raspberry-pi-4), or what the kernel finds by itself."""
    runtime: Span = "300s"
    """How long systemd may be silent before the machine is reset."""
    reboot: Span = "360s"
    """How long a shutdown may take before it is; at least `runtime`."""


class Gc(Model):
    """When Nix throws away what nothing needs any more, and how old a generation may grow."""

    dates: Calendar = "weekly"
    """A time as systemd.time(7) writes it: `daily`, `weekly`, `03:15`."""
    keep: Annotated[Str, Field(pattern=r"^[1-9][0-9]*d$")] = "30d"
    """Generations older than this go, but for the running one."""


class HostNix(Model):
    """Nix on this host: where it builds, and what it keeps."""

    build_dir: AbsolutePath | None = None
    """Directory that builds work in, on a disk with room; Nix's own place when empty."""
    gc: Gc = Gc()


_UNITS = {"s": 1, "min": 60, "h": 3600}


def seconds(span: str) -> int:
    """How many seconds a span has."""
    number = span.rstrip("sminh")
    return int(number) * _UNITS[span.removeprefix(number)]
