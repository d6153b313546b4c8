"""The LDAP directory, tested with a real OpenLDAP."""

from __future__ import annotations

import base64
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homelab.identity.directory import line
from homelab.identity.directory import modules as ldap_modules
from homelab.nix import Text
from tests import build
from tests.household import Changes, household
from tests.tools.programs import need

BASE = "dc=example,dc=org"
CHANGES: Changes = {
    "identity": {
        "users": None,
        "directory": {"base_dn": BASE, "members": {"family": ["kim"]}},
    },
    "site": {"members": {"kim": {"email": "kim@example.org"}}},
    "services": {"navidrome": {"host": "aurora", "name": "music"}},
}


@pytest.mark.requirement("S1-06")
def test_authelia_uses_the_directory_instead_of_a_file() -> None:
    """Both sides read its password from a file. No generated text contains it."""
    files = build.render(household(CHANGES))["pi"]
    text = files["identity.nix"]
    assert 'base_dn = "dc=example,dc=org";' in text
    assert "authelia-users" not in text
    both = {
        s.service: (s.owner, s.purpose)
        for s in build.plan(household(CHANGES)).secrets.on("pi")
        if s.name.endswith("-ldap")
    }
    assert both == {
        "authelia": ("authelia-main", "openldap/ldap"),
        "openldap": ("openldap", "openldap/ldap"),
    }
    assert 'olcRootPW.path = "/run/homelab/secrets/openldap-ldap";' in files["directory.nix"]


@pytest.mark.requirement("S1-06")
def test_with_a_user_file_there_is_no_directory() -> None:
    assert "directory.nix" not in build.render(household({}))["pi"]


@pytest.mark.parametrize("value", ["kim@example.org", "Åse", " a", "a ", ":a", "a\nb: c", ""])
@pytest.mark.requirement("S1-06")
def test_no_value_becomes_another_ldif_line(value: str) -> None:
    """LDIF is written by its rules (RFC 2849)."""
    told = line("cn", value)
    assert "\n" not in told
    name, _, rest = told.partition(":")
    assert name == "cn"
    if rest.startswith(": "):
        assert base64.b64decode(rest[2:]).decode() == value
    else:
        assert rest == f" {value}"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[str]:
    """A real slapd with the rendered settings. Yields its address."""
    need("ldapmodify")
    slapd = shutil.which("slapd") or shutil.which("slapd", path="/usr/sbin") or ""
    if not slapd:
        need("slapd")
    made = build.plan(household(CHANGES))
    (module,) = ldap_modules(made, made.hosts["pi"])
    children = module.derived["services"]["openldap"]["settings"]["children"]  # type: ignore[index,call-overload]
    (tmp_path / "data").mkdir()
    (tmp_path / "config").mkdir()
    (tmp_path / "ldap").write_text("the password", encoding="utf-8")
    places = {
        "/var/lib/openldap": str(tmp_path),
        "/run/homelab/secrets/openldap-ldap": str(tmp_path / "ldap"),
    }
    ldif = _ldif(children, places)
    if (modules := Path("/usr/lib/ldap")).is_dir():
        # Debian's slapd loads modules that are built into that of NixOS.
        ldif = ldif.replace(
            "\n\ndn: cn=schema",
            f"\n\ndn: cn=module{{0}},cn=config\nobjectClass: olcModuleList\ncn: module{{0}}\n"
            f"olcModulePath: {modules}\nolcModuleLoad: back_mdb\n\ndn: cn=schema",
            1,
        )
    (tmp_path / "config.ldif").write_text(ldif, encoding="utf-8")
    config = str(tmp_path / "config")
    adder = [str(Path(slapd).parent / "slapadd"), "-F", config, "-bcn=config", "-l"]
    subprocess.run([*adder, str(tmp_path / "config.ldif")], check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as held:
        address = f"ldap://127.0.0.1:{held.getsockname()[1]}"
    process = subprocess.Popen(
        [slapd, "-F", config, "-h", address, "-d", "0"], stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(500):
            host, port = address.removeprefix("ldap://").split(":")
            try:
                socket.create_connection((host, int(port)), 1).close()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.02)
        yield address
    finally:
        process.terminate()
        process.wait()


def _ldif(children: Any, places: dict[str, str]) -> str:
    """The settings as the NixOS module writes them."""
    out = ["dn: cn=config\nobjectClass: olcGlobal\ncn: config\n"]
    schema, database = children["cn=schema"], children["olcDatabase={1}mdb"]
    out.append("dn: cn=schema,cn=config\ncn: schema\nobjectClass: olcSchemaConfig\n")
    for text in schema["includes"]:
        assert isinstance(text, Text)
        path = "".join(p if isinstance(p, str) else "/etc/ldap" for p in text.parts)
        out.append(f"include: file://{path.replace('/etc/ldap/etc/schema', '/etc/ldap/schema')}\n")
    lines = ["dn: olcDatabase={1}mdb,cn=config"]
    for name, value in database["attrs"].items():
        for item in value if isinstance(value, list) else [value]:
            said = f":< file://{item['path']}" if isinstance(item, dict) else f": {item}"
            for old, new in places.items():
                said = said.replace(old, new)
            lines.append(f"{name}{said}")
    return "\n".join([*out, "\n".join(lines) + "\n"])


def _seed(address: str, tmp_path: Path, ldif: str, owner: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "people.ldif").write_text(ldif, encoding="utf-8")
    (tmp_path / "owner").write_text("the first one", encoding="utf-8")
    script = build.ROOT / "homelab/identity/seed-directory.sh"
    words = [
        str(tmp_path / "people.ldif"),
        address,
        f"cn=admin,{BASE}",
        str(tmp_path / "ldap"),
        owner,
        str(tmp_path / "owner"),
    ]
    text = f"set -e\n. {shlex.quote(str(script))} {shlex.join(words)}\n"
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False)


