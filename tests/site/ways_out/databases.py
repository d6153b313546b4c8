"""Ways out of problems with databases that homelab creates for services."""

from __future__ import annotations

from homelab.config.lock import Lock
from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import (
    MACS,
    both,
    container,
    host,
    machine,
    service,
    unit,
)
from tests.site.ways_out.vpn import vpn

OTHER = service(
    "other",
    **unit(inside={"user": "pad"}, databases=["postgresql"], port=8017, state=["/var/lib/o"]),
)
WAS = Lock.model_validate(
    {"services": {"pad": {"host": "nas", "port": 8007, "databases": {"postgresql": "pi"}}}}
)
NAMED = Lock.model_validate(
    {
        "services": {
            "pad": {
                "host": "nas",
                "port": 8007,
                "databases": {"postgresql": "nas"},
                "database_names": {"postgresql": "pad"},
            }
        }
    }
)
AWAY = service("miniflux", host="nas", databases={"postgresql": {"host": "pi"}})
HERE = Lock.model_validate({"services": {"miniflux": {"host": "nas", "port": 8080}}})
THERE = Lock.model_validate(
    {"services": {"miniflux": {"host": "nas", "port": 8080, "databases": {"postgresql": "pi"}}}}
)


BY_SOCKET = Lock.model_validate(
    {
        "services": {
            "home-assistant": {"host": "nas", "port": 8123, "databases": {"postgresql": "nas"}}
        }
    }
)


def pad(databases: object, **more: object) -> Changes:
    return service("pad", **container(databases=databases, **more))


def on(place: str) -> Changes:
    return pad({"postgresql": {"host": place}})


WAYS = (
    WayOut("database-host", on("pie"), on("pi"), says="no host"),
    WayOut("database-host", both(MACS, on("mac")), on("pi"), says="managed by home-manager only"),
    WayOut(
        "database-host",
        both(host("old", **machine("192.168.1.9", state="planned")), on("old")),
        on("pi"),
        says="is planned",
    ),
    WayOut(
        "database-host",
        both(host("old", **machine("192.168.1.9", state="held")), on("old")),
        on("pi"),
        says="is held",
    ),
    WayOut(
        "database-own",
        both(OTHER, pad(["postgresql"])),
        on("pi"),
        says="has a database",
        asked={"pi": "name another host"},
    ),
    WayOut(
        "database-own",
        both(on("pi"), service("database-pad", **unit("pi"))),
        {"services": {"database-pad": None, "board": unit("pi")}},
        says="name of the backup",
        asked={"board": "another name"},
    ),
    WayOut(
        "database-env",
        service("pad", **unit(databases={"postgresql": {"env": {"A": "{password}"}}})),
        service("pad", databases={"postgresql": {"env": {"A": "{url}"}}}),
        says="without a password",
    ),
    WayOut(
        "database-env",
        service("pad", **unit(databases={"redis": {"env": {"A": "{port}"}}})),
        service("pad", databases={"redis": {"env": {"A": "{url}"}}}),
        says="only the socket",
    ),
    WayOut(
        "database-password",
        pad(["postgresql"], secrets={"postgresql": {"env": "PASSWORD"}}),
        service("pad", secrets=None),
        says="which homelab derives",
    ),
    WayOut(
        "database-vpn",
        both(
            vpn(pad={**unit(inside={"user": "pad"}), "vpn": "privado"}),
            service("pad", databases={"postgresql": {"host": "pi"}}),
        ),
        service("pad", databases={"postgresql": {"host": "nas"}}),
        says="through the VPN",
    ),
    WayOut(
        "database-extension",
        pad({"postgresql": {"extensions": ["postgis", "pg_trgm"]}}),
        pad({"postgresql": {"extensions": ["pg_trgm"]}}),
        asked={"pg_trgm": "or leave it out"},
    ),
    WayOut("database-moved", pad(["postgresql"]), on("pi"), says="was on pi", lock=WAS),
    WayOut("database-moved", AWAY, service("miniflux", databases=None), says="on nas", lock=HERE),
    WayOut(
        "database-moved",
        service("miniflux", host="nas"),
        AWAY,
        says="was on pi",
        asked={"pi": "write databases"},
        lock=THERE,
    ),
    WayOut(
        "database-moved",
        service("home-assistant", host="pi", databases={"postgresql": {"host": "nas"}}),
        service("home-assistant", host="nas"),
        says="is hass and would be",
        lock=BY_SOCKET,
        beside=("move-stateful",),
    ),
    WayOut(
        "database-moved",
        service("pad", **unit(inside={"user": "board"}, databases=["postgresql"])),
        service("pad", unit={"user": "pad"}),
        says="is pad and would be board",
        lock=NAMED,
    ),
    WayOut(
        "database-elsewhere",
        service("miniflux", host="nas", databases={"mysql": {"host": "pi"}}),
        service("miniflux", databases={"mysql": None, "postgresql": {"host": "pi"}}),
        says="no database of the kind mysql",
    ),
    WayOut(
        "database-elsewhere",
        service("homebox", host="nas", databases={"postgresql": {"host": "pi"}}),
        service("homebox", databases=None),
        says="is a file, SQLite",
    ),
    WayOut(
        "database-elsewhere",
        service("miniflux", host="nas", databases={"postgresql": {"host": "nas"}}),
        service("miniflux", databases=None),
        says="there already",
    ),
)
