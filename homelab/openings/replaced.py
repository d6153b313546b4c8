"""Sets that are forced as a whole: `mkForce { … }` removes what the plan sets there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.nix.source import Computed, Setting
from homelab.openings.model import Opening, View, rule

REPLACED = "replaced"
_SETS: Mapping[str, str] = {
    "boot.kernel.sysctl": "kernel settings",
    "environment.etc": "files of /etc",
    "environment.persistence": "directories that survive a restart",
    "homelab.backup.jobs": "backups",
    "homelab.backup.stores": "backups of other hosts",
    "homelab.backup.targets": "backup targets",
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
`services.openssh`, NixOS forces each option in it, and the others stay."""
_SETTINGS = ("config", "environment", "settings")
_GROUPS = ("services.nextcloud.config",)


@rule("**")
def replaced(setting: Setting, view: View) -> Iterator[Opening]:
    """One option below a set that is forced, or the forced set itself."""
    forced = setting.forced
    if forced is None:
        return
    whole = forced < len(setting.path) or isinstance(setting.value, Computed | Mapping)
    top = ".".join(setting.path[:forced])
    what = _what(top, setting.path[:forced], view) if whole else ""
    if what:
        yield Opening(
            REPLACED,
            f"{top} is forced as a whole, which removes what the plan sets there: {what}",
            f"write each option of your own without mkForce: {top}.NAME = …",
        )


def _what(top: str, path: tuple[str, ...], view: View) -> str:
    """What of the plan is lost; empty where the plan sets nothing there."""
    for known, what in _SETS.items():
        # A forced entry of the set takes away the parts of that entry.
        if top == known or (top.startswith(f"{known}.") and path[-1] in _own(view)):
            return what
    if len(path) > 2 and path[0] == "services" and path[2] in _SETTINGS and top not in _GROUPS:
        for service in view.plan.on(view.host.name):
            if any(o == top or o.startswith(f"{top}.") for o in service.entry.options):
                return f"settings of {service.name}"
    return ""


def _own(view: View) -> frozenset[str]:
    """Names that the plan gives to jobs, units and containers of the host."""
    jobs = view.plan.backup.on(view.host.name)
    services = view.plan.on(view.host.name)
    return frozenset(
        (
            *(j.unit for j in jobs),
            *(f"restic-backups-{j.unit}" for j in jobs),
            *(s.name for s in services),
            *(u for s in services for u in s.entry.units),
        )
    )
