"""Find what `homelab init` could not know: hosts with a made-up key or hardware, or without a
configuration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.check import file_check
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.system.model import Host

PLACEHOLDER = "homelab-placeholder"
"""Marks a placeholder: the comment of a host key, and the first line of a hardware module."""
HOST_PLACEHOLDER = file_check(
    "host-placeholder",
    "warning",
    "A rehearsal needs neither a host's key, nor its hardware, nor its configuration. A deployment "
    "needs them.",
)


_LATER = "or leave the host out until then: state: planned"


def check_placeholders(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """Warn of the placeholders of hosts that `up` deploys to. `up` itself refuses them."""
    for host in plan.hosts.values():
        if not host.is_deployed:
            continue
        if _has_no_login(host, sources):
            # The machine has a configuration of its own, with its hardware and its key.
            yield Problem(
                f"{host.source}.manage",
                f"homelab does not manage SSH of {host.name}, and the stack has no configuration "
                "of its own that could, so nobody could log in after up",
                f"take it over: homelab adopt host {host.name} {host.address}; or leave manage "
                "out, so that homelab writes all of it",
                HOST_PLACEHOLDER,
                "warning",
            )
            continue
        if (host.config.ssh.host_key or "").endswith(f" {PLACEHOLDER}"):
            yield Problem(
                f"{host.source}.ssh.host_key",
                "this is the placeholder of homelab init, so up cannot deploy to the host",
                f"write the line of {host.name}'s /etc/ssh/ssh_host_ed25519_key.pub, as its "
                f"console shows it; then homelab secret recipients; {_LATER}",
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
                f"prints on the host; {_LATER}",
                HOST_PLACEHOLDER,
                "warning",
            )


def _has_no_login(host: Host, sources: Mapping[str, str | bytes]) -> bool:
    """Whether neither homelab nor anything else that the stack names can set up SSH."""
    config = host.config
    if config.manages("ssh") or config.extends is not None or config.modules or config.flakes:
        return False
    hardware = sources.get(config.hardware or "")
    return not (isinstance(hardware, str) and "openssh" in hardware)
