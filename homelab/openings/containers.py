"""Options of containers: ports published past the firewall, and weakened isolation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from homelab.config.network import Scope
from homelab.nix.source import Computed, Setting, Value
from homelab.openings.model import (
    Opening,
    View,
    is_true,
    like,
    rule,
    service_of_container,
    texts,
    when,
)
from homelab.secret_shapes import masked
from homelab.services.run_flags import flags, source_of
from homelab.storage.owners import Kind, taken

_ALL = "virtualisation.oci-containers.containers.*"
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


@rule(f"{_ALL}.ports")
def published(setting: Setting, view: View) -> Iterator[Opening]:
    """Ports that Podman or Docker publish past the firewall: only the address limits access."""
    items = setting.value if isinstance(setting.value, tuple) else (setting.value,)
    for item in items:
        yield from _published(setting, item, view)


def _published(setting: Setting, item: Value, view: View) -> Iterator[Opening]:
    text = item.text if isinstance(item, Computed) else str(item)
    address, port, protocol = address_of(text)
    if address is None or is_loopback(address) or _planned(address, port, protocol, view):
        return
    to = "every network" if address in ("", "0.0.0.0", "::", "*") else address  # noqa: S104
    yield Opening(
        "container-port",
        f"{setting.name} publishes {text} to {to}, past the firewall and the sign-in",
        f"write 127.0.0.1 before it ({_local(masked(text))}), and give the service a route",
    )


def address_of(text: str) -> tuple[str | None, str, str]:
    """Host address, port and protocol of a published port. The address is empty for every address,
    None if only Nix can compute it.
    """
    plain = re.sub(r"\$\{[^}]*\}", "$", text.strip())
    plain, _, protocol = plain.partition("/")
    found = re.fullmatch(r"\[([^\]]*)\]:([^:]*):([^:]*)", plain)
    if found:
        return found[1], found[2], protocol or "tcp"
    parts = plain.split(":")
    if parts == ["$"]:
        return None, "", ""
    address = ":".join(parts[:-2])
    port = parts[-2] if len(parts) > 1 else ""
    return (None if "$" in address else address), port, protocol or "tcp"


def is_loopback(address: str) -> bool:
    """Whether an address is reachable from the host itself only."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _planned(address: str, port: str, protocol: str, view: View) -> bool:
    host = view.host
    scopes: dict[str, tuple[Scope, ...]] = {host.tailnet: ("tailnet", "lan"), host.lan: ("lan",)}
    return bool(address) and any(
        (str(use.port), use.protocol) == (port, protocol) and use.scope in scopes.get(address, ())
        for use in view.plan.firewall.on(host.name)
    )


def _local(text: str) -> str:
    numbers = text.rpartition("]:")[2].split(":")[-2:]
    return ":".join(["127.0.0.1", *(numbers if len(numbers) == 2 else ["…", *numbers])])


@rule(f"{_ALL}.extraOptions", f"{_ALL}.preRunExtraOptions")
def extra_options(setting: Setting, view: View) -> Iterator[Opening]:
    """Flags of `podman run` that publish ports or weaken the isolation."""
    for flag, value in flags(list(texts(setting.value))):
        if flag in ("-p", "--publish"):
            yield from _published(setting, value, view)
        elif flag in ("-P", "--publish-all"):
            yield Opening(
                "container-port",
                f"{setting.name} publishes every port of the image with {flag}",
                "drop it, and give the service a route",
            )
        else:
            yield from _isolation(setting, flag, value, view)


def _isolation(setting: Setting, flag: str, value: str, view: View) -> Iterator[Opening]:
    said = f"{setting.name}: {flag}{'=' + value if value else ''}"
    if flag == "--privileged" and value != "false":
        yield _privileged(said)
    elif flag in ("--network", "--net") and (value == "host" or value.startswith("ns:")):
        yield _host_network(said)
    elif flag in _NAMESPACES and (value == "host" or value.startswith("ns:")):
        yield _loose("host-namespaces", f"{said} shares the host's namespace with the container")
    elif flag == "--cap-add" and value.upper().removeprefix("CAP_") in _CAPABILITIES:
        yield _loose("capabilities", f"{said} lets the container act as root on the host")
    elif flag == "--security-opt" and re.search(r"unconfined|disable|unmask", value):
        yield _loose("unconfined", f"{said} removes the confinement of the container")
    elif flag == "--device" and not _is_harmless(value):
        yield _device(said, value)
    elif flag == "--device-cgroup-rule":
        yield _loose("devices", f"{said} lets the container open devices of the host by number")
    elif flag in ("-v", "--volume", "--mount"):
        yield from _shown(setting, value, said, view)


_NAMESPACES = ("--pid", "--ipc", "--userns", "--uts", "--cgroupns")
_HARMLESS = re.compile(
    r"/dev/(dri|snd|dvb|serial)(/[^:]*)?|/dev/(kfd|fuse|net/tun|nvidia[a-z0-9-]*|video\d+|media\d+"
    r"|tty(USB|ACM|AMA)\d+|apex_\d+|rtc\d*|null|zero|full|u?random)"
)
"""Devices that show a container one piece of hardware and nothing of its host: graphics, sound,
cameras, tuners, radios and serial lines."""


