"""SSH settings for a person who logs in to the hosts of the stack, with their pinned keys."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from homelab.nix import Attrs, Lines, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host

SETTINGS, KNOWN = "homelab", "homelab_known_hosts"
"""Files below ~/.ssh."""


def settings(plan: Plan, host: Host) -> Attrs:
    """home-manager's options: both files, and the line that includes them if home-manager writes
    ~/.ssh/config. Empty without `ssh_config`.
    """
    if not host.config.ssh_config:
        return {}
    others = [h for h in plan.hosts.values() if h is not host and _can_log_in(h)]
    known = "".join(f"{h.name} {_public(h)}\n" for h in others)
    return merge(
        attrs(f'home.file.".ssh/{SETTINGS}".text', Lines(_entries(plan, others))),
        attrs(f'home.file.".ssh/{KNOWN}".text', Lines(known)),
        attrs("programs.ssh.includes", [SETTINGS]),
    )


def _can_log_in(host: Host) -> bool:
    return host.is_nixos and bool(host.config.ssh.host_key) and bool(host.address)


def _public(host: Host) -> str:
    return " ".join((host.config.ssh.host_key or "").split()[:2])


def _entries(plan: Plan, others: list[Host]) -> str:
    return "\n".join("".join(f"{line}\n" for line in _entry(plan, host)) for host in others)


def _entry(plan: Plan, host: Host) -> Iterator[str]:
    ssh = host.config.ssh
    # As the deployer dials a host that it reaches through another; a laptop is not always at home.
    first, second = host.lan, host.tailnet
    if plan.stack.tailnet is not None and host.jump is None and not ssh.proxy_command:
        first, second = second, first
    yield f"Host {host.name}"
    yield f"  HostName {first or second or host.public}"
    yield f"  Port {ssh.port}"
    yield f"  User {ssh.user}"
    yield f"  HostKeyAlias {host.name}"
    yield f"  UserKnownHostsFile ~/.ssh/{KNOWN}"
    yield "  StrictHostKeyChecking yes"
    if ssh.key:
        yield f"  IdentityFile {_word(ssh.key)}"
    if host.jump is not None:
        yield f"  ProxyJump {host.jump.host}"
    if ssh.proxy_command:
        # A shell reads the line after ssh has replaced %h, %p and %%.
        yield f"  ProxyCommand {shlex.join(ssh.proxy_command)}"


def _word(path: str) -> str:
    """A path as ssh_config reads it: quoted, and `%` and `$` begin nothing."""
    text = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"'
