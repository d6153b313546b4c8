"""A stack config that sets every field. Each kind of object is in it at least once."""

from __future__ import annotations

from homelab.proxy.registry import PROXIES
from tests.build import OWNER, URL, host_key
from tests.household import Changes

IMAGE = f"ghcr.io/a/b:1@sha256:{'0' * 64}"
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIHFMHmgAwIBAgIBATAFBgMrZXAwDDEKMAgGA1UEAwwBZDAgFw0yNjAxMDEwMDAw
MDBaGA8yMTI2MDEwMTAwMDAwMFowDDEKMAgGA1UEAwwBZDAqMAUGAytlcAMhAIqI
4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29cMAUGAytlcANBAAeiKpRS+w0G
ySpaJ42OmF8Z/mB+znXAGpXvoXEXNgnl40kiLNABUY3oE/IzG3u7gCaApciTEwF8
dO6x93PwUAM=
-----END CERTIFICATE-----
"""
"""A certificate of a device. Nobody has its key."""
OTHER_CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIHFMHmgAwIBAgIBAjAFBgMrZXAwDDEKMAgGA1UEAwwBZDAgFw0yNjAxMDEwMDAw
MDBaGA8yMTI2MDEwMTAwMDAwMFowDDEKMAgGA1UEAwwBZDAqMAUGAytlcAMhAIE5
dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOUMAUGAytlcANBAJV8Ia4m5i49
5zJJC2YWc3iGksNHBP8T+kL9Tc6yJqbKXVq/EAYDv+6q5cMAHppfM56LtcMaRBKT
puJ/QWt/iQU=
-----END CERTIFICATE-----
"""
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH3l/El2u3JMu6UvEeXIbdbnZgzCT2mlfyiIUN+A5kZl"


def _host(number: int, **said: object) -> Changes:
    return {
        "platform": "x86_64-linux",
        "state_version": "25.11",
        "hardware": "hosts/nas/hardware.nix",
        "address": {
            "lan": f"192.168.1.{number}",
            "tailnet": f"100.64.0.{number}",
            "public": f"203.0.113.{number}",
        },
        "ssh": {"host_key": OTHER_KEY},
        **said,
    }


