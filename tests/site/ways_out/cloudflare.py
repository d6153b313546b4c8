"""Ways out of problems with publishing."""

from __future__ import annotations

from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.parts import IDENTITY, TUNNEL, music, routed
from tests.site.ways_out.stacks import SILENT, both, host

ID = "a" * 32
UUID = "11111111-2222-3333-4444-555555555555"
PUBLIC = "anyone may hear it"
ACCESS: Changes = {
    "access": {
        "groups": {"family": {"emails": ["kim@example.org"]}},
        "service_tokens": {"probe": {"host": "nas", "duration": "forever"}},
    }
}


OPEN: Changes = {"priority": 10, "route": "music", "policy": "bypass", "paths": ["/x/*"]}


def cloudflare(**said: object) -> Changes:
    return {"cloudflare": said}


def pages(**said: object) -> Changes:
    """Web sites on Cloudflare Pages."""
    return both(TUNNEL, cloudflare(pages=said))


def gated(*rules: Changes, **route: object) -> Changes:
    """A route through the tunnel behind our auth proxy, with its portal in the tunnel too."""
    portal = {"authelia": {"publish": "tunnel"}}
    asked = music(None, "nas", **{"auth": "forward", **route})
    return both(asked, IDENTITY, {"identity": {"rules": [*rules]}, "services": portal})


TWO = {
    "services": {
        "navidrome": {"host": "nas", "name": "video", "publish": "tunnel", "auth": "native"}
    }
}

