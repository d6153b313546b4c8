"""Sets that are forced as a whole: `mkForce { … }` removes what the plan sets there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.nix.source import Computed, Setting
from homelab.openings.model import Opening, View, rule
from homelab.openings.tables import UNIT, tables

REPLACED = "replaced"
_SETS: Mapping[str, str] = {
    "boot.kernel.sysctl": "kernel settings",
    "environment.etc": "files of /etc",
    "environment.persistence": "directories that survive a restart",
    "homelab.backup.jobs": "backups",
    "homelab.backup.stores": "backups of other hosts",
    "homelab.backup.targets": "backup targets",
    "homelab.backup.tiers": "backup tiers",
    "homelab.hardening.units": "sandboxes",
    "networking.firewall.interfaces": "open ports",
    "networking.nftables.tables": "firewall rules",
    "nix.settings": "settings of Nix",
    "security.acme.certs": "certificates",
    "security.pam.services": "sign-ins",
    "services.authelia.instances": "the sign-in",
    "services.caddy.virtualHosts": "routes",
    "services.cloudflared.tunnels": "the tunnel",
    "services.nginx.virtualHosts": "routes",
    "services.openssh.settings": "no passwords over SSH",
    "services.restic.backups": "backups",
    "sops.secrets": "secrets",
    "systemd.services": "units and sandboxes",
    "systemd.timers": "timers",
    "users.groups": "groups",
    "users.users": "accounts",
    "virtualisation.oci-containers.containers": "containers",
}
"""Options that are sets, and what the plan sets in them. At a group of options, such as
`services.openssh`, NixOS forces each option that is written in it, and the others stay."""
_SETTINGS = ("config", "environment", "settings")
_GROUPS = ("services.nextcloud.config",)


@rule("**")
def replaced(setting: Setting, view: View) -> Iterator[Opening]:
    """One option below a set that is forced, the forced set itself, or an option below a forced
    group of options: NixOS forces each option that is written in the group.
    """
    if setting.forced is None:
        return
    by = ".".join(setting.path[: setting.forced])
    for top, what in _lost(setting, setting.forced, view):
        group = "" if by == top else f" by mkForce on {by or 'the module'}"
        yield Opening(
            REPLACED,
            f"{top} is forced as a whole{group}, which removes what the plan sets there: {what}",
            f"write each option of your own without mkForce: {top}.NAME = …",
        )


def _lost(setting: Setting, forced: int, view: View) -> Iterator[tuple[str, str]]:
    """The sets that a forced value replaces, and what of the plan is lost in each; nothing where
    the plan sets nothing.
    """
    path = setting.path
    is_set = isinstance(setting.value, Computed | Mapping)
    for known, what in _SETS.items():
        parts = tuple(known.split("."))
        if len(path) < len(parts):
            # What the group contains is not known.
            lost = isinstance(setting.value, Computed) and _is_below(parts, path)
        elif not _is_below(path, parts) or not (is_set or max(forced, len(parts)) < len(path)):
            continue
        else:
            # A forced entry of the set takes away the parts of that entry.
            lost = forced <= len(parts) or path[forced - 1] in _own(view)
        if lost:
            yield ".".join(path[: max(forced, min(len(parts), len(path)))]), what
            return
    if setting.source and forced == len(path):
        return  # The stack config forces texts alone.
    top = ".".join(path[: max(forced, 3)])
    if not is_set and max(forced, 3) == len(path):
        return
    if len(path) > 2 and path[0] == "services" and path[2] in _SETTINGS and top not in _GROUPS:
        for service in view.plan.on(view.host.name):
            if any(o == top or o.startswith(f"{top}.") for o in service.entry.options):
                yield top, f"settings of {service.name}"
                return


def _is_below(path: tuple[str, ...], top: tuple[str, ...]) -> bool:
    """Whether a path is another one, or lies below it. A computed part may be any name."""
    return len(path) >= len(top) and all(
        "*" in (mine, theirs) or mine == theirs for mine, theirs in zip(path, top, strict=False)
    )


def _own(view: View) -> frozenset[str]:
    """Names that the plan gives to jobs, units, containers, tables of the firewall and the entry of
    persistence of the host.
    """
    persistence = view.host.config.persistence
    jobs = view.plan.backup.on(view.host.name)
    services = view.plan.on(view.host.name)
    return frozenset(
        (
            *tables(view),
            UNIT,
            *([persistence.root] if persistence is not None else []),
            *(j.unit for j in jobs),
            *(f"restic-backups-{j.unit}" for j in jobs),
            *(s.name for s in services),
            *(u for s in services for u in s.entry.units),
        )
    )
