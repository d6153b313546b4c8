"""Tinker mode on a host: rules of the firewall and of sudo that carry their own end.

nftables compares the time of each packet (`meta time`), and sudo the time of each command
(`NOTAFTER`, sudoers(5)). So both end on time on a host that nobody deploys to.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from homelab.nix import Attrs, Lines, Module, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`tinker.nix` on the hosts of `policy.tinker`."""
    tinker = plan.stack.policy.tinker
    if tinker is None or host.name not in tinker.hosts or not host.is_nixos:
        return
    end = datetime.fromisoformat(tinker.end).replace(tzinfo=UTC)
    lan = plan.stack.network.lan.cidr
    rules: Attrs = {}
    if plan.stack.site.owner.sudo == "password":
        rule = f"%wheel ALL=(ALL:ALL) NOTAFTER={end:%Y%m%d%H%M%SZ} NOPASSWD: SETENV: ALL"
        rules = attrs("security.sudo.extraConfig", Lines(f"{rule}\n"))
    yield Module(
        "tinker.nix",
        f"Tinker mode until {tinker.last_day}: the LAN reaches every port, and sudo asks for no "
        "password. Both end by themselves.",
        derived=merge(
            attrs(
                "networking.firewall.extraInputRules",
                # An integer is a UNIX timestamp; a date would be in the time zone of the build.
                Lines(f"ip saddr {lan} meta time < {int(end.timestamp())} accept\n"),
            ),
            attrs(
                "users.motd",
                Lines(f"Tinker mode until {tinker.last_day}: this host is open to the LAN.\n"),
            ),
            rules,
        ),
    )
