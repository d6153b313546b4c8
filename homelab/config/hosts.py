"""`homelab:hosts`, the nixpkgs pins and the flake inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from homelab.config.base import (
    Address,
    HostKey,
    Interface,
    Kind,
    Model,
    Name,
    Network,
    Platform,
    Port,
    Reason,
    Release,
    Str,
    TreePath,
)
from homelab.config.host_options import (
    Fail2ban,
    HostNix,
    Offline,
    Persistence,
    Reboot,
    Recovery,
    Watchdog,
    Wifi,
)
from homelab.config.types import BootDevice, DeviceNode, FlakeUrl, InputName, InputOrNone, UserName

Role = Literal["appliance", "workhorse", "agent"]
"""appliance: always on, survives the others; workhorse: holds data or computes; agent: untrusted
programs run here, in quarantine."""


State = Literal["planned", "live", "held", "retired"]
"""planned: nothing is made yet; live: kept in step; held: left as it is, outside every barrier;
retired: an empty release, before it is forgotten."""


Profile = Literal["generic", "raspberry-pi-4", "laptop-server"]
"""generic: a PC; raspberry-pi-4: boots from its firmware, modules of nixos-hardware;
laptop-server: a laptop that must never sleep, lid or no lid."""


class Pin(Model):
    """One pinned nixpkgs, with the lock file that fixes it."""

    release: Release
    """NixOS release whose option names hold: `"25.11"`."""
    url: FlakeUrl
    """Flake reference: `github:NixOS/nixpkgs/nixos-25.11`."""
    lock: TreePath
    """Committed flake.lock with every input that hosts of this pin may need."""


class FlakeInput(Model):
    """A flake that services or modules come from."""

    url: FlakeUrl
    """Flake reference, pinned by the lock: `github:owner/repo`."""
    follows: dict[InputName, InputOrNone] = Field(default_factory=lambda: {"nixpkgs": "nixpkgs"})
    """Inputs of the flake that follow inputs of ours; an empty name drops one."""
    private: Reason | None = None
    """How root of each host that needs it gets at it, for a flake that not everybody may read:
    `a deploy key in /root/.ssh of each host`."""


FlakeModule = Annotated[
    Str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_'-]*){2,}$")
]
"""A module of a flake: input, then the attribute path in it, `disko.nixosModules.disko`."""


Bootstrap = Literal["sd-image", "iso"]
"""sd-image: a card for an aarch64 board, which the board then keeps running from; iso: a stick to
install from, by hand."""


_OUTSIDE = (
    "a host outside of the LAN is reached over the tailnet alone: let it join by hand "
    "(tailscale up) and write address: {tailnet: …}"
)


_IPV4 = (
    "leave it out: hosts, names and the firewall speak IPv4 at home, and IPv6 comes to a host over "
    "the tailnet alone"
)


class HostAddress(Kind):
    """Where a host is found."""

    called: ClassVar[str] = "a host's address"
    lacks: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("public", "wan", "name", "dns"), _OUTSIDE),
        **dict.fromkeys(("lan6", "tailnet6", "ipv6"), _IPV4),
    }

    lan: Address | None = None
    """Fixed LAN address; empty for a roaming host."""
    tailnet: Address | None = None
    """Tailnet address; empty until the host has joined, which is when a join key is issued."""


class Ssh(Model):
    """How the deployer logs in."""

    user: UserName = "root"
    port: Port = 22
    host_key: HostKey | None = None
    """The host's ed25519 public key. Required for a live host: nothing connects unpinned."""
    recovery: Recovery | None = None
    """A way in by password, from home and for a while after a boot, for whoever lost the key."""


class HostTailscale(Model):
    """The host's part in the tailnet."""

    tags: list[Name] = Field(default_factory=list)
    """Tags beside the one of its role, without `tag:`."""
    subnet_routes: list[Network] = Field(default_factory=list)
    """Networks that this host forwards to."""
    exit_node: bool = False
    """Offer the way to the internet to the tailnet's devices."""
    accept_routes: bool = False
    """Use the subnet routes of others; for a host that is in none of those networks."""
    accept_dns: bool | None = None
    """Ask the tailnet's resolver alone. A host asks the home resolver itself when empty, and others
    while that is down."""
    ssh: bool = False
    """Let Tailscale answer SSH at the tailnet address, for owners and whom `tailnet.ssh` names."""
    device: Annotated[Str, Field(pattern=r"^[0-9A-Za-z]+$")] | None = None
    """Node id of the machine, known once it has joined (`homelab status`): its tags and routes
    then follow the stack config, too."""


