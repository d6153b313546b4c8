"""Options of a host that have keys of their own: WiFi, reboots, fail2ban, persistence, Nix."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from homelab.config.base import (
    AbsolutePath,
    EarlySecretRef,
    Model,
    Name,
    Network,
    Reason,
    ServiceSecretRef,
    Str,
)
from homelab.config.deploy import Unit
from homelab.config.disks import DiskSize, Subvolume, in_bytes
from homelab.config.types import CacheKey, Calendar, Url

WIFI = ("wifi", "psk")
"""Service and name of the secret that holds the password."""
VARIABLE = "wifi_psk"
"""Variable of the password in wpa_supplicant: its network block refers to `ext:wifi_psk`."""
SIZES = range(len(VARIABLE) + 1 + 8, len(VARIABLE) + 1 + 64 + 2)
"""Possible lengths of `wifi_psk=<password>`: a password has 8 to 63 characters, a raw key 64, plus
a line end. An encrypted value is as long as the plain one, so this can be checked without a key."""

Duration = Annotated[Str, Field(pattern=r"^[1-9][0-9]*[smhd]$")]
Span = Annotated[Str, Field(pattern=r"^[1-9][0-9]*(s|min|h)$")]
Ssid = Annotated[Str, Field(pattern=r'^[^"\\\x00-\x1f\x7f]{1,32}$')]


def supplicant(interface: str | None) -> str:
    """Name of wpa_supplicant's unit, which includes the interface if one is set."""
    return f"wpa_supplicant-{interface}" if interface else "wpa_supplicant"


NETRC = ("nix", "netrc")
"""Service and name of the secret with the passwords of binary caches."""
PASSWORD = ("owner", "password")
"""Service and name of the secret that holds the hash of the owner's password."""
RECOVERY = ("recovery", "password")
"""The same for a host with `ssh.recovery`, where it is the password of the account."""


class Recovery(Model):
    """Recovery login after a lost key: SSH with a password, from the LAN, for some time after each
    boot.

    `systemctl start ssh-recovery` opens it as well. The account has this password only meanwhile.
    """

    password: EarlySecretRef
    """Hash of the owner's password in the host's sops file, as `mkpasswd` prints it."""
    seconds: Annotated[int, Field(ge=60, le=600)] = 300
    """Seconds that the login stays open."""


class Reboot(Model):
    """Restart the host when a switch brings a new kernel or initrd.

    The new system is booted once before it is confirmed. If it does not come up, the next boot
    starts the old system. A host that fetches its release (`offline.pull_from`) is not restarted.
    """

    seconds: Annotated[int, Field(ge=60, le=7200)] = 600
    """Seconds that the host may take to come back."""
    unlocked: bool = False
    """Encrypted disks unlock without a person. Without it, a switch refuses to restart a host that
    has encrypted disks."""
    without_one_shot: bool = False
    """Restart the host although its boot loader cannot boot a system only once (only systemd-boot
    can). A system that comes up and is not confirmed still rolls back, but a kernel that does not
    come up needs a person."""


class WifiWatchdog(Model):
    """Restart the radio, then the host, when the router no longer answers."""

    delay: Span = "5min"
    """Time after boot before the first ping of the router."""
    interval: Span = "2min"
    """Time between two pings."""
    grace: Span = "30s"
    """Time for the radio to reconnect before the host restarts, once for each outage."""


class Wifi(Model):
    """The wireless network that a host joins."""

    backend: Literal["wpa_supplicant", "iwd"] = "wpa_supplicant"
    """wpa_supplicant: joins the network that is written here; iwd: networks are joined on the host
    with `iwctl`, which stores their passwords."""
    ssid: Ssid | None = None
    """Name of the network (wpa_supplicant)."""
    psk: EarlySecretRef | None = None
    """Its secret, in the host's sops file: one line, `wifi_psk=<password>` (wpa_supplicant)."""
    power_save: bool = False
    """Let the radio sleep between packets. Saves little power and loses connections."""
    watchdog: WifiWatchdog | None = None
    """Restart the WiFi service, then the host, when the router no longer answers."""


class Fail2ban(Model):
    """Ban addresses after failed logins."""

    bantime: Duration = "1h"
    """How long an address is banned."""
    maxretry: Annotated[int, Field(ge=1, le=100)] = 5
    """Number of failures before a ban."""
    findtime: Duration = "10m"
    """Time span in which failures are counted."""
    ignore: list[Network] = Field(default_factory=list)
    """Networks that are never banned, besides the LAN and the tailnet."""


class Offline(Model):
    """How a release reaches a host that is not always on: Wake-on-LAN, or fetched when it is on."""

    wake_by: Name | None = None
    """Always-on host that wakes it with Wake-on-LAN; needs `wake_on_lan`."""
    pull_from: Name | None = None
    """Always-on host that keeps the release until this host is on and fetches it."""
    wake_seconds: Annotated[int, Field(ge=10, le=1800)] = 180
    """Seconds that it may take to answer after the first packet (`wake_by`)."""

    @model_validator(mode="after")
    def _one(self) -> Offline:
        if (self.wake_by is None) == (self.pull_from is None):
            raise ValueError("an offline host has one method; write wake_by or pull_from")
        return self

    @property
    def host(self) -> str:
        """The always-on host that wakes it or keeps its release."""
        return self.wake_by or self.pull_from or ""


