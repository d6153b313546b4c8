"""Mistakes in a stack file, and their messages.

Each case breaks the smallest homelab in one way. It says the place, what is wrong and the way out;
the command line shows the line and ends with 1; under Pulumi nothing is registered.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from homelab import testing
from homelab.cli import app
from homelab.config.document import read_document
from homelab.ops.project.stack import check_stack
from homelab.problems import InvalidStackError, Problem
from homelab.testing import mocks
from tests import build, stackdir

Changes = Mapping[str, Any]

IDENTITY: Changes = {"identity": {"host": "pi", "users": {"sops": "authelia/users"}}}
TUNNEL: Changes = {
    "cloudflare": {"tunnel": {"host": "pi"}},
    "site": {"names": {"public": "{name}-home.{zone}"}},
}
TAILNET: Changes = {
    "tailnet": {
        "name": "tail1a2b3.ts.net",
        "client_id": {"sops": "tailscale/client_id"},
        "client_secret": {"sops": "tailscale/client_secret"},
        "owners": ["sam@example.org"],
    },
    "hosts": {"pi": {"tailscale": {"subnet_routes": ["192.168.1.0/24"]}}},
}
CONTAINER: Changes = {
    "host": "nas",
    "container": {"image": f"docker.io/a/b:1@sha256:{'0' * 64}", "port": 80},
    "backup": {"skip": "keeps nothing"},
    "tile": {"group": "Tools"},
}
FLAKE: Changes = {
    "host": "pi",
    "flake": {"input": "vote", "unit": "vote"},
    "port": 8007,
    "backup": {"skip": "keeps nothing"},
    "tile": {"group": "Tools"},
}
MAC = {
    "kind": "home-manager",
    "platform": "x86_64-darwin",
    "state_version": "25.11",
    "home": "hosts/nas/hardware.nix",
}


def service(name: str, /, **config: Any) -> Changes:
    return {"services": {name: config}}


def both(*changes: Changes) -> Changes:
    return testing.merged(*changes)


@dataclass(frozen=True)
class Case:
    """One mistake: how to make it, and the parts of its message."""

    where: str
    says: str
    """A part of the message's first half, what is wrong."""
    way_out: str
    """A part of the way out."""
    changes: Changes = field(default_factory=dict)
    edits: stackdir.Edits = ()
    """Edits of the file's text, for mistakes that data cannot express."""
    check: str = ""
    more: tuple[str, ...] = ()
    """Other checks that correctly report the same mistake."""
    missing: tuple[str, ...] = ()
    """Files beside the stack that are missing."""
    files: tuple[tuple[str, str], ...] = ()
    """Files beside the stack with this content instead."""


