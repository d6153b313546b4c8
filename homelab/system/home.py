"""home-manager for the owner and members on a NixOS host; for the owner alone on a machine with
another system.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.nix import Attrs, Comment, Module, Raw, attrs, merge
from homelab.plan import Plan
from homelab.system import nixpkgs, ssh_client
from homelab.system.home_programs import file_of, home_module, unfree
from homelab.system.model import Host

OVERWRITE_SINCE = "25.11"
"""First release of home-manager that can overwrite its earlier backup of a file."""


def homes_of(host: Host, owner: str) -> Mapping[str, str | None]:
    """The users who have a home on a host, and their own home-manager module, if they have one: the
    owner first, then members.
    """
    own = {owner: host.config.home} if host.config.home is not None else {}
    modules = {**own, **{user: path for user, path, _ in host.member_homes}}
    said = {user: modules.get(user) for user, _ in host.homes}
    every = {**modules, **said}
    return {user: every[user] for user in sorted(every, key=lambda u: (u != owner, u))}


def may_fail(host: Host, owner: str) -> tuple[str, ...]:
    """The home-manager units, for releases where a second conflicting file fails them: that must
    not roll back the whole system.
    """
    if not host.is_nixos or host.release >= OVERWRITE_SINCE:
        return ()
    return tuple(f"home-manager-{user}.service" for user in homes_of(host, owner))


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`home.nix`, if the stack names a home-manager module for the host or describes a home, and a
    module for each home that it describes.
    """
    owner = plan.stack.site.owner.user
    homes = homes_of(host, owner)
    nested = tuple(home_module(host, user, home) for user, home in host.homes)
    if host.is_nixos and homes:
        yield Module(
            "home.nix",
            f"home-manager for {', '.join(homes)}",
            derived=attrs("home-manager", _settings(host)),
            stated={
                "home-manager": {
                    "users": {
                        user: {
                            "imports": [Raw(path) for path in _imports(host, user, module)],
                            **_stated(plan, host, user),
                        }
                        for user, module in homes.items()
                    }
                }
            },
            flakes=(("home-manager", "nixosModules.home-manager"),),
            nested=nested,
        )
    if host.is_nixos or host.config.home is None:
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
            # On NixOS, homes have the packages of the system, which allows these.
            nixpkgs.allowed(unfree(host)),
        ),
        imports=tuple(_imports(host, owner, host.config.home)),
        nested=nested,
    )


def _imports(host: Host, user: str, module: str | None) -> Iterator[str]:
    if module is not None:
        yield f"./own/{module}"
    if user in dict(host.homes):
        yield f"./{file_of(user)}"


def _stated(plan: Plan, host: Host, user: str) -> Attrs:
    version = attrs("home.stateVersion", host.config.state_version)
    own = user == plan.stack.site.owner.user
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
