"""Programs with network logins: sshd, fail2ban, Samba."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from homelab.storage.replicas import PATH, SUDO
from tests.programs.rendered import ALL, EACH, planned, settings
from tests.tools.programs import at, run


def word(value: Any) -> str:
    """A value as sshd and INI files have it."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def ini(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """Sections as `lib.generators.toINI` writes them."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{k}={word(v)}\n" for k, v in body.items())
        for name, body in sections.items()
    )


CONFINED = (
    "chrootdirectory /",
    *(f"forcecommand {command} receive ".lower() for command in (f"{SUDO} -n {PATH}", PATH)),
)
"""An account sees one directory, or can run one command: as root on btrfs, as itself on ZFS."""


@pytest.mark.parametrize("name", EACH)
@pytest.mark.requirement("S0-12")
def test_sshd_accepts_its_settings(name: str, tmp_path: Path) -> None:
    """For all users, and for each account with its own rules."""
    sshd = at("sshd")
    with suppress(PermissionError):
        Path("/run/sshd").mkdir(exist_ok=True)
    key = tmp_path / "key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    for host, found in settings(planned(name), "services.openssh", tmp_path):
        said = [f"Port {port}" for port in found["ports"]]
        said += [f"{k} {word(v)}" for k, v in found["settings"].items()]
        file = tmp_path / f"{host}-sshd"
        file.write_text("\n".join([f"HostKey {key}", *said, found.get("extraConfig", ""), ""]))
        for user in (
            "root",
            *re.findall(r"^Match User (\S+)", found.get("extraConfig", ""), re.MULTILINE),
        ):
            who = f"user={user},host=x,addr=192.0.2.1"
            done = run(sshd, "-T", "-C", who, "-f", file)
            if "Missing privilege separation directory" in done.stderr:
                pytest.skip("sshd has no /run/sshd here, and only root makes it")
            assert (done.returncode, done.stderr) == (0, ""), host
            heard = done.stdout.lower().splitlines()
            for line in said:
                meant = line.lower().replace("prohibit-password", "without-password")
                assert meant in heard, (host, user, line)
            if user != "root":
                assert any(h.startswith(CONFINED) for h in heard), (host, user)
                assert "allowtcpforwarding no" in heard


WITH_FAIL2BAN = [n for n in ALL if list(settings(planned(n), "services.fail2ban", Path()))]


@pytest.mark.parametrize("name", WITH_FAIL2BAN)
@pytest.mark.requirement("S0-16")
def test_fail2ban_accepts_its_jails(name: str, tmp_path: Path) -> None:
    """The jail exists at the host's SSH port, and addresses at home are never banned."""
    client = at("fail2ban-client")
    for host, found in settings(planned(name), "services.fail2ban", tmp_path):
        place = tmp_path / host
        shutil.copytree("/etc/fail2ban", place, ignore=shutil.ignore_patterns("jail.d"))
        (ports,) = [
            o["ports"]
            for h, o in settings(planned(name), "services.openssh", tmp_path)
            if h == host
        ]
        jails = {jail: body["settings"] for jail, body in found["jails"].items()}
        default = {
            "backend": "systemd",
            "bantime": found["bantime"],
            "ignoreip": " ".join(["127.0.0.1/8", *found["ignoreIP"]]),
            "maxretry": found["maxretry"],
            **jails.pop("DEFAULT"),
        }
        whole = {"DEFAULT": default} | {j: {"enabled": "true", **body} for j, body in jails.items()}
        (place / "jail.local").write_text(ini(whole), encoding="utf-8")
        done = run(client, "-c", place, "-d")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "ERROR" not in done.stderr, done.stderr
        said = done.stdout
        for address in found["ignoreIP"]:
            assert re.search(rf"'sshd', 'addignoreip',.*'{re.escape(address)}'", said), said
        assert f"['set', 'sshd', 'maxretry', {found['maxretry']}]" in said
        assert f"['set', 'sshd', 'bantime', '{found['bantime']}']" in said
        assert f"['set', 'sshd', 'findtime', '{default['findtime']}']" in said
        assert [str(p) for p in ports] == re.findall(r"\['port', '([^']+)'\]", said)[:1]


WITH_SHARES = [n for n in ALL if list(settings(planned(n), "services.samba", Path()))]


@pytest.mark.parametrize("name", WITH_SHARES)
@pytest.mark.requirement("S0-42")
def test_samba_accepts_its_shares(name: str, tmp_path: Path) -> None:
    """Samba knows every parameter and reads the intended value."""
    testparm = at("testparm")
    for host, found in settings(planned(name), "services.samba.settings", tmp_path):
        ordered = {"global": found["global"]} | found
        places = {f"{kind} directory": tmp_path for kind in ("lock", "state", "cache", "pid")}
        file = tmp_path / f"{host}.conf"
        file.write_text(ini({**ordered, "global": {**found["global"], **places}}))
        done = run(testparm, "-s", "-v", file)
        assert done.returncode == 0, done.stderr
        complaints = [s for s in done.stderr.splitlines() if re.search(r"(?i)unknown|ignor|err", s)]
        assert complaints == [], host
        heard = sections(done.stdout)
        for section, body in found.items():
            for key, value in body.items():
                said = heard[section][key] if key in heard[section] else heard["global"][key]
                assert alike(said) == alike(word(value)), (section, key)


def sections(text: str) -> dict[str, dict[str, str]]:
    """The output of testparm, by section and parameter."""
    out: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            out[line.strip("[]")] = {}
        elif " = " in line or line.rstrip().endswith("="):
            key, _, value = line.strip().partition("=")
            list(out.values())[-1][key.strip()] = value.strip()
    return out


def alike(value: str) -> str:
    """A value in a normal form: lists with spaces, lower case, modes without a leading zero."""
    return " ".join(re.sub(r"^0(?=\d{4}$)", "", value.lower()).replace(",", " ").split())
