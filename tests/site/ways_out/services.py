"""Ways out of problems with services and their rights."""

from __future__ import annotations

from homelab.config.lock import Lock, Numbers
from tests import build
from tests.site.ways_out import service_containers, service_kinds, service_options
from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import (
    FLAKES,
    IDENTITY,
    LOCKED,
    TAILNET,
    TUNNEL,
    both,
    container,
    flake,
    machine,
    service,
)

ADMIN = {"services.grafana.settings.users.auto_assign_org_role": "Admin"}
GATED = {
    "name": "grafana",
    "audience": "family",
    "auth": "forward",
    "policy": "two_factor",
    "groups": ["admins"],
}


def grafana(route: Changes | None = None, **said: object) -> Changes:
    mine = {"host": "pi", "routes": [{**GATED, **(route or {})}], **said}
    return both(IDENTITY, service("grafana", **mine))


def control(units: str = "jellyfin", user: str | None = None, **said: object) -> Changes:
    """A service of a flake that may restart another."""
    may = {"units": [units], "verbs": ["restart"], **({"user": user} if user else {})}
    mine = {
        **flake("nas"),
        "flake": {"input": "vote", "unit": "mcp", "dynamic_user": True},
        "never_publish": "agents come to it by SSH",
        "tile": None,
        "may_control": may,
        **said,
    }
    return both(FLAKES, service("jellyfin", host="nas"), service("mcp", **mine))


SHARED: Changes = {"host": "nas", "path": "/mnt/tv", "tier": "re-derivable", "samba": {}}

KEPT = {"host": "nas", "port": 8096, "state": ["/var/lib/jellyfin", "/srv/old"]}
WAS = Lock.model_validate(
    {"services": {"jellyfin": {"host": "pi", "port": 8096, "state": ["/var/lib/jellyfin"]}}}
)


PHOTOS: Changes = {
    "datasets": {"photos": {"host": "nas", "path": "/mnt/photos", "tier": "user"}},
    "backup": {"targets": {"b2": {"kind": "b2", "path": "b/r", "credentials": {"sops": "b2"}}}},
}


def facts(**written: object) -> Changes:
    """A service of an owner, by facts."""
    listen = {"$text": "{bind}:{port}"}
    return service(
        "forum",
        host="pi",
        module={
            "ports": {"web": 8300},
            "state": ["/var/lib/forum"],
            "options": {"services.forum.listen": listen},
            **written,
        },
    )


MORNING = {"start": "06:00", "end": "12:00", "up": 100}
LATER = {"start": "12:00", "end": "06:00", "up": 10}


def _rated(*windows: object, name: str = "transmission") -> Changes:
    return service(name, host="nas", schedule=[*windows])


