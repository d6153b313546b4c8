"""fail2ban on a host: addresses that keep failing to log in by SSH are turned away for a while.

The firewall opens SSH to the LAN and the tailnet alone, and neither is ever banned; so this guards
what a hand-written module opens further, and nothing else.
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
    ours = (str(plan.stack.network.lan.cidr), *tailnet)
    ignored: list[Nix] = [*dict.fromkeys((*ours, *map(str, config.ignore)))]
    yield Module(
        "fail2ban.nix",
        "Who keeps failing to log in is turned away for a while",
        derived=attrs(
            "services.fail2ban",
            {
                "enable": True,
                "bantime": config.bantime,
                "ignoreIP": Comment("A mistyped password at home locks nobody out.", ignored),
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
