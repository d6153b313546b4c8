"""fail2ban on a host: block addresses for a while that keep failing to log in by SSH.

The LAN and the tailnet are never banned. So this matters on a host with a public address, where SSH
is open to the internet, or where a module of the owner's opens it.
"""

from __future__ import annotations

from collections.abc import Iterator

from homelab.network.model import TAILNET_NETWORK, TAILNET_NETWORK_6
from homelab.nix import Comment, Module, Nix, attrs
from homelab.plan import Plan
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`fail2ban.nix`, on a host that asks for it."""
    config = host.config.fail2ban
    if config is None or not host.is_nixos:
        return
    tailnet = (TAILNET_NETWORK, TAILNET_NETWORK_6) if plan.stack.tailnet is not None else ()
    lan = [str(plan.stack.network.lan.cidr)] if host.may_be_at_home else []
    ours = (*lan, *tailnet)
    ignored: list[Nix] = [*dict.fromkeys((*ours, *map(str, config.ignore)))]
    yield Module(
        "fail2ban.nix",
        "Addresses that keep failing to log in are blocked for a while",
        derived=attrs(
            "services.fail2ban",
            {
                "enable": True,
                "bantime": config.bantime,
                "ignoreIP": Comment("Mistyped passwords at home must not block anybody.", ignored),
                "jails": {
                    "DEFAULT": {"settings": {"findtime": config.findtime}},
                    "sshd": {
                        "settings": {
                            "filter": "sshd[mode=aggressive]",
                            "port": str(host.config.ssh.port),
                        }
                    },
                },
                "maxretry": config.maxretry,
            },
        ),
    )