def _ask(address: str, who: str, password: str, *words: str) -> subprocess.CompletedProcess[str]:
    tool, *rest = words
    return subprocess.run(
        [tool, "-x", "-H", address, "-D", who, "-w", password, *rest],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LDAPNOINIT": "1"},
    )


@pytest.mark.requirement("S1-06")
def test_members_are_in_the_directory_and_keep_their_passwords(
    directory: str, tmp_path: Path
) -> None:
    """Groups have their members. A second run changes nothing and keeps changed passwords. A member
    that is added later is added to the directory."""
    files = build.render(household(CHANGES))["pi"]
    sam, kim = (f"uid={u},ou=people,{BASE}" for u in ("sam", "kim"))
    done = _seed(directory, tmp_path, files["lib/people.ldif"], sam)
    assert done.returncode == 0, done.stderr
    assert _ask(directory, sam, "the first one", "ldapwhoami").returncode == 0
    admin = f"cn=admin,{BASE}"
    member = f"(&(member={kim})(objectClass=groupOfNames))"
    found = _ask(
        directory,
        admin,
        "the password",
        "ldapsearch",
        "-LLL",
        "-b",
        f"ou=groups,{BASE}",
        member,
        "cn",
    )
    assert found.stdout.count("dn:") == 1
    assert f"cn=family,ou=groups,{BASE}" in found.stdout
    changed = _ask(directory, sam, "the first one", "ldappasswd", "-s", "my own", sam)
    assert changed.returncode == 0, changed.stderr

    more: Changes = {
        "site": {"members": {"ada": {"email": "ada@example.org"}}},
        "identity": {"directory": {"members": {"family": ["ada"]}}},
    }
    again = _seed(
        directory, tmp_path, build.render(household(CHANGES, more))["pi"]["lib/people.ldif"], sam
    )
    assert again.returncode == 0, again.stderr
    assert _ask(directory, sam, "my own", "ldapwhoami").returncode == 0
    ada = _ask(
        directory, admin, "the password", "ldapsearch", "-LLL", "-b", BASE, "(uid=ada)", "mail"
    )
    assert "mail: ada@example.org" in ada.stdout
    left = _ask(
        directory,
        admin,
        "the password",
        *("ldapsearch", "-LLL", "-b", f"ou=groups,{BASE}", member, "cn"),
    )
    assert "dn:" not in left.stdout, "who is taken out of the list is out of the group"
    stranger = _ask(directory, kim, "", "ldapsearch", "-LLL", "-b", BASE, "(uid=sam)")
    assert "mail" not in stranger.stdout


@pytest.mark.requirement("S1-06")
def test_an_entry_that_is_refused_is_a_failed_unit(directory: str, tmp_path: Path) -> None:
    """An existing entry is fine; any other failure is reported."""
    bad = (
        f"dn: uid=x,ou=nowhere,{BASE}\nchangetype: add\nobjectClass: inetOrgPerson\ncn: x\nsn: x\n"
    )
    done = _seed(directory, tmp_path, bad, f"uid=x,{BASE}")
    assert done.returncode == 1
    assert "No such object" in done.stderr


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"famly": ["kim"]}, ["members.famly", 'no group "famly"', 'did you mean "family"?']),
        ({"family": ["kym"]}, ["members.family", 'no person "kym"', 'did you mean "kim"?']),
    ],
)
@pytest.mark.requirement("S1-06")
def test_members_of_the_directory_need_existing_groups(members: Changes, words: list[str]) -> None:
    changes = household(CHANGES, {"identity": {"directory": {"members": members}}})
    changes["identity"]["directory"]["members"] = members  # type: ignore[index,call-overload]
    (problem,) = build.found(changes, "directory-members")
    assert all(word in str(problem) for word in words), problem
    assert build.found(household(CHANGES), "directory-members") == []


@pytest.mark.requirement("S1-06")
def test_the_directory_is_dumped_for_the_backup_without_exposing_its_password() -> None:
    """Its database files cannot be copied while it runs."""
    text = build.render(household(CHANGES))["pi"]["directory.nix"]
    assert "-y /run/homelab/secrets/openldap-ldap" in text
    assert "/var/lib/openldap-dump/people.ldif" in text
    assert "/var/lib/openldap-dump" in build.render(household(CHANGES))["pi"]["backup.nix"]
