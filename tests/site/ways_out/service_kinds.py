"""Ways out of fields of services without effect, or set twice."""

from __future__ import annotations

from typing import Any

from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import (
    FLAKES,
    IDENTITY,
    LOCKED,
    TUNNEL,
    both,
    built,
    container,
    flake,
    host,
    service,
    unit,
)

KEY = {"env": "KEY"}
NAVIDROME: Changes = service("navidrome", host="nas", auth="native", backup={"skip": "only a test"})
PUBLIC = "the git server signs its calls"
SITE: Changes = {"name": "a", "auth": "none"}
CALLS: Changes = {"name": "a-hook", "port": "hook", "auth": "none"}


def hooked(route: Changes | None = None, **said: Any) -> Changes:
    """A site with a webhook, and a route to it."""
    follows = {"rev": None, "branch": "main", "webhook": {"secret": "hook", "port": 8108}}
    more = {"routes": [SITE, {"name": "a-hook", "port": "hook", **route}]} if route else {}
    gate = {"auth": None} if route else {}
    return service("a", **built(inside=follows, secrets={"hook": {}}, **gate, **more, **said))


NO_PORT = {"port": None, "auth": None, "routes": [], "tile": None}
COMMAND = ("a", "{port}")
C, D = "{templates}/c", "{templates}/d"
TOLD = {"format": "json", "content": {"a": 1}}


def told(content: Changes) -> dict[str, object]:
    """A unit with a file, whose path it gets."""
    return {"command": [*COMMAND, C], "templates": {"c": {**TOLD, "content": content}}}