WAYS = (
    # --- what may be published ---------------------------------------------------------------
    WayOut(
        "no-public-record",
        both(music(), {"site": {"exposure": "internal-only"}}),
        routed(publish="internal"),
    ),
    WayOut(
        "no-public-record",
        both(music(), {"site": {"exposure": "internal-only"}}),
        {"site": {"exposure": "mixed"}},
    ),
    WayOut(
        "no-public-record",
        both(music(publish="direct", public=PUBLIC), {"site": {"exposure": "tunnel-only"}}),
        routed(publish="tunnel", public=PUBLIC),
    ),
    WayOut(
        "public-address",
        both(music(public=PUBLIC), host("nas", address={"public": "music-home.example.org"})),
        host("nas", address={"public": "nas.example.org"}),
        asked={"nas.example.org": "a name that leads to it alone"},
    ),
    WayOut(
        "no-public-record",
        both(pages(docs={}), {"site": {"exposure": "internal-only"}}),
        {"cloudflare": {"pages": {"docs": None}}},
    ),
    WayOut(
        "cloudflare-missing",
        both(music(), cloudflare(tunnel=None)),
        cloudflare(tunnel={"host": "pi"}),
    ),
    WayOut(
        "cloudflare-missing",
        {
            **music(),
            "cloudflare": None,
            "network": {
                "entry": {
                    "acme": {"provider": "desec", "credentials": {"DESEC_TOKEN": {"sops": "a/b"}}}
                }
            },
        },
        routed(publish="internal"),
    ),
    WayOut(
        "direct-address",
        music(publish="direct", public=PUBLIC),
        routed(publish="tunnel", public=PUBLIC),
    ),
    WayOut(
        "tunnel-hostname-depth",
        both(music(), {"site": {"names": {"public": "{name}.home.{zone}"}}}),
        {"site": {"names": {"public": "{name}-home.{zone}"}}},
    ),
    WayOut(
        "tunnel-hostname-depth",
        both(music(), {"site": {"names": {"public": "{name}.home.{zone}"}}}),
        cloudflare(advanced_certificates=True),
    ),
    WayOut(
        "acme-dns01",
        {"site": {"domain": "home.example.net"}, "services": {"gatus": {"host": "pi"}}},
        {"site": {"domain": "home.example.org"}},
        asked={"home.example.org": "use a domain in example.org"},
    ),
    WayOut(
        "acme-dns01",
        {"site": {"domain": "home.example.net"}, "services": {"gatus": {"host": "pi"}}},
        cloudflare(zone={"name": "example.net", "id": "2" * 32}),
        asked={"2" * 32: "id: …"},
    ),
    WayOut(
        "acme-dns01",
        both(music(), {"site": {"names": {"public": "{name}-home.example.net"}}}),
        {"site": {"names": {"public": "{name}-home.{zone}"}}},
        asked={"{name}-home.{zone}": 'use a pattern that ends in "{zone}"'},
    ),
    WayOut(
        "host-unique",
        both(
            music(), {"services": {"navidrome": {"host": "nas", "name": "music", "auth": "native"}}}
        ),
        {"services": {"navidrome": {"name": "songs"}}},
        asked={"songs": "give one of them another name"},
    ),
    WayOut(
        "host-unique",
        both(
            music(redirect_from=["songs", "tunes"]),
            {"services": {"navidrome": {"host": "nas", "name": "songs", "auth": "native"}}},
        ),
        routed(redirect_from=["tunes"]),
    ),
    WayOut(
        "redirect-served",
        music({"tunnel": {"host": "pi", "via": "direct"}}, "pi", redirect_from=["tunes"]),
        routed(redirect_from=None),
    ),
    WayOut(
        "redirect-served",
        music({"tunnel": {"host": "pi", "via": "direct"}}, "pi", redirect_from=["tunes"]),
        {"cloudflare": {"tunnel": {"via": None}}},
    ),
    WayOut(
        "acme-expiry-alert",
        both(cloudflare(acme={"until": "2030-01-01"}), SILENT),
        cloudflare(acme={"until": None}),
    ),
    WayOut(
        "acme-expiry-alert",
        both(cloudflare(acme={"until": "2030-01-01"}), SILENT),
        {"monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}}},
    ),
    WayOut(
        "caa-issuer", cloudflare(caa=["pki.goog"]), cloudflare(caa=["pki.goog", "letsencrypt.org"])
    ),
    # --- what stands in front ----------------------------------------------------------------
    WayOut("tunnel-requires-access", music(access=False), routed(), warns=("access-apps",)),
    WayOut("tunnel-requires-access", music(access=False), routed(access=False, public=PUBLIC)),
    WayOut(
        "tunnel-requires-access",
        gated(access=False, auth="native"),
        routed(access=False, auth="forward"),
    ),
    WayOut(
        "tunnel-requires-access",
        gated(access=False, exempt=["/x/*"]),
        routed(auth="forward", access=False, exempt=[]),
    ),
    WayOut(
        "tunnel-requires-access",
        gated(access=False, exempt=["/x/*"]),
        routed(auth="forward", exempt=["/x/*"]),
        warns=("access-apps",),
    ),
    WayOut(
        "auth-proxy-opened",
        gated(
            OPEN,
            access=False,
        ),
        {"identity": {"rules": []}},
    ),
    WayOut(
        "auth-proxy-opened",
        gated(
            OPEN,
            access=False,
        ),
        routed(auth="forward", access=False, public=PUBLIC),
    ),
    WayOut(
        "auth-proxy-opened",
        gated(
            OPEN,
            access=False,
        ),
        routed(auth="forward"),
        warns=("access-apps",),
    ),
    WayOut(
        "access-known", music(ACCESS, access_groups=["famliy"]), routed(access_groups=["family"])
    ),
    WayOut(
        "access-known",
        music(access_groups=["family"]),
        cloudflare(access={"groups": {"family": {"emails": ["kim@example.org"]}}}),
    ),
    WayOut(
        "access-known",
        music(service_tokens=["probe"]),
        cloudflare(access={"service_tokens": {"probe": {}}}),
        warns=("service-token-expiry",),
    ),
    WayOut(
        "access-effect",
        music(ACCESS, access_groups=["family"], public=PUBLIC),
        routed(public=PUBLIC),
    ),
    WayOut(
        "access-effect",
        music(ACCESS, access_groups=["family"], public=PUBLIC),
        routed(access_groups=["family"]),
        warns=("access-apps",),
    ),
    WayOut(
        "access-effect",
        music(ACCESS, access_groups=["family"], publish="internal"),
        routed(access_groups=["family"], publish="tunnel"),
        warns=("access-apps",),
    ),
    WayOut(
        "access-effect",
        both(pages(docs={"access_groups": ["family"], "public": PUBLIC}), cloudflare(**ACCESS)),
        cloudflare(pages={"docs": {"access_groups": None}}),
    ),
    WayOut(
        "access-group-empty",
        cloudflare(access={"groups": {"family": {}}}),
        cloudflare(access={"groups": {"family": {"emails": ["kim@example.org"]}}}),
    ),
    WayOut(
        "access-group-empty",
        cloudflare(access={"groups": {"family": {}}}),
        cloudflare(access={"groups": {"family": None}}),
    ),
    WayOut(
        "access-group-wide",
        cloudflare(access={"groups": {"family": {"domains": ["gmail.com"]}}}),
        cloudflare(access={"groups": {"family": {"domains": [], "emails": ["kim@gmail.com"]}}}),
    ),
    WayOut(
        "service-token-host",
        cloudflare(access={"service_tokens": {"probe": {"host": "nass", "duration": "forever"}}}),
        cloudflare(access={"service_tokens": {"probe": {"host": "nas"}}}),
    ),
    WayOut(
        "service-token-expiry",
        cloudflare(access={"service_tokens": {"probe": {"host": "nas"}}}),
        {"monitoring": {"email": "sam@example.org"}},
    ),
    # --- the account -------------------------------------------------------------------------
    WayOut(
        "cloudflare-unique",
        pages(blog={"project": "words"}, docs={"project": "words"}),
        cloudflare(pages={"docs": {"project": "docs"}}),
        asked={"docs": "give one of them another"},
    ),
    WayOut(
        "adopt-known",
        music({"adopt": {"records": {"musik": ID}}}),
        cloudflare(adopt={"records": {"musik": None, "music": ID}}),
    ),
    WayOut(
        "adopt-known",
        music({"adopt": {"one_time_pin": UUID}}),
        cloudflare(adopt={"one_time_pin": None}),
    ),
    WayOut(
        "bucket-known",
        {"backup": {"targets": {"r2": {"kind": "s3", "bucket": "keep", "path": "restic"}}}},
        cloudflare(buckets={"keep": {}}),
    ),
    WayOut(
        "bucket-known",
        {
            "backup": {"targets": {"r2": {"kind": "s3", "bucket": "keeep", "path": "restic"}}},
            **cloudflare(buckets={"keep": {}}),
        },
        {"backup": {"targets": {"r2": {"bucket": "keep"}}}},
    ),
    # --- the tunnel --------------------------------------------------------------------------
    WayOut(
        "tunnel-host",
        music({"tunnel": {"host": "nas", "via": "proxy"}}),
        cloudflare(tunnel={"host": "pi"}),
    ),
    WayOut(
        "tunnel-host",
        music({"tunnel": {"host": "nas", "via": "proxy"}}),
        cloudflare(tunnel={"via": "direct"}),
    ),
    WayOut(
        "tunnel-host",
        music(tunnel_service="ssh://localhost:22"),
        routed(tunnel_service="ssh://192.168.1.3:22"),
    ),
    WayOut(
        "tunnel-host",
        music(tunnel_service="unix:/run/app.sock"),
        {"services": {"miniflux": {"host": "pi"}}},
    ),
    WayOut(
        "tunnel-host",
        music({"tunnel": {"host": "pi", "via": "direct"}}),
        cloudflare(tunnel={"via": None}),
    ),
    WayOut(
        "tunnel-host",
        music({"tunnel": {"host": "nas"}}, on="pi"),
        cloudflare(tunnel={"host": "pi"}),
    ),
    WayOut(
        "tunnel-host",
        gated(tunnel_service="http://192.168.1.3:8096"),
        routed(auth="forward"),
    ),
    WayOut(
        "tunnel-host",
        both(
            gated(),
            cloudflare(tunnel={"via": "direct"}),
            {"services": {"miniflux": {"host": "pi"}}},
        ),
        cloudflare(tunnel={"via": None}),
        where="services.miniflux",
        beside=(),
    ),
    WayOut(
        "tunnel-scheme",
        music(publish="internal", tunnel_service="ssh://192.168.1.3:22"),
        routed(publish="internal"),
    ),
    WayOut(
        "tunnel-scheme",
        music(publish="internal", tunnel_service="ssh://192.168.1.3:22"),
        routed(tunnel_service="ssh://192.168.1.3:22"),
        warns=("access-apps",),
    ),
    WayOut(
        "tunnel-scheme",
        music(tunnel_service="sssh://192.168.1.3:22"),
        routed(tunnel_service="ssh://192.168.1.3:22"),
        asked={"ssh://192.168.1.3:22": "as ssh://localhost:22"},
    ),
    WayOut(
        "tunnel-scheme",
        music(tunnel_service="ssh:192.168.1.3:22"),
        routed(tunnel_service="ssh://192.168.1.3:22"),
    ),
    WayOut(
        "tunnel-scheme",
        music(tunnel_service="unix:run/app.sock", on="pi"),
        routed(tunnel_service="unix:/run/app.sock"),
    ),
    WayOut("tunnel-origin", music(origin={"server_name": "x.example.org"}), routed()),
    WayOut(
        "tunnel-origin",
        music(tunnel_service="http://192.168.1.3:8096", origin={"server_name": "x.example.org"}),
        routed(tunnel_service="http://192.168.1.3:8096"),
    ),
    WayOut(
        "tunnel-origin",
        music(tunnel_service="http://192.168.1.3:8096", origin={"server_name": "x.example.org"}),
        routed(tunnel_service="https://192.168.1.3:8096", origin={"server_name": "x.example.org"}),
    ),
    WayOut(
        "tunnel-upload",
        music(upload="500MB"),
        routed(upload="100MB"),
    ),
    WayOut(
        "acme-until",
        both(
            cloudflare(acme={"until": "2025-12-31"}),
            {"monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}}},
        ),
        cloudflare(acme={"until": None}),
    ),
    WayOut(
        "access-apps",
        music(),
        routed(public=PUBLIC),
    ),
    WayOut(
        "access-internal",
        music(publish="internal", access=False),
        routed(publish="internal"),
    ),
    WayOut(
        "access-internal",
        music(publish="internal", public=PUBLIC),
        routed(publish="tunnel", public=PUBLIC),
    ),
)
