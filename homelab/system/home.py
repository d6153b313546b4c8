"""The owner's home, by home-manager: on a NixOS host, or alone on a machine that is not ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.nix import Module, Raw, attrs

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`home.nix`, where the stack names a home-manager module for the host."""
    path = host.config.home
    owner = plan.site.site.owner.user
    if path is None:
        return
    if host.is_nixos:
        yield Module(
            "home.nix",
            f"The home of {owner}",
            derived={
                "home-manager": {
                    "backupFileExtension": "before-home-manager",
                    "useGlobalPkgs": True,
                    "useUserPackages": True,
                }
            },
            stated={
                "home-manager": {
                    "users": {
                        owner: {
                            "imports": [Raw(f"./own/{path}")],
                            "home": {"stateVersion": host.config.state_version},
                        }
                    }
                }
            },
            flakes=(("home-manager", "nixosModules.home-manager"),),
        )
        return
    darwin = host.config.platform.endswith("-darwin")
    yield Module(
        "home.nix",
        f"The home of {owner} on {host.name}; the system itself is not ours",
        stated=attrs(
            "home",
            {
                "homeDirectory": f"/Users/{owner}" if darwin else f"/home/{owner}",
                "stateVersion": host.config.state_version,
                "username": owner,
            },
        ),
        imports=(f"./own/{path}",),
    )