CASES: dict[str, Case] = {
    # --- keys --------------------------------------------------------------------------------
    "unknown section": Case(
        "servces", "no such key", 'did you mean "services"', {"servces": {"jellyfin": {}}}
    ),
    "unknown key in a section": Case(
        "site.timezome", "no such key", 'did you mean "timezone"', {"site": {"timezome": "x"}}
    ),
    "unknown key of a host": Case(
        "hosts.pi.adress",
        "no such key",
        'did you mean "address"',
        {"hosts": {"pi": {"adress": {}}}},
    ),
    "unknown key deep inside": Case(
        "hosts.nas.address.lann",
        "no such key",
        'did you mean "lan"',
        {"hosts": {"nas": {"address": {"lann": "192.168.1.9"}}}},
    ),
    "unknown key of a route in a list": Case(
        "services.jellyfin.routes[0].pubish",
        "no such key",
        'did you mean "publish"',
        service("jellyfin", host="nas", routes=[{"name": "films", "pubish": "internal"}]),
    ),
    "missing section": Case(
        "network", "is missing", "add homelab:network: {lan: …, entry: …", {"network": None}
    ),
    "section without its namespace": Case(
        "network.lan",
        "is missing",
        "add lan",
        edits=(
            ("  homelab:network:", "  network:"),
            ('    lan:\n      cidr: "192.168.1.0/24"\n      gateway: "192.168.1.1"\n', ""),
        ),
    ),
    "missing key": Case(
        "site.owner.ssh_keys", "is missing", "add ssh_keys", {"site": {"owner": {"ssh_keys": None}}}
    ),
    "nobody may log in": Case(
        "site.owner.ssh_keys", "is empty", "at least one", {"site": {"owner": {"ssh_keys": []}}}
    ),
    "name that is no name": Case(
        "hosts.My_NAS", "not a name", "lower-case", {"hosts": {"My_NAS": {**MAC}}}
    ),
    # --- values ------------------------------------------------------------------------------
    "text where a number is meant": Case(
        "services.navidrome.port",
        "a whole number is expected",
        "without quotes",
        service("navidrome", host="nas", port="4533"),
    ),
    "text where true or false is meant": Case(
        "hosts.pi.flash", "true or false", "without quotes", {"hosts": {"pi": {"flash": "yes"}}}
    ),
    "text where keys are expected": Case(
        "services.navidrome", "keys are expected", "keys: ", {"services": {"navidrome": "nas"}}
    ),
    "text where a list is expected": Case(
        "site.owner.ssh_keys",
        "a list is expected",
        "[a, b]",
        {"site": {"owner": {"ssh_keys": build.KEY}}},
    ),
    "word that does not fit": Case(
        "hosts.nas.role",
        "not one of the allowed values",
        'did you mean "workhorse"',
        {"hosts": {"nas": {"role": "workhorze"}}},
    ),
    "port out of range": Case(
        "services.navidrome.port",
        "out of range",
        "65535",
        service("navidrome", host="nas", port=99999),
    ),
    "address that is none": Case(
        "hosts.nas.address.lan",
        "not an IPv4 address",
        "192.168.1.10",
        {"hosts": {"nas": {"address": {"lan": "192.168.1.300"}}}},
    ),
    "network that is none": Case(
        "network.lan.cidr",
        "not an IPv4 network",
        "192.168.1.0/24",
        {"network": {"lan": {"cidr": "192.168.1.7/24"}}},
    ),
    "host key of the wrong type": Case(
        "hosts.nas.ssh.host_key",
        "ssh_host_ed25519_key.pub",
        "cannot be pinned",
        {"hosts": {"nas": {"ssh": {"host_key": "ssh-rsa AAAAB3NzaC1yc2E="}}}},
    ),
    "host key that is cut short": Case(
        "hosts.nas.ssh.host_key",
        "cut short",
        "copy the whole line",
        {"hosts": {"nas": {"ssh": {"host_key": build.KEY[:60]}}}},
    ),
    "owner's key of another type than it says": Case(
        "site.owner.ssh_keys[0]",
        "is of another type, ssh-ed25519",
        "copy the whole line",
        {"site": {"owner": {"ssh_keys": [build.KEY.replace("ssh-ed25519", "ssh-rsa")]}}},
    ),
    "operator's secret key": Case(
        "secrets.operators[0]",
        "a private age key",
        "age-keygen -y",
        {"secrets": {"operators": ["AGE-SECRET-KEY-1QQQQQQQQQQ"]}},
    ),
    "image without a digest": Case(
        "services.draw.container.image",
        "form",
        "digest",
        service("draw", host="nas", container={"image": "docker.io/a/b:latest", "port": 80}),
    ),
    "secret that is not a reference": Case(
        "cloudflare.token",
        "keys are expected",
        "sops",
        {"cloudflare": {"token": "v1.0-super-secret-token"}},
    ),
    "secret of two sources": Case(
        "cloudflare.token",
        "one source",
        "op: op://vault/item/field",
        {"cloudflare": {"token": {"sops": "a/b", "op": "op://v/i/f"}}},
    ),
    "name template without a name": Case(
        "site.names",
        "internal is not a valid template",
        "{domain}",
        {"site": {"names": {"internal": "{host}.home.example.org"}}},
    ),
    "reason that says nothing": Case(
        "services.navidrome.backup.skip",
        "not a reason",
        "a few words",
        service("navidrome", host="nas", backup={"skip": "-"}),
    ),
    "routes and name at once": Case(
        "services.navidrome",
        "exclude each other",
        "move name",
        service("navidrome", host="nas", name="music", routes=[{"name": "music"}]),
    ),
    "NixOS on a Mac": Case(
        "hosts.nas",
        "macOS",
        "kind: home-manager",
        {"hosts": {"nas": {"platform": "x86_64-darwin"}}},
    ),
    # --- YAML --------------------------------------------------------------------------------
    "number where text is meant": Case(
        "nixpkgs.default.release",
        "number where text is expected",
        "quote it",
        edits=(('release: "25.11"', "release: 25.11"),),
    ),
    "octal where text is meant": Case(
        "datasets.music.mode",
        "number where text is expected",
        "quote it",
        {"datasets": {"music": {"host": "nas", "path": "/m", "tier": "user", "mode": "0755"}}},
        (('mode: "0755"', "mode: 0755"),),
    ),
    "date where text is meant": Case(
        "services.navidrome.backup.skip",
        "date where text is expected",
        "quote it",
        service("navidrome", host="nas", backup={"skip": "2024-01-01"}),
        (('skip: "2024-01-01"', "skip: 2024-01-01"),),
    ),
    "true where text is meant": Case(
        "site.timezone",
        "true/false value where text is expected",
        "quote it",
        edits=(('timezone: "Europe/Oslo"', "timezone: true"),),
    ),
    "key that stands twice": Case(
        "hosts.pi.role",
        "twice",
        "keep one",
        edits=(('role: "appliance"', 'role: "appliance"\n      role: "workhorse"'),),
    ),
    "not YAML": Case(
        "YAML", "", "indentation", edits=(("  homelab:nixpkgs:", "  homelab:nixpkgs: : {"),)
    ),
    "tab for indentation": Case(
        "YAML", "", "indentation", edits=(('      user: "sam"', '\tuser: "sam"'),)
    ),
    "no settings at all": Case(
        "config", "no settings", "add config", edits=(("config:", "confg:"),)
    ),
    "encrypted value inside an object": Case(
        "cloudflare.token.secure",
        "plain text",
        "sops",
        edits=(('sops: "cloudflare/token"', 'secure: "AAABAGx"'),),
    ),
    # --- names that lead nowhere -------------------------------------------------------------
    "unknown host": Case(
        "services.navidrome.host",
        'no host "nass"',
        'did you mean "nas"',
        service("navidrome", host="nass"),
        check="host-known",
    ),
    "unknown entry host": Case(
        "network.entry.host",
        'no host "pie"',
        'did you mean "pi"',
        {"network": {"entry": {"host": "pie"}}},
        check="host-known",
    ),
    "unknown catalog service": Case(
        "services.jelyfin",
        'no service "jelyfin"',
        'did you mean "jellyfin"',
        service("jelyfin", host="nas"),
        check="service-known",
    ),
    "a service of another kind": Case(
        "services.nothingnear",
        'no service "nothingnear"',
        "container:, containers:, flake:, unit:, static: or external: here",
        service("nothingnear", host="nas"),
        check="service-known",
    ),
    "an app that is only files": Case(
        "services.ittools",
        'no service "ittools"',
        "static: {package: it-tools, path: lib}",
        service("ittools", host="nas"),
        check="service-known",
    ),
    "an app by another name": Case(
        "services.bitwarden",
        'no service "bitwarden"',
        "the catalog calls it vaultwarden",
        service("bitwarden", host="nas"),
        check="service-known",
    ),
    "a database as a service": Case(
        "services.mariadb",
        'no service "mariadb"',
        "databases: [mysql] there",
        service("mariadb", host="nas"),
        check="service-known",
    ),
    "unknown catalog entry under another name": Case(
        "services.films.service",
        'no service "jelyfin"',
        'did you mean "jellyfin"',
        service("films", host="nas", service="jelyfin"),
        check="service-known",
    ),
    "service without a host": Case(
        "services.navidrome.host",
        "has no host",
        "add host: one of nas, pi",
        service("navidrome"),
        check="service-placed",
    ),
    "service with a tag that no host has": Case(
        "services.navidrome.host",
        "no host has a tag",
        "add host",
        service("navidrome", tags=["media"]),
        check="service-placed",
    ),
    "service placed twice": Case(
        "services.authelia.host",
        "identity places",
        "leave host out",
        both(IDENTITY, service("authelia", host="nas")),
        check="service-placed",
    ),
    "needed service switched off": Case(
        "services.blocky.enable",
        "cannot be switched off",
        "write network.dns: {server: none}",
        service("blocky", enable=False),
        check="service-placed",
    ),
    "unknown service in uses": Case(
        "services.navidrome.uses[0]",
        'no service "olama"',
        'did you mean "ollama"',
        both(
            service("navidrome", host="nas", uses=["olama"]),
            service("ollama", host="nas"),
            IDENTITY,
        ),
        check="service-uses",
    ),
    "unknown dataset": Case(
        "services.navidrome.datasets.music",
        'no dataset "libary"',
        'did you mean "library"',
        both(
            IDENTITY,
            service("navidrome", host="nas", datasets={"music": "libary"}),
            {"datasets": {"library": {"host": "nas", "path": "/m", "tier": "user"}}},
        ),
        check="dataset-host",
    ),
    "unknown part for a dataset": Case(
        "services.navidrome.datasets.films",
        'no role "films"',
        "music",
        both(
            IDENTITY,
            service("navidrome", host="nas", datasets={"films": "library"}),
            {"datasets": {"library": {"host": "nas", "path": "/m", "tier": "user"}}},
        ),
        check="dataset-host",
    ),
    "dataset on another host": Case(
        "services.navidrome.datasets.music",
        "the dataset library is on pi",
        "move navidrome",
        both(
            IDENTITY,
            service("navidrome", host="nas", datasets={"music": "library"}),
            {"datasets": {"library": {"host": "pi", "path": "/m", "tier": "user"}}},
        ),
        check="dataset-host",
    ),
    "unknown backup target": Case(
        "services.jellyfin.backup.targets[0]",
        "no such target",
        'did you mean "b2"',
        service("jellyfin", host="nas", backup={"targets": ["b22"]}),
        check="backup-target-known",
    ),
    "unknown pin": Case(
        "hosts.nas.nixpkgs",
        'no pin "unstable"',
        "default",
        {"hosts": {"nas": {"nixpkgs": "unstable"}}},
        check="pin-known",
    ),
    "unknown flake": Case(
        "services.vote.flake.input",
        'no flake "vote"',
        "homelab:flakes",
        both(IDENTITY, service("vote", **FLAKE)),
        check="flake-input-known",
    ),
    "unknown group": Case(
        "services.navidrome.routes[0].groups",
        'no group "famly"',
        'did you mean "family"',
        both(
            IDENTITY,
            {"services": {"navidrome": {"host": "pi", "routes": [{"groups": ["famly"]}]}}},
        ),
        check="group-known",
    ),
    "unknown tag in a grant": Case(
        "tailnet.grants[0].src[0]",
        'there is no host, tag or group "tag:agnet"',
        'did you mean "tag:',
        both(
            TAILNET,
            {
                "tailnet": {
                    "grants": [
                        {"src": ["tag:agnet"], "dst": ["nas"], "ip": ["tcp:22"], "why": "agents"}
                    ]
                }
            },
        ),
        check="acl-tag-known",
    ),
    "port of a route that is not there": Case(
        "services.navidrome.routes[0].port",
        'no port "admin"',
        "web",
        both(IDENTITY, service("navidrome", host="nas", routes=[{"port": "admin"}])),
        check="route-port",
    ),
    # --- collisions --------------------------------------------------------------------------
    "two services on one port": Case(
        "services.ollama.port",
        "both use 4533/tcp on nas",
        "another port",
        both(IDENTITY, service("navidrome", host="nas"), service("ollama", host="nas", port=4533)),
        check="port-unique",
    ),
    "two services of one name": Case(
        "services.ollama.name",
        "already the name of services.navidrome",
        "another name",
        both(
            IDENTITY,
            service("navidrome", host="nas", name="media"),
            service("ollama", host="nas", name="media"),
        ),
        check="host-unique",
    ),
    "two hosts at one address": Case(
        "hosts.pi.address.lan",
        "both have 192.168.1.3",
        "an address of its own",
        {"hosts": {"pi": {"address": {"lan": "192.168.1.3"}}}},
        check="ip-unique",
    ),
    "host outside the LAN": Case(
        "hosts.nas.address.lan",
        "not in the LAN",
        "network.lan.cidr",
        {"hosts": {"nas": {"address": {"lan": "10.0.0.3"}}}},
        check="ip-in-lan",
    ),
    # --- who may pass ------------------------------------------------------------------------
    "tunnel without Access": Case(
        "services.jellyfin.routes[0].access",
        "without Access",
        "public: ",
        both(
            TUNNEL, service("jellyfin", host="nas", routes=[{"publish": "tunnel", "access": False}])
        ),
        check="tunnel-requires-access",
    ),
    "operator's name on the tunnel": Case(
        "services.ollama.publish",
        "for the operator",
        "audience: family",
        both(TUNNEL, service("ollama", host="nas", publish="tunnel")),
        check="audience-auth",
    ),
    "family's name without sign-in": Case(
        "services.jellyfin.auth",
        "nothing asks for a sign-in",
        "forward",
        service("jellyfin", host="nas", auth="none"),
        check="audience-auth",
    ),
    "gate without a gatekeeper": Case(
        "services.navidrome.auth",
        "no identity provider",
        "homelab:identity",
        service("navidrome", host="nas"),
        check="route-idp-present",
    ),
    "gated name published, portal at home": Case(
        "services.navidrome.publish",
        "the portal has only an internal name",
        "services.authelia",
        both(TUNNEL, IDENTITY, service("navidrome", host="nas", publish="tunnel")),
        check="portal-reachable",
    ),
    "tunnel that does not exist": Case(
        "services.jellyfin.publish",
        "no host runs one",
        "cloudflare.tunnel",
        service("jellyfin", host="nas", publish="tunnel"),
        check="cloudflare-missing",
    ),
    "published against the site's word": Case(
        "services.jellyfin.publish",
        "internal-only",
        "publish: internal",
        both(
            TUNNEL,
            {"site": {"exposure": "internal-only"}},
            service("jellyfin", host="nas", publish="tunnel"),
        ),
        check="no-public-record",
    ),
    "public name two labels deep": Case(
        "site.names.public",
        "one label below example.org, and these names have more: jellyfin.home.example.org",
        "{name}-home.{zone}",
        both(
            TUNNEL,
            {"site": {"names": {"public": "{name}.home.{zone}"}}},
            service("jellyfin", host="nas", publish="tunnel"),
        ),
        check="tunnel-hostname-depth",
    ),
    "domain outside the zone": Case(
        "site.domain",
        "cannot be proven",
        "use a domain in example.org",
        both({"site": {"domain": "home.example.net"}}, service("jellyfin", host="nas")),
        check="acme-dns01",
    ),
    # --- hosts -------------------------------------------------------------------------------
    "service on a home-manager machine": Case(
        "services.jellyfin.host",
        "runs no services",
        "place it on one of: nas, pi",
        both({"hosts": {"mac": MAC}}, service("jellyfin", host="mac")),
        check="host-runs-services",
        more=("backend-reachable", "file-present"),
    ),
    "service without its GPU": Case(
        "services.jellyfin.gpu",
        "needs a GPU",
        "hosts",
        service("jellyfin", host="nas", gpu="nvidia"),
        check="gpu-present",
    ),
    "GPU of another make": Case(
        "services.jellyfin.gpu",
        "intel graphics, not nvidia",
        "gpu: intel",
        both(
            {"hosts": {"nas": {"gpu": {"vendor": "intel"}}}},
            service("jellyfin", host="nas", gpu="nvidia"),
        ),
        check="gpu-present",
    ),
    "live host without a key": Case(
        "hosts.nas.ssh.host_key",
        "not pinned",
        "ssh_host_ed25519_key.pub",
        {"hosts": {"nas": {"ssh": {"host_key": None}}}},
        check="host-complete",
    ),
    "live host without hardware": Case(
        "hosts.nas.hardware",
        "root file system",
        "nixos-generate-config",
        {"hosts": {"nas": {"hardware": None}}},
        check="host-complete",
    ),
    "hardware file that is not there": Case(
        "hosts.nas.hardware",
        "there is no hosts/nas/hardware.nix",
        "nixos-generate-config",
        missing=("hosts/nas/hardware.nix",),
        check="file-present",
    ),
    "hardware without a root file system": Case(
        "hosts.nas.hardware",
        'no fileSystems."/"',
        "nixos-generate-config",
        files=(("hosts/nas/hardware.nix", "{ }\n"),),
        check="host-boots",
    ),
    "host that builds for itself": Case(
        "hosts.nas.build.host",
        "builds for itself",
        "leave it out",
        {"hosts": {"nas": {"build": {"host": "nas"}}}},
        check="builder-arch",
    ),
    "module that the release lacks": Case(
        "services.navidrome.options",
        "came with 25.05",
        "nixpkgs.default.release",
        both(
            IDENTITY,
            {"nixpkgs": {"default": {"release": "24.11"}}},
            service("navidrome", host="nas", options={"services.navidrome.environmentFile": "/x"}),
        ),
        check="module-available",
        more=("lock-matches",),
    ),
    "lock file that is not there": Case(
        "nixpkgs.default.lock",
        "there is no locks/nixos-25.11.lock",
        "homelab update",
        missing=("locks/nixos-25.11.lock",),
        check="file-present",
    ),
    "lock file that lacks an input": Case(
        "nixpkgs.default.lock",
        "has no input sops-nix",
        "homelab update",
        IDENTITY,
        files=(
            (
                "locks/nixos-25.11.lock",
                json.dumps(
                    {
                        "nodes": {"nixpkgs": {}, "root": {"inputs": {"nixpkgs": "nixpkgs"}}},
                        "root": "root",
                        "version": 7,
                    }
                ),
            ),
        ),
        check="lock-complete",
    ),
    # --- what is kept ------------------------------------------------------------------------
    "flash host with a repository of its own": Case(
        "services.jellyfin.backup",
        "on flash",
        "another host",
        {
            "hosts": {"nas": {"flash": True}},
            "backup": {"targets": {"disk": {"kind": "local", "host": "nas", "path": "/mnt/disk"}}},
            "services": {"jellyfin": {"host": "nas", "backup": {"targets": ["disk"]}}},
        },
        check="role-backup",
    ),
    "skip and include at once": Case(
        "services.jellyfin.backup",
        "exclude each other",
        "keep one",
        service("jellyfin", host="nas", backup={"skip": "cache only", "include": ["/var/lib/x"]}),
    ),
    "nothing said of backup": Case(
        "services.draw.backup",
        "does not say what to back up",
        "skip: ",
        both(
            IDENTITY,
            service("draw", **{k: v for k, v in CONTAINER.items() if k != "backup"}),
        ),
        check="backup-intent",
    ),
    "no place for backups": Case(
        "backup.targets",
        "no backup target",
        "add one",
        both({"backup": None}, service("jellyfin", host="nas")),
        check="backup-has-target",
    ),
    "dump after the backup": Case(
        "backup.dump_at",
        "starts at 04:30",
        "a time before at",
        both({"backup": {"dump_at": "05:00"}}, service("miniflux", host="nas")),
        check="dump-before-backup",
    ),
    "irreplaceable things on an offline host": Case(
        "datasets.photos.host",
        "is not always on",
        "always_on",
        {
            "hosts": {"nas": {"always_on": False}},
            "datasets": {"photos": {"host": "nas", "path": "/p", "tier": "irreplaceable"}},
        },
        check="vault-always-on",
    ),
    "moved service with state": Case(
        "services.jellyfin.host",
        "was on pi",
        "homelab lock --move jellyfin",
        service("jellyfin", host="nas"),
        files=(
            (
                "homelab.lock.yaml",
                "services: {jellyfin: {host: pi, port: 8096, state: [/var/lib/jellyfin]}}\n",
            ),
        ),
        check="move-stateful",
    ),
    "memory that somebody edited": Case(
        "homelab.lock.yaml",
        "not a lock file",
        "version control",
        files=(("homelab.lock.yaml", "services: [jellyfin]\n"),),
    ),
    "homelab's lock that is not text": Case(
        "homelab.lock.yaml",
        "not a lock file that homelab wrote",
        "restore it from version control, or remove it",
        files=(("homelab.lock.yaml", "\udc80: 1\n"),),
    ),
    "no master key": Case(
        "secrets.master",
        "derived from it",
        "homelab secret set secrets.master --generate base64",
        both(IDENTITY, {"secrets": {"master": None}}),
        check="secret-master",
    ),
    "epoch of nothing": Case(
        "secrets.epochs.autelia",
        "has no derived or issued secret to rotate",
        'did you mean "authelia"',
        both(IDENTITY, {"secrets": {"epochs": {"autelia": 2}}}),
        check="secret-epoch",
    ),
    "sandbox part that is none": Case(
        "services.jellyfin.harden.relax.private-tmpp",
        "no such part",
        'did you mean "private-tmp"',
        service(
            "jellyfin", host="nas", harden={"relax": {"private-tmpp": "it compiles as it runs"}}
        ),
        check="harden-exception",
    ),
}

