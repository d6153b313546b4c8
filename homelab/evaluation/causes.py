"""Options that another key of the stack config sets than the one of their file."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.deploy.model import BUILD_USER
from homelab.plan import Plan
from homelab.system.model import Host
from homelab.system.nixpkgs import builds_for

Cause = tuple[tuple[str, ...], str]
"""The path of an option, and the place in the stack config that sets it and all options below."""


def causes(plan: Plan, host: Host) -> Iterator[Cause]:
    """The causes of one host; an option comes before the options above it."""
    yield ("nix", "buildMachines"), f"{host.source}.build"
    yield ("nix", "distributedBuilds"), f"{host.source}.build"
    clients = [other.source for other in builds_for(plan, host)]
    if clients:
        where = f"{clients[0]}.build" if len(clients) == 1 else "hosts"
        yield ("boot", "binfmt", "emulatedSystems"), where
        for kind in ("users", "groups"):
            yield ("users", kind, BUILD_USER), where
    entry = plan.hosts.get(plan.stack.network.entry.host)
    if entry is not None:
        # A set of names has the address of the reverse proxy as its key.
        for address in filter(None, (entry.lan, entry.tailnet)):
            yield ("networking", "hosts", address), f"{entry.source}.address"
    yield from _of_host(host)
    yield ("services", "homepage-dashboard", "settings", "title"), "dashboard.title"
    for key in ("username", "homeDirectory"):
        yield ("home", key), "site.owner"
    if host.config.static:
        interface = host.config.interface or ""
        yield ("networking", "defaultGateway"), "network.lan"
        yield ("networking", "interfaces", interface, "ipv4"), f"{host.source}.address"
        yield ("networking", "interfaces", interface), f"{host.source}.interface"


def _of_host(host: Host) -> Iterator[Cause]:
    """Options that one key of the host sets, in a file that several keys fill."""
    port = f"{host.source}.ssh.port"
    yield ("services", "openssh", "ports"), port
    yield ("services", "fail2ban", "jails", "sshd", "settings", "port"), port
    for loader in ("systemd-boot", "grub", "generic-extlinux-compatible"):
        yield ("boot", "loader", loader, "configurationLimit"), f"{host.source}.boot.limit"
    if host.config.flash:
        yield ("services", "journald", "extraConfig"), f"{host.source}.flash"
    if host.config.zram is not None:
        yield ("zramSwap",), f"{host.source}.zram"
    if host.config.user_memory is not None:
        yield ("systemd", "services", "user@"), f"{host.source}.user_memory"
    yield ("nix", "gc"), f"{host.source}.nix.gc"
    yield ("security", "sudo", "wheelNeedsPassword"), "site.owner.sudo"