class Gpu(Model):
    """Graphics hardware that services may use."""

    vendor: Literal["nvidia", "intel", "amd"]
    open: bool | None = None
    """NVIDIA: whether its open kernel modules drive the card. They do from Turing on (GeForce 16
    and RTX 20), and alone from Blackwell on (RTX 50); an older card wants false."""
    generation: Annotated[int, Field(ge=2, le=30)] | None = None
    """Intel: generation of the Core processor, as in the 8 of an i5-8500T, where it is older than
    11; an N100 and newer ones need no word."""
    devices: list[DeviceNode] = Field(default_factory=list)
    """Device nodes for services that want one each; the vendor's usual ones when empty."""

    @model_validator(mode="after")
    def _of_the_vendor(self) -> Gpu:
        if self.vendor == "nvidia" and self.open is None:
            raise ValueError(
                "nobody says which kernel modules drive the card; add open: true (GeForce 16, RTX "
                "and newer) or open: false (older ones)"
            )
        if self.vendor != "nvidia" and self.open is not None:
            raise ValueError("open is about NVIDIA's kernel modules; leave it out")
        if self.vendor != "intel" and self.generation is not None:
            raise ValueError("generation is of Intel's processors; leave it out")
        return self


MINIMUM_LIMIT = 2
"""Generations that a host keeps at least: the one it runs, and the one to go back to."""


class Boot(Model):
    """Boot loader."""

    loader: Literal["systemd-boot", "grub", "extlinux", "hardware"] = "systemd-boot"
    """hardware: the host's own hardware module sets it."""
    device: BootDevice | None = None
    """Disk that GRUB is written to, `/dev/disk/by-id/…`; `nodev` for GRUB on EFI alone."""
    limit: Annotated[int, Field(ge=MINIMUM_LIMIT, le=50)] = 10
    """Generations kept on the boot partition."""
    esp_mib: Annotated[int, Field(ge=32)] | None = None
    """Size of the boot partition in MiB (`df -m /boot`): whether the generations fit is checked."""
    generation_mib: Annotated[int, Field(ge=1)] = 15
    """What one generation takes of it in MiB, kernel and initrd: `ls -s --block-size=M` there
    tells. Graphics or ZFS in the initrd take 40 and more."""


