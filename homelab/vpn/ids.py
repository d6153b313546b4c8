"""Stable user and group numbers for the firewall rules of the kill switch.

The kernel matches a group by number, so a rule with a wrong number protects nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from homelab.vpn.model import Ids

NIXPKGS: Mapping[str, Ids] = {
    name: Ids(uid, gid)
    for name, uid, gid in (
        ("aria2", 277, 277),
        ("deluge", 83, 83),
        ("jackett", 276, 276),
        ("lidarr", 306, 306),
        ("nzbget", 245, 245),
        ("plex", 193, 193),
        ("radarr", 275, 275),
        ("sabnzbd", 38, 194),
        ("sonarr", 274, 274),
        ("syncthing", 237, 237),
        ("transmission", 70, 70),
    )
}
"""Numbers that nixpkgs assigns (`misc/ids.nix`)."""

FIRST, LAST = 400, 599
"""Range that homelab assigns: above the fixed numbers of nixpkgs, and below those that NixOS
assigns to system users, from 999 down."""


def ids_of(
    wanted: Iterable[tuple[str, int | None, int | None]], remembered: Mapping[str, Ids]
) -> dict[str, Ids]:
    """Numbers for each user: stated ones, then remembered ones, then those of nixpkgs.

    Any other user gets a number derived from its name, so that it does not depend on other users.
    When two names collide, the lock keeps the numbers stable.
    """
    names = {name: (uid, gid) for name, uid, gid in wanted}
    out: dict[str, Ids] = {}
    taken = {n for known in remembered.values() for n in (known.uid, known.gid)}
    for name in sorted(names):
        known = remembered.get(name) or NIXPKGS.get(name)
        if known is None:
            known = _derived(name, taken)
            taken.add(known.uid)
        uid, gid = names[name]
        out[name] = Ids(uid or known.uid, gid or known.gid)
    return out


def _derived(name: str, taken: set[int]) -> Ids:
    size = LAST - FIRST + 1
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % size
    number = next(
        (n for i in range(size) if (n := FIRST + (start + i) % size) not in taken), FIRST + start
    )
    return Ids(number, number)
