"""Stacks for tests. Together they set the fields that no shipped stack sets."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path

from homelab import testing
from homelab.config.document import Document
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock, lock_text
from homelab.ops.project.files import updated_lock
from homelab.plan import Plan
from homelab.planner import make_plan
from tests import build, stackdir
from tests.site.rich import RICH

KEY = build.KEY
IMAGE = "ghcr.io/example/app:1.2@sha256:" + "a" * 64
Stack = dict[str, object]


def _host(number: int, **more: object) -> Stack:
    return {
        "platform": "x86_64-linux",
        "state_version": "25.11",
        "hardware": f"hosts/h{number}/hardware.nix",
        "address": {"lan": f"192.168.1.{number}", "tailnet": f"100.64.0.{number}"},
        "ssh": {"host_key": build.host_key(f"h{number}")},
        **more,
    }


TAILNET = {
    "name": "example.ts.net",
    "client_id": {"sops": "tailscale/client_id"},
    "client_secret": {"sops": "tailscale/client_secret"},
    "owners": ["sam@example.org"],
}

SMALL: Stack = {
    "tailnet": TAILNET,
    "network": {
        "dns": {
            "upstreams": ["tls://dns.quad9.net"],
            "bootstrap": ["9.9.9.9"],
            "ttl": "10m",
            "query_log": True,
        },
    },
    "identity": {
        "host": "pi",
        "users": {"sops": "authelia/users"},
        "name": "home",
        "groups": ["guests"],
        "session": {"expiration": "12h", "inactivity": "1h"},
    },
    "hosts": {
        "pi": {
            "profile": "raspberry-pi-4",
            "tailscale": {"subnet_routes": ["192.168.1.0/24"]},
            "boot": {"loader": "hardware"},
            "flash": True,
            "zram": {"percent": 40, "algorithm": "lz4"},
            "watchdog": {"module": "bcm2835_wdt"},
            "fail2ban": {"ignore": ["192.168.2.0/24"]},
        },
        "nas": {
            "gpu": {"vendor": "intel", "generation": 8, "devices": ["/dev/dri/renderD128"]},
            "nix": {"gc": {"dates": "daily", "keep": "7d"}},
            "boot": {"limit": 5, "esp_mib": 512, "generation_mib": 40},
            "reboot": {"seconds": 400},
            "tags": ["books"],
        },
    },
    "datasets": {
        "library": {
            "host": "nas",
            "path": "/mnt/library",
            "tier": "user",
            "owner": "sam",
            "mode": "2770",
            "backup": "it is on another disk as well",
            "samba": {"share": "books", "users": ["sam"], "read_only": True},
            "nfs": {"hosts": {"pi": "/mnt/library"}},
        },
        "media": {"host": "nas", "path": "/mnt/media", "tier": "re-derivable"},
    },
    "services": {
        "authelia": {},
        "jellyfin": {
            "host": "nas",
            "gpu": "intel",
            "datasets": {"media": "media"},
            "harden": {
                "read_only": ["/mnt/library"],
                "relax": {"protect-clock": "it asks the clock"},
            },
            "monitor": {"path": "/health", "interval": "2m"},
            "tile": {
                "group": "Media",
                "title": "Films",
                "icon": "jellyfin",
                "description": "Films",
            },
            "backup": {"exclude": ["/var/lib/jellyfin/transcodes"], "tier": "service"},
        },
        "miniflux": {
            "host": "nas",
            "routes": [{"name": "news", "audience": "operator"}],
            "monitor": {"skip": "nobody minds"},
            "tile": {"skip": "nobody minds"},
        },
        "reader": {
            "tags": ["books"],
            "port": 8088,
            "audience": "family",
            "auth": "forward",
            "container": {
                "image": IMAGE,
                "port": 8080,
                "environment": {"MODE": "100%", "PRICE": "$5"},
                "command": ["--data", "/data"],
                "mounts": [{"source": "/var/lib/reader", "target": "/data"}],
                "network": "reader",
            },
            "datasets": {"library": {"target": "/books", "read_only": True}},
            "ports": {"sync": {"port": 9001, "scope": "lan", "why": "readers sync at home"}},
            "secrets": {"token": {"env": "TOKEN"}, "cert": {"target": "/run/cert"}},
            "state": ["/var/lib/reader"],
            "health": "/up",
            "backup": {"dump": [{"sqlite": "/var/lib/reader/reader.db"}]},
        },
        "search": {
            "host": "nas",
            "never_publish": "the reader alone asks it",
            "container": {"image": IMAGE, "port": 7700, "network": "reader"},
            "backup": {"skip": "it is made anew"},
        },
    },
    "backup": {
        "targets": stackdir.TARGET,
        "at": "05:30",
        "tiers": {"user": {"daily": 14, "weekly": 8, "monthly": 12, "yearly": 3}},
    },
}

LAN: Stack = {
    "cloudflare": None,
    "network": {
        "entry": {
            "host": "pi",
            "proxy": "nginx",
            "acme": {
                "provider": "hetzner",
                "credentials": {"HETZNER_API_KEY": {"sops": "acme/hetzner"}},
                "resolver": "9.9.9.9:53",
                "settings": {"HETZNER_TTL": "120"},
            },
            "tls_min": "1.3",
        },
        "dns": {"host": "pi", "server": "adguard", "blocklists": ["https://example.org/hosts.txt"]},
    },
    "hosts": {
        "pi": {
            "address": {"tailnet": None},
            "tailscale": None,
            "interface": "end0",
            "static": True,
        },
        "nas": {
            "address": {"tailnet": None},
            "tailscale": None,
            "interface": "enp1s0",
            "mdns": True,
            "wifi": {
                "backend": "iwd",
                "power_save": True,
                "watchdog": {"delay": "2min", "interval": "1min", "grace": "3min"},
            },
            "boot": {"loader": "grub", "device": "/dev/disk/by-id/ata-disk"},
            "host_id": "deadbeef",
        },
    },
    "services": {
        "vaultwarden": {"host": "nas", "routes": [{"name": "vault", "sources": "lan"}]},
        "jellyfin": {"host": "nas", "name": "films"},
    },
    "backup": {"targets": {"disk": {"kind": "local", "host": "nas", "path": "/mnt/backup"}}},
}

FLEET: Stack = {
    "tailnet": TAILNET,
    "network": {"entry": {"host": "pi", "proxy": "traefik"}, "dns": {"host": "pi"}},
    "hosts": {
        "pi": _host(
            2,
            platform="aarch64-linux",
            role="appliance",
            build={"host": "vault", "trusted": "both are one family's"},
            tailscale={"subnet_routes": ["192.168.1.0/24"]},
        ),
        "nas": None,
        "vault": _host(
            10,
            persistence={
                "root": "/persist",
                "directories": ["/var/lib/own"],
                "files": ["/etc/own.conf"],
            },
            ssh={"host_key": KEY, "recovery": {"password": {"sops": "recovery"}, "seconds": 300}},
            tailscale={"accept_dns": True},
        ),
        "forge": _host(
            20,
            always_on=False,
            offline={"wake_by": "vault", "wake_seconds": 200},
            wake_on_lan={"interface": "enp5s0", "mac": "d8:5e:d3:0a:1b:2c"},
            gpu={"vendor": "nvidia", "open": True},
        ),
    },
    "vpn": {
        "mull": {
            "host": "vault",
            "address": ["10.64.1.7/32"],
            "dns": ["10.64.0.1"],
            "endpoint": "198.51.100.20:51820",
            "public_key": "W6eHB2hmOei4ywgu1O54hFLCZfcwEuZ8Us4B3+vcqHE=",
            "key": {"sops": "mull/key"},
            "mtu": 1380,
            "autostart": True,
        },
        "tunnel": {
            "host": "forge",
            "address": ["10.64.2.7/32"],
            "dns": ["10.64.0.1"],
            "endpoint": "198.51.100.21:51820",
            "public_key": "W6eHB2hmOei4ywgu1O54hFLCZfcwEuZ8Us4B3+vcqHE=",
            "key": {"sops": "tunnel/key"},
        },
    },
    "services": {
        "ollama": {"host": "forge", "gpu": "nvidia"},
        "jellyfin": {"host": "vault"},
        "transmission": {
            "host": "vault",
            "vpn": {"name": "mull", "mode": "killswitch", "lan": True},
        },
        "prowlarr": {"host": "forge", "vpn": {"name": "tunnel", "mode": "namespace"}},
        "prometheus": {"host": "vault", "never_publish": "Grafana asks it"},
        "grafana": {"host": "vault"},
        "home-assistant": {"host": "vault", "uses": ["mosquitto"]},
        "mosquitto": {"host": "vault"},
    },
    "backup": {
        "targets": {
            "far": {"kind": "s3", "path": "https://s3.example.org/b", "credentials": {"sops": "s3"}}
        }
    },
}

STACKS: Mapping[str, Stack] = {"small": SMALL, "lan": LAN, "fleet": FLEET, "rich": RICH}
"""The last one sets every field of every kind that the checks allow together."""


OWN_APPS = """\
{ lib, ... }:
let
  app = lib.mkOption { type = lib.types.attrs; default = { }; };
  unit = { script = "true"; };
