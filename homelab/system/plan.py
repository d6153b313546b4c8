"""Hosts, from what the stack config says of them."""

from __future__ import annotations

from homelab.site.model import Site
from homelab.system.model import Host


def plan_hosts(site: Site) -> dict[str, Host]:
    """Every host of the stack, by name, whatever its state."""
    hosts = {}
    for name, config in sorted(site.hosts.items()):
        pin = site.nixpkgs.get(config.nixpkgs)
        hosts[name] = Host(
            name=name,
            config=config,
            release=pin.release if pin else config.state_version,
            always_on=config.always_on,
            source=f"hosts.{name}",
        )
    return hosts
