"""The identity plan as NixOS options of Authelia: one instance, with users in a file or in LDAP."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

from homelab.config.identity import Directory
from homelab.config.mail import MailConfig
from homelab.hardening.baseline import sandbox
from homelab.identity import lldap
from homelab.identity.authelia_oidc import attributes, oidc
from homelab.identity.directory import GROUPS, LDAP_PORT, PEOPLE, admin_of
from homelab.identity.model import (
    CLAIMS_POLICY,
    LDAP_PASSWORD,
    LLDAP,
    IdentityPlan,
    Rule,
)
from homelab.network.model import LOOPBACK
from homelab.nix import Attrs, Comment, Module, Nix, Pkg, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import referred_path, secret_path
from homelab.services.mail import MAIL, sends_mail
from homelab.services.templates import path_of_secret
from homelab.system.model import Host

INSTANCE = "main"
STATE = f"/var/lib/authelia-{INSTANCE}"
ISSUER_KEY = f"{STATE}/oidc.pem"
_KEY_FILE = "lib/oidc-key.sh"
_KEY_SHELL = (resources.files("homelab.identity") / "oidc-key.sh").read_text(encoding="utf-8")


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`identity.nix`, on the provider's host."""
    identity = plan.identity
    if identity is None or identity.host != host.name or identity.provider != "authelia":
        return
    secrets: Attrs = {
        "jwtSecretFile": _derived("jwt"),
        "sessionSecretFile": _derived("session"),
        "storageEncryptionKeyFile": _derived("storage-encryption"),
    }
    key: Attrs = {}
    extra: tuple[tuple[str, str], ...] = ()
    if identity.clients:
        secrets["oidcHmacSecretFile"] = _derived("oidc-hmac")
        secrets["oidcIssuerPrivateKeyFile"] = ISSUER_KEY
        key, extra = _key_unit(), ((_KEY_FILE, _KEY_SHELL),)
    instance: Attrs = {
        "enable": True,
        "secrets": secrets,
        "settings": _settings(plan, host, identity),
    }
    order: Attrs = {}
    variables: dict[str, Nix] = {}
    if (directory := _directory(plan)) is not None:
        ldap: list[Nix] = [f"{directory.kind}.service"]
        order = attrs(f"systemd.services.authelia-{INSTANCE}", {"after": ldap, "wants": ldap})
        variables["AUTHELIA_AUTHENTICATION_BACKEND_LDAP_PASSWORD_FILE"] = _derived(LDAP_PASSWORD)
    service = next((s for s in plan.on(host.name) if s.name == "authelia"), None)
    if service is not None and MAIL in service.entry.secrets:
        password = path_of_secret(service, MAIL)
        variables["AUTHELIA_NOTIFIER_SMTP_PASSWORD_FILE"] = password
    if variables:
        instance["environmentVariables"] = variables
    yield Module(
        file="identity.nix",
        what="Identity provider and auth proxy: users, access rules and OIDC clients.",
        derived=merge(attrs(f"services.authelia.instances.{INSTANCE}", instance), key, order),
        extra=extra,
    )


def _key_unit() -> Attrs:
    """The unit that creates the token signing key on this host. The key is never copied elsewhere;
    a lost one is replaced.
    """
    unit = f"authelia-{INSTANCE}"
    return attrs(
        f"systemd.services.{unit}-key",
        {
            "description": "Create the token signing key of Authelia",
            "before": [f"{unit}.service"],
            "requiredBy": [f"{unit}.service"],
            "path": [Pkg("openssl")],
            "script": Script.of(". ", Raw(f"./{_KEY_FILE}"), f" {ISSUER_KEY}\n"),
            "serviceConfig": {
                "Type": "oneshot",
                "RemainAfterExit": True,
                "User": unit,
                "Group": unit,
                "StateDirectory": unit,
                "StateDirectoryMode": "0700",
                "PrivateNetwork": True,
                **sandbox(),
            },
        },
    )


def _directory(plan: Plan) -> Directory | None:
    return plan.stack.identity.directory if plan.stack.identity else None


def _derived(name: str) -> str:
    return secret_path("authelia", name, "derived", "file")