class Persistence(Model):
    """What survives a restart of a host whose root file system is wiped at boot.

    By default: the state of every service, database and container on the host, certificates, the
    machine's identity, logs and home directories. The generated `impermanence.nix` lists them.
    """

    root: AbsolutePath = "/persist"
    """Directory on a persistent disk that holds the kept files."""
    blank: Subvolume | None = None
    """For a root on btrfs: the blank subvolume that the root is made from at each boot, such as
    `@root-blank`. Without it, the root is in memory (tmpfs), or a module of yours empties it."""
    old_roots: Annotated[Str, Field(pattern=r"^(0|[1-9][0-9]{0,3})d$")] = "30d"
    """How long the roots of earlier boots are kept (`blank`), beside the root in `@root-old`."""
    mount: AbsolutePath | None = None
    """Mount point of that disk: `/nix` for `root: /nix/persist`. Default: `root` itself."""
    directories: list[AbsolutePath] = Field(default_factory=list)
    """Further directories to keep."""
    files: list[AbsolutePath] = Field(default_factory=list)
    """Files to keep besides the host's keys and its machine-id."""
    mounted: list[AbsolutePath] = Field(default_factory=list)
    """Directories on persistent file systems of their own: `/home`."""
    forget: dict[AbsolutePath, Reason] = Field(default_factory=dict)
    """Directories that are not kept, each with the reason: `{/home: scratch space of agents}`. What
    `directories` names in one of them is kept."""

    @model_validator(mode="after")
    def _leaves_old_roots(self) -> Persistence:
        if self.blank is None and "old_roots" in self.model_fields_set:
            raise ValueError(
                "only a root that is made from a blank subvolume leaves old ones; add blank: "
                '"@root-blank", or leave old_roots out'
            )
        return self

    @model_validator(mode="after")
    def _keeps_or_forgets(self) -> Persistence:
        for path in (*self.directories, *self.files):
            if path in self.forget:
                raise ValueError(
                    f"{path} is kept and forgotten; leave it out of forget, or out of directories "
                    "and files"
                )
        return self

    @property
    def disk(self) -> str:
        """Mount point of the persistent disk."""
        return self.mount or self.root


class UserMemory(Model):
    """Limits of the memory of a person who is logged in: their desktop with its programs, and their
    services (`user@.service`). The rest stays for the services of the host.
    """

    high: DiskSize | None = None
    """Above this, their programs become slow, and the kernel takes memory back: `24 GiB`."""
    max: DiskSize | None = None
    """At this size, the kernel ends one of their programs: `28 GiB`."""

    @model_validator(mode="after")
    def _limits(self) -> UserMemory:
        if self.high is None and self.max is None:
            raise ValueError("a limit is missing; add high: 24 GiB, or max: 28 GiB")
        if self.high and self.max and in_bytes(self.high) > in_bytes(self.max):
            raise ValueError(f"high is above max, {self.max}; write a smaller size")
        return self


class Watchdog(Model):
    """A hardware watchdog, which resets a machine that hangs."""

    module: Annotated[Str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] | None = None
    """Kernel module of the watchdog. Default: the module of the profile (`bcm2835_wdt` for
    raspberry-pi-4), otherwise whatever the kernel loads."""
    runtime: Span = "300s"
    """The machine is reset after this time without a sign of life from systemd."""
    reboot: Span = "360s"
    """The machine is reset if a shutdown takes longer; at least `runtime`."""


class Probes(Model):
    """What a switch must leave working, besides what homelab probes by itself. What did not work
    before the switch causes no rollback.
    """

    units: list[Unit] = Field(default_factory=list)
    """Units that must be active: `[jellyfin.service, mnt-films.mount]`."""
    urls: list[Url] = Field(default_factory=list)
    """URLs that must answer on the host itself, with any status below 500:
    `["http://127.0.0.1:8096/health"]`."""

    @model_validator(mode="after")
    def _asks_something(self) -> Probes:
        if not (self.units or self.urls):
            raise ValueError(
                "it probes nothing; add units: [jellyfin.service] or urls: [http://127.0.0.1:8096]"
            )
        return self


class Gc(Model):
    """Garbage collection of the Nix store (`nix.gc`)."""

    dates: Calendar = "weekly"
    """When it runs, as in systemd.time(7): `daily`, `weekly`, `03:15`."""
    keep: Annotated[Str, Field(pattern=r"^[1-9][0-9]*d$")] = "30d"
    """Age after which generations are deleted. The running one is always kept."""


class Substituter(Model):
    """A binary cache, from which Nix downloads packages instead of building them."""

    url: Url
    """Its URL: `https://attic.example.org/main`."""
    key: CacheKey
    """Its public key: `main:9SZt/6plBU7jjQzz90J7O011I13hmJvOMYouxNqExNQ=`. Nix refuses packages
    that it has not signed."""


class HostNix(Model):
    """Nix on this host: build directory, garbage collection and binary caches."""

    build_dir: AbsolutePath | None = None
    """Directory for builds, on a disk with enough space. Default: Nix's own."""
    gc: Gc = Gc()
    substituters: list[Substituter] = Field(default_factory=list)
    """Binary caches besides cache.nixos.org, in the order in which Nix asks them. A host builds
    what it cannot download."""
    netrc: ServiceSecretRef | None = None
    """Passwords for `substituters`, in the host's sops file, in the format of netrc:
    `machine attic.example.org password TOKEN`."""

    @model_validator(mode="after")
    def _reads_passwords(self) -> HostNix:
        if self.netrc is not None and not self.substituters:
            raise ValueError("only substituters read netrc; add substituters, or leave netrc out")
        urls = [cache.url.rstrip("/") for cache in self.substituters]
        if twice := next((url for url in urls if urls.count(url) > 1), ""):
            raise ValueError(f"substituters has {twice} twice; leave one of them out")
        return self


_UNITS = {"s": 1, "min": 60, "h": 3600}


def seconds(span: str) -> int:
    """A span in seconds."""
    number = span.rstrip("sminh")
    return int(number) * _UNITS[span.removeprefix(number)]