class WakeOnLan(Model):
    """How a sleeping host is woken."""

    interface: Interface
    mac: Annotated[Str, Field(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")]
    """MAC address in lower case with colons."""


class Build(Kind):
    """Where the host's system is built."""

    called: ClassVar[str] = "build"
    lacks: ClassVar[Mapping[str, str]] = {
        "evaluate": "leave it out: a host evaluates its own system, which takes 1 to 2 GB of "
        "memory; with less, add zram: {percent: 100} or swap on a disk"
    }

    host: Name | None = None
    """Another host that builds for it; the host itself when empty."""
    trusted: Reason | None = None
    """Why this host may be root on its builder in all but name, where the builder holds more than
    it: Nix there takes what it sends."""


class Zram(Model):
    """Compressed swap in memory."""

    percent: Annotated[int, Field(ge=1, le=200)] = 50
    algorithm: Literal["zstd", "lz4", "lzo"] = "zstd"


def _kind_word(value: object) -> object:
    if value != "nixos":
        raise ValueError("there is no such kind of host; write nixos or home-manager")
    return value


class HostConfig(Kind):
    """What is said of a machine of any kind. The only place where its addresses are written."""

    state: State = "live"
    platform: Platform
    nixpkgs: Name = "default"
    """Which pin."""
    state_version: Release
    """`system.stateVersion`, or `home.stateVersion`: the release it was installed with. Never
    raised by us."""
    address: HostAddress = HostAddress()
    home: TreePath | None = None
    """The owner's home-manager module."""


class NixosHost(HostConfig):
    """A machine whose whole system is ours to build."""

    called: ClassVar[str] = "a NixOS host"

    kind: Annotated[Literal["nixos"], BeforeValidator(_kind_word)] = "nixos"
    profile: Profile = "generic"
    role: Role = "workhorse"
    bootstrap: Bootstrap | None = None
    """The image that a new machine starts from; `homelab bootstrap HOST` tells how."""
    hardware: TreePath | None = None
    """The host's hardware module (file systems, boot, drivers), beside the stack file."""
    modules: list[TreePath] = Field(default_factory=list)
    """Hand-written modules, files or directories, that travel along, with what they import."""
    flakes: list[FlakeModule] = Field(default_factory=list)
    """Modules of flakes that those stand on: `disko.nixosModules.disko`, of `homelab:flakes`."""
    accept: dict[Name, Reason] = Field(default_factory=dict)
    """What its hand-written modules may do though a check warns of it, each with its reason:
    `{other-firewall: only libvirt's guests use it}`."""
    interface: Interface | None = None
    """LAN interface, where the firewall has to tell it from others: `end0`."""
    static: bool = False
    """Set `address.lan` on `interface` on the host itself, with `network.lan`'s prefix and gateway;
    left to the router's DHCP, which must then always give that address, when false."""
    wifi: Wifi | None = None
    """The wireless network it joins, for a host without a cable."""
    mdns: bool = False
    """Answer for `<host>.local` on the LAN, and find others there; needs `interface`."""
    always_on: bool = True
    """Whether others may rely on it being awake."""
    offline: Offline | None = None
    """How a release reaches it while it sleeps; only for `always_on: false`. Without it a release
    that does not find the host awake fails."""
    flash: bool = False
    """Root on flash that wears: no swap on disk, volatile journal, no local backup repository."""
    ssh: Ssh = Ssh()
    fail2ban: Fail2ban | None = None
    """Turn away whoever keeps failing to log in, beside the LAN and the tailnet."""
    tailscale: HostTailscale | None = HostTailscale()
    gpu: Gpu | None = None
    boot: Boot = Boot()
    host_id: Annotated[Str, Field(pattern=r"^[0-9a-f]{8}$")] | None = None
    """`networking.hostId`, for ZFS: the one that its pools know (`hostid` on the host), or for a
    new machine the first eight characters of /etc/machine-id. In quotes."""
    reboot: Reboot | None = None
    """Let a switch restart the host where only a boot brings the new system in. Without it a new
    kernel waits for a boot of somebody's own, and `homelab status` says so."""
    watchdog: Watchdog | None = None
    """Let hardware reset it when it hangs: `watchdog: {}`."""
    nix: HostNix = HostNix()
    zram: Zram | None = None
    wake_on_lan: WakeOnLan | None = None
    build: Build = Build()
    persistence: Persistence | None = None
    tags: list[Name] = Field(default_factory=list)
    """Services that carry one of these tags and name no host run here."""

    @model_validator(mode="after")
    def _together(self) -> NixosHost:
        darwin = self.platform.endswith("-darwin")
        if darwin:
            raise ValueError("NixOS does not run on macOS; add kind: home-manager")
        if self.bootstrap == "sd-image" and self.platform != "aarch64-linux":
            raise ValueError("an SD image is for aarch64-linux; write bootstrap: iso")
        if self.boot.device is not None and self.boot.loader != "grub":
            raise ValueError("boot.device is GRUB's; add loader: grub, or leave it out")
        if self.offline is not None and self.always_on:
            raise ValueError("a host that is always on does not sleep; add always_on: false")
        return self


class HomeManagerHost(HostConfig):
    """A machine whose system is not ours: only the owner's home is rendered."""

    called: ClassVar[str] = "a home-manager host"
    lacks: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (f for f in NixosHost.model_fields if f not in HostConfig.model_fields and f != "kind"),
        "leave it out: its system is not ours, and nothing would read it",
    )

    kind: Literal["home-manager"]
    home: TreePath
    """The owner's home-manager module."""

    def as_host(self) -> NixosHost:
        """The same machine as packages look at hosts: what it cannot say has nothing to say."""
        return NixosHost.model_construct(
            **{f: getattr(self, f) for f in HostConfig.model_fields}, tailscale=None
        )


def _host_kind(value: object) -> str:
    """Which kind is meant, by the word that is there."""
    if isinstance(value, HostConfig):
        return "home-manager" if isinstance(value, HomeManagerHost) else "nixos"
    said = value.get("kind") if isinstance(value, Mapping) else None
    return "home-manager" if said == "home-manager" else "nixos"


AnyHost = Annotated[
    Annotated[NixosHost, Tag("nixos")] | Annotated[HomeManagerHost, Tag("home-manager")],
    Discriminator(_host_kind),
]
"""One machine of the stack config, of whatever kind."""
