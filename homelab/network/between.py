"""How one host of the homelab calls another: decided here, and nowhere else.

Over the tailnet where both are in it, and over the LAN otherwise. What follows for addresses,
firewalls, grants and who believes whom, is asked of `way`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from homelab.config.hosts import NixosHost
from homelab.config.stack import StackConfig
from homelab.network.model import PortUse


@dataclass(frozen=True)
class Way:
    """From one host to another."""

    network: Literal["tailnet", "lan"]
    caller: str
    """Address that a call comes from; empty while the stack config does not say it."""
    callee: str
    """Address that is dialled; empty while the stack config does not say it."""

    @property
    def is_known(self) -> bool:
        """Whether it can be gone: the tailnet's policy knows a caller by name, a firewall on the
        LAN by its address alone.
        """
        return bool(self.callee) and bool(self.caller or self.network == "tailnet")


def on_tailnet(stack: StackConfig, host: str) -> bool:
    """Whether a host is in the tailnet or joins it: the stack has one, and it a part there."""
    config = stack.hosts.get(host)
    joins = isinstance(config, NixosHost) and config.tailscale is not None
    return stack.tailnet is not None and joins


def path_between(stack: StackConfig, caller: str, callee: str) -> Way | None:
    """How one host calls another; None where the stack has no such hosts."""
    one, other = stack.hosts.get(caller), stack.hosts.get(callee)
    if one is None or other is None:
        return None
    if on_tailnet(stack, caller) and on_tailnet(stack, callee):
        return Way("tailnet", str(one.address.tailnet or ""), str(other.address.tailnet or ""))
    return Way("lan", str(one.address.lan or ""), str(other.address.lan or ""))


def dialled(stack: StackConfig, caller: str, callee: str) -> str:
    """The address that one host dials to reach another; empty where there is none."""
    found = path_between(stack, caller, callee)
    return found.callee if found is not None else ""


def lan_callers(stack: StackConfig, callers: tuple[str, ...], callee: str) -> tuple[str, ...]:
    """Of the hosts that call another, the addresses of those that do so over the LAN."""
    ways = (path_between(stack, caller, callee) for caller in callers)
    return tuple(sorted({w.caller for w in ways if w and w.network == "lan" and w.caller}))


def published(stack: StackConfig, use: PortUse) -> tuple[str, ...]:
    """The addresses of its host that others find a port at: those of networks that it is open to,
    as far as the host is in them.
    """
    address = stack.hosts[use.host].address
    tailnet = use.scope in ("tailnet", "lan") and on_tailnet(stack, use.host)
    lan = use.scope in ("lan", "link") or bool(use.peers)
    found = (address.tailnet if tailnet else None, address.lan if lan else None)
    return tuple(str(a) for a in found if a is not None)