in
{
  options.services.board = app;
  options.services.forum = app;
  options.services.inn = app;
  config = {
    systemd.services = { board = unit; inn = unit; forum = unit; forum-setup = unit; forum-worker = unit; };
    users.users.board = { isSystemUser = true; group = "board"; };
    users.users.forum = { isSystemUser = true; group = "forum"; };
    users.users.inn = { isSystemUser = true; group = "inn"; };
    users.groups = { board = { }; forum = { }; inn = { }; };
  };
}
"""
"""The module of the apps that only the rich stack's facts describe."""


def write(name: str, directory: Path) -> Path:
    """A directory with one of the stacks, and stand-ins for every file that it names."""
    changes = copy.deepcopy(STACKS[name])
    config = build.config(changes)
    directory.mkdir(parents=True, exist_ok=True)
    text = testing.stack_text(stackdir.without_nulls(config))
    (directory / f"Pulumi.{name}.yaml").write_text(text, encoding="utf-8")
    plan = make_plan(load_stack_config(Document(config)), Lock())  # type: ignore[arg-type]
    for path, content in build.sources(plan).items():
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        text = OWN_APPS if (name, path) == ("rich", "hosts/nas/own.nix") else str(content)
        place.write_text(_with_inputs(path, text, plan), encoding="utf-8")
    if name == "rich":
        # Each service comes from another host.
        coming = {s.name: next(h for h in plan.hosts if h != s.host) for s in plan.services}
        lock, _ = updated_lock(plan, coming)
        lock = lock.model_copy(update={"stack": name})
        (directory / "homelab.lock.yaml").write_text(lock_text(lock), encoding="utf-8")
    deploy = directory / "secrets/deploy.yaml"
    deploy.parent.mkdir(exist_ok=True)
    deploy.write_bytes((build.SHIPPED / "secrets/deploy.yaml").read_bytes())
    return directory


def _with_inputs(path: str, content: str, plan: Plan) -> str:
    """A lock with the flakes of the stack."""
    if not path.endswith(".lock"):
        return content
    lock = json.loads(content)
    for name in plan.stack.flakes:
        if name not in lock["nodes"]["root"]["inputs"]:
            lock["nodes"][name] = {"locked": lock["nodes"]["sops-nix"]["locked"]}
            lock["nodes"]["root"]["inputs"][name] = name
    return json.dumps(lock)
