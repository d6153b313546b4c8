"""Checks of Git over SSH: the port at which it is reached, and that which people are told."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.services import ports_of
from homelab.network.plan import SSH
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.declared import declares, flattened
from homelab.services.model import Service


@check("ssh-port", severity="warning")
def ssh_port(plan: Plan) -> Iterator[Problem]:
    """An app that shows addresses for SSH leaves port 22 out of them, and without a port of its own
    it uses the sshd of its host.
    """
    for service in plan.services:
        host = plan.hosts.get(service.host)
        stated = ports_of(service.config).get(SSH)
        if stated is not None and stated.protocol != "tcp":
            yield Problem(
                f"{service.source}.ports.{SSH}.protocol",
                f"SSH of {service.name} uses TCP, and the firewall would open {stated.port}/udp",
                "leave protocol out",
                severity="error",
            )
        number = host.config.ssh.port if host is not None else 22
        option = _option(service)
        own = any(p.label == SSH for p in service.ports)
        if number == 22 or own or not option or declares(service.config, option):
            continue
        yield Problem(
            service.source,
            f"sshd of {service.host} listens on {number}, and the addresses that {service.name} "
            "shows for Git over SSH name no port",
            f"write options: {{{option}: {number}}}, or a port of its own: "
            f"ports: {{{SSH}: {{port: 2222, scope: tailnet, why: Git over SSH}}}}",
        )


def _option(service: Service) -> str:
    """The option with the port that the app shows, beside the one with the name for SSH; empty for
    an app without SSH.
    """
    for option in flattened(service.entry.options):
        if "{ssh}" in str(option.value):
            return ".".join((*option.path[:-1], "SSH_PORT"))
    return ""
