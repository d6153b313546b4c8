"""Ways out of problems with the reverse proxy."""

from __future__ import annotations

from tests import build
from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import (
    IDENTITY,
    POCKET_ID,
    TUNNEL,
    both,
    container,
    host,
    service,
)

PLUGIN = {"module": "github.com/caddyserver/cache-handler", "version": "v0.16.0"}
HASH = f"sha256-{'A' * 43}="


def music(**said: object) -> Changes:
    return both(IDENTITY, service("navidrome", host="pi", **said))


WAYS = (
    WayOut(
        "proxy-text",
        music(routes=[{"exempt": ["/*"]}]),
        service("navidrome", routes=[{"auth": "none", "audience": "public"}]),
        says="leaves all",
    ),
    WayOut(
        "proxy-text",
        music(routes=[{"exempt": ["/api*"]}]),
        music(routes=[{"exempt": ["/api/*", "/api"]}]),
        says="with that prefix",
    ),
    WayOut(
        "local-http",
        {"network": {"entry": {"local_http": "homepag"}}, "services": {"homepage": {"host": "pi"}}},
        {"network": {"entry": {"local_http": "homepage"}}},
        says="no web page",
    ),
    WayOut(
        "local-http",
        {
            "network": {"entry": {"local_http": "homepage"}},
            "services": {"homepage": {"host": "pi", "routes": [{"sources": "lan"}]}},
        },
        {"services": {"homepage": {"routes": [{}]}}},
        says="open to the whole LAN",
    ),
    WayOut(
        "local-http",
        both(
            IDENTITY,
            {
                "network": {"entry": {"local_http": "homepage"}},
                "services": {
                    "homepage": {
                        "host": "pi",
                        "routes": [{"auth": "forward", "audience": "family"}],
                    }
                },
            },
        ),
        {"network": {"entry": {"local_http": None}}},
        says="would bypass",
    ),
    WayOut(
        "proxy-headers",
        both(POCKET_ID, service("navidrome", host="pi", headers={"X-N": "name"})),
        service("navidrome", headers=None),
        says="sends no",
    ),
    WayOut(
        "proxy-headers",
        both(
            IDENTITY,
            {"network": {"entry": {"proxy": "traefik"}}},
            service("navidrome", host="pi", headers={"X-N": "name"}),
        ),
        {"network": {"entry": {"proxy": "caddy"}}},
        says="Traefik can only",
    ),
    WayOut(
        "auth-proxy-groups",
        both(
            {**POCKET_ID, "network": {"entry": {"proxy": "traefik"}}},
            service(
                "a",
                **container(
                    "pi",
                    8007,
                    routes=[{"auth": "forward", "audience": "family", "groups": ["family"]}],
                ),
            ),
        ),
        {"network": {"entry": {"proxy": "caddy"}}},
    ),
    WayOut(
        "chain-known",
        {"network": {"entry": {"rate_limit": {"average": 10}}}},
        {"network": {"entry": {"proxy": "nginx"}}},
        says="rate limit",
    ),
    WayOut(
        "chain-known",
        both(
            IDENTITY,
            TUNNEL,
            {
                "network": {"entry": {"proxy": "traefik"}},
                "services": {
                    "authelia": {"publish": "tunnel"},
                    "navidrome": {
                        "host": "pi",
                        "publish": "tunnel",
                        "audience": "family",
                        "auth": "forward",
                        "public": "it asks for a second factor",
                    },
                },
            },
        ),
        {"network": {"entry": {"proxy": "nginx"}}},
        says="127.0.0.1",
    ),
    WayOut(
        "chain-known",
        {
            "nixpkgs": {"default": {"release": "24.11"}},
            "network": {"entry": {"plugins": [PLUGIN], "plugin_hashes": {"default": HASH}}},
        },
        {"nixpkgs": {"default": {"release": "25.05", "url": "github:NixOS/nixpkgs/nixos-25.05"}}},
        says="plugins need",
    ),
    WayOut(
        "chain-known",
        both(
            TUNNEL, service("jellyfin", host="pi", routes=[{"publish": "tunnel", "sources": "lan"}])
        ),
        service("jellyfin", routes=[{"publish": "internal", "sources": "lan"}]),
        says="on the internet",
    ),
    WayOut(
        "chain-known",
        {"network": {"entry": {"variables": "exec_wrapper"}}},
        service("caddy", secrets={"dns": {"env": "CLOUDFLARE_API_TOKEN"}}),
        says="nothing to wrap",
    ),
    WayOut(
        "plugin-hash",
        {"network": {"entry": {"plugins": [PLUGIN]}}},
        {"network": {"entry": {"plugin_hashes": {"default": HASH}}}},
        says="is missing",
    ),
    WayOut(
        "plugin-hash",
        {
            "network": {
                "entry": {"plugins": [PLUGIN], "plugin_hashes": {"default": HASH, "defalt": HASH}}
            }
        },
        {"network": {"entry": {"plugin_hashes": {"defalt": None}}}},
        says="no pin",
    ),
    WayOut(
        "sources-tailnet",
        both(
            build.TAILNET,
            host("nas", tailscale={"subnet_routes": ["192.168.1.0/24"]}),
            service("jellyfin", host="pi", routes=[{"sources": "tailnet"}]),
        ),
        service("jellyfin", routes=[{"sources": "internal"}]),
    ),
    WayOut(
        "sources-tailnet",
        both(
            build.TAILNET,
            host("nas", tailscale={"subnet_routes": ["192.168.1.0/24"]}),
            service("jellyfin", host="pi", routes=[{"sources": "tailnet"}]),
        ),
        host("pi", tailscale={"subnet_routes": ["192.168.1.0/24"]}),
    ),
    WayOut(
        "legacy-uri",
        {"site": {"legacy_domains": [{"domain": "home.example.org"}]}},
        {"site": {"legacy_domains": None}},
        says="the current names",
    ),
    WayOut(
        "legacy-uri",
        both(
            {"site": {"legacy_domains": [{"domain": "nori.lan"}]}},
            service(
                "jellyfin", host="nas", options={"environment.etc.x.text": "https://a.nori.lan"}
            ),
        ),
        service("jellyfin", options={"environment.etc.x.text": {"$text": "https://a.{domain}"}}),
        says="only redirects",
    ),
    WayOut(
        "legacy-until",
        {"site": {"legacy_domains": [{"domain": "nori.lan", "until": "2020-01-01"}]}},
        {"site": {"legacy_domains": [{"domain": "nori.lan", "until": "2030-01-01"}]}},
    ),
    WayOut(
        "proxy-resolves",
        both(
            {"network": {"entry": {"proxy": "nginx"}}},
            {"services": {"modem": {"external": {"address": "modem.lan", "port": 80}}}},
        ),
        {"services": {"modem": {"external": {"address": "192.168.1.9"}}}},
        asked={"192.168.1.9": "its IP address"},
    ),
    WayOut(
        "external-elsewhere",
        {"services": {"modem": {"external": {"address": "192.168.1.2", "port": 443}}}},
        {"services": {"modem": {"external": {"port": 8443}}}},
        says="is the reverse proxy",
        asked={"8443": "the port of the app itself"},
    ),
    WayOut(
        "external-elsewhere",
        {"services": {"modem": {"external": {"address": "192.168.1.3", "port": 8007}}}},
        {"services": {"modem": {"external": {"address": "192.168.1.9"}}}},
        says="whose firewall does not open",
        asked={"192.168.1.9": "the address of the machine that runs it"},
    ),
)
