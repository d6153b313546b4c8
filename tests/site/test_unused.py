"""Everything that has a name in the stack config is used, has an effect, or is told of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel, JsonValue

from homelab.config.stack import StackConfig
from homelab.problems import InvalidStackError
from tests import build
from tests.site.ways_out.parts import TUNNEL
from tests.site.ways_out.stacks import both


def _part(**said: object) -> dict[str, Any]:
    return {"web": {"image": f"docker.io/a/b:1@sha256:{'0' * 64}", "port": 80, **said}}


PIN = {"release": "25.11", "url": build.URL, "lock": "locks/nixos-25.11.lock"}
TARGET = {"kind": "local", "host": "pi", "path": "/srv/restic"}
VPN = {
    "host": "nas",
    "key": {"sops": "vpn/key"},
    "public_key": "A" * 43 + "=",
    "endpoint": "192.0.2.1:51820",
    "address": ["10.2.0.2/32"],
    "dns": ["10.2.0.1"],
}
UNUSED: Mapping[str, dict[str, Any]] = {
    "catalog": {"catalog": {"spare": {"stateless": "it keeps nothing"}}},
    "nixpkgs": {"nixpkgs": {"spare": PIN}},
    "vpn": {"vpn": {"spare": VPN}},
    "flakes": {"flakes": {"spare": {"url": "github:example/spare"}}},
    "secrets.epochs": {"secrets": {"epochs": {"spare": 2}}},
    "secrets.stored": {"secrets": {"stored": {"spare": {"limit": "180d"}}}},
    "backup.targets": {
        "services": {"jellyfin": {"host": "nas"}},
        "backup": {"targets": {"spare": TARGET, "used": {**TARGET, "host": "nas"}}},
    },
    "backup.targets.*.repositories": {
        "services": {"jellyfin": {"host": "nas"}},
        "backup": {"targets": {"disk": {**TARGET, "repositories": {"spare": "/srv/old"}}}},
    },
    "backup.tiers": {"backup": {"tiers": {"irreplaceable": {"daily": 3}}}},
    "cloudflare.access.groups": both(
        TUNNEL, {"cloudflare": {"access": {"groups": {"spare": {"emails": ["a@example.org"]}}}}}
    ),
    "cloudflare.access.service_tokens": both(
        TUNNEL, {"cloudflare": {"access": {"service_tokens": {"spare": {}}}}}
    ),
    "cloudflare.adopt.records": both(
        TUNNEL, {"cloudflare": {"adopt": {"records": {"spare": "a" * 32}}}}
    ),
    "cloudflare.adopt.apps": both(
        TUNNEL,
        {"cloudflare": {"adopt": {"apps": {"spare": "00000000-0000-4000-8000-000000000000"}}}},
    ),
    "deploy.again": {"deploy": {"again": {"spare": "once more"}}},
    "hosts.*.accept": {"hosts": {"nas": {"accept": {"spare": "nothing needs it"}}}},
    "hosts.*.disks": {"hosts": {"nas": {"disks": {"spare": "/dev/disk/by-id/ata-x"}}}},
    "hosts.*.pools": {"hosts": {"nas": {"pools": {"spare": {"kind": "zfs"}}}}},
    "hosts.*.devices": {"hosts": {"nas": {"devices": {"spare": {"usb": "10c4:ea60"}}}}},
    "services.*.devices": {
        "services": {"jellyfin": {"host": "nas", "devices": {"spare": "spare"}}}
    },
    "hosts.*.persistence.forget": {
        "hosts": {"nas": {"persistence": {"forget": {"/srv/spare": "nothing is there"}}}}
    },
    "services.*.jobs": {"services": {"nextcloud": {"host": "nas", "jobs": {"spare": {}}}}},
    "services.*.accept": {
        "services": {"jellyfin": {"host": "nas", "accept": {"spare": "nothing needs it"}}}
    },
    "services.*.datasets": {
        "services": {"jellyfin": {"host": "nas", "datasets": {"spare": "spare"}}}
    },
    "services.*.containers.*.datasets": {
        "services": {"app": {"host": "nas", "containers": _part(datasets={"spare": "/spare"})}}
    },
    "services.*.containers.*.devices": {
        "services": {"app": {"host": "nas", "containers": _part(devices={"spare": "/dev/a"})}}
    },
    "services.*.containers.*.secrets": {
        "services": {"app": {"host": "nas", "containers": _part(secrets={"spare": "SPARE"})}}
    },
    "services.*.headers": {
        "services": {"jellyfin": {"host": "nas", "headers": {"X-Spare": "user"}}}
    },
    "services.*.harden.relax": {
        "services": {"jellyfin": {"host": "nas", "harden": {"relax": {"Spare": "no such part"}}}}
    },
    "identity.scopes": {
        "identity": {"host": "pi", "users": {"sops": "a"}, "scopes": {"spare": ["email"]}}
    },
    "identity.claims": {
        "identity": {"host": "pi", "users": {"sops": "a"}, "claims": {"spare": "username"}}
    },
    "homes": {"homes": {"spare": {"git": {"name": "Spare"}}}},
    "identity.directory.members": {
        "identity": {
            "host": "pi",
            "directory": {"base_dn": "dc=example,dc=org", "members": {"spare": ["sam"]}},
        }
    },
}
"""By mapping: a stack in which one of its names is used by nothing."""
EFFECTS: Mapping[str, str] = {
    "site.members": "Access lets them in, and a directory has them",
    "network.entry.acme.credentials": "variables of lego",
    "network.dns.names": "a name that the resolver answers",
    "network.entry.acme.settings": "variables of lego",
    "network.entry.plugin_hashes": "entry-dns and the build judge them",
    "datasets.*.nfs.hosts": "each host mounts it",
    "dev.shells": "a shell of the flake",
    "homes.*.aliases": "abbreviations of a shell",
    "homes.*.git.aliases": "commands of Git",
    "homes.*.git.settings": "settings of Git",
    "homes.*.git.settings.*": "settings of Git",
    "homes.*.micro.settings": "settings of the editor",
    "homes.*.prompt.settings": "settings of the prompt",
    "homes.*.vscode.settings": "settings of the editor",
    "hosts": "hosts are what is configured",
    "hosts.*.file_systems": "a mounted file system",
    "hosts.*.kernel.sysctl": "a setting of the kernel",
    "services": "services are what runs",
    "services.*.options": "options of NixOS",
    "services.*.secrets": "a file or a variable on the host",
    "services.*.ports": "an open port",
    "services.*.tile.widget": "figures on the dashboard",
    "services.*.container.environment": "variables of the container",
    "services.*.container.templates": "a file in the container",
    "services.*.containers": "a container",
    "services.*.containers.*.environment": "variables of the container",
    "services.*.containers.*.templates": "a file in the container",
    "services.*.databases.mysql.env": "variables of the service",
    "services.*.databases.postgresql.env": "variables of the service",
    "services.*.databases.redis.env": "variables of the service",
    "services.*.unit.environment": "variables of the unit",
    "services.*.unit.templates": "a file of the unit",
    "services.*.static.build.environment": "variables of the build",
    "cloudflare.pages": "a web site",
    "cloudflare.buckets": "a bucket",
    "tailnet.dns.split": "domains with resolvers of their own",
    "tailnet.machines": "tags and routes in the policy",
    "datasets.*.syncthing.devices": "a device of the folder",
    "monitoring.monitors": "a health check of each monitor",
    "backup.offload": "copies of the repositories of a target that jobs back up to",
    "backup.extra": "a job that backs up its paths",
    "datasets": "a directory with its owner, and a backup",
    "datasets.*.dirs": "a directory with its owner",
    "flakes.*.follows": "inputs of a flake",
}
"""By mapping: what one of its names does by itself."""


REFERENCE = dict[str, JsonValue]
"""A reference such as `{$service: ollama}`: a value, not a mapping of names."""


def mappings(kind: Any, path: str = "", above: frozenset[Any] = frozenset()) -> Iterator[str]:
    """The place of every mapping of names in a model."""
    if kind == REFERENCE:
        return
    if get_origin(kind) is dict:
        yield path
        yield from mappings(get_args(kind)[1], f"{path}.*", above)
        return
    for part in get_args(kind):
        yield from mappings(part, path, above)
    if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in above:
        for name, field in kind.model_fields.items():
            place = f"{path}.{name}".lstrip(".")
            yield from mappings(field.annotation, place, above | {kind})


def is_fact(place: str) -> bool:
    """Whether a mapping is in the facts of a service: `facts-agree` and `test_every_field.py` hold
    these to what an entry of the catalog is held to.
    """
    return place.startswith(("catalog.*.", "services.*.module."))


def test_every_mapping_of_names_is_judged() -> None:
    assert {m for m in mappings(StackConfig) if not is_fact(m)} == {*UNUSED, *EFFECTS}
    assert not {*UNUSED} & {*EFFECTS}


@pytest.mark.parametrize("place", UNUSED)
def test_a_name_that_nothing_uses_is_told_of(place: str) -> None:
    top = place.replace(".*", "").partition(".")[0]
    try:
        found = build.problems(UNUSED[place])
    except InvalidStackError as error:
        found = list(error.problems)
    names = ("spare", "Spare", "irreplaceable", ".headers:")
    assert [p for p in found if p.where.startswith(top) and any(n in str(p) for n in names)], found
