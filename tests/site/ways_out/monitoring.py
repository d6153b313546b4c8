"""Ways out of problems with monitoring."""

from __future__ import annotations

from tests import build
from tests.site.ways_out.model import ALERTS, Changes, WayOut
from tests.site.ways_out.parts import IDENTITY, TUNNEL, draw
from tests.site.ways_out.stacks import SILENT, both, container

WATCHED: Changes = {"services": {"gatus": {"host": "pi", "auth": "native"}}}

AGENT_KEY = "services.beszel.agent.environment.KEY"


def on(name: str, /, **config: object) -> Changes:
    return {"services": {name: config}}


SERVER = on("ntfy", host="nas")
OPEN_SERVER = on(
    "ntfy",
    host="nas",
    options={"services.ntfy-sh.settings.auth-default-access": "write-only"},
)


def alerts(url: str) -> Changes:
    return {"monitoring": {"ntfy": {"url": url, "topic": {"sops": "ntfy/topic"}}}}


BOX = draw(port=8123, routes=[], auth=None, tile=None, backup={"skip": "keeps nothing"})
AWAY = both(
    IDENTITY,
    on("gatus", host="nas", auth="native"),
    on("navidrome", host="nas2", auth="forward"),
    {
        "hosts": {
            "nas2": {
                "platform": "x86_64-linux",
                "state_version": "25.11",
                "hardware": "hosts/nas2/hardware.nix",
                "address": {"lan": "192.168.1.4"},
                "ssh": {"host_key": build.host_key("nas2")},
            }
        }
    },
)

HASH = f"sha256-{'A' * 43}="
NODES = {"id": 1860, "revision": 37, "hash": HASH}

