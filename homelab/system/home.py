"""home-manager for the owner: on a NixOS host, or alone on a machine with another system."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.nix import Attrs, Comment, Module, Raw, attrs
from homelab.plan import Plan
from homelab.system.model import Host

OVERWRITE_SINCE = "25.11"
"""First release of home-manager that can overwrite its earlier backup of a file."""


def may_fail(host: Host, owner: str) -> tuple[str, ...]:
    """The home-manager unit, for releases where a second conflicting file fails it: that must not
    roll back the whole system.
    """
    if host.config.home is None or not host.is_nixos or host.release >= OVERWRITE_SINCE:
        return ()
    return (f"home-manager-{owner}.service",)


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`home.nix`, if the stack names a home-manager module for the host."""
    path = host.config.home
    owner = plan.stack.site.owner.user
    if path is None:
        return
    if host.is_nixos:
        yield Module(
            "home.nix",
            f"home-manager for {owner}",
            derived=attrs("home-manager", _settings(host)),
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
        f"home-manager for {owner} on {host.name}; homelab does not manage its system",
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


def _settings(host: Host) -> Attrs:
    settings: Attrs = {
        "backupFileExtension": "before-home-manager",
        "useGlobalPkgs": True,
        "useUserPackages": True,
    }
    if host.release >= OVERWRITE_SINCE:
        settings["overwriteBackup"] = Comment(
            "Programs rewrite their files; a second conflicting file would fail the switch.",
            True,
        )
    return settings