def _is_harmless(device: str) -> bool:
    """Whether a device may be given away; a name of CDI, `vendor.com/class=name`, is a card's."""
    source = device.partition(":")[0]
    return not source.startswith("/") or bool(_HARMLESS.fullmatch(source))


def _device(said: str, device: str) -> Opening:
    return _loose(
        "devices",
        f"{said} gives the container {device.partition(':')[0]}: by a disk, memory or an input "
        "device of the host it can become root there",
    )


_CAPABILITIES = ("ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "DAC_READ_SEARCH")
_STATE: tuple[Kind, ...] = ("state",)
_EVERYBODYS: tuple[Kind, ...] = ("dumps", "home", "homelab", "repository", "secret", "system")


def _shown(setting: Setting, volume: str, said: str, view: View) -> Iterator[Opening]:
    """What a container would see of others: of the host and its keys, or of another service."""
    source, reads = source_of(volume)
    if not source.startswith("/") or "$" in source:
        return
    plan, host = view.plan, view.host.name
    found = taken(plan, host, source, _EVERYBODYS, reads=reads)
    if found is not None:
        yield Opening(
            "host-paths",
            f"{said} gives the container a directory of the host: {found}",
            "leave it out, or mount a directory of its own",
            acceptable=not found.owner.final or found.relation == "holds",
        )
        return
    # Its own state it may have, whatever lies in it.
    own = tuple(
        s.name for s in plan.on(host) if any(p.container == setting.path[3] for p in s.parts)
    )
    theirs = taken(plan, host, source, _STATE, services=own, reads=reads)
    if theirs is not None:
        yield Opening(
            "other-state",
            f"{said} gives the container a directory of the host: {theirs}",
            "leave it out, or let both use a dataset",
            acceptable=True,
        )


def _loose(word: str, what: str) -> Opening:
    return Opening(word, what, "leave it out", "warning", acceptable=True)


def _privileged(said: str) -> Opening:
    return _loose("privileged", f"{said} makes the container equivalent to root on the host")


def _host_network(said: str) -> Opening:
    return _loose(
        "host-network",
        f"{said} puts the container on the host's network, where it reaches services that listen "
        "on loopback only",
    )


@rule(
    f"{_ALL}.privileged",
    f"{_ALL}.networks",
    f"{_ALL}.volumes",
    f"{_ALL}.capabilities.*",
    f"{_ALL}.devices",
)
def options(setting: Setting, view: View) -> Iterator[Opening]:
    """Options of newer NixOS releases that weaken the isolation."""
    last = setting.path[4]
    if last == "privileged" and setting.value is True:
        yield _privileged(setting.name)
    elif last == "networks" and "host" in texts(setting.value):
        yield _host_network(f"{setting.name}: host")
    elif last == "capabilities" and setting.value is True:
        yield from _isolation(setting, "--cap-add", setting.path[5], view)
    elif last == "devices":
        for device in texts(setting.value):
            if not _is_harmless(device):
                yield _device(setting.name, device)
    elif last == "volumes":
        for volume in texts(setting.value):
            said = "it" if service_of_container(setting) else setting.name
            yield from _shown(setting, volume, said, view)


@rule(f"{_ALL}.image")
def image(setting: Setting, view: View) -> Iterator[Opening]:
    """An image tag that can move to another image without a release."""
    value = setting.value
    loads = any(view.value(*setting.path[:-1], f) for f in ("imageFile", "imageStream"))
    if isinstance(value, str) and not _DIGEST.search(value) and not loads:
        yield Opening(
            "image-digest",
            f"{setting.name} is {value}, a tag that can move to another image",
            "add its digest: …@sha256:…, as `skopeo inspect` prints it",
        )


when(
    is_true,
    *("virtualisation.docker.enable", "virtualisation.libvirtd.enable"),
    *("virtualisation.lxd.enable", "virtualisation.incus.enable"),
    word="other-firewall",
    what="{option} writes its own firewall rules beside the nftables rules of the plan: what it "
    "publishes bypasses the plan, and its guests may lose their network",
    way_out="leave it out, and run containers by container: (Podman)",
    severity="warning",
    acceptable=True,
)
when(
    like(r"0\.0\.0\.0|\[::\]|^tcp://|:\d+$"),
    *("virtualisation.docker.listenOptions", "virtualisation.docker.daemon.settings.hosts"),
    word="docker-api",
    what="{option} listens on the network, and any client that reaches it is root",
    way_out="leave it out; the socket is enough",
)
when(
    is_true,
    "virtualisation.podman.networkSocket.enable",
    word="docker-api",
    what="{option} listens on the network, and any client that reaches it is root",
    way_out="leave it out; the socket is enough",
)
when(
    is_true,
    "virtualisation.podman.dockerSocket.enable",
    word="docker-socket",
    what="{option}: any program that opens that socket is root",
    way_out="leave it out",
    severity="warning",
    acceptable=True,
)
