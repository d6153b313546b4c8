"""LLDAP as the directory of people and groups: its settings, and the unit that adds those of the
stack. The catalog has the rest of the service.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from importlib import resources

from homelab.config.identity import Directory, IdentityConfig
from homelab.config.stack import StackConfig
from homelab.identity.directory import directory_on
from homelab.identity.model import LDAP_OWNER, LDAP_PASSWORD, LLDAP
from homelab.network.model import LOOPBACK
from homelab.nix import Attrs, Module, Pkg, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import secret_path
from homelab.services.model import Service
from homelab.system.model import Host

PORTAL = "authelia"
"""The user as which Authelia reads the directory and sets passwords."""
_UNIT = "lldap-people"
_RECORDS = "/var/lib/homelab-lldap"
_SEED, _PEOPLE = "lib/seed-lldap.sh", "lib/people.json"
_SHELL = (resources.files("homelab.identity") / "seed-lldap.sh").read_text(encoding="utf-8")


def ldap_address(plan: Plan) -> str:
    """Where Authelia reads the directory."""
    return f"ldap://{LOOPBACK}:{_service(plan).entry.ports['ldap'].port}"


def portal_dn(directory: Directory) -> str:
    """The entry of the user as which Authelia signs in."""
    return f"uid={PORTAL},ou=people,{directory.base_dn}"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`directory.nix`, on the identity provider's host."""
    found = directory_on(plan, host, LLDAP)
    if found is None:
        return
    identity, directory = found
    settings = attrs(
        "services.lldap.settings",
        {
            "force_ldap_user_pass_reset": "always",
            "ldap_base_dn": directory.base_dn,
        },
    )
    yield Module(
        "directory.nix",
        "The LDAP directory of people and groups for the identity provider",
        derived=merge(settings, _seed(plan)),
        extra=((_SEED, _SHELL), (_PEOPLE, people(plan.stack, identity, directory))),
    )


def _service(plan: Plan) -> Service:
    return next(s for s in plan.services if s.name == LLDAP)


def _secret(name: str) -> str:
    return secret_path(LLDAP, name, "derived", "file")


def _seed(plan: Plan) -> Attrs:
    arguments = (
        f"http://{LOOPBACK}:{_service(plan).port}",
        ldap_address(plan),
        *(_secret(name) for name in ("admin", LDAP_PASSWORD, LDAP_OWNER)),
        _RECORDS,
    )
    return attrs(
        f"systemd.services.{_UNIT}",
        {
            "description": "Add the people and groups of the stack to LLDAP",
            "after": ["lldap.service"],
            "requires": ["lldap.service"],
            "wantedBy": ["multi-user.target"],
            "path": [Pkg("curl"), Pkg("jq"), Pkg("openldap")],
            "script": Script.of(
                ". ", Raw(f"./{_SEED}"), " ", Raw(f"./{_PEOPLE}"), f" {shlex.join(arguments)}\n"
            ),
            "serviceConfig": {
                "Type": "oneshot",
                "RemainAfterExit": True,
                "StateDirectory": _RECORDS.rpartition("/")[2],
                "StateDirectoryMode": "0700",
            },
        },
    )


def people(stack: StackConfig, identity: IdentityConfig, directory: Directory) -> str:
    """The people and groups of the stack, as JSON."""
    owner = stack.site.owner
    emails = {owner.user: owner.email} | {n: m.email for n, m in stack.site.members.items()}
    portal = {
        "id": PORTAL,
        "email": f"{PORTAL}@{stack.site.domain}",
        "displayName": "The sign-in portal",
    }
    members: Mapping[str, list[str]] = {
        group: sorted(set(names) & set(emails) | {owner.user})
        for group, names in sorted(directory.members.items())
    }
    spec = {
        "base": directory.base_dn,
        "owner": owner.user,
        "portal": PORTAL,
        "people": [
            *(
                {"id": name, "email": email, "displayName": name.title()}
                for name, email in sorted(emails.items())
            ),
            portal,
        ],
        "groups": sorted(identity.groups),
        "members": members,
    }
    return json.dumps(spec, indent=2, ensure_ascii=False) + "\n"
