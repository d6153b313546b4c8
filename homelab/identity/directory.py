"""The LDAP directory: OpenLDAP on loopback, with the people and groups of the stack.

The stack config sets the people and the members of the groups in `directory.members`. Passwords and
other attributes are kept in the directory. A person who is removed from the stack loses those
groups, but the entry stays until somebody deletes it in the directory.
"""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterator
from importlib import resources

from homelab.config.identity import Directory, IdentityConfig
from homelab.config.stack import StackConfig
from homelab.hardening.baseline import sandbox
from homelab.identity.model import LDAP_OWNER, LDAP_PASSWORD
from homelab.network.model import LOOPBACK
from homelab.nix import Attrs, Module, Nix, Pkg, Raw, Script, Text, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import secret_path
from homelab.system.model import Host

LDAP_PORT = 389
PEOPLE, GROUPS = "people", "groups"
_STATE = "/var/lib/openldap"
_DUMP = "/var/lib/openldap-dump"
_SEED, _PEOPLE = "lib/seed-directory.sh", "lib/people.ldif"
_SHELL = (resources.files("homelab.identity") / "seed-directory.sh").read_text(encoding="utf-8")
_SCHEMAS = ("core", "cosine", "inetorgperson")
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._,=+ -]*[A-Za-z0-9]|[A-Za-z0-9]")
_SANDBOX = sandbox("capability-bounding-set")
"""Root reads passwords that belong to the directory."""


def admin_of(directory: Directory) -> str:
    """The account that the identity provider uses; it may set passwords."""
    return f"cn=admin,{directory.base_dn}"


def directory_on(plan: Plan, host: Host, kind: str) -> tuple[IdentityConfig, Directory] | None:
    """The directory of this kind, with the settings of the identity provider; None on a host that
    does not run it.
    """
    identity = plan.stack.identity
    if plan.identity is None or plan.identity.host != host.name or identity is None:
        return None
    directory = identity.directory
    return None if directory is None or directory.kind != kind else (identity, directory)


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`directory.nix`, on the identity provider's host."""
    found = directory_on(plan, host, "openldap")
    if found is None:
        return
    identity, directory = found
    yield Module(
        "directory.nix",
        "The LDAP directory of people and groups for the identity provider",
        derived=merge(_openldap(directory), _seed(plan.stack, directory)),
        extra=((_SEED, _SHELL), (_PEOPLE, people(plan.stack, identity, directory))),
    )


def _secret(name: str) -> str:
    return secret_path("openldap", name, "derived", "file")


def _openldap(directory: Directory) -> Attrs:
    schemas: list[Nix] = [
        Text((Raw("pkgs.openldap"), f"/etc/schema/{name}.ldif")) for name in _SCHEMAS
    ]
    database: Attrs = {
        "objectClass": ["olcDatabaseConfig", "olcMdbConfig"],
        "olcDatabase": "{1}mdb",
        "olcDbDirectory": f"{_STATE}/data",
        "olcSuffix": directory.base_dn,
        "olcRootDN": admin_of(directory),
        "olcRootPW": {"path": _secret(LDAP_PASSWORD)},
        "olcAccess": [
            "{0}to attrs=userPassword by self write by anonymous auth by * none",
            "{1}to * by self read by * none",
        ],
        "olcDbIndex": ["objectClass eq", "uid eq", "mail eq", "member eq"],
    }
    return attrs(
        "services.openldap",
        {
            "enable": True,
            "urlList": [f"ldap://{LOOPBACK}:{LDAP_PORT}/"],
            "settings": {
                "children": {
                    "cn=schema": {"includes": schemas},
                    "olcDatabase={1}mdb": {"attrs": database},
                }
            },
        },
    )


