"""Sections of a host: its addresses, how it is reached, how it boots and builds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from homelab.config.base import (
    Address,
    HostKey,
    Interface,
    Kind,
    Model,
    Name,
    Network,
    Port,
    Reason,
    Str,
    pattern,
)
from homelab.config.host_options import (
    Recovery,
)
from homelab.config.types import (
    BootDevice,
    PublicAddress,
    UserName,
)

_OUTSIDE = "write public: the address or the DNS name at which the host answers on the internet"

_IPV4 = (
    "leave it out: hosts, names and the firewall use IPv4 on the LAN, and IPv6 reaches a host only "
    "over the tailnet"
)


class HostAddress(Kind):
    """A host's addresses."""

    called: ClassVar[str] = "a host's address"
    lacks: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("wan", "internet", "name", "dns", "public4", "public6"), _OUTSIDE),
        **dict.fromkeys(("lan6", "tailnet6", "ipv6"), _IPV4),
    }

    lan: Address | None = None
    """Fixed LAN address. Leave it empty for a roaming host."""
    tailnet: Address | None = None
    """Tailnet address. Leave it empty until the host has joined: a join key is issued as long as
    it is empty."""
    public: PublicAddress | None = None
    """Address or DNS name at which the host answers SSH on the internet, such as that of a rented
    server: `203.0.113.40`, `vps.example.net`. `ssh.port` is then open to every address, and nothing
    else is. Without `lan` the host is not in the LAN: the LAN's addresses reach nothing there.
    `pulumi up` tries it after the others; leave it out again to close SSH."""


ProxyWord = Annotated[
    Str,
    pattern(
        r"([^%\x00-\x1f]|%[hp%])+",
        "this is no word of proxy_command; after a percent sign write h (the address), p (the "
        "port), or a second percent sign",
    ),
]
"""One word; `%h` is the address, `%p` the port and `%%` a percent sign."""


class Ssh(Model):
    """How the deployer logs in."""

    user: UserName = "root"
    port: Port = 22
    host_key: HostKey | None = None
    """The host's ed25519 public key. Required for a live host; no connection is made without it."""
    jump: Name | None = None
    """Host of the stack through which the deployer connects (`ssh -J`), for a host that it does not
    reach by itself. It is dialled at its tailnet address if it has one, else on the LAN, else at
    its public address."""
    local: bool = False
    """The deployer is this host: `pulumi up` runs on it, and reaches it without SSH. Run from
    another machine, it refuses to change anything on this host."""
    proxy_command: Annotated[list[ProxyWord], Field(min_length=1)] | None = None
    """Words of a command on the deployer that carries the connection (`ProxyCommand` of ssh), with
    `%h` for the address and `%p` for the port: `[cloudflared, access, ssh, --hostname, "%h"]`. No
    shell reads them."""
    key: Annotated[Str, Field(pattern=r"^(/|~/)[^\x00-\x1f]+$")] | None = None
    """File on the deployer with the private key to use, without a passphrase: `~/.ssh/deploy`. Only
    its path is in the state. Default: the keys of the SSH agent, then ssh's default files."""
    recovery: Recovery | None = None
    """Recovery login with a password, from the LAN and for some time after a boot."""

    @model_validator(mode="after")
    def _one_way(self) -> Ssh:
        ways = [n for n in ("local", "jump", "proxy_command") if getattr(self, n)]
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)} are different ways to reach a host; keep one")
        if self.local and self.key:
            raise ValueError(
                "local needs no connection, so key does nothing; leave one of them out"
            )
        return self

    @property
    def by_homelab(self) -> bool:
        """Whether homelab carries out every script itself: Pulumi's own SSH cannot reach the host,
        or would keep the key in the state.
        """
        return self.local or bool(self.proxy_command) or bool(self.key)


class HostTailscale(Model):
    """The host's Tailscale settings."""

    tags: list[Name] = Field(default_factory=list)
    """Tags besides the tag of its role, without `tag:`."""
    subnet_routes: list[Network] = Field(default_factory=list)
    """Networks that this host advertises as subnet routes."""
    exit_node: bool = False
    """Advertise this host as an exit node."""
    accept_routes: bool = False
    """Use the subnet routes of other devices, for a host that is in none of those networks."""
    accept_dns: bool | None = None
    """Use only the tailnet's resolver. By default a host asks the home resolver directly, and
    `network.dns.bootstrap` while that is down."""
    ssh: bool = False
    """Enable Tailscale SSH for the owners and for the users in `tailnet.ssh`."""
    device: Annotated[Str, Field(pattern=r"^[0-9A-Za-z]+$")] | None = None
    """Node id of the joined machine, from `homelab status`. With it, the machine's tags and routes
    follow the stack config."""


MINIMUM_LIMIT = 2
"""Smallest number of generations on a host: the running one, and one to roll back to."""


class Boot(Model):
    """Boot loader and boot partition."""

    loader: Literal["systemd-boot", "grub", "extlinux", "hardware"] = "systemd-boot"
    """The boot loader; `hardware`: the host's hardware module configures it."""
    device: BootDevice | None = None
    """Disk that GRUB is installed on: `/dev/disk/by-id/…`, or `nodev` for GRUB with EFI only."""
    limit: Annotated[int, Field(ge=MINIMUM_LIMIT, le=50)] = 10
    """Number of generations on the boot partition."""
    esp_mib: Annotated[int, Field(ge=32)] | None = None
    """Size of the boot partition in MiB (`df -m /boot`). If set, `homelab check` tests whether the
    generations fit."""
    generation_mib: Annotated[int, Field(ge=1)] = 15
    """Size of one generation (kernel and initrd) on the boot partition in MiB, as
    `ls -s --block-size=M` there prints. With graphics or ZFS in the initrd it is 40 and more."""


class WakeOnLan(Model):
    """The network interface that wakes the host."""

    interface: Interface
    mac: Annotated[Str, Field(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")]
    """MAC address in lower case with colons."""


class Build(Kind):
    """The machine that builds the host's system."""

    called: ClassVar[str] = "build"
    lacks: ClassVar[Mapping[str, str]] = {
        "evaluate": "write copy_from: deployer, or the name of a host: that machine evaluates and "
        "builds the system, and this host gets the result"
    }

    host: Name | None = None
    """Another host that builds for it. Default: the host itself. The host still evaluates its
    system."""
    copy_from: Name | None = None
    """The machine that evaluates and builds the system: `deployer`, which is the one that runs
    `pulumi up` and has Nix, or a host that is always on. homelab copies the result to this host,
    over its own SSH connections. Instead of `host`."""
    trusted: Reason | None = None
    """Reason why the builder may trust this host although the builder holds more data. The Nix
    daemon of the builder accepts store paths from this host, which amounts to root there."""

    @model_validator(mode="after")
    def _builds_in_one_way(self) -> Build:
        if self.copy_from is not None and self.host is not None:
            raise ValueError(
                "host and copy_from are two ways to build: with host this machine evaluates and "
                "the other one builds, with copy_from it gets the finished system; write one of "
                "them"
            )
        if self.copy_from is not None and self.trusted is not None:
            raise ValueError(
                "trusted is for host, whose Nix accepts what this machine sends; with copy_from "
                "this machine sends nothing: leave trusted out"
            )
        return self


class Zram(Model):
    """Compressed swap in memory."""

    percent: Annotated[int, Field(ge=1, le=200)] = 50
    """Size of the swap in percent of the memory."""
    algorithm: Literal["zstd", "lz4", "lzo"] = "zstd"
