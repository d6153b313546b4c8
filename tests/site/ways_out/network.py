"""Ways out of problems with ports, routes and the resolver."""

from __future__ import annotations

from homelab import testing
from tests import build
from tests.site.ways_out.model import NULL, Changes, WayOut
from tests.site.ways_out.parts import draw, jellyfin, vote
from tests.site.ways_out.stacks import TAILNET, service

BOX = draw(port=8123, backup={"skip": "keeps nothing"})


def both(*changes: Changes) -> Changes:
    return testing.merged(*changes)


def box(**config: object) -> Changes:
    return both(BOX, {"services": {"draw": config}})


def films(**route: object) -> Changes:
    return jellyfin(routes=[{"name": "films", **route}])


def dns(**said: object) -> Changes:
    return {"network": {"dns": said}}


def host(name: str, /, **said: object) -> Changes:
    return {"hosts": {name: said}}


BANDED = {
    "network": {"ports": {"policy": "banded"}},
    "services": {"miniflux": {"host": "nas", "port": 8080}},
}
SYNC = {"port": 22000, "scope": "lan"}

OUTSIDE = both(
    TAILNET,
    host("nas", address={"lan": None, "tailnet": "100.64.0.3", "public": "203.0.113.7"}),
)

WAYS = (
    WayOut(
        "backend-reachable",
        both(OUTSIDE, service("miniflux", host="nas"), host("pi", tailscale=NULL)),
        host("pi", tailscale={"subnet_routes": ["192.168.1.0/24"]}),
        says="pi cannot reach miniflux",
        beside=("dns-push-target", "subnet-covers-entry"),
    ),
    WayOut(
        "dns-on-lan",
        both(OUTSIDE, service("miniflux", host="nas"), {"network": {"dns": {"host": "nas"}}}),
        {"network": {"dns": {"host": "pi"}}},
        asked={"pi": "name a host with an address on the LAN"},
    ),
    WayOut(
        "port-unique",
        both(box(port=8080), {"services": {"miniflux": {"host": "nas", "port": 8080}}}),
        {"services": {"miniflux": {"port": 8081}}},
        asked={"8081": "give one of them another port"},
    ),
    WayOut(
        "port-unique",
        box(ports={"a": {"port": 9001}, "b": {"port": 9001}}),
        {"services": {"draw": {"ports": {"b": {"port": 9002}}}}},
        asked={"9002": "give one of them another port"},
    ),
    WayOut(
        "port-band",
        BANDED,
        {"services": {"miniflux": {"port": 20500}}},
        asked={"20500": "choose a port inside the band"},
    ),
    WayOut("port-band", BANDED, {"services": {"miniflux": {"port": None}}}),
    WayOut(
        "route-port",
        jellyfin(routes=[{"name": "films", "port": "webb"}]),
        jellyfin(routes=[{"name": "films", "port": "web"}]),
    ),
    WayOut(
        "route-port",
        {"services": {"blocky": {"routes": [{"name": "x"}]}}},
        {"services": {"blocky": {"routes": []}}},
    ),
    WayOut(
        "backend-reachable",
        both(jellyfin(), host("nas", address={"lan": None})),
        host("nas", address={"lan": "192.168.1.3"}),
        asked={"192.168.1.3": "add hosts.nas.address.lan"},
    ),
    WayOut(
        "backend-reachable",
        both(
            jellyfin(),
            build.TAILNET,
            host("pi", tailscale={"subnet_routes": ["192.168.1.0/24"]}),
            host("nas", address={"tailnet": None}),
        ),
        host("nas", address={"tailnet": "100.64.0.3"}),
        asked={"100.64.0.3": "add hosts.nas.address.tailnet"},
    ),
    WayOut(
        "backend-reachable",
        vote(host="nas", options=None, state=["/var/lib/private/vote"]),
        {"services": {"vote": {"host": "pi"}}},
    ),
    WayOut(
        "backend-reachable",
        both(
            jellyfin(),
            service(
                "navidrome",
                host="nas",
                auth="native",
                options={"services.navidrome.settings": {"Address": "127.0.0.1"}},
            ),
        ),
        service("navidrome", options=None),
        where="services.navidrome.options",
    ),
    WayOut(
        "tailnet-elsewhere",
        host("nas", tailscale={"exit_node": True}),
        host("nas", tailscale=None),
        where="hosts.nas.tailscale",
    ),
    WayOut("tailnet-elsewhere", {}, host("nas", address={"tailnet": None}), where="hosts.nas"),
    WayOut(
        "tailnet-elsewhere",
        films(tailnet_direct=True),
        films(lan_direct=True),
        where="services.jellyfin",
    ),
    WayOut(
        "tailnet-elsewhere",
        films(sources="tailnet"),
        films(sources="lan"),
        where="services.jellyfin",
    ),
    WayOut(
        "tailnet-elsewhere",
        host("pi", tailscale={"subnet_routes": ["192.168.1.0/24"]}),
        build.TAILNET,
        where="hosts.pi.tailscale",
        asked={
            "tail1a2b3.ts.net": "name: …",
            **{f"tailscale/client_{k}": "{sops: …}" for k in ("id", "secret")},
        },
    ),
    WayOut(
        "scope-tailnet",
        both(box(ports={"sync": {**SYNC, "scope": "tailnet", "why": "phones sync"}})),
        box(ports={"sync": {"scope": "lan"}}),
    ),
    WayOut(
        "entry-address",
        both(jellyfin(), host("pi", address={"lan": None})),
        host("pi", address={"lan": "192.168.1.2"}),
    ),
    WayOut(
        "names-answered",
        both(jellyfin(), dns(host=None, server="none")),
        dns(server="elsewhere"),
        asked={"elsewhere": "server: elsewhere"},
    ),
    WayOut("dns-bootstrap", dns(bootstrap=[]), dns(bootstrap=["1.1.1.1", "9.9.9.9"])),
    WayOut(
        "dns-bootstrap",
        dns(bootstrap=["1.1.1.1", "192.168.1.2"]),
        dns(bootstrap=["1.1.1.1", "9.9.9.9"]),
        asked={"9.9.9.9": "write the address of a public resolver"},
    ),
    WayOut(
        "firewall-owner",
        box(ports={"sync": SYNC}),
        box(ports={"sync": {"why": "phones sync at home"}}),
    ),
    WayOut(
        "dns-name-unique",
        {
            "services": {
                "forgejo": {"host": "nas", "name": "git"},
                "gitea": {"host": "nas", "name": "git-ssh", "port": 3001},
            }
        },
        {"services": {"gitea": {"name": "code"}}},
        says="the name for SSH",
        asked={"code": "give one of them another name"},
    ),
    WayOut(
        "dns-name-unique",
        both(BOX, dns(host="pi", names={"draw": "192.168.1.7"})),
        dns(host="pi", names=None),
    ),
    WayOut(
        "dns-single-writer",
        {"services": {"adguardhome": {"host": "pi"}}},
        {"services": {"adguardhome": None}},
    ),
    WayOut(
        "dns-single-writer",
        {"services": {"adguardhome": {"host": "pi"}}},
        dns(host="pi", server="adguard"),
    ),
    WayOut(
        "dns-single-writer",
        both(BOX, {"services": {"draw": {"host": "pi", "port": 53}}}),
        {"services": {"draw": {"port": 5353}}},
        asked={"5353": "give it another port"},
    ),
    WayOut(
        "dns-single-writer",
        jellyfin(host="pi", options={"services.dnsmasq.enable": True}),
        jellyfin(host="pi", options=None),
    ),
    WayOut(
        "dns-single-writer",
        {
            "services": {
                "blocky": {
                    "options": {"services.blocky.settings.customDNS.mapping": {"a.b": "192.0.2.1"}}
                }
            }
        },
        {"services": {"blocky": {"options": None}}},
    ),
    WayOut("mdns-scope", host("nas", mdns=True), host("nas", interface="enp3s0")),
    WayOut(
        "mdns-scope",
        box(ports={"names": {"port": 5353, "protocol": "udp", "scope": "lan", "why": "names"}}),
        {
            "hosts": {"nas": {"mdns": True, "interface": "enp3s0"}},
            "services": {"draw": {"ports": None}},
        },
    ),
)
