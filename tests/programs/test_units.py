"""systemd accepts every unit of systemd.services, systemd.timers, systemd.sockets and
systemd.paths, and systemd-tmpfiles every directory.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.programs.rendered import EACH, planned, settings
from tests.programs.units import units
from tests.tools.programs import at, need, run

_NOT_HERE = re.compile(
    r"Command \S+ is not executable: No such file or directory"
    r"|Unit configuration has fatal error, unit will not be started\."
)
"""Messages about programs in the Nix store. The second appears only with another message."""


def verified(place: Path) -> list[str]:
    """The messages of `systemd-analyze verify` for the units in a directory."""
    need("systemd-analyze")
    files = sorted(str(p) for p in place.iterdir())
    env = {**os.environ, "SYSTEMD_UNIT_PATH": f"{place}:", "SYSTEMD_LOG_LEVEL": "warning"}
    words = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *files]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    return [s for s in said if not _NOT_HERE.search(s)]


@pytest.mark.parametrize("name", EACH)
@pytest.mark.requirement("S0-13", "S0-38")
def test_the_units_are_accepted(name: str, tmp_path: Path) -> None:
    """No unknown key and no ignored value."""
    found = list(units(planned(name), tmp_path))
    for host, unit, text in found:
        place = tmp_path / host
        place.mkdir(exist_ok=True)
        if unit.endswith(".socket") and "Listen" not in text:
            # The module says where its socket listens.
            text += "\n[Socket]\nListenStream=/run/module.sock\n"
        (place / unit.replace("@.", "@x.")).write_text(text, encoding="utf-8")
        if unit.endswith(".socket"):
            # The service of a module's socket is defined by the module.
            served = place / unit.replace(".socket", ".service")
            if not served.exists():
                served.write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")
    for host in {h for h, _, _ in found}:
        assert verified(tmp_path / host) == [], host


@pytest.mark.parametrize("name", EACH)
def test_the_directories_are_made(name: str, tmp_path: Path) -> None:
    """By systemd-tmpfiles, each with its mode."""
    if os.geteuid():
        pytest.skip("only root makes directories of others")
    program = at("systemd-tmpfiles")
    stated = list(settings(planned(name), "systemd.tmpfiles", tmp_path))
    if not stated:
        pytest.skip("no host of the stack makes one")
    for host, found in stated:
        made = {
            place: (kind, how)
            for file in found.get("settings", {}).values()
            for place, kinds in file.items()
            for kind, how in kinds.items()
        }
        lines = [
            f"'{kind}' '{place}' '{h['mode']}' '{h['user']}' '{h['group']}' - -"
            for place, (kind, h) in made.items()
        ] + found.get("rules", [])
        root = tmp_path / host
        (root / "etc").mkdir(parents=True)
        people = {who.strip(":") for _, h in made.values() for who in (h["user"], h["group"])}
        people |= {w for rule in found.get("rules", []) for w in shlex.split(rule)[3:5]}
        named = sorted(p for p in people - {"root"} if not p.isdigit())
        ids = {"root": 0, **{p: 500 + i for i, p in enumerate(named)}}
        users = "".join(f"{p}:x:{i}:{i}::/:/bin/sh\n" for p, i in ids.items())
        (root / "etc/passwd").write_text(users)
        (root / "etc/group").write_text("".join(f"{p}:x:{i}:\n" for p, i in ids.items()))
        file = tmp_path / f"{host}.conf"
        file.write_text("\n".join([*lines, ""]), encoding="utf-8")
        done = run(program, f"--root={root}", "--create", file)
        assert (done.returncode, done.stderr) == (0, ""), host
        for place, (_, how) in made.items():
            there = root / place.lstrip("/")
            assert f"{there.stat().st_mode & 0o7777:04o}" == how["mode"].strip(":"), place


def test_an_unknown_key_is_reported(tmp_path: Path) -> None:
    """A check that accepts everything would prove nothing."""
    (tmp_path / "a.service").write_text(
        "[Unit]\nRequiresMountFor=/x\n[Service]\nExecStart=/bin/true\nPrivateTmp=perhaps\n"
    )
    assert len(verified(tmp_path)) == 2