WAYS = (
    WayOut(
        "container-ref",
        both(
            service("a", **container("nas", 8007, inside={"depends_on": ["bb"], "network": "n"})),
            service("b", **container("nas", 8008, inside={"network": "n"})),
            IDENTITY,
        ),
        service("a", container={"depends_on": ["b"]}),
        says="no other container",
    ),
    WayOut(
        "container-ref",
        both(
            service("a", **container("nas", 8007, inside={"depends_on": ["b"]})),
            service("b", **container("nas", 8008)),
            IDENTITY,
        ),
        both(service("a", container={"network": "a"}), service("b", container={"network": "a"})),
        says="so neither can resolve",
    ),
    WayOut(
        "container-ref",
        both(
            service("a", **container("nas", 8007, inside={"depends_on": ["b"], "network": "n"})),
            service("b", **container("nas", 8008, inside={"depends_on": ["c"], "network": "n"})),
            service("c", **container("nas", 8009, inside={"depends_on": ["a"], "network": "n"})),
            IDENTITY,
        ),
        service("b", container={"depends_on": None}),
        where="services.b.container",
        says="neither would start",
    ),
    WayOut(
        "service-single",
        service("caddy", **container(auth="none")),
        {"services": {"caddy": None, "web": container(auth="none")}},
        says="by itself",
        asked={"web": "another name"},
    ),
    WayOut(
        "service-single",
        service("nginx", host="nas"),
        {"services": {"nginx": None}},
        says="nothing would use",
    ),
    WayOut(
        "service-single",
        service("status", host="nas", service="gatus"),
        {"services": {"status": None, "gatus": {"host": "nas", "service": "gatus"}}},
        says="is called",
        warns=("monitor-independent",),
    ),
    WayOut(
        "service-single",
        both(
            service("homepage", tags=["all"]), host("pi", tags=["all"]), host("nas", tags=["all"])
        ),
        service("homepage", host="nas", tags=None),
        says="runs once",
    ),
    WayOut(
        "service-adds",
        service("a", **container(ports={"web": {"port": 8107}}), auth="none"),
        service("a", ports=None, port=8107),
        says="key of its own",
    ),
    WayOut(
        "service-adds",
        service(
            "transmission",
            host="nas",
            auth="native",
            ports={"peers": {"port": 51413, "protocol": "udp", "scope": "lan", "why": "peers"}},
        ),
        service("transmission", ports={"peers": {"protocol": "tcp"}}),
        says="51413/tcp",
        asked={"tcp": "protocol: tcp"},
    ),
    WayOut(
        "service-adds",
        service("transmission", host="nas", auth="native", ports={"peers": {"port": 100}}),
        service("transmission", ports={"peers": None, "more": {"port": 100}}),
        says="already",
        asked={"more": "another name"},
    ),
    WayOut(
        "service-adds",
        service(
            "a",
            **container(
                ports={"x": {"port": 8107, "scope": "link", "why": "x"}},
                routes=[{"port": "x", "auth": "none"}],
            ),
        ),
        service("a", ports={"x": {"scope": "lan"}}),
        says="a route leads",
    ),
    WayOut(
        "service-adds",
        service("miniflux", host="nas", secrets={"admin": {"env": "X", "ref": {"sops": "a/b"}}}),
        service("miniflux", secrets={"admin": {"env": None}}),
        says="how miniflux reads",
    ),
    WayOut(
        "service-adds",
        both(TUNNEL, service("cloudflared", secrets={"credentials": {"ref": {"sops": "a/b"}}})),
        {"services": {"cloudflared": None}},
        says="is issued during",
    ),
    WayOut(
        "service-adds",
        service("miniflux", host="nas", secrets={"admin": {}}),
        service("miniflux", secrets=None),
        says="nothing here changes it",
    ),
    WayOut(
        "service-adds",
        service("jellyfin", host="nas", secrets={"oidc": {"ref": {"sops": "a/b"}}}),
        service("jellyfin", secrets={"oidc": None, "key": {"ref": {"sops": "a/b"}}}),
        says="reserved for",
        asked={"key": "another name"},
    ),
    WayOut(
        "service-adds",
        service("jellyfin", host="nas", state=["/var/lib/jellyfin"]),
        service("jellyfin", state=None),
        says="is already in the catalog",
    ),
    WayOut(
        "service-adds",
        service("miniflux", host="nas", state=["/srv/x"]),
        service(
            "miniflux",
            state=["/var/lib/private/x"],
            options={"systemd.services.miniflux.serviceConfig.StateDirectory": ["x"]},
        ),
        says="does not own",
        asked={"/var/lib/private/x": "a directory below /var/lib/private"},
    ),
    WayOut(
        "header-read",
        both(IDENTITY, service("a", **container(headers={"X-User": "user"}, auth="none"))),
        service("a", auth="forward"),
        warns=("admin-two-factor",),
    ),
    WayOut(
        "header-read",
        service("a", **container(headers={"X-User": "user"}, auth="none")),
        service("a", headers=None),
    ),
    WayOut(
        "tile-shown",
        service("prometheus", host="nas", never_publish="x y z", tile={"title": "G"}),
        service("prometheus", tile=None),
    ),
    WayOut(
        "tile-shown",
        service("app", **{**container(), "never_publish": "x y z", "tile": {"group": "AI"}}),
        service("app", tile=None),
    ),
    WayOut(
        "container-mounts",
        service(
            "a",
            **container(
                "nas",
                8007,
                inside={"mounts": [{"source": "/srv/a", "target": "/run/secrets/key"}]},
                auth="none",
                secrets={"key": {}},
            ),
        ),
        service("a", secrets={"key": {"target": "/key"}}),
        says="already",
        asked={"/key": "another target"},
    ),
    WayOut(
        "container-mounts",
        service("a", **container(auth="none", secrets={"key": {"env": "KEY", "target": "/key"}})),
        service("a", secrets={"key": {"target": None}}),
        says="variable",
    ),
    WayOut(
        "container-address",
        both(
            service(
                "a",
                **container(
                    routes=[],
                    tile=None,
                    monitor={"skip": "git alone"},
                    ports={"ssh": {"port": 2222, "scope": "lan", "why": "git"}},
                ),
            ),
            host("nas", address={"lan": None}),
        ),
        host("nas", address={"lan": "192.168.1.3"}),
    ),
    WayOut(
        "container-uses",
        both(
            service("a", **container(auth="none", uses=["b"])),
            service("b", **container("nas", 8008, auth="none")),
        ),
        both(service("a", container={"network": "a"}), service("b", container={"network": "a"})),
        says="without a common",
    ),
    WayOut(
        "service-uses",
        both(service("a", **container("pi", 8007, auth="none", uses=["blocky"]))),
        service("a", uses=None),
        says="blocky has no web port",
    ),
    WayOut(
        "variable-unique",
        service(
            "a",
            **container("nas", 8007, auth="none", inside={"environment": {"A": "x"}}),
            secrets={"p": {"env": "A"}},
        ),
        service("a", container={"environment": {"A": None}}),
    ),
    WayOut(
        "variable-unique",
        service(
            "a",
            **container("nas", 8007, auth="none"),
            secrets={"p": {"env": "A"}, "q": {"env": "A"}},
        ),
        service("a", secrets={"q": {"env": "B"}}),
        asked={"B": "choose another variable"},
    ),
    WayOut(
        "unit-name",
        service("sshd", **unit()),
        {"services": {"sshd": None, "files": unit()}},
        says="of the system",
        asked={"files": "another name"},
    ),
    WayOut(
        "unit-name",
        both(
            FLAKES, IDENTITY, service("a", **flake("pi", flake={"input": "vote", "unit": "sshd"}))
        ),
        service("a", flake={"unit": "vote"}),
        files=LOCKED,
        says="would get the sandbox",
        asked={"vote": "the unit that runs the program"},
    ),
    WayOut(
        "unit-name",
        both(
            IDENTITY,
            service(
                "forum",
                host="nas",
                module={"units": ["nix-daemon"], "stateless": "it keeps nothing"},
            ),
        ),
        service("forum", module={"units": ["forum"]}),
        says="would get the sandbox",
        asked={"forum": "the unit that runs the program"},
    ),
    WayOut(
        "unit-name",
        both(service("a", **built()), service("a-build", **unit())),
        {"services": {"a": None, "pages": built()}},
        says="as well",
        asked={"pages": "another name"},
    ),
    # --- webhooks of sites ---------------------------------------------------------------------
    WayOut(
        "webhook-called",
        hooked(),
        service("a", auth=None, routes=[SITE, {**CALLS, "audience": "operator"}]),
    ),
    WayOut(
        "webhook-called",
        both(TUNNEL, hooked()),
        service(
            "a",
            auth=None,
            routes=[
                SITE,
                {**CALLS, "audience": "public", "publish": "tunnel", "public": PUBLIC},
            ],
        ),
        asked={PUBLIC: "public: …"},
    ),
    *(
        WayOut(
            "webhook-called",
            both(
                TUNNEL,
                IDENTITY,
                service("authelia", publish="tunnel"),
                hooked({"publish": "tunnel", "audience": "family", **gate}),
            ),
            service(
                "a",
                routes=[
                    SITE,
                    {**gate, **CALLS, "audience": "public", "publish": "tunnel", "public": PUBLIC},
                ],
            ),
            says=says,
            asked={PUBLIC: "with the reason"},
        )
        for gate, says in (
            ({"auth": "forward"}, "Cloudflare Access stops the calls"),
            ({"auth": "forward", "access": False}, "the sign-in stops the calls"),
        )
    ),
    WayOut(
        "webhook-called",
        both(IDENTITY, hooked({"audience": "family", "auth": "forward"})),
        service("a", routes=[SITE, {**CALLS, "audience": "operator"}]),
    ),
    WayOut(
        "webhook-called",
        both(
            host("pi", tags=["web"]),
            host("nas", tags=["web"]),
            hooked({**CALLS, "audience": "operator"}, host=None, tags=["web"]),
        ),
        service("a", static={"build": {"schedule": "hourly"}}),
        says="keeps the old one",
    ),
    WayOut(
        "unit-template",
        service("a", **unit(inside=told({"a": {"$value": "kee"}})), secrets={"key": {}}),
        service("a", unit={"templates": {"c": {"content": {"a": {"$value": "key"}}}}}),
        says="there is no secret",
    ),
    WayOut(
        "unit-template",
        service("a", **unit(inside={"templates": told({"a": 1})["templates"]})),
        service("a", unit={"templates": None}),
        says="does not read",
    ),
    WayOut(
        "unit-template",
        service("a", **unit(inside=told({"a": 1})), secrets={"c": {}}),
        service("a", unit={"templates": {"c": None, "d": TOLD}, "command": [*COMMAND, D]}),
        says="one credential",
        asked={"d": "another name, also in", D: "another name, also in"},
    ),
    WayOut(
        "unit-template",
        service("a", **unit(inside={**told({"a": 1}), "command": [*COMMAND, C, C + "d"]})),
        service("a", unit={"command": [*COMMAND, C, C]}),
        says="there is no template",
        asked={C: "did you mean"},
    ),
    WayOut(
        "unit-text",
        service("a", **built(inside={"run": [["make", "{prot}"]]})),
        service("a", static={"build": {"run": [["make", "{port}"]]}}),
        says="has no field",
        asked={"{port}": 'did you mean "port"'},
    ),
    WayOut(
        "unit-text",
        service("a", **unit(inside={"command": ["a", "{prot}"]})),
        service("a", unit={"command": ["a", "{port}"]}),
        says="has no field",
        asked={"{port}": 'did you mean "port"'},
    ),
    WayOut(
        "unit-text",
        service("a", **unit(inside={"environment": {"A": "{"}})),
        service("a", unit={"environment": {"A": "{{"}}),
        says="not closed",
    ),
    WayOut(
        "unit-text",
        service("a", **unit(inside={"command": ["a", "{secret[key]}"]})),
        service("a", secrets={"key": {"ref": {"sops": "a/key"}}}),
        asked={"a/key": "sops: …"},
    ),
    WayOut(
        "unit-text",
        service("a", **unit(inside={"command": ["a", "{secret[key]}"]}, secrets={"key": KEY})),
        service("a", secrets={"key": {"env": None}}),
        says="only root reads",
    ),
    WayOut(
        "unit-text",
        service("a", **unit(inside={"command": ["a", "{port}"]}, **NO_PORT)),
        service("a", port=8007),
        says="no web port",
        asked={"8007": "port: …"},
    ),
    WayOut(
        "unit-text",
        service("a", **unit(inside={"command": ["a", "{issuer}"]})),
        IDENTITY,
        says="no identity provider",
        asked={"pi": "host: …", "authelia/users": "sops: …"},
    ),
    WayOut(
        "unit-after",
        both(
            service("a", **unit(inside={"after": ["bb"]})),
            service("b", **unit(port=8008)),
        ),
        service("a", unit={"after": ["b"]}),
    ),
    WayOut(
        "unit-after",
        both(
            service("a", **unit(inside={"after": ["b"]})),
            service("b", **unit(port=8008, inside={"after": ["a"]})),
        ),
        service("a", unit={"after": None}),
        where="services.a.",
        says="as well",
    ),
    WayOut(
        "unit-state",
        service("a", **unit(state=["/srv/a"])),
        service("a", state=["/var/lib/private/a"]),
        says="does not own",
    ),
    WayOut(
        "unit-state",
        service("a", **unit(state=["/srv/a"])),
        service("a", unit={"user": "a"}),
        says="does not own",
    ),
    WayOut(
        "unit-state",
        service("a", **unit(state=["/var/lib/private/a"], inside={"user": "a"})),
        service("a", state=["/var/lib/a"]),
        says="for dynamic users",
    ),
    WayOut(
        "unit-told",
        service("a", **unit(inside={"command": ["a"]})),
        service("a", unit={"environment": {"PORT": "{port}"}}),
    ),
    WayOut(
        "unit-told",
        service("a", **unit(inside={"command": ["a"]})),
        service("a", unit={"command": ["a", "{port}"]}),
    ),
    WayOut(
        "unit-told",
        both(
            service("a", **unit(extends="navidrome", auth="native", datasets={"music": "songs"})),
            {"datasets": {"songs": {"host": "nas", "path": "/srv/songs", "tier": "user"}}},
        ),
        service("a", unit={"command": ["a", "{port}", "{dataset[music]}"]}),
        says="of this dataset",
    ),
    WayOut(
        "unit-account",
        both(NAVIDROME, service("a", **unit(inside={"user": "navidrome"}))),
        service("a", unit={"user": "a"}),
        where="services.a.unit.user",
        says="all that navidrome stores",
    ),
    WayOut(
        "unit-account",
        both(NAVIDROME, service("a", **unit(inside={"user": "navidrome"}))),
        service("a", unit={"user": None}),
    ),
    WayOut(
        "unit-user",
        service("a", **unit(inside={"user": "sshd"})),
        service("a", unit={"user": "a"}),
        says="sshd is an account of the system",
    ),
    WayOut(
        "unit-user",
        service("a", **unit(inside={"user": "postgres"})),
        service("a", unit={"user": "a"}),
        says="postgres is the account of PostgreSQL",
    ),
    WayOut(
        "unit-user",
        service("a-long-name-of-a-unit-here", **unit(databases=["redis"])),
        {
            "services": {
                "a-long-name-of-a-unit-here": None,
                "a": unit(databases=["redis"]),
            }
        },
        says="at most 31",
        asked={"a": "a shorter name"},
    ),
    WayOut(
        "unit-user",
        service("postgres", **unit()),
        {"services": {"postgres": None, "files": unit()}},
        asked={"files": "another name"},
    ),
)
