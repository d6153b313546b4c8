"""Shares as settings of Samba: SMB3 for the tailnet and the LAN, with the extensions for macOS."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.disks.waiting import optional_at
from homelab.hardening.paths import for_systemd
from homelab.network.model import TAILNET_NETWORK, TAILNET_NETWORK_6
from homelab.nix import Attrs, Comment, Module, Nix, attrs, merge
from homelab.plan import Plan
from homelab.storage.shares import Share, plan_shares
from homelab.system.model import Host

_MAC: Attrs = {
    "fruit:delete_empty_adfiles": "yes",
    "fruit:metadata": "stream",
    "fruit:nfs_aces": "no",
    "fruit:posix_rename": "yes",
    "fruit:veto_appledouble": "no",
    "fruit:wipe_intentionally_left_blank_rfork": "yes",
    "vfs objects": "catia fruit streams_xattr",
}


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`samba.nix`, on a host that shares a dataset."""
    shares = tuple(s for s in plan_shares(plan.stack) if s.host == host.name)
    if not shares or not host.is_nixos:
        return
    # In the global section, addresses hold for every share, whatever the share says.
    each = any(s.lan for s in shares)
    common = {} if each else _addresses(plan, lan=False)
    settings: Attrs = {
        "global": {**_global(shares), **common},
        **{s.name: {**_share(s), **(_addresses(plan, lan=s.lan) if each else {})} for s in shares},
    }
    # While an optional disk is absent, its share is an error and the others work.
    always = {s.mount for s in shares if optional_at(host, s.mount) is None}
    mounts: list[Nix] = [for_systemd(m) for m in sorted(always)]
    yield Module(
        "samba.nix",
        "Datasets as network drives, for devices of the tailnet"
        + (" and of the LAN" if each else " only"),
        derived=merge(
            attrs(
                "services.samba",
                {
                    "enable": True,
                    "nmbd": {"enable": False},
                    "settings": settings,
                    "winbindd": {"enable": False},
                },
            ),
            attrs(
                "systemd.services.samba-smbd.unitConfig.RequiresMountsFor",
                Comment("Without its disk, a share would be an empty directory.", mounts),
            )
            if mounts
            else {},
            _users(plan, host, shares),
        ),
    )


def _global(shares: tuple[Share, ...]) -> Attrs:
    return {
        **_MAC,
        "disable netbios": "yes",
        "map to guest": "bad user" if any(s.guest for s in shares) else "never",
        "server min protocol": "SMB3",
        "smb ports": 445,
    }


def _addresses(plan: Plan, *, lan: bool) -> Attrs:
    networks = f"{TAILNET_NETWORK} {TAILNET_NETWORK_6} 127. ::1"
    if lan:
        networks = f"{plan.stack.network.lan.cidr} {networks}"
    why = f"The firewall admits only {'these' if lan else 'the tailnet'}, too."
    return {"hosts allow": Comment(why, networks), "hosts deny": "ALL"}


def _share(share: Share) -> Attrs:
    body: Attrs = {
        "browseable": "yes",
        "create mask": "0664",
        "delete veto files": "no",
        "directory mask": "2775",
        "force group": share.group,
        "guest ok": _word(share.guest),
        "path": share.path,
        "read only": _word(share.read_only),
        "veto files": Comment("Hidden files, such as those that macOS creates.", "/.*/"),
    }
    if share.owner != "root":
        body["force user"] = share.owner
    if share.time_machine:
        body["fruit:time machine"] = "yes"
        if share.quota is not None:
            body["fruit:time machine max size"] = f"{share.quota // 2**20}M"
    if share.users:
        body["valid users"] = " ".join(share.users)
    return body


def _users(plan: Plan, host: Host, shares: tuple[Share, ...]) -> Attrs:
    """Accounts without a shell for users of shares: Samba signs in users of the system."""
    names = {u for s in shares for u in s.users} - {plan.stack.site.owner.user}
    names -= {m.user for m in host.members}
    if not names:
        return {}
    return {
        "users": {
            "users": {name: {"group": "users", "isSystemUser": True} for name in sorted(names)}
        }
    }


def _word(value: object) -> str:
    return "yes" if value else "no"