BEAT: Changes = {"monitoring": {"heartbeat": {"host": "pi", "url": {"sops": "heartbeat/url"}}}}
WAYS = (
    WayOut(
        "dashboard-known",
        on("prometheus", host="nas", never_publish="for itself", dashboards=[NODES]),
        both(on("prometheus", dashboards=None)),
        says="cannot give dashboards",
    ),
    WayOut(
        "dashboard-known",
        on("grafana", host="nas", dashboards=[NODES, {**NODES, "revision": 36}]),
        on("grafana", dashboards=[NODES]),
        says="already",
    ),
    WayOut(
        "monitor-runs",
        {"monitoring": {"kuma": {}}},
        on("uptime-kuma", host="nas"),
    ),
    WayOut(
        "monitor-runs",
        both(IDENTITY, {"monitoring": {"monitors": {"router": {"url": "http://192.168.1.1"}}}}),
        on("gatus", host="pi"),
        warns=("monitor-independent",),
    ),
    WayOut(
        "monitor-name-unique",
        both(
            on("uptime-kuma", host="nas"),
            {
                "monitoring": {
                    "kuma": {},
                    "monitors": {"uptime-kuma": {"url": "https://example.org"}},
                }
            },
        ),
        {
            "monitoring": {
                "monitors": {"uptime-kuma": None, "example": {"url": "https://example.org"}}
            }
        },
        asked={"example": "give one of them another name"},
    ),
    WayOut(
        "monitor-intent",
        both(WATCHED, BOX),
        on("gatus", uses=["draw"]),
    ),
    WayOut(
        "monitor-intent",
        both(WATCHED, BOX),
        on("draw", monitor={"skip": "it is for tests alone"}),
    ),
    WayOut(
        "monitor-intent",
        both(
            WATCHED,
            on(
                "prometheus",
                host="nas",
                never_publish="Grafana asks it",
                monitor={"interval": "5m"},
            ),
        ),
        on("prometheus", monitor=None),
    ),
    WayOut(
        "monitor-name-unique",
        both(WATCHED, on("jellyfin", host="nas", name="resolver")),
        on("jellyfin", name="films"),
        asked={"films": "give one of the routes another name"},
    ),
    WayOut("monitor-proves", AWAY, on("gatus", host="pi")),
    WayOut(
        "monitor-proves",
        both(
            AWAY,
            {
                "services": {
                    "navidrome": None,
                    "jellyfin": {
                        "host": "nas2",
                        "routes": [{"name": "films", "auth": "forward", "exempt": []}],
                    },
                }
            },
        ),
        on("gatus", uses=["jellyfin"]),
    ),
    WayOut(
        "monitor-independent", both(WATCHED, TUNNEL), {"monitoring": {"email": "sam@example.org"}}
    ),
    WayOut(
        "monitor-independent",
        WATCHED,
        {"cloudflare": {"tunnel": {"host": "pi"}}, "monitoring": {"email": "sam@example.org"}},
    ),
    WayOut(
        "heartbeat-host",
        both(BEAT, {"hosts": {"pi": {"manage": ["dns"]}}}),
        {"monitoring": {"heartbeat": {"host": "nas"}}},
        where="monitoring.heartbeat.host",
    ),
    WayOut(
        "heartbeat-host",
        both(
            BEAT,
            {"hosts": {"nas": {"state": "planned"}}},
            {"monitoring": {"heartbeat": {"host": "nas"}}},
        ),
        {"monitoring": {"heartbeat": {"host": "pi"}}},
        where="monitoring.heartbeat.host",
        says="is planned",
    ),
    WayOut("alert-sent", both(WATCHED, SILENT), ALERTS),
    WayOut(
        "alert-sent",
        both(IDENTITY, on("navidrome", host="nas"), SILENT),
        ALERTS,
        says="a failed backup",
    ),
    WayOut(
        "alert-delivered",
        both(SERVER, alerts("https://ntfy.home.example.org")),
        {"monitoring": {"ntfy": {"token": {"sops": "ntfy/token"}}}},
    ),
    WayOut(
        "alert-delivered",
        both(OPEN_SERVER, alerts("http://ntfy.home.example.org")),
        alerts("https://ntfy.home.example.org"),
    ),
    WayOut(
        "alert-delivered",
        both(OPEN_SERVER, alerts("http://192.168.1.3:2586")),
        alerts("https://ntfy.home.example.org"),
        says="by its host nas",
    ),
    WayOut(
        "alert-delivered",
        both(OPEN_SERVER, on("ntfy", routes=[]), alerts("http://nas.local:2586")),
        both(on("ntfy", routes=None), alerts("https://ntfy.home.example.org")),
        says="by its host nas",
    ),
    WayOut(
        "alert-delivered",
        alerts("http://nas:2586"),
        alerts("https://ntfy.sh"),
        says="no service of the stack answers at port 2586",
    ),
    WayOut(
        "alert-delivered",
        both(SERVER, alerts("https://nfty.home.example.org")),
        alerts("https://ntfy.sh"),
    ),
    WayOut(
        "alert-delivered",
        both(
            IDENTITY,
            draw(name="alert", auth="forward", backup={"skip": "it keeps nothing"}),
            alerts("https://alert.home.example.org"),
        ),
        draw(name="alert", auth="native"),
    ),
    WayOut("journal-received", on("journal-upload", host="nas"), on("victorialogs", host="nas")),
    WayOut(
        "journal-received",
        on("journal-upload", host="nas"),
        {"services": {"journal-upload": None}},
    ),
    WayOut("exporter-scraped", on("node-exporter", host="nas"), on("prometheus", host="nas")),
    WayOut(
        "exporter-scraped",
        on("beszel-agent", host="nas", options={AGENT_KEY: build.KEY}),
        on("beszel", host="nas"),
        says="no hub of Beszel",
    ),
    WayOut(
        "exporter-scraped", on("node-exporter", host="nas"), {"services": {"node-exporter": None}}
    ),
    WayOut(
        "sleepy-dependency",
        {
            "hosts": {"nas": {"always_on": False}},
            "services": {
                "jellyfin": {"host": "pi", "uses": ["ollama"], "backup": {"skip": "films"}},
                "ollama": {"host": "nas"},
            },
        },
        on("ollama", host="pi"),
    ),
    WayOut(
        "sleepy-dependency",
        both(
            {"hosts": {"nas": {"always_on": False}}},
            on("pad", **container("pi", databases={"postgresql": {"host": "nas"}})),
        ),
        on("pad", databases={"postgresql": {"host": "pi"}}),
        asked={"pi": "name an always-on host"},
    ),
)
