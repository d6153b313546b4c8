"""The network and addresses that one host uses to call another.

Two hosts use the tailnet when both are in it, and the LAN otherwise. Addresses, firewall rules,
grants and trusted proxies all follow from `path_between`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address
from typing import Literal

from homelab.config.hosts import NixosHost
from homelab.config.stack import StackConfig
from homelab.network.model import PortUse


@dataclass(frozen=True)
class HostPath:
    """The network and the two addresses that a call from one host to another uses."""

    network: Literal["tailnet", "lan"]
    caller: str
    """Source address of the call; empty while the stack config does not set it."""
    callee: str
    """Address that is dialled; empty while the stack config does not set it."""

    @property
    def is_known(self) -> bool:
        """Whether the needed addresses are set. The tailnet's policy identifies a caller by name; a
        firewall on the LAN needs its address.
        """
        return bool(self.callee) and bool(self.caller or self.network == "tailnet")


def on_tailnet(stack: StackConfig, host: str) -> bool:
    """Whether a host joins the tailnet of the stack, if it has one."""
    config = stack.hosts.get(host)
    joins = isinstance(config, NixosHost) and config.tailscale is not None
    return stack.tailnet is not None and joins


def path_between(stack: StackConfig, caller: str, callee: str) -> HostPath | None:
    """How one host calls another; None if the stack lacks one of them."""
    source, target = stack.hosts.get(caller), stack.hosts.get(callee)
    if source is None or target is None:
        return None
    if on_tailnet(stack, caller) and on_tailnet(stack, callee):
        addresses = (source.address.tailnet, target.address.tailnet)
        return HostPath("tailnet", *map(_text, addresses))
    return HostPath("lan", _text(source.address.lan), _text(target.address.lan))


@lru_cache(maxsize=4096)
def _text(address: IPv4Address | None) -> str:
    return str(address or "")


def dialled(stack: StackConfig, caller: str, callee: str) -> str:
    """The address that one host dials to reach another; empty if there is none."""
    found = path_between(stack, caller, callee)
    return found.callee if found is not None else ""


def lan_callers(stack: StackConfig, callers: tuple[str, ...], callee: str) -> tuple[str, ...]:
    """LAN addresses of the callers that reach a host over the LAN."""
    paths = (path_between(stack, caller, callee) for caller in callers)
    return tuple(sorted({p.caller for p in paths if p and p.network == "lan" and p.caller}))


def published(stack: StackConfig, use: PortUse) -> tuple[str, ...]:
    """The addresses of the host at which other machines can reach a port."""
    address = stack.hosts[use.host].address
    tailnet = use.scope in ("tailnet", "lan") and on_tailnet(stack, use.host)
    lan = use.scope in ("lan", "link") or bool(use.peers)
    found = (address.tailnet if tailnet else None, address.lan if lan else None)
    return tuple(str(a) for a in found if a is not None)
