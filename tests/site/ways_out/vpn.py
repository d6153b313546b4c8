"""Ways out of problems with VPNs and their services."""

from __future__ import annotations

from homelab.config.lock import Lock, Numbers
from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import (
    FLAKES,
    IDENTITY,
    LOCKED,
    MAC,
    both,
    container,
    flake,
    host,
    service,
)
from tests.vpn.stack import NAMESPACE, VPN


def vpn(said: Changes | None = None, /, **services: object) -> Changes:
    """The VPN `privado` on the NAS, and services by name: what each uses, or more of it."""
    told = {}
    for name, use in services.items():
        more = use if isinstance(use, dict) and "vpn" in use else {"vpn": use}
        told[name] = {"host": "nas", **more}
    return both(IDENTITY, {"vpn": {"privado": {**VPN, **(said or {})}}, "services": told})


WAYS = (
    WayOut(
        "container-uses",
        both(
            vpn(jellyfin=NAMESPACE),
            service("a", **container("nas", 8007, auth="none", uses=["jellyfin"])),
        ),
        service("a", uses=None),
        says="runs in a VPN namespace",
    ),
    WayOut(
        "vpn-complete",
        vpn({"host": "nass"}, jellyfin="privado"),
        {"vpn": {"privado": {"host": "nas"}}},
        says="no host",
        beside=("vpn-host",),
    ),
    WayOut(
        "vpn-complete",
        both(vpn({"host": "mac"}, jellyfin="privado"), {"hosts": {"mac": MAC}}),
        {"vpn": {"privado": {"host": "nas"}}},
        says="home-manager",
        beside=("vpn-host",),
    ),
    WayOut(
        "vpn-complete",
        vpn({"dns": ["192.168.1.1"]}, jellyfin="privado"),
        {"vpn": {"privado": {"dns": ["10.2.0.1"]}}},
        says="at home",
        asked={"10.2.0.1": "name the provider's resolver"},
    ),
    WayOut(
        "vpn-complete",
        vpn({"address": "192.168.1.9/24"}, jellyfin="privado"),
        {"vpn": {"privado": {"address": "10.2.0.2/32"}}},
        says="into the tunnel",
    ),
    WayOut(
        "vpn-complete",
        vpn({"endpoint": "osl.example.net:51820"}, jellyfin=NAMESPACE),
        {"vpn": {"privado": {"endpoint": "203.0.113.7:51820"}}},
        says="looked up",
    ),
    WayOut(
        "vpn-used",
        both(vpn(), service("jellyfin", host="nas")),
        service("jellyfin", vpn="privado"),
        asked={"jellyfin": "to one of services"},
    ),
    WayOut("vpn-used", vpn(), {"vpn": {"privado": None}}),
    WayOut("vpn-host", vpn(jellyfin="privat"), service("jellyfin", vpn="privado"), says="no VPN"),
    WayOut(
        "vpn-host",
        vpn(jellyfin={"vpn": "privado", "host": "pi"}),
        service("jellyfin", host="nas"),
        says="runs on",
    ),
    WayOut(
        "vpn-member-gid",
        vpn(miniflux="privado"),
        service("miniflux", vpn=NAMESPACE),
        says="another user at",
    ),
    WayOut(
        "vpn-member-gid",
        both(
            FLAKES,
            vpn(),
            service(
                "vote",
                **flake(
                    "nas", routes=[], tile=None, monitor={"skip": "it asks alone"}, vpn="privado"
                ),
            ),
        ),
        service("vote", vpn=NAMESPACE),
        says="no user and group",
        files=LOCKED,
    ),
    WayOut(
        "vpn-member-gid",
        vpn(jellyfin={"vpn": "privado", "options": {"services.jellyfin.group": "media"}}),
        service("jellyfin", options=None),
        says="sets another",
    ),
    WayOut(
        "vpn-member-gid",
        vpn(jellyfin={"vpn": "privado", "options": {"services.jellyfin.group": "media"}}),
        service("jellyfin", vpn=NAMESPACE),
        says="sets another",
    ),
    WayOut(
        "vpn-mode-single",
        vpn(jellyfin="privado", navidrome=NAMESPACE),
        service("navidrome", vpn={"name": "privado", "mode": "killswitch"}),
    ),
    WayOut(
        "vpn-group-exclusive",
        vpn(
            jellyfin="privado",
            navidrome={"vpn": None, "options": {"services.navidrome.group": "jellyfin"}},
        ),
        service("navidrome", options=None),
    ),
    WayOut(
        "vpn-group-exclusive",
        vpn(
            jellyfin="privado",
            navidrome={"vpn": None, "options": {"services.navidrome.group": "jellyfin"}},
        ),
        service("navidrome", options={"services.navidrome.group": "music"}),
        asked={"music": "another group"},
    ),
    WayOut(
        "netns-upstream",
        both(
            vpn(jellyfin=NAMESPACE),
            {"network": {"lan": {"cidr": "10.200.0.0/16", "gateway": "10.200.0.1"}}},
            host("pi", address={"lan": "10.200.0.2"}),
            host("nas", address={"lan": "10.200.0.3"}),
        ),
        service("jellyfin", vpn={"name": "privado", "mode": "killswitch"}),
    ),
    WayOut(
        "vpn-uses",
        vpn(jellyfin={"vpn": NAMESPACE, "uses": ["navidrome"]}, navidrome={"vpn": None}),
        service("navidrome", vpn=NAMESPACE),
        says="sees nothing",
    ),
    WayOut(
        "vpn-uses",
        vpn(jellyfin={"vpn": NAMESPACE, "uses": ["navidrome"]}, navidrome={"vpn": None}),
        service("jellyfin", vpn={"mode": "killswitch"}),
        says="sees nothing",
    ),
    WayOut(
        "vpn-uses",
        vpn(jellyfin={"vpn": "privado", "uses": ["ollama"]}, ollama={"vpn": None, "host": "pi"}),
        service("ollama", host="nas"),
        says="another host",
    ),
    WayOut(
        "vpn-uses",
        vpn(
            jellyfin={
                "vpn": None,
                "host": "pi",
                "options": {
                    "environment.etc.x.text": {"$service": {"name": "ollama", "port": "grpc"}}
                },
            },
            ollama={"vpn": NAMESPACE, "ports": {"grpc": {"port": 9999}}},
        ),
        service("jellyfin", host="nas"),
        says="only its web port",
    ),
    WayOut(
        "vpn-uses",
        both(
            vpn(
                jellyfin={
                    "vpn": "privado",
                    "options": {"environment.etc.x.text": {"$service": "dsm"}},
                }
            ),
            service("dsm", external={"address": "192.168.1.5", "port": 5000}),
        ),
        service("jellyfin", vpn={"name": "privado", "lan": True}),
        says="on the LAN",
    ),
    WayOut(
        "id-unique",
        vpn(jellyfin={"name": "privado", "gid": 460}, navidrome={"name": "privado", "gid": 460}),
        service("navidrome", vpn={"gid": 461}),
        asked={"461": "state another gid"},
    ),
    WayOut(
        "id-stable",
        vpn(jellyfin={"name": "privado", "gid": 460}),
        service("jellyfin", vpn={"gid": None}),
        lock=Lock(ids={"jellyfin": Numbers(uid=450, gid=450)}),
    ),
)