UNREADABLE = {"not YAML", "tab for indentation", "no settings at all"}
"""Pulumi refuses these before any program runs."""


@pytest.fixture(params=CASES, ids=[name.replace(" ", "-") for name in CASES])
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Case, Path]:
    case = CASES[request.param]
    directory = stackdir.write_stack(tmp_path, case.changes, case.edits)
    for path in case.missing:
        (directory / path).unlink()
    for path, text in case.files:
        (directory / path).write_text(text, encoding="utf-8", errors="surrogateescape")
    return request.param, case, directory


def errors_of(directory: Path) -> list[Problem]:
    try:
        _, problems = check_stack(directory, stackdir.NAME)
    except InvalidStackError as error:
        problems = error.problems
    return [p for p in problems if p.severity == "error"]


def test_the_smallest_homelab_has_no_errors(tmp_path: Path) -> None:
    assert errors_of(stackdir.write_stack(tmp_path)) == []


@pytest.mark.requirement("S0-01", "S0-09", "S0-11")
def test_one_mistake_is_one_message_with_the_place_and_the_way_out(
    broken: tuple[str, Case, Path],
) -> None:
    """Each stack breaks one rule, and the message names the place and the check."""
    _, case, directory = broken
    found = errors_of(directory)
    mine = [p for p in found if p.check == case.check]
    assert len(mine) == 1, "\n".join(str(p) for p in found)
    (problem,) = mine
    assert problem.where.startswith(case.where)
    assert case.says in problem.what
    assert case.way_out in problem.way_out
    assert problem.way_out, "no way out"
    assert {p.check for p in found} <= {case.check, *case.more}, "\n".join(str(p) for p in found)


