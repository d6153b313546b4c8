"""The gate as NixOS knows it: one Authelia instance with users in a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.nix import Attrs, Comment, Module, Nix, attrs
from homelab.secrets.model import secret_path

if TYPE_CHECKING:
    from homelab.identity.model import IdentityPlan, Rule
    from homelab.plan import Plan
    from homelab.system.model import Host

INSTANCE = "main"
STATE = f"/var/lib/authelia-{INSTANCE}"
USERS = secret_path("authelia", "users", "stored", "file")


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`identity.nix`, on the gate's host."""
    identity = plan.identity
    if identity is None or identity.host != host.name:
        return
    yield Module(
        file="identity.nix",
        what="Identity: who may pass the gate in front of apps that cannot ask by themselves.",
        derived=attrs(
            f"services.authelia.instances.{INSTANCE}",
            {
                "enable": True,
                "secrets": {
                    "jwtSecretFile": _derived("jwt"),
                    "sessionSecretFile": _derived("session"),
                    "storageEncryptionKeyFile": _derived("storage-encryption"),
                },
                "settings": _settings(plan, host, identity),
            },
        ),
    )


def _derived(name: str) -> str:
    return secret_path("authelia", name, "derived", "file")


def _settings(plan: Plan, host: Host, identity: IdentityPlan) -> Attrs:
    service = next((s for s in plan.on(host.name) if s.name == "authelia"), None)
    address = f"{service.bind}:{service.port}" if service else identity.address
    domain = plan.site.site.domain
    backend: Attrs = {
        "file": {"path": USERS, "watch": False},
        "password_reset": Comment(
            "The users' file is a secret of the stack; nothing on this host may change it.",
            {"disable": True},
        ),
    }
    if host.release >= "25.05":
        backend["password_change"] = {"disable": True}
    return {
        "theme": "auto",
        "log": {"level": "info", "format": "text"},
        "server": {"address": f"tcp://{address}/"},
        "authentication_backend": backend,
        "access_control": _access(identity),
        "session": {
            "expiration": identity.session.expiration,
            "inactivity": identity.session.inactivity,
            "remember_me": identity.session.remember_me,
            "cookies": [_cookie(d, url, identity) for d, url in identity.cookies],
        },
        "storage": {"local": {"path": f"{STATE}/db.sqlite3"}},
        "notifier": {
            "filesystem": Comment(
                "Codes for a new second factor are written here instead of mailed.",
                {"filename": f"{STATE}/notifications.txt"},
            )
        },
        "totp": {"issuer": domain},
        "webauthn": {"display_name": domain},
    }


def _cookie(domain: str, url: str, identity: IdentityPlan) -> Nix:
    body: Attrs = {"domain": domain, "authelia_url": url}
    if len(identity.cookies) > 1 and url == f"https://{identity.public_portal}":
        # Where one domain lies within the other, a browser sends both cookies at once.
        body["name"] = "authelia_session_public"
    return body


def _access(identity: IdentityPlan) -> Attrs:
    if not identity.rules:
        # Authelia does not start on `deny` without a rule.
        return {"default_policy": "two_factor"}
    return {"default_policy": "deny", "rules": [_rule(r) for r in identity.rules]}


def _rule(rule: Rule) -> Nix:
    body: Attrs = {"domain": list(rule.domain), "policy": rule.policy}
    if rule.groups:
        body["subject"] = [f"group:{g}" for g in rule.groups]
    if rule.resources:
        body["resources"] = list(rule.resources)
    return body
