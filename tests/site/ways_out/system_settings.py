"""Ways out of problems with addresses, pins and settings of hosts."""

from __future__ import annotations

import json

from tests import build
from tests.site.ways_out.model import WayOut
from tests.site.ways_out.stacks import MACS, TAILNET, both, host, service


def _locked(**refs: str) -> str:
    """The shipped lock file with further inputs of nixpkgs."""
    lock = json.loads((build.SHIPPED / "locks/nixos-25.11.lock").read_text(encoding="utf-8"))
    for name, ref in refs.items():
        original = {"owner": "NixOS", "ref": ref, "repo": "nixpkgs", "type": "github"}
        lock["nodes"][name] = {"original": original, "locked": {"rev": "1" * 40}}
        lock["nodes"]["root"]["inputs"][name] = name
    return json.dumps(lock)


OUTSIDE = host("nas", address={"lan": None, "tailnet": None, "public": "203.0.113.7"})
JOINED = both(TAILNET, OUTSIDE, host("nas", address={"tailnet": "100.64.0.3"}))
_OPEN = {"port": 2222, "scope": "lan", "why": "Git"}
_SHARED = {
    "host": "nas",
    "path": "/srv/docs",
    "tier": "user",
    "samba": {"users": ["sam"], "lan": "people at home without Tailscale"},
}
MAC = both(MACS, host("mac", address={"public": "203.0.113.8"}))

