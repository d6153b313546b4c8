"""The reverse proxies: each value of `network.entry.proxy`, with its backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from homelab.config.network import ProxyName
from homelab.nix import Module
from homelab.plan import Plan
from homelab.proxy import caddy, nginx, traefik
from homelab.system.model import Host

PROXIES: Mapping[ProxyName, Callable[[Plan, Host], Iterator[Module]]] = {
    "caddy": caddy.modules,
    "nginx": nginx.modules,
    "traefik": traefik.modules,
}
"""The modules of each proxy: one for the entry host of a stack with that proxy, otherwise none."""
