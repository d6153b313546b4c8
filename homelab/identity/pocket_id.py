"""Pocket ID, and oauth2-proxy as the auth proxy for apps without OIDC support."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

from homelab.config.fact_parts import SecretFact, referred
from homelab.hardening.baseline import sandbox
from homelab.identity import oauth2_proxy, pocket_id_apps
from homelab.identity.endpoints import POCKET_ID
from homelab.identity.model import API_KEY, CLIENT, STATIC_KEY, IdentityPlan, api_key_source
from homelab.identity.plan import minutes
from homelab.nix import Attrs, Comment, Module, Pkg, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import fact_path, secret_path
from homelab.system.model import Host

KEYS = "/var/lib/homelab-gate"
KEY_FILE = f"{KEYS}/gate.env"
"""Client secret of oauth2-proxy, created by Pocket ID; no other host has it."""
_UNIT = "pocket-id-client"
_FILE, _CLIENT = "lib/pocket-id-client.sh", "lib/pocket-id-client.json"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`identity.nix` and `auth-proxy.nix`, on the provider's host."""
    identity = plan.identity
    if identity is None or identity.host != host.name or identity.provider != "pocket-id":
        return
    yield Module(
        "identity.nix",
        "Identity provider: Pocket ID, with passkeys",
        derived=merge(
            attrs(
                "services.pocket-id", {"enable": True, "settings": _settings(plan, host, identity)}
            ),
            pocket_id_apps.unit(plan, host, identity, _api_key(plan)),
        ),
        extra=tuple(pocket_id_apps.files(plan, host, identity)),
    )
    yield Module(
        "auth-proxy.nix",
        "Auth proxy: oauth2-proxy in front of apps without OIDC support",
        derived=merge(_proxy(identity), _registration(plan, identity)),
        extra=(pocket_id_apps.shell(_FILE), (_CLIENT, _client(identity))),
    )


def _api_key(plan: Plan) -> str:
    config = plan.stack.identity
    fact = SecretFact(source=api_key_source(config) if config else "derived")
    return fact_path("pocket-id", API_KEY, referred(fact, config.api_key if config else None))


def _settings(plan: Plan, host: Host, identity: IdentityPlan) -> Attrs:
    service = next(s for s in plan.on(host.name) if s.name == "pocket-id")
    settings: Attrs = {
        "HOST": service.bind,
        "PORT": service.port,
        "TRUST_PROXY": True,
        "ANALYTICS_DISABLED": True,
        "ENCRYPTION_KEY_FILE": secret_path("pocket-id", "encryption-key", "derived", "file"),
        "APP_URL": Comment(
            "Passkeys are bound to this name and do not work under another one.",
            identity.issuer(public=False),
        ),
        "UI_CONFIG_DISABLED": Comment("Settings come from the stack, not from the web UI.", True),
        "SESSION_DURATION": minutes(identity.session.remember_me),
    }
    if host.release >= STATIC_KEY:
        settings["STATIC_API_KEY_FILE"] = _api_key(plan)
    return settings


def _proxy(identity: IdentityPlan) -> Attrs:
    issuer, here = identity.issuer(public=False), f"http://{identity.address}"
    return oauth2_proxy.settings(
        identity,
        {
            "clientID": CLIENT,
            "keyFile": KEY_FILE,
            "oidcIssuerUrl": issuer,
            "loginURL": f"{issuer}{POCKET_ID['authorization_endpoint']}",
            "redeemURL": Comment(
                "On this host, so that oauth2-proxy needs neither DNS nor certificates.",
                f"{here}{POCKET_ID['token_endpoint']}",
            ),
            "scope": "openid profile email groups",
            "extraConfig": {
                "skip-oidc-discovery": True,
                "oidc-jwks-url": f"{here}{POCKET_ID['jwks_uri']}",
                # Pocket ID's administrator sets the addresses; they are not verified by mail.
                "insecure-oidc-allow-unverified-email": True,
            },
        },
    )


def _registration(plan: Plan, identity: IdentityPlan) -> Attrs:
    arguments = (
        f"http://{identity.address}",
        _api_key(plan),
        secret_path("oauth2-proxy", "cookie", "derived", "env"),
        KEY_FILE,
    )
    return {
        "systemd": {
            "services": {
                _UNIT: {
                    "description": "Register oauth2-proxy as a client of Pocket ID",
                    "after": ["pocket-id.service"],
                    "wants": ["pocket-id.service"],
                    "wantedBy": ["multi-user.target"],
                    "path": [Pkg("curl"), Pkg("jq"), Pkg("systemd")],
                    "script": Script.of(
                        ". ",
                        Raw(f"./{_FILE}"),
                        " ",
                        Raw(f"./{_CLIENT}"),
                        f" {shlex.join(arguments)} ",
                        Raw(f"./{pocket_id_apps.API}"),
                        "\n",
                    ),
                    "serviceConfig": {
                        "Type": "oneshot",
                        "StateDirectory": KEYS.rpartition("/")[2],
                        "StateDirectoryMode": "0700",
                        # Root reads secrets of other users.
                        **sandbox("capability-bounding-set"),
                    },
                },
                "oauth2-proxy": {
                    "after": [f"{_UNIT}.service"],
                    "unitConfig": {
                        "ConditionPathExists": Comment(
                            "It starts only after it is registered at Pocket ID.", KEY_FILE
                        )
                    },
                },
            },
            "timers": {
                _UNIT: {
                    "wantedBy": ["timers.target"],
                    "timerConfig": {"OnUnitInactiveSec": "5min"},
                }
            },
        }
    }


def _client(identity: IdentityPlan) -> str:
    """oauth2-proxy as a client in Pocket ID's API, with a callback for every protected name."""
    client = {
        "id": CLIENT,
        "name": "Homelab sign-in",
        "callbackURLs": list(identity.auth_proxy.callbacks),
        "logoutCallbackURLs": [],
        "isPublic": False,
        "pkceEnabled": True,
    }
    return json.dumps(client, indent=2) + "\n"
