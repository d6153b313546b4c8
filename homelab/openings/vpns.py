"""Options that let a service past the VPN to which it is confined."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.nix.source import Setting
from homelab.openings.daemons import service_of
from homelab.openings.model import Opening, View, rule, shown
from homelab.vpn.killswitch import TABLE
from homelab.vpn.model import Member, Vpn
from homelab.vpn.namespace import unit_of

WORD = "vpn"
_LEAKS = "leave it out; without vpn: the service has the network of its host"


def _members(view: View) -> Iterator[tuple[Vpn, Member]]:
    for vpn in view.plan.vpn.vpns:
        if vpn.host == view.host.name:
            yield from ((vpn, member) for member in vpn.members)


@rule("systemd.services.*.serviceConfig.NetworkNamespacePath")
def namespace(setting: Setting, view: View) -> Iterator[Opening]:
    """Another network than the namespace of the VPN."""
    for vpn, member in _members(view):
        is_ours = setting.path[2].removesuffix(".service") in member.units
        if vpn.mode == "namespace" and is_ours and setting.value != f"/run/netns/{vpn.name}":
            yield Opening(
                WORD,
                f"{setting.name} is {shown(setting.value) or 'empty'}, so {member.service} would "
                f"not be in the network of {vpn.name}",
                _LEAKS,
            )


@rule(
    *("systemd.services.*.serviceConfig.User", "systemd.services.*.serviceConfig.Group"),
    *("systemd.services.*.serviceConfig.DynamicUser", "services.*.user", "services.*.group"),
)
def identity(setting: Setting, view: View) -> Iterator[Opening]:
    """Another user or group than the kill switch matches. `vpn-member-gid` reads the stack."""
    if setting.source:
        return
    service = service_of(setting, view)
    for vpn, member in _members(view):
        if setting.path[0] == "systemd":
            is_its = setting.path[2].removesuffix(".service") in member.units
        else:
            is_its = service is not None and service.name == member.service
        same = setting.value in ((False,) if setting.path[-1] == "DynamicUser" else (member.user,))
        if member.user and is_its and not same:
            yield Opening(
                WORD,
                f"{setting.name} is {shown(setting.value)}: the kill switch of {vpn.name} matches "
                f"the user and the group {member.user}, and {member.service} would leave without "
                "it",
                _LEAKS,
            )


@rule("users.users.*.uid", "users.users.*.group", "users.groups.*.gid")
def numbers(setting: Setting, view: View) -> Iterator[Opening]:
    """Other numbers than those that the kill switch matches."""
    for vpn, member in _members(view):
        if member.ids is None or setting.path[2] != member.user:
            continue
        wanted = {"uid": member.ids.uid, "gid": member.ids.gid}.get(setting.path[3], member.user)
        if setting.value != wanted:
            yield Opening(
                WORD,
                f"{setting.name} is {shown(setting.value)}, and the kill switch of {vpn.name} "
                f"matches {wanted}: {member.service} would leave without it",
                _LEAKS,
            )


@rule("systemd.services.*.**")
def units(setting: Setting, view: View) -> Iterator[Opening]:
    """The units that make the namespaces and load the kill switch."""
    ours = {
        TABLE if vpn.mode == "killswitch" else unit_of(vpn): vpn.name for vpn, _ in _members(view)
    }
    vpn = ours.get(setting.path[2], "")
    rest = setting.path[3:]
    bends = rest[:1] in (("script",), ("postStop",)) or rest[:2] == ("serviceConfig", "ExecStart")
    lists = rest[:1] in (("bindsTo",), ("before",), ("requiredBy",)) and setting.forced is not None
    off = rest == ("enable",) and setting.value is not True
    if vpn and (bends or lists or off):
        yield Opening(
            WORD,
            f"{setting.name} is {shown(setting.value) or 'empty'}, and services rely on that unit "
            f"to leave by {vpn} alone",
            _LEAKS,
        )