WAYS = (
    WayOut(
        "critical-tested",
        service("films", **container(critical=True)),
        service("films", critical=None),
        says="no network to pull its container image",
    ),
    WayOut(
        "critical-tested",
        service("jellyfin", host="nas", critical=True, enable=False),
        service("jellyfin", critical=None),
        says="nothing tests it",
    ),
    WayOut(
        "extends-known",
        service("films", **container(extends="radar")),
        service("films", extends="radarr"),
        says="no service",
    ),
    WayOut(
        "extends-known",
        service("films", **container(extends="caddy")),
        service("films", extends=None),
        says="part of homelab itself",
    ),
    WayOut(
        "schedule-covers-day",
        _rated(MORNING),
        _rated(MORNING, {"start": "12:00", "end": "06:00"}),
        says="no window",
    ),
    WayOut(
        "schedule-covers-day",
        _rated({**MORNING, "end": "13:00"}, LATER),
        _rated(MORNING, LATER),
        says="two windows",
        asked={"12:00": "let one end where the other starts"},
    ),
    WayOut(
        "schedule-covers-day",
        _rated(MORNING, LATER, name="miniflux"),
        service("miniflux", schedule=None),
        says="cannot set",
    ),
    WayOut(
        "service-uses",
        {
            "services": {
                "jellyfin": {"host": "nas", "uses": ["router"]},
                "router": {"external": {"address": "192.168.1.1", "port": 80}},
            }
        },
        {"services": {"jellyfin": {"uses": None}}},
        says="no host of this stack runs",
    ),
    WayOut(
        "facts-agree",
        {
            "catalog": {"blocky": {"stateless": "it keeps nothing"}},
            "services": {"blocky": {"backup": {"skip": "nothing is lost"}}},
        },
        {"catalog": None},
    ),
    WayOut(
        "facts-used",
        {"catalog": {"forum": {"stateless": "it keeps nothing"}}},
        {"services": {"forum": {"host": "pi"}}},
        asked={"host": "{host: …}"},
    ),
    WayOut(
        "facts-agree",
        service("forum", host="pi", module={"extends": "grafanna", "stateless": "it is tried out"}),
        service("forum", module={"extends": "grafana"}),
    ),
    WayOut(
        "facts-agree",
        facts(options={"services.forum.enable": True}),
        service(
            "forum",
            module={
                "options": {
                    "services.forum.listen": {"$text": "{bind}"},
                    "services.forum.port": {"$port": "web"},
                }
            },
        ),
        says="no option sets its port and its address",
        asked={
            "services.forum.listen": 'give the options that do {$port: web} and {$text: "{bind}"}'
            " in services.forum.module.options",
            "services.forum.port": "give the options that do {$port: web}",
        },
    ),
    WayOut(
        "facts-agree",
        facts(modules=["grafanna"]),
        service("forum", module={"modules": ["grafana"]}),
    ),
    WayOut(
        "facts-agree",
        facts(modules=["grafanna"]),
        service("forum", module={"modules": None}),
    ),
    WayOut(
        "facts-agree",
        facts(database="sqlite"),
        service("forum", module={"dumps": [{"sqlite": "/var/lib/forum/forum.db"}]}),
    ),
    WayOut(
        "facts-agree",
        facts(
            database="own",
            dumps=[{"command": {"package": "forum", "words": ["dump"], "secrets": {"KEY": "key"}}}],
        ),
        service("forum", module={"secrets": {"key": {}}}),
    ),
    WayOut(
        "facts-agree",
        facts(
            database="own",
            dumps=[{"command": {"package": "forum", "words": ["dump"], "secrets": {"KEY": "key"}}}],
            secrets={"key": {"form": "env", "env": {"KEY": "{value}"}}},
        ),
        service("forum", module={"secrets": {"key": {"form": "file", "env": None}}}),
    ),
    WayOut(
        "facts-agree",
        facts(exclude=["/srv/cache"]),
        service("forum", module={"state": ["/var/lib/forum", "/srv"]}),
    ),
    WayOut(
        "facts-agree",
        facts(state=["/var/lib/private/forum"]),
        service("forum", module={"dynamic_user": True}),
    ),
    WayOut(
        "facts-agree",
        facts(state=["/var/lib/private/forum"]),
        service("forum", module={"state": ["/var/lib/forum"]}),
    ),
    WayOut(
        "facts-agree",
        facts(options={"services.forum.enable": True}),
        service("forum", module={"ports": {"web": {"port": 8300, "movable": False}}}),
    ),
    WayOut(
        "service-known",
        service("jelyfin", host="nas"),
        {"services": {"jelyfin": None, "jellyfin": {"host": "nas"}}},
    ),
    WayOut(
        "service-known",
        service("hass", host="nas"),
        service("hass", service="home-assistant"),
        says='no service "hass"',
    ),
    WayOut(
        "service-known",
        service("films", host="nas", service="jelyfin"),
        service("films", service="jellyfin"),
    ),
    WayOut(
        "service-placed",
        both(IDENTITY, service("authelia", enable=False)),
        {"identity": None},
    ),
    WayOut(
        "service-placed",
        both(TUNNEL, service("cloudflared", enable=False)),
        {"cloudflare": {"tunnel": None}},
    ),
    WayOut(
        "service-placed",
        both(TAILNET, service("samba", enable=False), {"datasets": {"tv": SHARED}}),
        {"datasets": {"tv": {"samba": None}}},
    ),
    WayOut(
        "service-placed",
        both(build.TAILNET, service("tailscale", enable=False)),
        {"tailnet": None},
    ),
    WayOut(
        "service-placed",
        service("caddy", enable=False),
        service("caddy", enable=None),
    ),
    WayOut(
        "service-placed",
        service("blocky", enable=False),
        {"network": {"dns": {"host": None, "server": "none"}}},
        says="cannot be switched off",
    ),
    WayOut(
        "service-placed",
        both(IDENTITY, service("authelia", host="nas")),
        service("authelia", host=None),
        says="places authelia",
    ),
    WayOut(
        "service-placed",
        service("jellyfin", tags=["media"]),
        service("jellyfin", host="nas", tags=None),
        says="no host has a tag",
    ),
    WayOut(
        "service-placed", service("jellyfin"), service("jellyfin", host="nas"), says="has no host"
    ),
    WayOut(
        "service-uses",
        both(service("miniflux", host="nas", uses=["factorio"]), service("factorio", host="nas")),
        service("miniflux", uses=None),
        says="no web port",
    ),
    WayOut(
        "service-uses",
        both(service("miniflux", host="nas", uses=["olama"]), service("ollama", host="nas")),
        service("miniflux", uses=["ollama"]),
        says="runs here",
    ),
    WayOut(
        "service-uses",
        both(
            service("miniflux", host="nas", uses=["ollama"]),
            service("ollama", host="nas", enable=False),
        ),
        service("ollama", enable=None),
        says="switched off",
    ),
    WayOut(
        "service-uses",
        both(
            service("miniflux", host="nas", uses=["penpot"]),
            service("penpot", planned="after the new disk"),
        ),
        service("miniflux", uses=None),
        says="only planned",
    ),
    WayOut(
        "service-placed",
        service("blocky", planned="after the new disk"),
        service("blocky", planned=None),
        says="cannot be switched off",
    ),
    WayOut(
        "flake-input-known",
        both(IDENTITY, service("vote", **flake("pi"))),
        FLAKES,
        says="no flake",
        files=LOCKED,
    ),
    WayOut(
        "flake-input-known",
        {"flakes": {"nixpkgs": {"url": "github:NixOS/nixpkgs"}}},
        {"flakes": {"nixpkgs": None}},
        says="comes from the host",
    ),
    WayOut(
        "move-stateful", service("jellyfin", host="nas"), service("jellyfin", host="pi"), lock=WAS
    ),
    WayOut("mcp-unit-known", control("jelyfin"), control(), files=LOCKED),
    WayOut(
        "mcp-user",
        control(user="root"),
        service("mcp", may_control={"user": "mcp"}),
        says="may do everything",
        files=LOCKED,
    ),
    WayOut(
        "mcp-user",
        control(flake={"input": "vote", "unit": "mcp"}),
        service("mcp", may_control={"user": "mcp"}),
        says="is not known",
        files=LOCKED,
    ),
    WayOut(
        "mcp-user",
        control(user="jellyfin"),
        service("mcp", may_control={"user": "mcp"}),
        says="too",
        files=LOCKED,
    ),
    WayOut(
        "mcp-loopback",
        both(
            FLAKES,
            service("jellyfin", host="pi"),
            service(
                "mcp",
                **{
                    **flake("pi", may_control={"units": ["jellyfin"], "verbs": ["restart"]}),
                    "flake": {"input": "vote", "unit": "mcp", "dynamic_user": True},
                    "tile": None,
                },
            ),
        ),
        service("mcp", never_publish="people come by SSH"),
        files=LOCKED,
    ),
    WayOut(
        "mcp-loopback",
        both(
            FLAKES,
            service("jellyfin", host="pi"),
            service(
                "mcp",
                **{
                    **flake("pi", may_control={"units": ["jellyfin"], "verbs": ["restart"]}),
                    "flake": {"input": "vote", "unit": "mcp", "dynamic_user": True},
                    "tile": None,
                },
                never_publish="people come by SSH",
                options={"services.mcp.host": "0.0.0.0"},
            ),
        ),
        service("mcp", options={"services.mcp.host": "127.0.0.1"}),
        files=LOCKED,
        says="other machines could reach it",
    ),
    WayOut(
        "mcp-loopback",
        both(
            FLAKES,
            service("jellyfin", host="nas"),
            service(
                "mcp",
                **{
                    **flake(
                        routes=[],
                        ports={"x": {"port": 99, "scope": "lan", "why": "agents"}},
                        may_control={"units": ["jellyfin"], "verbs": ["restart"]},
                    ),
                    "flake": {"input": "vote", "unit": "mcp", "dynamic_user": True},
                    "tile": None,
                },
            ),
        ),
        service("mcp", never_publish="people come by SSH", ports={"x": {"scope": "loopback"}}),
        files=LOCKED,
    ),
    WayOut(
        "proxy-header-trust", grafana({"lan_direct": True}), grafana(), says="devices that connect"
    ),
    WayOut(
        "proxy-header-trust",
        both(
            grafana(),
            {"hosts": {"third": machine("192.168.1.4")}},
            {
                "services": {
                    "grafana": {"host": "nas"},
                    "a": container("third", 8007, uses=["grafana"], auth="none"),
                }
            },
        ),
        service("a", uses=None),
        says="would connect to it directly",
    ),
    WayOut(
        "proxy-header-trust",
        both(
            TAILNET,
            grafana(),
            service("grafana", host="nas"),
            {
                "tailnet": {
                    "grants": [
                        {"src": ["group:family"], "dst": ["nas"], "ip": ["tcp:3000"], "why": "x"}
                    ],
                    "family": ["kim@example.org"],
                }
            },
        ),
        {"tailnet": {"grants": None}},
        says="would connect directly",
    ),
    WayOut(
        "grafana-auth-scope",
        grafana({"policy": "one_factor"}, options=ADMIN),
        grafana(options=ADMIN),
    ),
    WayOut(
        "grafana-auth-scope",
        grafana({"policy": "one_factor"}, options=ADMIN),
        service("grafana", options=None),
    ),
    WayOut(
        "recovery-useful",
        service("miniflux", host="nas", recovery=True),
        service("miniflux", recovery=None),
        says="hides no sign-in",
    ),
    WayOut(
        "recovery-useful",
        service("grafana", host="nas", recovery=True),
        service("grafana", recovery=None),
        says="is shown",
    ),
    WayOut(
        "recovery-useful",
        grafana({"policy": "two_factor"}, recovery=True),
        service("grafana", recovery=None),
        says="to everybody",
    ),
    WayOut(
        "id-user",
        both(FLAKES, service("vote", **flake("pi"), ids={})),
        service("vote", ids=None),
        says="that we know of",
        files=LOCKED,
    ),
    WayOut(
        "id-user",
        both(
            FLAKES,
            service(
                "vote",
                **{
                    **flake("pi"),
                    "flake": {"input": "vote", "unit": "vote@main", "dynamic_user": True},
                    "state": ["/var/lib/private/vote"],
                },
                ids={},
            ),
        ),
        service("vote", ids=None),
        says="an ordinary user",
        files=LOCKED,
    ),
    WayOut(
        "job-known",
        service("nextcloud", host="nas", jobs={"generate-preview": {}}),
        service("nextcloud", jobs={"generate-preview": None, "generate-previews": {}}),
    ),
    WayOut(
        "job-known",
        both(IDENTITY, service("navidrome", host="nas", jobs={"scan": {}})),
        service("navidrome", jobs=None),
    ),
    WayOut(
        "id-own",
        service("jellyfin", host="nas", ids={"uid": 1000}),
        service("jellyfin", ids={"uid": 999}),
    ),
    WayOut(
        "id-unique",
        both(
            IDENTITY,
            service("jellyfin", host="nas", ids={"uid": 460}),
            service("navidrome", host="nas", ids={"uid": 460}),
        ),
        service("navidrome", ids={"uid": 461}),
        asked={"461": "state another uid"},
    ),
    WayOut(
        "id-stable",
        service("jellyfin", host="nas", ids={"gid": 460}),
        service("jellyfin", ids={"gid": None}),
        lock=Lock(ids={"jellyfin": Numbers(uid=450, gid=450)}),
    ),
    *service_containers.WAYS,
    *service_kinds.WAYS,
    *service_options.WAYS,
    WayOut(
        "state-path",
        service("jellyfin", host="nas", state=["/srv/new"]),
        service("jellyfin", state=["/srv/old"]),
        lock=Lock.model_validate({"services": {"jellyfin": KEPT}}),
    ),
    WayOut(
        "state-path",
        both(PHOTOS, service("immich", host="nas", datasets=None)),
        service("immich", datasets={"photos": "photos"}),
        lock=Lock.model_validate(
            {
                "services": {
                    "immich": {"host": "nas", "port": 2283, "datasets": {"photos": "photos"}}
                },
                "datasets": {"photos": {"host": "nas", "path": "/mnt/photos"}},
            }
        ),
    ),
    WayOut(
        "target-renamed",
        service("jellyfin", host="nas"),
        {"backup": {"targets": {"b2": {"path": "bucket/anew"}}}},
        asked={"bucket/anew": "a path of its own"},
        lock=Lock.model_validate({"targets": {"cloud": "b2::bucket/restic"}}),
    ),
    WayOut(
        "state-version-kept",
        {"hosts": {"nas": {"state_version": "24.11"}}},
        {"hosts": {"nas": {"state_version": "25.05"}}},
        lock=Lock.model_validate(
            {"hosts": {"nas": {"host_key": build.host_key("nas"), "state_version": "25.05"}}}
        ),
    ),
)
