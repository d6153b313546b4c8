"""home-manager for the owner and members on a NixOS host; for the owner alone on a machine with
another system.
"""

from __future__ import annotations

from collections.abc import Iterator

from homelab.nix import Attrs, Comment, Module, Raw, attrs, merge
from homelab.plan import Plan
from homelab.system import ssh_client
from homelab.system.model import Host

OVERWRITE_SINCE = "25.11"
"""First release of home-manager that can overwrite its earlier backup of a file."""


def homes_of(host: Host, owner: str) -> tuple[tuple[str, str], ...]:
    """(user, home-manager module) of the owner and the members."""
    own = ((owner, host.config.home),) if host.config.home is not None else ()
    return (*own, *((user, path) for user, path, _ in host.member_homes))


def may_fail(host: Host, owner: str) -> tuple[str, ...]:
    """The home-manager units, for releases where a second conflicting file fails them: that must
    not roll back the whole system.
    """
    if not host.is_nixos or host.release >= OVERWRITE_SINCE:
        return ()
    return tuple(f"home-manager-{user}.service" for user, _ in homes_of(host, owner))


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`home.nix`, if the stack names a home-manager module for the host."""
    path = host.config.home
    owner = plan.stack.site.owner.user
    homes = homes_of(host, owner)
    if host.is_nixos and homes:
        yield Module(
            "home.nix",
            f"home-manager for {', '.join(user for user, _ in homes)}",
            derived=attrs("home-manager", _settings(host)),
            stated={
                "home-manager": {
                    "users": {
                        user: {
                            "imports": [Raw(f"./own/{module}")],
                            **_stated(plan, host, user),
                        }
                        for user, module in homes
                    }
                }
            },
            flakes=(("home-manager", "nixosModules.home-manager"),),
        )
    if host.is_nixos or path is None:
        return
    darwin = host.config.platform.endswith("-darwin")
    yield Module(
        "home.nix",
        f"home-manager for {owner} on {host.name}; homelab does not manage its system",
        stated=merge(
            attrs(
                "home",
                {
                    "homeDirectory": f"/Users/{owner}" if darwin else f"/home/{owner}",
                    "stateVersion": host.config.state_version,
                    "username": owner,
                },
            ),
            ssh_client.settings(plan, host),
        ),
        imports=(f"./own/{path}",),
    )


def _stated(plan: Plan, host: Host, user: str) -> Attrs:
    version = attrs("home.stateVersion", host.config.state_version)
    own = user == plan.stack.site.owner.user and host.config.home is not None
    return merge(version, ssh_client.settings(plan, host)) if own else version


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
