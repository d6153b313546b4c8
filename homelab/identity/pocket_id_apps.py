"""The owner and the OpenID Connect clients in Pocket ID, which its API creates."""

from __future__ import annotations

import json
import posixpath
import shlex
from collections.abc import Iterator, Mapping
from importlib import resources

from homelab.hardening.baseline import sandbox
from homelab.identity.model import POCKET_ID_UNIT, STATIC_KEY, IdentityPlan, OidcClient
from homelab.nix import Attrs, Pkg, Raw, Script
from homelab.plan import Plan
from homelab.secret_paths import secret_path
from homelab.services.model import Service
from homelab.system.model import Host

PROVIDER = "pocket-id"
RECORDS = "/var/lib/homelab-pocket-id"
"""Records of the unit: hashes of client secrets, and the link for the owner's first sign-in."""
API = "lib/pocket-id-api.sh"
_SHELL, _SPEC = f"lib/{POCKET_ID_UNIT}.sh", f"lib/{POCKET_ID_UNIT}.json"


def shell(file: str) -> tuple[str, str]:
    """A script of this package as a file of a module."""
    source = resources.files("homelab.identity") / file.removeprefix("lib/")
    return file, source.read_text(encoding="utf-8")


def makes_owner(host: Host) -> bool:
    """Whether the unit creates the first user. It needs an API key before there is a user."""
    return host.release >= STATIC_KEY


def files(plan: Plan, host: Host, identity: IdentityPlan) -> Iterator[tuple[str, str]]:
    """The files of the unit."""
    yield shell(API)
    if _is_needed(host, identity):
        yield shell(_SHELL)
        yield _SPEC, _spec(plan, host, identity)


def unit(plan: Plan, host: Host, identity: IdentityPlan, key: str) -> Attrs:
    """The unit that keeps the owner and the clients, and its timer; empty without either."""
    if not _is_needed(host, identity):
        return {}
    service = next(s for s in plan.on(host.name) if s.name == PROVIDER)
    arguments = (f"http://{identity.address}", key, _database(service), RECORDS)
    return {
        "systemd": {
            "services": {
                POCKET_ID_UNIT: {
                    "description": "Keep the OpenID Connect clients of Pocket ID",
                    "after": ["pocket-id.service"],
                    "wants": ["pocket-id.service"],
                    "wantedBy": ["multi-user.target"],
                    "path": [Pkg("curl"), Pkg("jq"), Pkg("mkpasswd"), Pkg("sqlite")],
                    "script": Script.of(
                        ". ",
                        Raw(f"./{_SHELL}"),
                        " ",
                        Raw(f"./{_SPEC}"),
                        f" {shlex.join(arguments)} ",
                        Raw(f"./{API}"),
                        "\n",
                    ),
                    "serviceConfig": {
                        "Type": "oneshot",
                        "StateDirectory": RECORDS.rpartition("/")[2],
                        "StateDirectoryMode": "0700",
                        "ReadWritePaths": [f"-{posixpath.dirname(_database(service))}"],
                        # Root reads secrets of other users.
                        **sandbox("capability-bounding-set"),
                    },
                }
            },
            "timers": {
                POCKET_ID_UNIT: {
                    "wantedBy": ["timers.target"],
                    "timerConfig": {"OnUnitInactiveSec": "5min"},
                }
            },
        }
    }


def _is_needed(host: Host, identity: IdentityPlan) -> bool:
    return bool(identity.clients) or makes_owner(host)


def _database(service: Service) -> str:
    return next(d.sqlite for d in service.entry.dumps if d.sqlite)


def _spec(plan: Plan, host: Host, identity: IdentityPlan) -> str:
    owner = plan.stack.site.owner
    user = {
        "username": owner.user,
        "email": owner.email,
        "emailVerified": True,
        "firstName": owner.user,
        "lastName": "",
        "displayName": owner.user,
        "isAdmin": True,
    }
    spec = {
        "portal": identity.issuer(public=False),
        "owner": user if makes_owner(host) else None,
        "clients": [_client(c) for c in identity.clients],
    }
    return json.dumps(spec, indent=2, ensure_ascii=False) + "\n"


def _client(client: OidcClient) -> Mapping[str, object]:
    secret = "" if client.public else secret_path(PROVIDER, client.secret, "derived", "file")
    return {
        "client": {
            "id": client.id,
            "name": client.name,
            "callbackURLs": list(client.redirects),
            "logoutCallbackURLs": [],
            "isPublic": client.public,
            "pkceEnabled": client.public,
            "isGroupRestricted": bool(client.groups),
        },
        "groups": list(client.groups),
        "secret": secret,
    }
