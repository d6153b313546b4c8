"""Find what `homelab init` could not know: hosts that have a made-up key or hardware."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.check import file_check
from homelab.plan import Plan
from homelab.problems import Problem

PLACEHOLDER = "homelab-placeholder"
"""Marks a placeholder: the comment of a host key, and the first line of a hardware module."""
HOST_PLACEHOLDER = file_check(
    "host-placeholder",
    "warning",
    "A rehearsal needs neither a host's key nor its hardware, and a deployment needs both.",
)


def check_placeholders(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """Warn of the placeholders of hosts that `up` deploys to. `up` itself refuses them."""
    for host in plan.hosts.values():
        if not host.is_deployed:
            continue
        if (host.config.ssh.host_key or "").endswith(f" {PLACEHOLDER}"):
            yield Problem(
                f"{host.source}.ssh.host_key",
                "this is the placeholder of homelab init, so up cannot deploy to the host",
                f"write the line of {host.name}'s /etc/ssh/ssh_host_ed25519_key.pub, as its "
                "console shows it; then homelab secret recipients",
                HOST_PLACEHOLDER,
                "warning",
            )
        path = host.config.hardware or ""
        text = sources.get(path)
        if isinstance(text, str) and text.startswith(f"# {PLACEHOLDER}"):
            yield Problem(
                f"{host.source}.hardware",
                f"{path} is the placeholder of homelab init, so up cannot deploy to the host",
                "remove its text, and write what nixos-generate-config --show-hardware-config "
                "prints on the host",
                HOST_PLACEHOLDER,
                "warning",
            )