def test_the_command_line_shows_the_line_and_ends_with_1(
    broken: tuple[str, Case, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, case, directory = broken
    monkeypatch.setattr(sys, "argv", ["homelab", "check", "-C", str(directory)])
    with pytest.raises(SystemExit) as ended:
        app.main()
    output = "".join(capsys.readouterr())
    assert ended.value.code == 1, output
    assert case.says in output
    assert "Traceback" not in output
    if not case.where.startswith("homelab.lock.yaml"):
        assert f"Pulumi.{stackdir.NAME}.yaml:" in output, f"{name}: no line is shown"
    assert "super-secret" not in output


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(name, marks=() if at % 6 == 0 else pytest.mark.long, id=name.replace(" ", "-"))
        for at, name in enumerate(CASES)
    ],
    indirect=True,
)
@pytest.mark.requirement("S0-79")
def test_under_pulumi_nothing_is_registered(broken: tuple[str, Case, Path]) -> None:
    """A refused stack registers no resource."""
    name, case, directory = broken
    if name in UNREADABLE:
        pytest.skip("Pulumi itself cannot read it")
    try:
        values = read_document(directory / f"Pulumi.{stackdir.NAME}.yaml").values
    except InvalidStackError:
        values = build.config(stackdir.changed(case.changes))
    config = {f"homelab:{key}": json.dumps(value) for key, value in values.items()}
    for preview in (True, False):
        recorded = mocks.run(directory, stackdir.NAME, config, preview=preview)
        assert case.says in recorded.error
        assert recorded.resources == []


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    changes = both(
        service("navidrome", host="nass"),
        service("jelyfin", host="nas"),
        {"hosts": {"nas": {"address": {"lan": "10.0.0.3"}, "nixpkgs": "unstable"}}},
    )
    found = {p.check for p in errors_of(stackdir.write_stack(tmp_path, changes))}
    assert {"host-known", "service-known", "ip-in-lan", "pin-known"} <= found