def _seed(stack: StackConfig, directory: Directory) -> Attrs:
    owner = f"uid={stack.site.owner.user},ou={PEOPLE},{directory.base_dn}"
    arguments = (
        f"ldap://{LOOPBACK}:{LDAP_PORT}",
        admin_of(directory),
        _secret(LDAP_PASSWORD),
        owner,
        _secret(LDAP_OWNER),
    )
    dump = Script.of(
        "umask 077\nldapsearch -LLL -x ",
        shlex.join(
            ("-H", arguments[0], "-D", arguments[1], "-y", arguments[2], "-b", directory.base_dn)
        ),
        f" '*' + >{_DUMP}/people.ldif.new\n",
        f"mv -f {_DUMP}/people.ldif.new {_DUMP}/people.ldif\n",
    )
    nightly: Attrs = {
        "description": "Dump the LDAP directory for the backup",
        "after": ["openldap.service"],
        "requires": ["openldap.service"],
        "path": [Pkg("openldap")],
        "startAt": "02:15",
        "script": dump,
        "serviceConfig": {
            "Type": "oneshot",
            "StateDirectory": _DUMP.rpartition("/")[2],
            "StateDirectoryMode": "0700",
            **_SANDBOX,
        },
    }
    seed = attrs(
        "systemd.services.openldap-people",
        {
            "description": "Add the people and groups of the stack to the LDAP directory",
            "after": ["openldap.service"],
            "requires": ["openldap.service"],
            "wantedBy": ["multi-user.target"],
            "path": [Pkg("openldap")],
            "script": Script.of(
                ". ", Raw(f"./{_SEED}"), " ", Raw(f"./{_PEOPLE}"), f" {shlex.join(arguments)}\n"
            ),
            "serviceConfig": {"Type": "oneshot", "RemainAfterExit": True, **_SANDBOX},
        },
    )
    return merge(seed, attrs("systemd.services.openldap-dump", nightly))


def people(stack: StackConfig, identity: IdentityConfig, directory: Directory) -> str:
    """The people and groups of the stack as LDIF: entries to add, then the members of groups."""
    base = directory.base_dn
    owner = stack.site.owner
    emails = {owner.user: owner.email} | {n: m.email for n, m in stack.site.members.items()}
    label = base.partition(",")[0].removeprefix("dc=")
    entries = [
        _entry(
            base,
            ("objectClass", "dcObject"),
            ("objectClass", "organization"),
            ("dc", label),
            ("o", stack.site.domain),
        ),
        *(
            _entry(f"ou={ou},{base}", ("objectClass", "organizationalUnit"), ("ou", ou))
            for ou in (PEOPLE, GROUPS)
        ),
    ]
    for name, email in sorted(emails.items()):
        entries.append(
            _entry(
                f"uid={name},ou={PEOPLE},{base}",
                ("objectClass", "inetOrgPerson"),
                ("uid", name),
                ("cn", name),
                ("sn", name),
                ("displayName", name.title()),
                ("mail", email),
            )
        )
    owner_dn = f"uid={owner.user},ou={PEOPLE},{base}"
    for group in sorted(identity.groups):
        entries.append(
            _entry(
                f"cn={group},ou={GROUPS},{base}",
                ("objectClass", "groupOfNames"),
                ("cn", group),
                ("member", owner_dn),
            )
        )
    for group, members in sorted(directory.members.items()):
        # Replaces the whole list, so that a person removed from the stack's list leaves the group.
        inside = sorted(set(members) & set(emails) | {owner.user})
        entries.append(
            _lines(
                ("dn", f"cn={group},ou={GROUPS},{base}"),
                ("changetype", "modify"),
                ("replace", "member"),
                *(("member", f"uid={name},ou={PEOPLE},{base}") for name in inside),
            )
        )
    return "\n".join(entries)


def _entry(dn: str, *pairs: tuple[str, str]) -> str:
    return _lines(("dn", dn), ("changetype", "add"), *pairs)


def _lines(*pairs: tuple[str, str]) -> str:
    return "".join(f"{line(name, value)}\n" for name, value in pairs)


def line(name: str, value: str) -> str:
    """One attribute as LDIF (RFC 2849), in base64 unless the value is a safe string."""
    if _SAFE.fullmatch(value):
        return f"{name}: {value}"
    return f"{name}:: {base64.b64encode(value.encode()).decode()}"
