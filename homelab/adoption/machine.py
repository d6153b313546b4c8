"""A running NixOS machine, as `adopt.sh` describes it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from homelab.config.base import HostKey
from homelab.plaintext import UnreadableError, json_data, unfit
from homelab.problems import HomelabError
from homelab.system.records import PLATFORMS, last_texts, os_release, read_records

TAILNET = IPv4Network("100.64.0.0/10")
_VENDORS = {"0x10de": "nvidia", "0x8086": "intel", "0x1002": "amd"}
_LISTEN = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
_REAL = frozenset(("ext4", "ext3", "ext2", "btrfs", "xfs", "zfs", "vfat", "f2fs", "bcachefs"))
"""Types of file systems on disks."""


class _Reported(BaseModel):
    """A part of a report of another program, of which only some keys are read."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Version(_Reported):
    """`nixos-version --json`."""

    revision: str = Field("", alias="nixpkgsRevision")
    label: str = Field("", alias="nixosVersion")


class TailnetSelf(_Reported):
    """The machine itself in `tailscale status --json`."""

    id: str = Field("", alias="ID")
    addresses: list[str] = Field(default_factory=list, alias="TailscaleIPs")
    tags: list[str] | None = Field(None, alias="Tags")
    routes: list[str] | None = Field(None, alias="PrimaryRoutes")


class _Tailnet(_Reported):
    state: str = Field("", alias="BackendState")
    here: TailnetSelf | None = Field(None, alias="Self")


@dataclass(frozen=True)
class Account:
    """An account of `/etc/passwd`."""

    name: str
    uid: int
    home: str


@dataclass(frozen=True)
class Mount:
    """A mounted file system of a disk."""

    path: str
    device: str
    kind: str


@dataclass(frozen=True)
class Port:
    """A port on which something listens, beyond loopback."""

    number: int
    protocol: str


@dataclass(frozen=True)
class Machine:
    """What a machine has. Nothing here is a secret."""

    name: str
    platform: str
    release: str
    host_key: str
    machine_id: str
    version: Version
    accounts: tuple[Account, ...]
    """People's accounts first, by uid."""
    mounts: tuple[Mount, ...]
    links: Mapping[str, str]
    """Links below /dev/disk, and the devices that they name."""
    interface: str
    """The interface of the default route."""
    addresses: tuple[IPv4Address, ...]
    ports: tuple[Port, ...]
    units: frozenset[str]
    """Services that its configuration has, without `.service`."""
    state: frozenset[str]
    """Names in /var/lib and /var/lib/private."""
    graphics: frozenset[str]
    loader: str
    tailnet: TailnetSelf | None
    channels: tuple[str, ...]
    channel: str
    """Revision of root's channel."""
    files: Mapping[str, bytes]
    """The files of its configuration, by their path in it."""
    is_git: bool
    skipped: tuple[str, ...]
    """Files that were left out: `path: reason`."""
    executable: tuple[str, ...] = field(default=())


def read_machine(name: str, output: str) -> Machine:
    """Parse the output of `adopt.sh`. Raises HomelabError for a machine that is not NixOS, and for
    a report that is damaged.
    """
    values = read_records(name, output)
    one = last_texts(values)
    system = os_release(one.get("os-release", ""))
    if system.get("ID") != "nixos":
        raise HomelabError(
            f"{name}: this is not NixOS but {system.get('PRETTY_NAME') or 'another system'}; "
            "homelab adopts machines that run NixOS"
        )
    platform = PLATFORMS.get(one.get("machine", ""))
    if platform is None:
        raise HomelabError(f"{name}: homelab knows no NixOS for {one.get('machine')}; name another")
    return Machine(
        name=one.get("host-name", ""),
        platform=platform,
        release=system.get("VERSION_ID", ""),
        host_key=_host_key(name, one.get("host-key", "")),
        machine_id=one.get("machine-id", ""),
        version=_report(Version, one.get("version", "")) or Version(),
        accounts=tuple(_accounts(one.get("accounts", ""))),
        mounts=tuple(_mounts(one.get("mounts", ""))),
        links=dict(_pairs(one.get("links", ""))),
        interface=_interface(one.get("routes", "")),
        addresses=tuple(_addresses(one.get("addresses", ""))),
        ports=tuple(sorted(_ports(one), key=lambda p: (p.number, p.protocol))),
        units=frozenset(u.removesuffix(".service") for u in one.get("units", "").splitlines()),
        state=frozenset(one.get("state", "").splitlines()),
        graphics=frozenset(_VENDORS[v] for v in one.get("graphics", "").split() if v in _VENDORS),
        loader=one.get("loader", ""),
        tailnet=_tailnet(one.get("tailnet", "")),
        channels=tuple(sorted(one.get("channels", "").splitlines())),
        channel=one.get("channel", ""),
        files=_files(name, values),
        is_git="git" in one,
        skipped=tuple(sorted(t.decode(errors="replace") for t in values.get("skipped", ()))),
        executable=tuple(sorted(t.decode() for t in values.get("executable", ()))),
    )