RICH: Changes = {
    "site": {
        "members": {
            "kim": {
                "email": "kim@example.org",
                "account": {
                    "hosts": ["nas"],
                    "ssh_keys": [f"{OWNER} kim"],
                    "password": {"path": "/run/agenix/kim"},
                    "home": "home/kim.nix",
                },
            }
        },
        "names": {"internal": "{name}.{domain}", "public": "{name}-home.{zone}"},
        "legacy_domains": [{"domain": "old.example.net", "until": "2030-01-01"}],
        "owner": {"sudo": "password", "password": {"sops": "sam/password"}},
    },
    "network": {
        "entry": {
            "plugins": [{"module": "github.com/mholt/caddy-ratelimit", "version": "v0.1.0"}],
            "plugin_hashes": {"default": f"sha256-{'A' * 43}="},
            "variables": "env_file",
            "local_http": "homepage",
        },
        "ports": {"policy": "default"},
        "dns": {"names": {"printer": "192.168.1.7"}},
    },
    "cloudflare": {
        "tunnel": {"host": "pi"},
        "access": {
            "groups": {"friends": {"emails": ["lee@example.net"], "domains": ["friends.example"]}},
            "service_tokens": {"phone": {"host": "nas"}},
        },
        "acme": {"allow_from": ["203.0.113.7/32"], "until": "2030-01-01"},
        "caa": ["letsencrypt.org"],
        "pages": {"docs": {"access_groups": ["friends"]}},
        "buckets": {"vault": {}},
        "adopt": {"records": {"news": "2" * 32}},
    },
    "tailnet": {
        "name": "tail1a2b3.ts.net",
        "client_id": {"sops": "tailscale/client_id"},
        "client_secret": {"sops": "tailscale/client_secret"},
        "owners": ["sam@example.org"],
        "family": ["kim@example.org"],
        "dns": {"split": {"corp.example": ["192.168.1.2"]}, "search": ["corp.example"]},
        "grants": [{"src": ["group:family"], "dst": ["nas"], "ip": ["tcp:445"], "why": "drives"}],
        "ssh": [{"src": ["group:owners"], "dst": ["tag:workhorse"], "users": ["sam"]}],
        "tests": [
            {"src": "group:family", "accept": ["pi:443"], "deny": ["nas:22"], "proto": "tcp"}
        ],
        "node_attributes": [{"target": ["group:owners"], "attr": ["mullvad"]}],
        "machines": {"printer": {"address": "100.64.0.99", "tags": ["print"]}},
    },
    "identity": {
        "provider": "authelia",
        "host": "pi",
        "directory": {"kind": "openldap", "base_dn": "dc=home,dc=example,dc=org", "members": {}},
        "groups": ["admins"],
        "rules": [{"priority": 25, "route": "news", "policy": "two_factor", "paths": ["/admin/*"]}],
        "scopes": {"roles": ["is_admin"]},
        "claims": {"is_admin": '"admins" in groups'},
    },
    "vpn": {
        "privado": {
            "host": "nas",
            "address": ["10.2.0.2/32"],
            "dns": ["10.2.0.1"],
            "endpoint": "203.0.113.7:51820",
            "public_key": f"{'A' * 43}=",
            "key": {"sops": "vpn/privado"},
        }
    },
    "nixpkgs": {"old": {"release": "25.11", "url": URL, "lock": "hosts/old/nixos/flake.lock"}},
    "hosts": {
        "pi": {
            "profile": "raspberry-pi-4",
            "host_id": "4567cdef",
            "interface": "end0",
            "static": True,
            "mdns": True,
            "flash": True,
            "zram": {"percent": 25},
            "timezone": "America/Lima",
            "locale": "de_DE.UTF-8",
            "keymap": "de-latin1",
            "desktop": {"environment": "xfce", "layout": "de", "variant": "nodeadkeys"},
            "boot": {"loader": "extlinux", "esp_mib": 512, "limit": 8},
            "watchdog": {},
            "probes": {"units": ["films.service"], "urls": ["http://127.0.0.1:9000/up"]},
            "fail2ban": {"ignore": ["10.9.0.0/24"]},
            "build": {"host": "nas"},
            "tailscale": {"subnet_routes": ["192.168.1.0/24"], "exit_node": True, "tags": ["dns"]},
        },
        "nas": {
            "interface": "enp1s0",
            "user_memory": {"high": "3 GiB", "max": "4 GB"},
            "mode": "boot",
            "reboot": {"seconds": 300},
            "kernel": {
                "blacklist": ["btusb"],
                "sysctl": {"vm.swappiness": 10},
                "params": ["quiet"],
            },
            "gpu": {"vendor": "nvidia", "architecture": "ampere", "shared": True},
            "devices": {
                "radio": "/dev/serial/by-id/usb-Maker_Radio_0001-if00-port0",
                "stick": {"usb": "10c4:ea60", "serial": "0002", "kind": "serial"},
                "spare": {"usb": "1a86:7523"},
                "ups": {"usb": "051d:0002", "kind": "hid", "shared": True},
            },
            "disks": {
                "system": {"device": "/dev/disk/by-id/nvme-Maker_990_0001", "size": "1 TB"},
                "one": {"device": "/dev/disk/by-id/ata-Maker_0002", "size": "4 TB"},
                "two": {"device": "/dev/disk/by-id/ata-Maker_0003", "smart": "sat"},
                "cache": {"device": "/dev/disk/by-id/ata-Maker_0004", "size": "500 GB"},
                "stick": {"device": "/dev/disk/by-id/usb-Maker_0005-0:0", "optional": True},
                "gone": {"device": None},
            },
            "file_systems": {
                "/vault": {
                    "disk": "system",
                    "partition": 2,
                    "fs": "btrfs",
                    "subvolume": "vault",
                    "encrypted": {"tpm": True},
                    "size": "500 GB",
                    "options": ["noatime"],
                    "early": True,
                },
                "/keep": {
                    "disk": "cache",
                    "fs": "xfs",
                    "encrypted": {"key_file": "/etc/keep", "discard": True},
                },
                "/scratch": {"fs": "tmpfs", "size": "2 GB"},
                "/mnt/old": {"fs": "ext4", "from": "/dev/disk/by-label/old"},
                "/mnt/stick": {"disk": "stick", "fs": "exfat"},
                "/mnt/gone": {"disk": "gone", "fs": "ext4"},
                "/mnt/nas": {"share": "192.168.1.9:/volume1/nas", "options": ["nfsvers=3"]},
                "/mnt/pool": {"pool": "pool"},
                "/tank": {"pool": "tank", "dataset": "tank/data"},
            },
            "pools": {
                "pool": {
                    "kind": "mergerfs",
                    "branches": ["/keep", "/mnt/old"],
                    "mover": {"from": "/keep", "age": 30, "fill": 85},
                },
                "tank": {"kind": "zfs", "disks": ["one", "two"]},
            },
            "swap": {"disk": "system", "partition": 3, "size": "16 GB"},
            "host_id": "0123abcd",
            "nix": {
                "build_dir": "/mnt/media/build",
                "gc": {"dates": "daily"},
                "substituters": [
                    {
                        "url": "https://cache.example.org/main",
                        "key": f"main:{'A' * 43}=",
                    }
                ],
                "netrc": {"sops": "nix/netrc"},
            },
            "ssh": {
                "recovery": {"password": {"sops": "sam/password"}},
                "proxy_command": ["nc", "%h", "%p"],
                "key": "~/.ssh/deploy",
            },
            "home": "home/sam.nix",
            "ssh_config": True,
            "modules": ["hosts/nas/own.nix"],
            "tags": ["metrics"],
            "flakes": [],
        },
        "old": _host(
            8,
            hardware=None,
            nixpkgs="old",
            extends={"flake": "hosts/old/nixos", "name": "cellar"},
            manage=["accounts", "firewall", "secrets", "ssh", "tailnet"],
            ssh={"host_key": host_key("old")},
        ),
        "box": _host(
            4,
            always_on=False,
            hardware="hosts/box/hardware.nix",
            tailscale={"ssh": True},
            offline={"wake_by": "pi"},
            build={"copy_from": "nas"},
            wake_on_lan={"interface": "enp2s0", "mac": "d8:5e:d3:0a:1b:2c"},
            wifi={
                "ssid": "home",
                "psk": {"sops": "wifi/psk"},
                "watchdog": {},
            },
            persistence={
                "root": "/persist",
                "directories": ["/var/lib/x"],
                "blank": "@root-blank",
                "old_roots": "14d",
            },
            gpu={"vendor": "intel", "generation": 9},
        ),
        "mac": {
            "kind": "home-manager",
            "platform": "x86_64-darwin",
            "state_version": "25.11",
            "home": "home/sam.nix",
            "ssh_config": True,
        },
    },
    "homes": {
        "kim": {"hosts": ["nas"], "tmux": {}},
        "sam": {
            "packages": ["ripgrep"],
            "aliases": {"ll": "ls -l"},
            "bash": {"history": 5000, "init": "set -o vi"},
            "prompt": {"settings": {"add_newline": False}},
            "tmux": {
                "prefix": "C-a",
                "keys": "vi",
                "mouse": True,
                "history": 9000,
                "config": "set -g status off",
            },
            "git": {
                "name": "Sam",
                "email": "sam@example.org",
                "aliases": {"st": "status -sb"},
                "settings": {"init": {"defaultBranch": "main"}},
            },
            "micro": {"settings": {"tabsize": 2}},
            "vscode": {
                "extensions": ["jnoortheen.nix-ide"],
                "settings": {"editor.formatOnSave": True},
            },
        },
    },
    "datasets": {
        "clips": {"host": "nas", "path": "/mnt/stick/clips", "tier": "re-derivable"},
        "library": {
            "host": "nas",
            "path": "/mnt/media/library",
            "mount": "/mnt/media",
            "tier": "user",
            "group": "media",
            "gid": 1005,
            "samba": {"users": ["sam"]},
            "nfs": {"hosts": {"pi": "/mnt/library"}},
            "syncthing": {
                "devices": {
                    "phone": "MFZWI3D-BONSGYC-YLTMRWG-C43ENR5-QXGZDMM-FZWI3DP-BONSGYY-LTMRWAD"
                },
            },
            "fs": "btrfs",
            "snapshot": {"every": "hourly", "keep": {"daily": 7, "weekly": 2}},
            "quota": "500 GB",
            "replicate": {
                "to": "pi",
                "path": "/srv/copies/library",
                "max_age_hours": 25,
                "keep": {"daily": 3},
            },
        },
        "films": {
            "host": "nas",
            "path": "/mnt/media/library/films",
            "mount": "/mnt/media",
            "tier": "re-derivable",
            "group": "media",
            "zfs": "tank/films",
            "snapshot": "daily",
            "replicate": {"to": "pi", "zfs": "vault/copies/films"},
            "dirs": {"pictures": {"owner": "forum", "mode": "2770"}},
        },
    },
    "flakes": {
        "vote": {"url": "github:sam/vote"},
        "unstable": {"url": "github:NixOS/nixpkgs/nixos-unstable", "packages": ["hello"]},
    },
    "services": {
        "authelia": {"publish": "tunnel"},
        "prometheus": {"host": "nas", "never_publish": "nobody looks at it"},
        "gatus": {"host": "pi", "name": "status", "uses": ["db"]},
        "uptime-kuma": {"host": "nas", "port": 3011},
        "homepage": {
            "host": "nas",
            "name": "home",
            "secrets": {"music": {"env": "HOMEPAGE_VAR_MUSIC"}},
        },
        "scrutiny": {"host": "nas", "port": 8093},
        "jellyfin": {
            "host": "nas",
            "audience": "family",
            "auth": "native",
            "publish": "tunnel",
            "gpu": "nvidia",
            "datasets": {"media": "films"},
            "harden": {
                "read_only": ["/srv/films"],
                "relax": {"private-devices": "it reads a stick"},
            },
            "ports": {
                "dlna": {"port": 1900, "protocol": "udp", "scope": "lan", "why": "televisions"}
            },
            "secrets": {
                "token": {"env": "TOKEN", "ref": {"sops": "jellyfin/token"}},
                "pin": {"env": "PIN", "ref": {"op": "op://home/jellyfin/pin"}},
                "cert": {"ref": {"path": "/run/agenix/jellyfin-cert"}},
            },
            "state": ["/srv/jellyfin"],
            "options": {"services.jellyfin.group": "media"},
        },
        "miniflux": {
            "host": "nas",
            "routes": [
                {
                    "name": "news",
                    "redirect_from": ["syndication"],
                    "auth": "forward",
                    "audience": "family",
                    "publish": "tunnel",
                    "groups": ["admins"],
                    "policy": "two_factor",
                    "exempt": ["/v1/*"],
                    "access_groups": ["friends"],
                    "service_tokens": ["phone"],
                    "upload": "10MB",
                },
                {"name": "feeds", "auth": "oidc", "upstream": {"host_header": "feeds"}},
            ],
            "backup": {
                "tier": "user",
                "exclude": ["/var/lib/miniflux/cache"],
                "before": ["systemctl", "stop", "miniflux"],
                "after": [["systemctl", "start", "miniflux"]],
            },
        },
        "umami": {"host": "nas", "databases": {"postgresql": {"host": "pi"}}},
        "monica": {"host": "nas", "databases": {"mysql": {"host": "pi"}}},
        "sonarr": {
            "host": "nas",
            "name": "series",
            "vpn": {"name": "privado"},
            "audience": "operator",
        },
        "music": {
            "service": "navidrome",
            "host": "nas",
            "audience": "family",
            "datasets": {"music": "library"},
            "ids": {"uid": 450},
            "tile": {
                "group": "Media",
                "title": "Music",
                "widget": {"type": "navidrome", "user": "sam", "token": {"$secret": "music"}},
            },
            "monitor": {"path": "/ping", "interval": "5m"},
        },
        "shell": {
            "host": "pi",
            "flake": {"input": "vote", "unit": "shell"},
            "port": 8022,
            "state": ["/var/lib/shell"],
            "routes": [
                {
                    "name": "shell",
                    "publish": "tunnel",
                    "audience": "family",
                    "auth": "native",
                    "tunnel_service": "https://127.0.0.1:8022",
                    "origin": {"server_name": "shell.example.org"},
                }
            ],
            "backup": {"dump": [{"sqlite": "/var/lib/shell/db.sqlite"}]},
        },
        "forum": {
            "host": "nas",
            "gpu": "nvidia",
            "limits": {"memory": "2 GiB", "cpus": 1.5},
            "datasets": {"uploads": "films"},
            "jobs": {"tidy": {"schedule": "04:40"}},
            "connects": ["board"],
            "devices": {"power": "ups"},
            "ports": {"ssh": {"port": 8302, "scope": "lan"}},
            "module": {
                "title": "Forum",
                "flake": "vote.nixosModules.forum",
                "summary": "Where people talk",
                "category": "Personal",
                "icon": "forum.png",
                "homepage": "https://forum.example",
                "maintenance": {"on": ["forum", "pause"], "off": ["forum", "resume"]},
                "jobs": {
                    "tidy": {
                        "summary": "Remove drafts",
                        "command": ["forum", "tidy", "--all"],
                        "like": "forum-setup",
                        "options": {"services.forum.tidies": {"$config": "services.forum.data"}},
                    }
                },
                "ports": {
                    "web": {"port": 8300},
                    "peers": {"port": 8301, "scope": "lan", "why": "peers"},
                },
                "options": {
                    "services.forum.enable": True,
                    "services.forum.listen": {"$text": "{bind}:{port}"},
                    "services.forum.data": "/var/lib/forum",
                    "services.forum.dbhost": "elsewhere",
                },
                "options_since": {"25.05": {"services.forum.modern": True}},
                "options_gpu": {"nvidia": {"services.forum.cuda": True}},
                "modules": ["grafana"],
                "further_ports": {
                    "ssh": {
                        "why": "drafts by SSH",
                        "options": {
                            "services.forum.ssh": {
                                "port": {"$port": "ssh"},
                                "at": {"$text": "{ssh}"},
                            }
                        },
                    }
                },
                "units": ["forum", "forum-worker"],
                "helpers": ["forum-setup"],
                "optional": {
                    "services.forum.worker": {"units": ["forum-worker"], "ports": ["peers"]}
                },
                "upgrades": [
                    {
                        "version": "2",
                        "what": "moves its index",
                        "way_out": "make a backup first",
                        "source": "https://forum.example/upgrade",
                    },
                    {
                        "what": "takes one step at a time",
                        "way_out": "do not skip one",
                        "source": "https://forum.example/upgrade",
                        "one_major": True,
                    },
                ],
                "state_version_changes": [
                    {
                        "before": "26.05",
                        "release": "25.05",
                        "what": "keeps the old index",
                        "way_out": "set services.forum.index",
                    }
                ],
                "user": "forum",
                "state": ["/var/lib/forum"],
                "state_at": {"services.forum.data": "/var/lib/forum"},
                "exclude": ["/var/lib/forum/cache"],
                "persist": ["/var/lib/forum-queue"],
                "database": "sqlite",
                "dumps": [{"sqlite": "/var/lib/forum/forum.db"}],
                "audience": "family",
                "sign_in": {
                    "kinds": ["forward", "native"],
                    "exempt": ["/api/*"],
                    "headers": {"X-Forum-User": "user"},
                    "forward": {"services.forum.proxyAuth": True},
                    "recovery": {"services.forum.proxyAuth": False},
                },
                "health": "/health",
                "upload": "100MB",
                "secrets": {"admin": {"owner": "forum", "encrypts": "drafts"}},
                "state_in": {"uploads": "forum"},
                "mail": {
                    "options": {
                        "services.forum.smtp": {"$text": "{mail[host]}:{mail[port]}"},
                        "services.forum.from": {"$mail": "sender"},
                        "services.forum.secure": {
                            "$mail": {"tls": "tls", "starttls": "starttls", "none": "plain"}
                        },
                    },
                    "sign_in": {
                        "services.forum.smtpUser": {"$mail": "user"},
                        "services.forum.smtpPassword": {"$secret": "mail"},
                    },
                    "secret": {"owner": "forum"},
                },
                "datasets": {"uploads": "where pictures are stored"},
                "folders": {"uploads": "pictures"},
                "devices": {"power": {"why": "a UPS", "option": "services.forum.ups"}},
                "writes_datasets": ["uploads"],
                "links_datasets": ["uploads"],
                "api_key": {
                    "file": "/var/lib/forum/config.ini",
                    "at": "api.key",
                    "unit": "forum-worker",
                    "replaced_by": "services.forum.config",
                    "base": "services.forum.below",
                },
                "connects": {
                    "board": {
                        "calls_back": True,
                        "objects": [
                            {
                                "path": "/api/boards",
                                "body": {"address": {"$callee": "url"}},
                                "initial": {"note": "made by homelab"},
                                "fields": {"key": {"$callee": "key"}},
                                "initial_fields": {"port": {"$callee": "port"}},
                                "tags": ["boards"],
                            }
                        ],
                        "env": {"BOARD_HOST": {"$callee": "host"}},
                        "secret_env": {"BOARD_KEY": "{value}"},
                    }
                },
                "own_objects": [
                    {
                        "path": "/api/folders",
                        "identified_by": "path",
                        "body": {"path": {"$folder": "uploads"}},
                    }
                ],
                "needs": ["always_on"],
                "unfree": ["forum-pro"],
                "unfree_gpu": {"nvidia": ["forum-cuda"]},
                "hardening": {
                    "jit": True,
                    "realtime": True,
                    "data_units": ["forum-worker"],
                    "writable": ["/var/lib/forum-queue"],
                },
            },
        },
        "inn": {
            "host": "nas",
            "databases": {"postgresql": {"host": "pi"}},
            "module": {
                "units": ["inn"],
                "user": "inn",
                "ports": {"web": {"port": 8337, "movable": False}},
                "state": ["/var/lib/inn"],
                "options": {"services.inn.enable": True, "services.inn.socket": "/run/postgresql"},
                "database": "postgresql",
                "dumps": [{"postgresql": "inn"}],
                "database_elsewhere": {
                    "postgresql": {
                        "options": {"services.inn.db": {"$text": "{database[postgresql].host}"}},
                        "without": ["services.inn.socket"],
                        "env": {"INN_DATABASE": "{url}"},
                        "extensions": ["hstore"],
                    }
                },
            },
        },
        "pad": {
            "host": "nas",
            "audience": "family",
            "auth": "oidc",
            "port": 8320,
            "state": ["/var/lib/private/pad"],
            "secrets": {"key": {}, "word": {"env": "WORD"}},
            "oidc": {"redirects": ["/callback"], "env": "PAD_OIDC"},
            "unit": {
                "package": "darkhttpd",
                "command": [
                    "pad",
                    "--listen",
                    "{bind}:{port}",
                    "--key",
                    "{secret[key]}",
                    "--config={templates}/config",
                    "{package}",
                ],
                "environment": {"PAD_URL": "{url}"},
                "templates": {
                    "config": {"format": "json", "content": {"pad": {"key": {"$value": "key"}}}}
                },
                "path": ["git"],
                "unfree": ["pad"],
                "restart": "always",
                "after": ["jellyfin"],
                "working_directory": "/var/lib/private/pad",
            },
            "databases": {
                "postgresql": {"extensions": ["pg_trgm"], "env": {"PAD_DATABASE": "{url}"}},
                "redis": None,
            },
        },
        "tidy": {
            "host": "nas",
            "datasets": {"films": "films"},
            "backup": {"skip": "it keeps nothing"},
            "unit": {
                "package": {"flake": "vote", "package": "tidy"},
                "command": ["tidy", "{dataset[films]}"],
                "user": "tidy",
                "writes": ["films"],
                "schedule": "*-*-* 04:00",
            },
        },
        "heim": {
            "host": "nas",
            "audience": "family",
            "port": 8330,
            "secrets": {"git": {"ref": {"sops": "heim/git"}}, "films": {"env": "FILMS"}},
            "static": {
                "fallback": "index.html",
                "build": {
                    "repository": "https://git.example.org/sam/heim.git",
                    "rev": "8c5f1b2a9d3e4f60718293a4b5c6d7e8f9012345",
                    "run": [["bun", "install", "--frozen-lockfile"], ["bun", "run", "build"]],
                    "packages": ["bun"],
                    "environment": {"BASE_URL": "{url}"},
                    "output": "dist",
                    "token": "git",
                    "again": "new films key",
                },
            },
        },
        "blog": {
            "host": "nas",
            "port": 8331,
            "secrets": {"hook": {}, "words": {}},
            "static": {
                "build": {
                    "repository": "https://git.example.org/sam/blog.git",
                    "branch": "main",
                    "run": [["hugo"]],
                    "packages": ["hugo"],
                    "output": "public",
                    "schedule": "hourly",
                    "watch": ["/var/lib/blog-requested"],
                    "webhook": {"secret": "hook", "port": 9331},
                },
            },
        },
        "notes": {
            "host": "nas",
            "port": 8332,
            "datasets": {"texts": "films"},
            "static": {
                "build": {
                    "source": "{dataset[texts]}",
                    "run": [["mkdocs", "build"]],
                    "packages": ["python3Packages.mkdocs"],
                    "output": "site",
                    "schedule": "daily",
                },
            },
        },
        "pages": {
            "host": "nas",
            "port": 8333,
            "static": {"directory": "/srv/pages"},
        },
        "tools": {
            "host": "nas",
            "port": 8334,
            "static": {"package": "it-tools", "path": "lib", "fallback": "index.html"},
        },
        "router": {
            "audience": "family",
            "auth": "forward",
            "headers": {"X-User": "user"},
            "external": {
                "address": "192.168.1.9",
                "port": 8443,
                "scheme": "https",
                "certificate": CERTIFICATE,
                "server_name": "device.example.org",
            },
        },
        "board": {
            "host": "nas",
            "auth": "oidc",
            "accept": {"unknown-option": "its module is in a file of the host"},
            "module": {
                "units": ["board"],
                "user": "board",
                "ports": {"web": {"port": 8310}},
                "options": {
                    "services.board.listen": {"$text": "{bind}:{port}"},
                    "services.board.data": "/srv/board",
                    "services.board.db": "/srv/board/board.sqlite",
                },
                "state": ["/var/lib/board"],
                "database": "own",
                "dumps": [
                    {
                        "command": {
                            "package": "sqlite",
                            "words": ["board-dump", "http://{address}:{port}", "{directory}"],
                            "secrets": {"BOARD_TOKEN": "dump"},
                        }
                    }
                ],
                "former_state": {"before": "26.05", "directory": "/var/lib/old-board"},
                "upstream": {"scheme": "http"},
                "audience": "family",
                "sign_in": {
                    "kinds": ["oidc"],
                    "oidc": {
                        "redirects": ["/callback"],
                        "options": {"services.board.clientSecretFile": {"$secret": "oidc"}},
                        "since": "24.05",
                    },
                },
                "secrets": {
                    "key": {"source": "stored", "stored_key": "board/key"},
                    "dump": {},
                },
                "api_key": {"env": {"BOARD_API_KEY": "{value}"}},
            },
        },
        "vote": {
            "host": "pi",
            "audience": "family",
            "auth": "forward",
            "flake": {"input": "vote", "unit": "vote", "dynamic_user": True},
            "port": 8007,
            "state": ["/var/lib/private/vote"],
            "headers": {"X-Remote-User": "user"},
            "secrets": {"key": {}},
            "options": {"services.vote.enable": True},
            "may_control": None,
            "tile": {"group": "Tools"},
        },
        "agent": {
            "host": "nas",
            "flake": {"input": "vote", "unit": "agent", "dynamic_user": True},
            "port": 19000,
            "never_publish": "agents come to it by SSH",
            "backup": {"skip": "it keeps nothing of its own"},
            "may_control": {"units": ["jellyfin"], "verbs": ["restart"]},
        },
        "wiki": {
            "host": "nas",
            "auth": "oidc",
            "audience": "family",
            "port": 8090,
            "container": {
                "image": IMAGE,
                "port": 3000,
                "network": "wiki",
                "depends_on": ["db"],
                "environment": {"DB_HOST": "db"},
                "mounts": [{"source": "/var/lib/wiki", "target": "/data"}],
                "command": ["serve"],
            },
            "datasets": {"library": {"target": "/books", "read_only": True}},
            "databases": {
                "mysql": {"host": "pi", "env": {"WIKI_DATABASE": "{url}"}},
                "redis": {"port": 6390, "env": {"WIKI_CACHE": "{host}:{port}"}},
            },
            "devices": {"stick": "/dev/ttyACM0"},
            "secrets": {"salt": {"target": "/salt"}, "word": {"env": "WORD"}},
            "ports": {"ssh": {"port": 2222, "inside": 22, "scope": "lan", "why": "git"}},
            "oidc": {
                "redirects": ["/callback"],
                "env": "OIDC_SECRET",
                "scopes": ["openid", "email", "roles"],
                "id_token": ["is_admin"],
            },
            "state": ["/var/lib/wiki"],
            "backup": {"live": "it writes whole files alone"},
            "gpu": "nvidia",
            "uses": ["ollama"],
            "tile": {"group": "Tools"},
        },
        "db": {
            "host": "nas",
            "port": 5432,
            "routes": [],
            "container": {
                "image": f"docker.io/library/postgres:17@sha256:{'0' * 64}",
                "port": 5432,
                "network": "wiki",
                "mounts": [{"source": "/var/lib/db", "target": "/var/lib/postgresql/data"}],
            },
            "state": ["/var/lib/db"],
            "backup": {"dump": [{"postgresql": "wiki", "user": "wiki"}]},
        },
        "papers": {
            "host": "nas",
            "auth": "oidc",
            "audience": "family",
            "port": 8010,
            "containers": {
                "app": {
                    "image": IMAGE,
                    "port": 8000,
                    "depends_on": ["db"],
                    "environment": {"DB_HOST": "db"},
                    "mounts": [
                        {
                            "source": "/var/lib/papers/data",
                            "target": "/data",
                            "owner": 1000,
                            "group": 1000,
                        }
                    ],
                    "command": ["serve"],
                    "health": {"command": ["check"]},
                    "datasets": {"library": {"target": "/books"}},
                    "secrets": {
                        "password": {"env": "DB_PASSWORD"},
                        "key": {"target": "/key", "owner": 1000},
                    },
                    "templates": {
                        "config": {
                            "format": "toml",
                            "content": {"database": {"password": {"$value": "password"}}},
                            "target": "/etc/papers.toml",
                            "owner": 1000,
                        },
                    },
                    "devices": {"ups": "/dev/hidraw0"},
                    "gpu": "nvidia",
                },
                "db": {
                    "image": f"docker.io/library/mariadb:11@sha256:{'0' * 64}",
                    "mounts": [{"source": "/var/lib/papers/db", "target": "/var/lib/mysql"}],
                    "secrets": {"password": {"target": "/run/secrets/db"}},
                    "environment": {"MARIADB_PASSWORD_FILE": "/run/secrets/db"},
                    "health": {"command": ["healthcheck.sh", "--connect"]},
                },
            },
            "secrets": {"password": {"ref": {"sops": "papers/password"}}, "key": {}},
            "ports": {"mail": {"port": 2525, "inside": 25, "scope": "lan", "why": "scanners"}},
            "oidc": {"redirects": ["/callback"], "env": "OIDC_SECRET"},
            "backup": {"dump": [{"mysql": "papers", "part": "db"}]},
            "tile": {"group": "Tools"},
        },
        "ollama": {"host": "nas", "name": "ai", "gpu": "nvidia"},
        "zigbee2mqtt": {
            "host": "nas",
            "port": 8085,
            "devices": {"radio": "radio"},
            "options": {
                "services.zigbee2mqtt.settings.advanced.network_key": "!secret.yaml key",
                "services.zigbee2mqtt.settings.mqtt.server": "mqtt://192.168.1.9",
            },
        },
        "node-exporter": {"tags": ["metrics"]},
        "syncthing": {"host": "nas"},
    },
    "backup": {
        "targets": {
            "b2": {"kind": "b2", "path": "bucket/restic", "credentials": {"sops": "restic/b2"}},
            "r2": {"kind": "s3", "path": "restic", "bucket": "vault"},
            "drive": {
                "kind": "rclone",
                "path": "drive:restic",
                "credentials": {"sops": "restic/rclone"},
                "password": {"sops": "restic/password"},
                "repositories": {"pi/extra-letters": "drive:letters"},
                "upload": "2 MB",
            },
            "usb": {"kind": "sftp", "host": "nas", "path": "/mnt/usb/restic"},
            "web": {"kind": "rest", "host": "nas", "path": "/mnt/web", "append_only": True},
            "shelf": {
                "kind": "sftp",
                "host": "nas",
                "path": "/mnt/shelf",
                "user": "shelf",
            },
        },
        "offload": {
            "night": {"from": "usb", "to": "shelf", "at": "06:30", "max_age_days": 9},
        },
        "tiers": {"user": {"daily": 14}},
        "exclude": ["/**/node_modules"],
        "extra": {
            "letters": {
                "host": "pi",
                "paths": ["/srv/letters", "/srv/stamps"],
                "exclude": ["/srv/letters/drafts"],
                "before": ["sync"],
                "after": ["true"],
            }
        },
    },
    "mail": {
        "host": "smtp.example.org",
        "encryption": "starttls",
        "port": 2525,
        "sender": "homelab@example.org",
        "user": "sam@example.org",
        "password": {"sops": "mail/password"},
        "services": ["authelia", "forum"],
    },
    "monitoring": {
        "full_percent": 85,
        "heartbeat": {"host": "pi", "url": {"sops": "heartbeat/url"}, "every": "90s"},
        "ntfy": {"topic": {"sops": "ntfy/topic"}, "token": {"sops": "ntfy/token"}},
        "email": "sam@example.org",
        "kuma": {"user": "sam-kuma", "password": {"sops": "kuma/password"}},
        "monitors": {
            "shop": {
                "url": "https://shop.example.org/",
                "keyword": "In stock",
                "interval": "5m",
                "retries": 1,
            },
        },
    },
    "dashboard": {
        "links": [{"title": "Router", "url": "http://192.168.1.1", "group": "Network"}],
        "local_links": True,
        "icons": "icons",
        "favicon": "icons/home.svg",
    },
    "secrets": {
        "epochs": {"miniflux": 2},
        "onepassword": {"token": {"sops": "onepassword/token"}},
        "stored": {
            "board/key": {"limit": "180d", "generate": {"kind": "htpasswd", "user": "sam"}},
            "jellyfin/token": {"generate": {"kind": "hex", "length": 40}},
            "ntfy/topic": {"file": "secrets/shared.yaml"},
        },
        "operators": ["age1cv8ydl70jl2n0789pccya3xx5d39c2hhpfakk5u9vvn4tjlp0v2se8rf2z"],
    },
    "deploy": {
        "mode": "test",
        "canary": "nas",
        "last": ["pi"],
        "windows": [{"start": "22:00", "end": "06:00", "days": ["mon", "fri"]}],
    },
    "dev": {"shells": {"python": {"fragments": ["python"], "packages": ["jq"]}}},
    "policy": {
        "disable": [
            {"id": "SEC-SSH-005", "reason": "the agent has many keys", "until": "2031-01-01"}
        ],
    },
}