def test_wrong_values_are_reported_together_and_in_order(tmp_path: Path) -> None:
    changes = {"site": {"timezome": "x"}, "hosts": {"nas": {"role": "cow", "flash": "yes"}}}
    found = errors_of(stackdir.write_stack(tmp_path, changes))
    assert [p.where for p in found] == ["hosts.nas.flash", "hosts.nas.role", "site.timezome"]
    assert all(p.line for p in found)


def test_the_line_is_that_of_the_value(tmp_path: Path) -> None:
    directory = stackdir.write_stack(tmp_path, {"hosts": {"nas": {"nixpkgs": "unstable"}}})
    (problem,) = errors_of(directory)
    lines = (directory / problem.file).read_text().splitlines()
    assert lines[problem.line - 1].strip() == 'nixpkgs: "unstable"'


def test_a_missing_stack_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stackdir.write_stack(tmp_path)
    monkeypatch.setattr(sys, "argv", ["homelab", "check", "-s", "smal", "-C", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 2
    assert 'did you mean "small"' in capsys.readouterr().err


def test_there_are_enough_kinds() -> None:
    assert len(CASES) >= 35


@pytest.mark.requirement("S0-09")
def test_a_missing_host_gives_no_advice_about_its_services(tmp_path: Path) -> None:
    """Moving the auth proxy and the tunnel to a misspelled host is not a way out."""
    changes = both(
        IDENTITY,
        TUNNEL,
        {"network": {"entry": {"host": "pii", "local_http": "homepage"}}},
        service("homepage", host="pi"),
        service("authelia", publish="tunnel"),
        service("navidrome", host="nas", publish="tunnel", auth="forward"),
        service("gatus", host="pi"),
    )
    found = errors_of(stackdir.write_stack(tmp_path, changes))
    assert [(p.check, p.where) for p in found] == [("host-known", "network.entry.host")]


def test_a_missing_file_of_a_host_is_reported_once(tmp_path: Path) -> None:
    changes = {"backup": {"targets": {"b2": {"credentials": {"sops": "restic/b2"}}}}}
    directory = stackdir.write_stack(tmp_path, both(changes, service("navidrome", host="nas")))
    (directory / "secrets/nas.yaml").unlink()
    (problem,) = [p for p in errors_of(directory) if "secrets" in p.where]
    assert problem.check == "secret-known"
    assert "nas needs restic/b2" in problem.what
    assert problem.way_out == "create it: homelab secret set restic/b2"


def test_a_refusal_separates_warnings_from_errors() -> None:
    warned = Problem("services.a", "this", "that", severity="warning")
    assert str(InvalidStackError([Problem("site", "what"), warned, warned])).splitlines() == [
        "1 problem and 2 warnings in the stack:",
        "  error: site: what",
        "  warning: services.a: this; that",
        "  warning: services.a: this; that",
    ]
    assert str(InvalidStackError([Problem("a", "b"), Problem("c", "d")])).startswith(
        "2 problems in the stack:"
    )
