"""Sets and lists that are forced as a whole: `mkForce { … }` removes what the plan sets there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.catalog.option_names import size_of_set
from homelab.nix.source import Computed, Setting
from homelab.nix.whole import WHOLE
from homelab.openings.daemons import service_of
from homelab.openings.model import Opening, View, matches, rule
from homelab.openings.tables import UNIT, tables
from homelab.openings.written import has_derived, has_parts, lost_items, may_write, written
from homelab.system.file_systems import is_within

REPLACED = "replaced"
LIST = "list-replaced"
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
_OF_THE_PLAN_ALONE: Mapping[str, str] = {
    **{name: name for name in ("environment.persistence", "sops.secrets")},
    **{name: name for name in _SETS if name.startswith("homelab.")},
    "services.authelia.instances": "services.authelia.instances",
    "services.caddy.virtualHosts": "services.caddy.virtualHosts",
    "services.cloudflared.tunnels": "services.cloudflared.tunnels",
    # By the library of backups.
    "services.restic.backups": "homelab.backup.jobs",
    "virtualisation.oci-containers.containers": "virtualisation.oci-containers.containers",
}
"""Those of them in which no module of NixOS writes, each with the option in which the plan writes
on a host whose set has something of it: elsewhere the owner may force it. In the others modules
write that the plan enables, such as units, accounts and virtual hosts, and only Nix sees that."""
_WHERE_WRITTEN: Mapping[str, str] = {
    "age.secrets": "secrets",
    "boot.initrd.luks.devices": "encrypted disks",
    "fileSystems": "mounts",
    "home-manager.users": "home directories",
    "networking.defaultGateway": "the gateway",
    "networking.hosts": "names",
    "networking.interfaces": "addresses",
    "networking.wg-quick.interfaces": "VPN tunnels",
    "networking.wireguard.interfaces": "VPN tunnels",
    "networking.wireless.networks": "networks of Wi-Fi",
    "nixpkgs.config": "packages that are unfree or insecure",
    "nixpkgs.hostPlatform": "the platform",
    "programs.ssh.knownHosts": "keys of hosts",
    "security.acme.defaults": "settings of certificates",
    "services.*.nginx": "the virtual host of an app",
    "services.blocky.settings": "the resolver",
    "services.btrbk.instances": "snapshots",
    "services.fail2ban.jails": "bans",
    "services.gatus.settings": "monitors",
    "services.grafana.provision.dashboards": "dashboards",
    "services.grafana.provision.datasources": "sources of data",
    "services.homepage-dashboard.services": "the dashboard",
    "services.homepage-dashboard.settings": "the dashboard",
    "services.logind.settings.Login": "settings of power",
    "services.mysql.settings": "settings of databases",
    "services.nfs.settings": "settings of NFS",
    "services.oauth2-proxy.extraConfig": "the sign-in",
    "services.openldap.settings": "the directory",
    "services.redis.servers": "databases",
    "services.samba.settings": "shares",
    "services.sanoid.datasets": "snapshots",
    "services.traefik.dynamicConfigOptions": "routes",
    "services.traefik.staticConfigOptions": "settings of the proxy",
    "sops.templates": "files with secrets",
    "system.activationScripts": "steps of activation",
    "systemd.globalEnvironment": "variables of all units",
    "systemd.paths": "units that watch files",
    "systemd.settings.Manager": "the watchdog",
    "systemd.sockets": "sockets",
    "systemd.targets": "targets",
    "systemd.tmpfiles.settings": "directories and their owners",
    "virtualisation.containers.containersConf.settings": "settings of containers",
}
"""More such options, which are reported where the plan writes them on the host."""
_SETTINGS = ("config", "environment", "settings")
_GROUPS = ("services.nextcloud.config",)
_DEEP = 4
"""The longest path of a group of options in which sets are looked for."""
_LISTS_ELSEWHERE = (
    ("environment", "persistence"),
    ("networking", "nftables", "tables"),
    ("services", "openssh", "ports"),
)
"""Lists and texts that have rules of their own."""


def sets() -> frozenset[str]:
    """Every option that is known as a set here."""
    return frozenset((*_SETS, *_WHERE_WRITTEN))


@rule("**")
def replaced(setting: Setting, view: View) -> Iterator[Opening]:
    """One option below a set that is forced, the forced set itself, or an option below a forced
    group of options: NixOS forces each option that is written in the group.
    """
    if setting.forced is None:
        return
    if _is_list_of_ours(setting) and lost_items(view, setting.path, setting.value):
        yield Opening(
            LIST,
            f"{setting.name} is forced, which removes what the plan adds there",
            "write it without mkForce: NixOS joins what several modules write",
            "warning",
            acceptable=True,
        )
    by = ".".join(setting.path[: setting.forced])
    for top, what in _lost(setting, setting.forced, view):
        group = "" if by == top else f" by mkForce on {by or 'the module'}"
        yield Opening(
            REPLACED,
            f"{top} is forced as a whole{group}, which removes what the plan sets there: {what}",
            f"write each option of your own without mkForce: {top}.NAME = …",
        )


@rule(*(f"{'.'.join(path)}.**" for path in WHOLE))
def whole(setting: Setting, view: View) -> Iterator[Opening]:
    """One key of a set that NixOS takes as a whole, which removes the keys of the plan."""
    size = next(len(p) for p in WHOLE if matches((*p, "**"), setting.path))
    top = setting.path[:size]
    if not setting.source and setting.forced is None and has_derived(view, top):
        service = service_of(setting, view)
        where = service.at("options") if service is not None else "options of its service"
        yield Opening(
            REPLACED,
            f"NixOS takes {'.'.join(top)} as a whole, so {setting.name} removes what the plan sets "
            "there",
            f"write it in the stack config, which keeps both: {where}: {{{setting.name}: …}}",
        )


def _is_list_of_ours(setting: Setting) -> bool:
    known = any(setting.path[: len(e)] == e for e in _LISTS_ELSEWHERE)
    return setting.forced == len(setting.path) and not setting.source and not known


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
            top = path[: max(forced, min(len(parts), len(path)))]
            if _may_lose(view, known, top):
                yield ".".join(top), what
            return
    if setting.source and forced == len(path):
        return  # The stack config forces texts alone.
    size, what = _set_of(path)
    top = path[: max(forced, size)]
    if size and (is_set or len(top) < len(path)) and _writes(view, top):
        yield ".".join(top), what
    elif not size and isinstance(setting.value, Computed):
        for known, what in _WHERE_WRITTEN.items():
            parts = tuple(known.split("."))
            if _is_below(parts, path) and _writes(view, parts):
                yield ".".join(path), what
                return
        # What a group contains that only Nix resolves is not known: it may have any of its sets.
        for what in _sets_below(view, path):
            yield ".".join(path), what
            return


def _may_lose(view: View, known: str, top: tuple[str, ...]) -> bool:
    if view.host.config.manage is not None:
        return has_parts(view, top)  # The rest of such a host is its owner's.
    written_at = _OF_THE_PLAN_ALONE.get(known)
    return written_at is None or may_write(view, tuple(written_at.split(".")))


def _sets_below(view: View, path: tuple[str, ...]) -> Iterator[str]:
    """What the plan writes in the sets of a group of options."""
    for tree in written(view, path):
        for key, value in tree.items() if isinstance(tree, Mapping) else ():
            size, what = _set_of((*path, key))
            if size == len(path) + 1 and isinstance(value, Mapping) and value:
                yield what
            elif not size and len(path) < _DEEP and isinstance(value, Mapping):
                yield from _sets_below(view, (*path, key))


def _writes(view: View, top: tuple[str, ...]) -> bool:
    """Whether the plan writes a set there. Mounts of what survives a restart have a rule of their
    own, and the plan says of a disk for it only when it is needed.
    """
    if top[0] == "fileSystems" and len(top) == 2:
        persistence = view.host.config.persistence
        found = [d for d in written(view, (*top, "device")) if isinstance(d, str)]
        return any(persistence is None or not is_within(d, persistence.root) for d in found)
    return has_parts(view, top)


def _set_of(path: tuple[str, ...]) -> tuple[int, str]:
    """The number of parts of a path that are an option with a set, and what the set has; 0 where
    none is known.
    """
    for known, what in (*_SETS.items(), *_WHERE_WRITTEN.items()):
        parts = tuple(known.split("."))
        if len(path) >= len(parts) and _is_below(path, parts):
            return len(parts), what
    size = size_of_set(path)
    if not size and len(path) > 2 and path[0] == "services" and path[2] in _SETTINGS:
        size = 0 if ".".join(path[:3]) in _GROUPS else 3
    return size, f"settings of {path[1]}" if size else ""


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