WAYS = (
    WayOut(
        "ip-unique",
        host("pi", address={"lan": "192.168.1.3"}),
        host("pi", address={"lan": "192.168.1.2"}),
        asked={"192.168.1.2": "an address of its own"},
    ),
    WayOut(
        "ip-in-lan",
        host("nas", address={"lan": "10.0.0.3"}),
        host("nas", address={"lan": "192.168.1.3"}),
        says="not in the LAN",
        asked={"192.168.1.3": "correct it"},
    ),
    WayOut(
        "ip-in-lan",
        both(TAILNET, host("nas", address={"lan": "203.0.113.7"})),
        host("nas", address={"lan": None, "public": "203.0.113.7"}),
        says="not in the LAN",
    ),
    WayOut(
        "ip-unique",
        both(
            host("pi", address={"public": "203.0.113.7"}),
            host("nas", address={"public": "203.0.113.7"}),
        ),
        host("nas", ssh={"port": 2222}),
        says="203.0.113.7",
        asked={"2222": "an ssh.port of its own"},
    ),
    *(
        WayOut(
            "public-address",
            both(TAILNET, host("nas", address={"public": public})),
            host("nas", address={"public": None, **instead}),
            says=says,
            asked=asked,
        )
        for public, says, instead, asked in (
            ("192.168.1.3", "is not an address on the internet", {"lan": "192.168.1.3"}, {}),
            ("100.64.0.3", "is an address in the tailnet", {"tailnet": "100.64.0.3"}, {}),
        )
    ),
    WayOut(
        "public-address",
        host("nas", address={"public": "fd00::1"}),
        host("nas", address={"public": "2001:db8::1"}),
        asked={"2001:db8::1": "begins with 2 or 3"},
    ),
    WayOut(
        "public-address",
        MAC,
        host("mac", address={"public": None}),
    ),
    WayOut(
        "public-only",
        both(OUTSIDE, host("nas", mdns=True, interface="eth0")),
        host("nas", mdns=None),
    ),
    WayOut(
        "public-only",
        both(
            JOINED, service("miniflux", host="nas", routes=[{"name": "news", "lan_direct": True}])
        ),
        service("miniflux", routes=[{"name": "news"}]),
        says="miniflux is for devices on the LAN",
    ),
    WayOut(
        "public-only",
        both(JOINED, {"datasets": {"docs": _SHARED}}),
        {"datasets": {"docs": {"samba": {"lan": None}}}},
        says="the share docs",
    ),
    WayOut(
        "public-only",
        both(JOINED, service("forgejo", host="nas", ports={"ssh": _OPEN})),
        service("forgejo", ports={"ssh": {"scope": "tailnet"}}),
        says="is open to the LAN",
    ),
    WayOut(
        "ip-in-lan",
        host("nas", address={"lan": "192.168.1.255"}),
        host("nas", address={"lan": "192.168.1.3"}),
        says="broadcast",
        asked={"192.168.1.3": "correct it"},
    ),
    WayOut(
        "ip-in-lan",
        host("nas", address={"lan": "192.168.1.1"}),
        host("nas", address={"lan": "192.168.1.3"}),
        says="gateway",
        asked={"192.168.1.3": "give the host another"},
    ),
    WayOut(
        "lan-private",
        {"network": {"lan": {"cidr": "100.64.0.0/24"}}},
        {"network": {"lan": {"cidr": "192.168.1.0/24"}}},
        says="tailnet's own",
    ),
    WayOut(
        "lan-private",
        {"network": {"lan": {"cidr": "203.0.113.0/24", "gateway": "203.0.113.1"}}},
        {"network": {"lan": {"cidr": "192.168.1.0/24", "gateway": "192.168.1.1"}}},
        says="not a private",
        asked={"192.168.1.1": "its gateway and"},
    ),
    WayOut(
        "gateway-in-lan",
        {"network": {"lan": {"gateway": "10.0.0.1"}}},
        {"network": {"lan": {"gateway": "192.168.1.1"}}},
        says="not in the LAN",
        asked={"192.168.1.1": "correct it"},
    ),
    WayOut(
        "gateway-in-lan",
        {"network": {"lan": {"gateway": "192.168.1.255"}}},
        {"network": {"lan": {"gateway": "192.168.1.1"}}},
        says="no router",
        asked={"192.168.1.1": "correct it"},
    ),
    WayOut(
        "ip-in-tailnet",
        both(TAILNET, host("nas", address={"tailnet": "10.0.0.3"})),
        host("nas", address={"tailnet": "100.64.0.3"}),
        asked={"100.64.0.3": "what tailscale ip -4 says"},
    ),
    WayOut(
        "ip-in-tailnet",
        both(TAILNET, host("nas", address={"tailnet": "10.0.0.3"})),
        host("nas", address={"tailnet": None}),
    ),
    WayOut(
        "static-ip-complete",
        both(TAILNET, host("nas", static=True, interface="eth0", address={"lan": None})),
        host("nas", address={"lan": "192.168.1.3"}),
        says="no address",
    ),
    WayOut(
        "static-ip-complete",
        host("nas", static=True),
        host("nas", interface="enp3s0"),
        says="name the interface",
    ),
    WayOut(
        "wifi-backend-single",
        host("nas", wifi={"backend": "iwd", "ssid": "home"}),
        host("nas", wifi={"ssid": None}),
        says="iwd keeps",
    ),
    WayOut(
        "wifi-backend-single",
        host("nas", wifi={"backend": "iwd", "ssid": "home", "psk": {"sops": "wifi/psk"}}),
        host("nas", wifi={"backend": "wpa_supplicant"}),
        says="iwd keeps",
    ),
    WayOut(
        "wifi-backend-single",
        host("nas", wifi={"ssid": "home"}),
        host("nas", wifi={"psk": {"sops": "wifi/psk"}}),
        says="wpa_supplicant needs",
    ),
    WayOut(
        "wifi-backend-single",
        host("nas", wifi={"ssid": "home"}),
        host("nas", wifi={"backend": "iwd", "ssid": None}),
        says="wpa_supplicant needs",
    ),
    WayOut(
        "wifi-backend-single",
        both(
            host("nas", wifi={"backend": "iwd"}),
            service("jellyfin", host="nas", options={"networking.networkmanager.enable": True}),
        ),
        service("jellyfin", options=None),
        says="second program",
    ),
    WayOut(
        "f2b-ignore",
        host("nas", fail2ban={"ignore": ["0.0.0.0/0"]}),
        host("nas", fail2ban={"ignore": ["203.0.113.0/24"]}),
        says="a large part of",
        asked={"203.0.113.0/24": "name the networks that you log in from"},
    ),
    WayOut(
        "f2b-ignore",
        service("jellyfin", host="nas", options={"services.fail2ban.enable": True}),
        both(service("jellyfin", options=None), host("nas", fail2ban={})),
        says="would ban",
    ),
    WayOut("pin-known", host("nas", nixpkgs="defalt"), host("nas", nixpkgs="default")),
    WayOut(
        "pin-release",
        {"nixpkgs": {"default": {"url": "github:NixOS/nixpkgs/nixos-26.05"}}},
        {"nixpkgs": {"default": {"url": build.URL}}},
    ),
    WayOut(
        "pin-release",
        {"nixpkgs": {"default": {"url": "github:NixOS/nixpkgs/nixos-26.05"}}},
        {"nixpkgs": {"default": {"release": "26.05"}}},
    ),
    WayOut(
        "pin-package",
        {
            "flakes": {
                "a": {"url": "github:NixOS/nixpkgs/nixos-unstable", "packages": ["hello"]},
                "b": {"url": "github:NixOS/nixpkgs/master", "packages": ["hello", "jq"]},
            }
        },
        {"flakes": {"b": {"packages": ["jq"]}}},
        files={"locks/nixos-25.11.lock": _locked(a="nixos-unstable", b="master")},
    ),
    WayOut(
        "watchdog-order",
        host("nas", watchdog={"runtime": "300s", "reboot": "60s"}),
        host("nas", watchdog={"reboot": "300s"}),
    ),
    WayOut(
        "boot-capacity",
        host("nas", boot={"esp_mib": 200}),
        host("nas", boot={"limit": 10}),
        says="no limit says",
    ),
    WayOut(
        "boot-capacity",
        host("nas", boot={"esp_mib": 32}),
        host("nas", boot={"esp_mib": 53, "limit": 2}),
        says="no limit says",
    ),
    WayOut(
        "boot-capacity",
        host("nas", boot={"esp_mib": 200, "limit": 20}),
        host("nas", boot={"limit": 10}),
        says="more than",
    ),
    WayOut(
        "gc-enabled",
        host("nas", boot={"esp_mib": 100, "limit": 4}),
        host("nas", nix={"gc": {"dates": "daily", "keep": "7d"}}),
    ),
    WayOut(
        "timezone-known",
        {"site": {"timezone": "Europe/Osl"}},
        {"site": {"timezone": "Europe/Oslo"}},
    ),
)
