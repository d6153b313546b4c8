"""`homelab:hosts`, the nixpkgs pins and the flake inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from homelab.config.base import (
    Interface,
    Kind,
    Name,
    Platform,
    Reason,
    StateVersion,
    Str,
    TreePath,
)
from homelab.config.deploy import DeployMode
from homelab.config.desktop import Desktop
from homelab.config.devices import HostDevice
from homelab.config.disks import FileSystemConfig, HostDisk, PlainPath, Swap
from homelab.config.graphics import Gpu
from homelab.config.host_options import (
    Fail2ban,
    HostNix,
    Offline,
    Persistence,
    Probes,
    Reboot,
    UserMemory,
    Watchdog,
    Wifi,
)
from homelab.config.host_parts import Boot, Build, HostAddress, HostTailscale, Ssh, WakeOnLan, Zram
from homelab.config.kernel import Kernel
from homelab.config.manage import FIELDS, Extends, Managed
from homelab.config.pools import AnyPool
from homelab.config.types import (
    FlakeModule,
    Keymap,
    Locale,
    TimeZone,
)

Role = Literal["appliance", "workhorse", "agent"]
"""appliance: always on and independent of the other hosts; workhorse: holds data or computes;
agent: runs untrusted programs, isolated from the other hosts."""


State = Literal["planned", "live", "held", "retired"]
"""planned: nothing is created yet; live: deployed by every `up`; held: left as it is, and no wave
waits for it; retired: gets an empty release, before it is removed from the stack."""


Profile = Literal["generic", "raspberry-pi-4", "laptop-server"]
"""generic: a PC; raspberry-pi-4: boots from its firmware, with the module of nixos-hardware;
laptop-server: a laptop that never sleeps, also with its lid closed."""


Bootstrap = Literal["sd-image", "iso"]
"""sd-image: an SD card for an aarch64 board, which keeps running from it; iso: a USB stick for a
manual installation."""


def _known_kind(value: object) -> object:
    if value != "nixos":
        raise ValueError("there is no such kind of host; write nixos or home-manager")
    return value


class HostConfig(Kind):
    """Settings of every kind of machine. Its addresses are written only here."""

    state: State = "live"
    platform: Platform
    nixpkgs: Name = "default"
    """Name of the nixpkgs pin that it uses."""
    state_version: StateVersion
    """`system.stateVersion` or `home.stateVersion`: the release that the machine was installed
    with. Nothing raises it automatically."""
    address: HostAddress = HostAddress()
    home: TreePath | None = None
    """The owner's home-manager module."""
    ssh_config: bool = False
    """SSH settings for the hosts of the stack in the owner's home, with their pinned keys:
    `ssh nas` asks no question. Needs `home`."""

    @model_validator(mode="after")
    def _settings_have_a_home(self) -> Self:
        if self.ssh_config and self.home is None:
            raise ValueError(
                "home-manager writes ssh_config; add home: home/….nix, or leave ssh_config out"
            )
        return self


