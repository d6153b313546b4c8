"""A service in a container: its Podman options, and its firewall rules and units on the host."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.config.services import ContainerService
from homelab.hardening.paths import for_systemd, for_tmpfiles
from homelab.network.model import LOOPBACK, TAILNET, PortUse
from homelab.nix import Attrs, Lines, Nix, attrs, merge
from homelab.plan import Plan
from homelab.services.containers import attached
from homelab.services.declared import declared_options
from homelab.services.devices import claims, unit_of
from homelab.services.model import Service
from homelab.services.options import texts_by_place
from homelab.services.published import addresses_of
from homelab.services.templates import path_of_secret
from homelab.system.model import Host

SECRETS = "/run/secrets"
"""Default directory of secrets in a container."""
_GRAPHICS = {"amd": ("/dev/dri", "/dev/kfd"), "intel": ("/dev/dri",)}
_NVIDIA = "nvidia.com/gpu=all"
"""CDI name of all GPUs, from nvidia-container-toolkit."""
_GROUPS = {"dialout": 27, "disk": 6, "input": 174, "render": 303, "video": 26}
"""Groups that may open devices, with their gids in NixOS: an image does not know names of the
host."""


def container(plan: Plan, host: Host, service: Service, config: ContainerService) -> Attrs:
    """The options of a service's container."""
    stated = config.container
    uses = sorted(service.ports, key=lambda p: (p.label != "web", p.label))
    if on_host_network(service):
        uses = []
    body: Attrs = {
        "image": stated.image,
    }
    published: list[Nix] = [t for use in uses for t in _published(plan, service, config, use)]
    if published:
        body["ports"] = published
    environment = texts_by_place(plan, service, "container.environment.")
    if environment:
        body["environment"] = environment
    volumes: list[Nix] = [*_volumes(plan, service, config)]
    if volumes:
        body["volumes"] = volumes
    command: list[Nix] = [*texts_by_place(plan, service, "container.command[").values()]
    if command:
        body["cmd"] = command
    files: list[Nix] = [
        path_of_secret(service, n)
        for n, fact in sorted(service.entry.secrets.items())
        if fact.form == "env"
    ]
    if files:
        body["environmentFiles"] = files
    devices: list[Nix] = [*_devices(plan, host, service, config)]
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
        unit_of(plan, service),
        attrs("hardware.nvidia-container-toolkit.enable", True) if config.gpu == "nvidia" else {},
    )


def on_host_network(service: Service) -> bool:
    """Whether its options put it on the host's network, where it listens directly and Podman
    discards published ports.
    """
    option = f"virtualisation.oci-containers.containers.{service.name}"
    for stated in declared_options(service.config):
        words = [str(w) for w in stated.value] if isinstance(stated.value, list) else []
        if stated.name == f"{option}.networks" and "host" in words:
            return True
        if stated.name == f"{option}.extraOptions" and _HOST_NETWORK.search(" ".join(words)):
            return True
    return False


_HOST_NETWORK = re.compile(r"(^| )--net(work)?[= ]host( |$)")


def addresses(plan: Plan, service: Service, use: PortUse) -> list[str]:
    """Addresses at which a port of a container is published."""
    return addresses_of(plan.stack, service, use)


def _published(
    plan: Plan, service: Service, config: ContainerService, use: PortUse
) -> Iterator[str]:
    inside = config.container.port
    if use.label != "web":
        stated = config.ports[use.label]
        inside = stated.inside or stated.port
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
    """Path of a secret's file in the container."""
    stated = config.secrets.get(name)
    return (stated.target if stated is not None else None) or f"{SECRETS}/{name}"


def _devices(plan: Plan, host: Host, service: Service, config: ContainerService) -> Iterator[str]:
    groups: list[str] = []
    if config.gpu == "nvidia":
        yield f"--device={_NVIDIA}"
    elif config.gpu is not None:
        gpu = host.config.gpu
        for device in (gpu.devices if gpu is not None else ()) or _GRAPHICS[config.gpu]:
            yield f"--device={device}"
        groups += ["video", "render"]
    for claim in claims(plan.stack, service):
        yield f"--device={claim.path}:{config.devices[claim.name]}"
        groups += claim.device.groups
    for group in dict.fromkeys(groups):
        yield f"--group-add={_GROUPS[group]}"


def _mounted(plan: Plan, service: Service, config: ContainerService) -> Attrs:
    """Wait for the disks of its mounts, and create the directories that it writes: Podman does not
    start a container if a directory is missing, and without the disk the container would fill an
    empty directory.

    Existing directories keep their owner, because many images use a user of their own.
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
    """Firewall rules that restrict a container's ports to their scope.

    Podman redirects packets by destination address, on any interface: without the rules a device on
    the LAN could send packets to the tailnet address and bypass the sign-in, and any routed network
    could reach the LAN address.
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
    """Start order and retries: Podman binds only to existing addresses, and some appear late at
    boot.
    """
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