def _settings(plan: Plan, host: Host, identity: IdentityPlan) -> Attrs:
    service = next((s for s in plan.on(host.name) if s.name == "authelia"), None)
    address = f"{service.bind}:{service.port}" if service else identity.address
    domain = plan.stack.site.domain
    settings: Attrs = {
        "theme": "auto",
        "log": {"level": "info", "format": "text"},
        "server": {"address": f"tcp://{address}/"},
        "authentication_backend": _backend(plan, host),
        "access_control": _access(identity),
        "session": {
            "expiration": identity.session.expiration,
            "inactivity": identity.session.inactivity,
            "remember_me": identity.session.remember_me,
            "cookies": [_cookie(d, url, identity) for d, url in identity.cookies],
        },
        "storage": {"local": {"path": f"{STATE}/db.sqlite3"}},
        "notifier": _notifier(_relay(plan, host)),
        "totp": {"issuer": domain},
        "webauthn": {"display_name": domain},
    }
    config, policies = plan.stack.identity, host.release >= CLAIMS_POLICY
    if config is not None and identity.clients:
        settings["identity_providers"] = {"oidc": oidc(identity, config, policies=policies)}
        if policies and (computed := attributes(config, identity)):
            settings["definitions"] = {"user_attributes": computed}
    return settings


def _relay(plan: Plan, host: Host) -> MailConfig | None:
    """The mail relay, if Authelia sends through it."""
    service = next((s for s in plan.on(host.name) if s.name == "authelia"), None)
    sends = service is not None and sends_mail(plan.stack, service.name, service.entry)
    return plan.stack.mail if sends else None


def _notifier(relay: MailConfig | None) -> Attrs:
    if relay is None:
        return {
            "filesystem": Comment(
                "Codes for registering a second factor go to this file instead of e-mail.",
                {"filename": f"{STATE}/notifications.txt"},
            )
        }
    scheme = {"tls": "submissions", "starttls": "submission", "none": "smtp"}[relay.encryption]
    smtp: dict[str, Nix] = {
        "address": f"{scheme}://{relay.host}:{relay.number}",
        "sender": relay.sender,
    }
    if relay.user is not None:
        smtp["username"] = relay.user
    if relay.encryption == "none":
        smtp |= {"disable_require_tls": True, "disable_starttls": True}
    return {
        "disable_startup_check": Comment("People sign in also while the relay is down.", True),
        "smtp": smtp,
    }


def _users_file(plan: Plan) -> str:
    identity = plan.stack.identity
    return referred_path(identity.users if identity is not None else None, "authelia", "users")


def _backend(plan: Plan, host: Host) -> Attrs:
    directory = _directory(plan)
    if directory is not None:
        return {"ldap": _lldap(plan, directory) if directory.kind == LLDAP else _ldap(directory)}
    backend: Attrs = {
        "file": {"path": _users_file(plan), "watch": False},
        "password_reset": Comment(
            "The users file is a secret of the stack, so it cannot change on this host.",
            {"disable": True},
        ),
    }
    if host.release >= "25.05":
        backend["password_change"] = {"disable": True}
    return backend


def _lldap(plan: Plan, directory: Directory) -> Attrs:
    """Authelia knows LLDAP's entries and attributes itself."""
    return {
        "implementation": "lldap",
        "address": lldap.ldap_address(plan),
        "base_dn": directory.base_dn,
        "user": lldap.portal_dn(directory),
    }


def _ldap(directory: Directory) -> Attrs:
    return {
        "implementation": "custom",
        "address": f"ldap://{LOOPBACK}:{LDAP_PORT}",
        "base_dn": directory.base_dn,
        "additional_users_dn": f"ou={PEOPLE}",
        "users_filter": "(&({username_attribute}={input})(objectClass=inetOrgPerson))",
        "additional_groups_dn": f"ou={GROUPS}",
        "groups_filter": "(&(member={dn})(objectClass=groupOfNames))",
        "attributes": {
            "username": "uid",
            "display_name": "displayName",
            "mail": "mail",
            "group_name": "cn",
        },
        "user": admin_of(directory),
    }


def _cookie(domain: str, url: str, identity: IdentityPlan) -> Nix:
    body: Attrs = {"domain": domain, "authelia_url": url}
    if len(identity.cookies) > 1 and url == f"https://{identity.public_portal}":
        # If one domain contains the other, a browser sends both cookies.
        body["name"] = "authelia_session_public"
    return body


def _access(identity: IdentityPlan) -> Attrs:
    if not identity.rules:
        # Authelia does not start on `deny` without a rule.
        return {"default_policy": "two_factor"}
    return {"default_policy": "deny", "rules": [_rule(r) for r in identity.rules]}


def _rule(rule: Rule) -> Nix:
    body: Attrs = {"domain": list(rule.domain), "policy": rule.policy}
    if rule.subjects:
        body["subject"] = list(rule.subjects)
    if rule.resources:
        body["resources"] = list(rule.resources)
    return body