class NixosHost(HostConfig):
    """A NixOS machine. The whole system is built from the stack."""

    called: ClassVar[str] = "a NixOS host"
    lacks: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("disk", "drives", "partitions"),
            "write disks: {system: /dev/disk/by-id/…}, and file_systems by mount point",
        ),
        **dict.fromkeys(
            ("filesystems", "fileSystems", "mounts"), "write file_systems, by mount point"
        ),
        "disko": "write disks and file_systems; homelab disks HOST --disko FILE prints them for "
        "disko, or use disko in a module of yours with flakes: [disko.nixosModules.disko]",
        "swapDevices": "write swap: {file: /var/lib/swapfile, size: 8 GB}",
    }

    kind: Annotated[Literal["nixos"], BeforeValidator(_known_kind)] = "nixos"
    profile: Profile = "generic"
    role: Role = "workhorse"
    bootstrap: Bootstrap | None = None
    """The image that a new machine starts from. `homelab bootstrap HOST` prints the steps."""
    hardware: TreePath | None = None
    """The host's hardware module (file systems, boot, drivers), relative to the stack file."""
    modules: list[TreePath] = Field(default_factory=list)
    """Your own NixOS modules, files or directories. They are copied to the host together with the
    files that they import."""
    flakes: list[FlakeModule] = Field(default_factory=list)
    """Flake modules that your own modules need: `disko.nixosModules.disko`, from `homelab:flakes`.
    """
    extends: Extends | None = None
    """The flake that the host was adopted with. `homelab adopt` writes it."""
    manage: list[Managed] | None = None
    """Parts of the host that homelab writes: `[tailnet, firewall]`. Everything else is left to your
    own modules. Default: all parts. `homelab adopt` writes `[]`."""
    accept: dict[Name, Reason] = Field(default_factory=dict)
    """Warnings to accept for your own modules, each with the reason:
    `{other-firewall: only libvirt's guests use it}`."""
    interface: Interface | None = None
    """LAN interface: `end0`. Needed if the firewall has to distinguish it from other interfaces."""
    static: bool = False
    """Set `address.lan` statically on `interface`, with the prefix and gateway of `network.lan`.
    When false, the router's DHCP must always assign that address."""
    wifi: Wifi | None = None
    """The wireless network that it joins, for a host without a cable."""
    mdns: bool = False
    """Publish `<host>.local` on the LAN and resolve the names of others; needs `interface`."""
    mode: DeployMode | None = None
    """What `pulumi up` does with its built system. Default: `deploy.mode`."""
    always_on: bool = True
    """Whether other hosts may depend on it. Write false for a host that is switched off at times.
    """
    offline: Offline | None = None
    """How a release reaches the host while it is off; only with `always_on: false`. Without it a
    release fails if the host is off."""
    flash: bool = False
    """The root file system is on flash that wears out: no swap on disk, a volatile journal, and no
    local backup repository."""
    ssh: Ssh = Ssh()
    fail2ban: Fail2ban | None = None
    """Ban addresses after failed logins, except those of the LAN and the tailnet."""
    tailscale: HostTailscale | None = HostTailscale()
    gpu: Gpu | None = None
    devices: dict[Name, HostDevice] = Field(default_factory=dict)
    """Devices that services use, by name: `{zigbee: /dev/serial/by-id/usb-…}`."""
    disks: dict[Name, HostDisk] = Field(default_factory=dict)
    """Disks by name: `{system: /dev/disk/by-id/nvme-…}`. Their health is read (Scrutiny), and file
    systems, pools and swap refer to them. Nothing in the stack formats a disk."""
    file_systems: dict[PlainPath, FileSystemConfig] = Field(default_factory=dict)
    """File systems by mount point: `{/srv: {disk: system, partition: 2, fs: ext4}}`, besides those
    of the hardware module."""
    pools: dict[Name, AnyPool] = Field(default_factory=dict)
    """Several disks or file systems as one, by name: ZFS or mergerfs."""
    swap: Swap | None = None
    """Swap on a disk. `zram` is swap in memory."""
    boot: Boot = Boot()
    kernel: Kernel | None = None
    host_id: Annotated[Str, Field(pattern=r"^[0-9a-f]{8}$")] | None = None
    """`networking.hostId`, in quotes, for ZFS: the id that its pools were imported with (`hostid`
    on the host). For a new machine: the first eight characters of /etc/machine-id."""
    reboot: Reboot | None = None
    """Let a switch restart the host for a new kernel or initrd. Without `reboot`, a new kernel
    takes effect at the next manual reboot, and `homelab status` reports it."""
    probes: Probes | None = None
    """Units and URLs that must work after a switch if they worked before; otherwise it is rolled
    back. Apps, resolver, proxy, tunnel and tailnet are probed without it."""
    watchdog: Watchdog | None = None
    """Reset the machine with a hardware watchdog when it hangs: `watchdog: {}`."""
    nix: HostNix = HostNix()
    zram: Zram | None = None
    user_memory: UserMemory | None = None
    wake_on_lan: WakeOnLan | None = None
    build: Build = Build()
    persistence: Persistence | None = None
    timezone: TimeZone | None = None
    """Its time zone, if it is elsewhere. Default: `site.timezone`."""
    locale: Locale | None = None
    """Its locale. Default: `site.locale`."""
    keymap: Keymap | None = None
    """Its console keyboard layout. Default: `site.keymap`."""
    desktop: Desktop | None = None
    tags: list[Name] = Field(default_factory=list)
    """Services with one of these tags and without a host run here."""

    @model_validator(mode="before")
    @classmethod
    def _joins_by_itself(cls, value: object) -> object:
        """A host whose tailnet homelab does not manage has no settings of homelab for it."""
        if not isinstance(value, Mapping):
            return value
        manage = value.get("manage")
        if isinstance(manage, list) and "tailnet" not in manage:
            return {"tailscale": None, **value}
        return value

    @model_validator(mode="after")
    def _consistent(self) -> NixosHost:
        for field, part in FIELDS.items():
            stated = field in self.model_fields_set and getattr(self, field)
            if stated and not self.manages(part):
                raise ValueError(
                    f"manage has no {part}, so nothing reads {field}; add {part} to manage, or "
                    f"leave {field} out"
                )
        if self.ssh.recovery is not None and not self.manages("ssh"):
            raise ValueError(
                "manage has no ssh, so nothing reads ssh.recovery; add ssh to manage, or leave "
                "ssh.recovery out"
            )
        if self.extends is not None and self.hardware is not None:
            raise ValueError(
                "the flake in extends has the hardware of the host; leave hardware out"
            )
        darwin = self.platform.endswith("-darwin")
        if darwin:
            raise ValueError("NixOS does not run on macOS; add kind: home-manager")
        if self.bootstrap == "sd-image" and self.platform != "aarch64-linux":
            raise ValueError("an SD image is for aarch64-linux; write bootstrap: iso")
        if self.boot.device is not None and self.boot.loader != "grub":
            raise ValueError("boot.device applies only to GRUB; add loader: grub, or leave it out")
        if self.probes is not None and self.offline is not None and self.offline.pull_from:
            raise ValueError(
                "a host that fetches its release confirms it without probes; leave probes out"
            )
        if (
            self.user_memory is not None
            and self.desktop is not None
            and not self.desktop.by_systemd
        ):
            raise ValueError(
                f"systemd does not start the programs of {self.desktop.environment}, so "
                "user_memory would not limit them; leave user_memory out, or write environment: "
                "plasma or gnome"
            )
        if self.offline is not None and self.always_on:
            raise ValueError("offline is for a host that is not always on; add always_on: false")
        return self

    def manages(self, part: Managed) -> bool:
        """Whether homelab writes this part of the host."""
        return self.manage is None or part in self.manage


class HomeManagerHost(HostConfig):
    """A machine with home-manager only: the stack configures the owner's home, not the system."""

    called: ClassVar[str] = "a home-manager host"
    lacks: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (f for f in NixosHost.model_fields if f not in HostConfig.model_fields and f != "kind"),
        "leave it out: the stack does not configure its system, and nothing would read it",
    )

    kind: Literal["home-manager"]
    home: TreePath
    """The owner's home-manager module."""

    def as_host(self) -> NixosHost:
        """The same machine as a NixosHost, with defaults for the fields that it does not have."""
        return NixosHost.model_construct(
            **{f: getattr(self, f) for f in HostConfig.model_fields}, tailscale=None
        )


def _host_kind(value: object) -> str:
    """The kind of a host, by its `kind` key."""
    if isinstance(value, HostConfig):
        return "home-manager" if isinstance(value, HomeManagerHost) else "nixos"
    kind = value.get("kind") if isinstance(value, Mapping) else None
    return "home-manager" if kind == "home-manager" else "nixos"


AnyHost = Annotated[
    Annotated[NixosHost, Tag("nixos")] | Annotated[HomeManagerHost, Tag("home-manager")],
    Discriminator(_host_kind),
]
"""One machine of the stack config, of any kind."""
