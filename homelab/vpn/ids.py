"""Numbers of users and groups that rules of the kernel name, the same on every day.

The kernel's rules know a group by its number, and a rule for a wrong one guards nobody.
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
"""What nixpkgs gives them itself (`misc/ids.nix`)."""

FIRST, LAST = 400, 599
"""Numbers that we give: above those of nixpkgs, and where it gives out none by itself before 400
other system users have theirs (from 999 down)."""


def ids_of(
    wanted: Iterable[tuple[str, int | None, int | None]], remembered: Mapping[str, Ids]
) -> dict[str, Ids]:
    """Numbers for each user: stated ones, then remembered ones, then those of nixpkgs.

    Any other gets a number made from its name, so that it is the same whoever else is there; the
    lock keeps it where two names would meet.
    """
    names = {name: (uid, gid) for name, uid, gid in wanted}
    out: dict[str, Ids] = {}
    taken = {n for known in remembered.values() for n in (known.uid, known.gid)}
    for name in sorted(names):
        known = remembered.get(name) or NIXPKGS.get(name)
        if known is None:
            known = _made(name, taken)
            taken.add(known.uid)
        uid, gid = names[name]
        out[name] = Ids(uid or known.uid, gid or known.gid)
    return out


def _made(name: str, taken: set[int]) -> Ids:
    size = LAST - FIRST + 1
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % size
    number = next(
        (n for i in range(size) if (n := FIRST + (start + i) % size) not in taken), FIRST + start
    )
    return Ids(number, number)