def _files(name: str, values: Mapping[str, list[bytes]]) -> dict[str, bytes]:
    files = {k[5:]: v[-1] for k, v in sorted(values.items()) if k.startswith("file:")}
    for path in files:
        parts = path.split("/")
        if unfit(path) or "\n" in path or {"", ".", "..", ".git"} & {*parts} or "\\" in path:
            raise HomelabError(
                f"{name}: {path!r} is no path of a configuration; the machine's answer cannot be "
                "trusted, so nothing was written"
            )
    return files


def _host_key(name: str, line: str) -> str:
    try:
        found: str = TypeAdapter(HostKey).validate_python(line)
    except ValidationError:
        raise HomelabError(
            f"{name}: it has no readable /etc/ssh/ssh_host_ed25519_key.pub; make one there: "
            "ssh-keygen -A"
        ) from None
    return " ".join(found.split()[:2])


def _report(model: type[Version], text: str) -> Version | None:
    try:
        return model.model_validate(json_data(text)) if text else None
    except (UnreadableError, ValueError, ValidationError):
        return None


def _tailnet(text: str) -> TailnetSelf | None:
    try:
        found = _Tailnet.model_validate(json_data(text)) if text else None
    except (UnreadableError, ValueError, ValidationError):
        return None
    return found.here if found is not None and found.state == "Running" else None


def _accounts(text: str) -> Iterator[Account]:
    found = []
    for line in text.splitlines():
        parts = line.split(":")
        if len(parts) == 7 and parts[2].isdecimal():
            found.append(Account(parts[0], int(parts[2]), parts[5]))
    yield from sorted(found, key=lambda a: (not 1000 <= a.uid < 30000, a.uid))


def _mounts(text: str) -> Iterator[Mount]:
    seen = set()
    for line in text.splitlines():
        device, path, kind, *_ = [*line.split(), "", "", ""]
        if kind in _REAL and path not in seen and path != "/nix/store":
            seen.add(path)
            yield Mount(path, device, kind)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        link, _, target = line.partition(" ")
        if target:
            yield link, f"/dev/{target.rpartition('/')[2]}"


def _interface(text: str) -> str:
    """The interface of the default route, from /proc/net/route."""
    for line in text.splitlines()[1:]:
        parts = line.split()
        if len(parts) > 1 and parts[1] == "00000000":
            return parts[0]
    return ""


def _addresses(text: str) -> Iterator[IPv4Address]:
    """The machine's own addresses, from /proc/net/fib_trie."""
    lines, seen = text.splitlines(), set()
    for line, after in pairwise(lines):
        found = re.fullmatch(r"\s*\|-- ([0-9.]+)", line)
        if found is None or "/32 host LOCAL" not in after:
            continue
        try:
            address = IPv4Address(found[1])
        except ValueError:
            continue
        if not address.is_loopback and address not in seen:
            seen.add(address)
            yield address


def _ports(texts: Mapping[str, str]) -> set[Port]:
    """Listening ports, from /proc/net: the address is hexadecimal, in the order of the machine."""
    out = set()
    for table, state in _LISTEN.items():
        for line in texts.get(f"sockets-{table}", "").splitlines()[1:]:
            parts = line.split()
            if len(parts) < 4 or parts[3] != state:
                continue
            address, _, port = parts[1].partition(":")
            local = address.endswith("7F") if len(address) == 8 else address.endswith("01000000")
            if not local and re.fullmatch(r"[0-9A-F]{4}", port):
                out.add(Port(int(port, 16), table.rstrip("6")))
    return out
