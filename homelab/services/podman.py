"""A service in a container: what Podman is told, and what the host does around it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.config.services import ContainerService
from homelab.hardening.paths import for_systemd, for_tmpfiles
from homelab.network.between import published
from homelab.network.model import LOOPBACK, TAILNET, PortUse
from homelab.nix import Attrs, Lines, Nix, attrs, merge
from homelab.plan import Plan
from homelab.services.containers import attached
from homelab.services.model import Service
from homelab.services.said import said_of
from homelab.services.templates import path_of_secret
from homelab.system.model import Host

SECRETS = "/run/secrets"
"""Where a container finds its secrets, unless the stack config says another place."""
_GRAPHICS = {"amd": ("/dev/dri", "/dev/kfd"), "intel": ("/dev/dri",)}
_NVIDIA = "nvidia.com/gpu=all"
"""What the CDI file of nvidia-container-toolkit calls the whole of the graphics hardware."""
_GROUPS = {"video": 26, "render": 303}
"""Who may open /dev/dri, and NixOS' own numbers of them: an image knows no names of its host."""


def container(plan: Plan, host: Host, service: Service, config: ContainerService) -> Attrs:
    """The options that make a service's container."""
    said = config.container
    uses = sorted(service.ports, key=lambda p: (p.label != "web", p.label))
    if on_host_network(service):
        uses = []
    body: Attrs = {
        "image": said.image,
    }
    published: list[Nix] = [t for use in uses for t in _published(plan, service, config, use)]
    if published:
        body["ports"] = published
    if said.environment:
        body["environment"] = dict(said.environment)
    volumes: list[Nix] = [*_volumes(plan, service, config)]
    if volumes:
        body["volumes"] = volumes
    if said.command:
        body["cmd"] = list(said.command)
    files: list[Nix] = [
        path_of_secret(service, n)
        for n, fact in sorted(service.entry.secrets.items())
        if fact.form == "env"
    ]
    if files:
        body["environmentFiles"] = files
    devices: list[Nix] = [*_devices(host, config)]
    if devices:
        body["extraOptions"] = devices
    outside = [a for use in uses for a in addresses(plan, service, use) if a != LOOPBACK]
    return merge(
        {
            "virtualisation": {
                "oci-containers": {
                    "backend": "podman",
                    "containers": {service.name: merge(body, attached(service))},
                }
            }
        },
        _guarded(plan, host, service, uses),
        _patient(service, tailnet=host.tailnet in outside) if outside else {},
        _mounted(plan, service, config),
        attrs("hardware.nvidia-container-toolkit.enable", True) if config.gpu == "nvidia" else {},
    )


def on_host_network(service: Service) -> bool:
    """Whether its options put it on the host's own network, where it listens by itself and what
    Podman publishes would be thrown away.
    """
    option = f"virtualisation.oci-containers.containers.{service.name}"
    for said in said_of(service.config):
        words = [str(w) for w in said.value] if isinstance(said.value, list) else []
        if said.name == f"{option}.networks" and "host" in words:
            return True
        if said.name == f"{option}.extraOptions" and _HOST_NETWORK.search(" ".join(words)):
            return True
    return False


_HOST_NETWORK = re.compile(r"(^| )--net(work)?[= ]host( |$)")


def addresses(plan: Plan, service: Service, use: PortUse) -> list[str]:
    """Where one of a container's ports is published. Podman's ports pass by the firewall, so they
    get an address and a rule of their own.
    """
    near = [] if use.label == "web" and service.callers else [LOOPBACK]
    if use.label != "web" and use.scope != "loopback":
        near = []
    return [*near, *published(plan.stack, use)]


def _published(
    plan: Plan, service: Service, config: ContainerService, use: PortUse
) -> Iterator[str]:
    inside = config.container.port
    if use.label != "web":
        said = config.ports[use.label]
        inside = said.inside or said.port
    end = "/udp" if use.protocol == "udp" else ""
    for address in addresses(plan, service, use):
        yield f"{address}:{use.port}:{inside}{end}"


