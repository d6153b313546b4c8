"""Fixed user and group numbers of services: for files, and for the rules of the kill switch.

The kernel knows users and groups by number. A rule with a wrong number protects nothing, and a file
with a wrong number belongs to somebody else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from homelab.catalog.model import Entry
from homelab.config.lock import Lock, Numbers
from homelab.config.service_base import NativeService, ServiceConfig
from homelab.config.service_parts import ServiceIds
from homelab.config.services import vpn_of
from homelab.services.model import Service

NIXPKGS: Mapping[str, Numbers] = {
    name: Numbers(uid=uid, gid=gid)
    for name, uid, gid in (
        ("aria2", 277, 277),
        ("caddy", 239, 239),
        ("clickhouse", 278, 278),
        ("deluge", 83, 83),
        ("grafana", 196, 196),
        ("hass", 286, 286),
        ("influxdb", 125, 125),
        ("jackett", 276, 276),
        ("lidarr", 306, 306),
        ("matrix-synapse", 224, 224),
        ("mosquitto", 246, 246),
        ("nginx", 60, 60),
        ("nzbget", 245, 245),
        ("paperless", 315, 315),
        ("plex", 193, 193),
        ("plexpy", 195, 195),
        ("postgres", 71, 71),
        ("prometheus", 255, 255),
        ("radarr", 275, 275),
        ("sabnzbd", 38, 194),
        ("sonarr", 274, 274),
        ("syncthing", 237, 237),
        ("telegraf", 256, 256),
        ("transmission", 70, 70),
    )
}
"""Numbers that nixpkgs assigns (`misc/ids.nix`). The groups of grafana, plexpy and telegraf
have none; the number of the user is free there.
"""
FREE = range(400, 1000)
"""Numbers of system users and groups that nixpkgs does not assign: `misc/ids.nix` has none above
399, and NixOS gives people those from 1000 up (`config/update-users-groups.pl`).
"""
BUILD_GROUP = 30_000
"""The group of Nix's builders, below the numbers of systemd's dynamic users."""

FIRST, LAST = 400, 599
"""Range that homelab assigns: above the fixed numbers of nixpkgs, and below those that NixOS
assigns to system users, from 999 down."""
_LIB, _PRIVATE = "/var/lib/", "/var/lib/private/"


def ids_stated(config: ServiceConfig) -> ServiceIds | None:
    """The numbers that the stack config asks for; None if it asks for none."""
    return config.ids if isinstance(config, NativeService) else None


def has_fixed_user(service: Service) -> bool:
    """Whether the service has a fixed user, so that its numbers are known when planning."""
    entry = service.entry
    return (
        (not service.is_made or service.unit is not None or service.flake is not None)
        and not entry.dynamic_user
        and entry.user not in ("", "root")
        and bool(service.units)
    )


def with_static_user(entry: Entry, config: ServiceConfig) -> Entry:
    """The entry with an ordinary user in place of a dynamic one, if the stack asks for fixed
    numbers. Its state is then below /var/lib.
    """
    if ids_stated(config) is None or not entry.dynamic_user or not entry.units:
        return entry
    user = entry.user or entry.units[0]

    def at(path: str) -> str:
        return path.replace(_PRIVATE, _LIB, 1) if path.startswith(_PRIVATE) else path

    secrets = {
        name: fact.model_copy(update={"owner": user})
        if fact.form == "file" and fact.owner == "root"
        else fact
        for name, fact in entry.secrets.items()
    }
    return entry.model_copy(
        update={
            "dynamic_user": False,
            "user": user,
            "state": tuple(map(at, entry.state)),
            "exclude": tuple(map(at, entry.exclude)),
            "persist": tuple(map(at, entry.persist)),
            "dumps": tuple(d.at(at(d.source)) for d in entry.dumps),
            "secrets": secrets,
        }
    )


def with_ids(services: tuple[Service, ...], lock: Lock) -> tuple[Service, ...]:
    """The services with the numbers of their users, if `ids` or a kill switch needs them."""
    asked = {s.entry.user: _stated(s) for s in services if _needs_ids(s) and has_fixed_user(s)}
    ids = ids_of(((user, n.uid, n.gid) for user, n in asked.items()), lock.ids)
    return tuple(
        replace(s, ids=ids[s.entry.user]) if _needs_ids(s) and has_fixed_user(s) else s
        for s in services
    )


def ids_of(
    wanted: Iterable[tuple[str, int | None, int | None]], remembered: Mapping[str, Numbers]
) -> dict[str, Numbers]:
    """Numbers for each user: stated ones, then remembered ones, then those of nixpkgs.

    Any other user gets a number derived from its name, so that it does not depend on other users.
    When two names collide, the lock keeps the numbers stable.
    """
    names = {name: (uid, gid) for name, uid, gid in wanted}
    out: dict[str, Numbers] = {}
    taken = {n for known in remembered.values() for n in (known.uid, known.gid)}
    for name in sorted(names):
        known = remembered.get(name) or NIXPKGS.get(name)
        if known is None:
            known = _derived(name, taken)
            taken.add(known.uid)
        uid, gid = names[name]
        out[name] = Numbers(uid=uid or known.uid, gid=gid or known.gid)
    return out


def place_of_ids(service: Service) -> str:
    """The place in the stack that asks for the numbers."""
    return service.at("ids" if ids_stated(service.config) is not None else "vpn")


def _stated(service: Service) -> ServiceIds:
    stated = ids_stated(service.config)
    vpn = vpn_of(service.config)
    if stated is None and vpn is not None:
        return ServiceIds(uid=vpn.uid, gid=vpn.gid)
    return stated or ServiceIds()


def _needs_ids(service: Service) -> bool:
    vpn = vpn_of(service.config)
    confined = vpn is not None and vpn.mode == "killswitch"
    return confined or ids_stated(service.config) is not None


def _derived(name: str, taken: set[int]) -> Numbers:
    size = LAST - FIRST + 1
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % size
    number = next(
        (n for i in range(size) if (n := FIRST + (start + i) % size) not in taken), FIRST + start
    )
    return Numbers(uid=number, gid=number)
