"""A household whose routes use every feature of a proxy."""

from __future__ import annotations

from tests.household import Changes

IMAGE = "ghcr.io/example/app:1@sha256:" + "0" * 64
APPS = ("gated", "lan", "music", "plain", "sealed", "small")


def _app(port: int, **more: object) -> Changes:
    return {
        "host": "pi",
        "container": {"image": IMAGE, "port": 80},
        "port": port,
        "backup": {"skip": "it keeps nothing"},
        **more,
    }


def changes(proxy: str, **entry: object) -> Changes:
    """Changes of the household for this proxy."""
    headers = {} if proxy == "traefik" else {"headers": {"X-Webauth-User": "user"}}
    return {
        "network": {
            "lan": {"cidr": "127.9.0.0/16", "gateway": "127.9.0.254"},
            "entry": {"host": "pi", "proxy": proxy, **entry},
        },
        "hosts": {
            name: {"address": {"lan": f"127.9.0.{last}", "tailnet": f"100.64.0.{last}"}}
            for name, last in (("pi", 2), ("nas", 3), ("aurora", 10), ("workstation", 20))
        },
        "site": {
            "names": {"internal": "{name}.{domain}", "public": "{name}-home.{zone}"},
            "legacy_domains": [{"domain": "nori.lan", "until": "2027-06-30"}],
        },
        "services": {
            "authelia": {"publish": "tunnel", "audience": "public"},
            "gated": _app(
                3001,
                routes=[
                    {
                        "auth": "forward",
                        "audience": "family",
                        "exempt": ["/api/*", "/ping", "/v1.0/*"],
                    }
                ],
                **headers,
            ),
            "lan": _app(3002, routes=[{"auth": "none", "sources": "lan"}]),
            "music": _app(
                3003,
                routes=[
                    {
                        "auth": "forward",
                        "audience": "family",
                        "publish": "tunnel",
                        "exempt": ["/rest/*"],
                        "redirect_from": ["tunes"],
                    }
                ],
            ),
            # The app trusts a header and has no auth proxy, so the proxy must remove the header.
            "plain": _app(3004, auth="none", headers={"X-Plain-User": "user"}),
            "sealed": _app(
                3005, routes=[{"auth": "none", "upstream": {"scheme": "https", "verify": False}}]
            ),
            "small": _app(
                3006,
                routes=[
                    {
                        "auth": "none",
                        "upload": "64KB",
                        "upstream": {"host_header": "app.example.net"},
                    }
                ],
            ),
        },
    }