_NO_PLUGINS: Changes = {"plugins": None, "plugin_hashes": None}
_OF_PROXY: dict[str, Changes] = {"nginx": {"rate_limit": {"average": 50, "burst": 100}}}
"""Fields that Caddy refuses."""
VARIANTS: dict[str, Changes] = {
    "as it is": {},
    **{
        kind: {"network": {"entry": {**_NO_PLUGINS, "proxy": kind, **_OF_PROXY.get(kind, {})}}}
        for kind in PROXIES
        if kind != "caddy"
    },
    # Apart from the others: it is valid for a few days only.
    "tinker mode": {"policy": {"tinker": {"enabled_at": "2030-05-31", "hosts": ["nas"]}}},
    "an authority of our own": {
        "network": {
            "entry": {
                "acme": {
                    "provider": "internal",
                    "root": "ca/root.crt",
                    "key": {"sops": "ca/key"},
                }
            },
            "dns": {"server": "adguard"},
        },
    },
    "another DNS provider": {
        "network": {
            "entry": {
                "acme": {
                    "provider": "desec",
                    "credentials": {"DESEC_TOKEN": {"sops": "acme/desec"}},
                }
            }
        }
    },
    "ports by bands": {"network": {"ports": {"policy": "banded"}}},
    "passkeys": {
        "identity": {
            "provider": "pocket-id",
            **dict.fromkeys(("directory", "rules", "scopes", "claims")),
        },
        "services": {"authelia": None, "pocket-id": {"publish": "tunnel"}, "wiki": None},
    },
    "a provider elsewhere": {
        "identity": {
            "provider": "external",
            "issuer": "https://id.example.net/realms/home",
            "endpoints": {
                "authorization_endpoint": "https://id.example.net/oauth/authorize",
                "token_endpoint": "https://id.example.net/oauth/token",
                "userinfo_endpoint": "https://id.example.net/oauth/userinfo",
                "jwks_uri": "https://id.example.net/oauth/jwks",
            },
            "client": {"client_id": "homelab"},
            **dict.fromkeys(("directory", "rules", "scopes", "claims")),
        },
        "services": {
            "authelia": None,
            "wiki": {"oidc": {"client_secret": {"sops": "sso/wiki"}}},
            "miniflux": {
                "oidc": {"client_id": "feeds"},
                "options": {
                    "services.miniflux.config.ENDPOINTS": {
                        "$text": "{authorization_endpoint} {token_endpoint} {userinfo_endpoint} "
                        "{jwks_uri}"
                    }
                },
            },
            "board": {"oidc": {"client_id": "board"}},
        },
    },
    "families": {
        "media": {
            "host": "nas",
            "library": "films",
            "downloads": "library",
            "also": ["lidarr"],
            "without": ["bazarr"],
        },
        "services": {
            "grafana": {
                "host": "nas",
                "dashboards": [{"id": 1860, "revision": 37, "hash": f"sha256-{'A' * 43}="}],
            },
            "transmission": {
                "schedule": [
                    {"start": "08:00", "end": "00:00", "down": 50000, "up": 0},
                    {"start": "00:00", "end": "08:00", "down": 50000},
                ]
            },
        },
        "ai": {"host": "nas", "gpu": "nvidia", "also": ["litellm"], "without": ["open-webui"]},
        "home_automation": {
            "host": "nas",
            "also": ["wyoming-piper"],
            "without": ["matter-server"],
        },
    },
}
"""Changes for fields that exclude others, merged over the rest."""

FORGETS = """{
  fileSystems."/" = { device = "none"; fsType = "tmpfs"; };
  fileSystems."/persist" = { device = "/dev/disk/by-label/persist"; fsType = "ext4"; };
}
"""