def _volumes(plan: Plan, service: Service, config: ContainerService) -> Iterator[str]:
    for mount in config.container.mounts:
        yield f"{mount.source}:{mount.target}" + (":ro" if mount.read_only else "")
    for name, use in sorted(config.datasets.items()):
        for dataset in plan.datasets:
            if dataset.name == name and dataset.host == service.host:
                yield f"{dataset.path}:{use.target}" + (":ro" if use.read_only else "")
    for name, fact in sorted(service.entry.secrets.items()):
        if fact.form == "file":
            yield f"{path_of_secret(service, name)}:{target_of(config, name)}:ro"


def target_of(config: ContainerService, name: str) -> str:
    """Where a container finds the file of one of its secrets."""
    said = config.secrets.get(name)
    return (said.target if said is not None else None) or f"{SECRETS}/{name}"


def _devices(host: Host, config: ContainerService) -> Iterator[str]:
    if config.gpu == "nvidia":
        yield f"--device={_NVIDIA}"
    elif config.gpu is not None:
        gpu = host.config.gpu
        for device in (gpu.devices if gpu is not None else ()) or _GRAPHICS[config.gpu]:
            yield f"--device={device}"
        for number in _GROUPS.values():
            yield f"--group-add={number}"


def _mounted(plan: Plan, service: Service, config: ContainerService) -> Attrs:
    """Wait for the disks under what it mounts, and make the directories that it writes: Podman
    starts no container where one is missing, and without its disk one would fill an empty one.

    What is there stays whose it is, for many images give their files to a user of their own.
    """
    mounts = config.container.mounts
    made: Attrs = {
        for_tmpfiles(m.source): {"d": {"mode": ":0755", "user": ":root", "group": ":root"}}
        for m in mounts
        if m.source.startswith("/var/") and not m.read_only
    }
    sources: list[Nix] = [*dict.fromkeys(for_systemd(m.source) for m in mounts)]
    name = f"10-container-{service.name}"
    return merge(
        {"systemd": {"tmpfiles": {"settings": {name: made}}}} if made else {},
        attrs(f'systemd.services."{service.units[0]}".unitConfig.RequiresMountsFor', sources)
        if sources
        else {},
    )


def _guarded(plan: Plan, host: Host, service: Service, uses: list[PortUse]) -> Attrs:
    """Keep a container's ports to those that their scope means.

    Podman redirects by destination address, whatever interface a packet comes in by: without the
    rules, a device on the LAN could route to the tailnet address and pass by the proxy's gate, and
    whatever else is routed here could come to the LAN address.
    """
    rules = [r for use in uses for r in _rules(plan, host, service, use)]
    if not rules:
        return {}
    lines = [
        "chain published {",
        "  type filter hook prerouting priority dstnat - 10; policy accept;",
        *(f"  {rule}" for rule in rules),
        "}",
    ]
    return {
        "networking": {
            "nftables": {
                "tables": {
                    f"container-{service.name}": {
                        "family": "inet",
                        "content": Lines("\n".join(lines) + "\n"),
                    }
                }
            }
        }
    }


def _rules(plan: Plan, host: Host, service: Service, use: PortUse) -> Iterator[str]:
    for address in addresses(plan, service, use):
        match = f"ip daddr {address} {use.protocol} dport {use.port}"
        if address == LOOPBACK:
            continue
        if address == host.lan and use.scope == "link":
            interface = host.config.interface
            if interface is not None:
                yield f'{match} iifname != {{ "lo", "{interface}" }} drop'
        elif address == host.lan and use.scope in ("hosts", "tailnet"):
            peers = ", ".join(use.peers)
            yield f'{match} iifname != "lo" ip saddr != {{ {peers} }} drop'
        elif address == host.lan:
            lan = plan.stack.network.lan.cidr
            yield f'{match} iifname != {{ "lo", "{TAILNET}" }} ip saddr != {lan} drop'
        else:
            yield f'{match} iifname != {{ "lo", "{TAILNET}" }} drop'


def _patient(service: Service, *, tailnet: bool) -> Attrs:
    """Podman binds only to an address that is there, and at boot some come late."""
    lan: Attrs = {"after": ["network-online.target"], "wants": ["network-online.target"]}
    return {
        "systemd": {
            "services": {
                service.units[0]: {
                    **({"after": ["tailscaled.service"]} if tailnet else lan),
                    "startLimitIntervalSec": 0,
                    "serviceConfig": {"RestartSec": "5s"},
                }
            }
        }
    }
