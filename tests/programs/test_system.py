"""Calendar expressions, Nix settings, known hosts and tailscale flags, each read by its program."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from homelab.render import modules_of
from tests.programs.rendered import ALL, EACH, planned, settings
from tests.tools.nixtypes import plain
from tests.tools.programs import at, need_here, run

CALENDARS = ("OnCalendar", "dates", "startAt")


def said(value: Any, keys: tuple[str, ...]) -> Iterator[str]:
    """Every text under one of these keys, at any depth."""
    value = plain(value)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in keys:
                yield from plain(inner) if isinstance(plain(inner), list) else [plain(inner)]
            else:
                yield from said(inner, keys)
    elif isinstance(value, list):
        for inner in value:
            yield from said(inner, keys)


@pytest.mark.parametrize("name", ALL)
def test_systemd_accepts_every_calendar_expression(name: str) -> None:
    """Of backups, dumps, upkeep and renewals. Each has a next time."""
    program = at("systemd-analyze")
    plan = planned(name)
    found = {
        when
        for host in plan.hosts.values()
        for module in modules_of(plan, host)
        for part in (module.derived, module.stated)
        for when in said(part, CALENDARS)
    }
    for when in sorted(found):
        done = run(program, "calendar", when)
        assert done.returncode == 0, (when, done.stderr)
        assert "Next elapse: never" not in " ".join(done.stdout.split())


NEWER = {"build-dir"}
"""Settings that are newer than Debian's Nix."""


@pytest.mark.parametrize("name", EACH)
def test_nix_accepts_its_settings(name: str, tmp_path: Path) -> None:
    """Nix knows each setting and reads the intended value."""
    for host, found in settings(planned(name), "nix.settings", tmp_path):
        lines = {
            key: " ".join(value) if isinstance(value, list) else str(value).lower()
            for key, value in found.items()
            if key not in NEWER
        }
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "NIX_CONF_DIR": str(tmp_path / "none"),
            "NIX_CONFIG": "".join(f"{k} = {v}\n" for k, v in lines.items()),
            **{k: v for k, v in os.environ.items() if k.startswith("NIX_") and k.endswith("_DIR")},
        }
        words = [at("nix"), "--extra-experimental-features", "nix-command", "show-config"]
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
        assert "unknown setting" not in done.stderr, (host, done.stderr)
        heard = dict(line.split(" = ", 1) for line in done.stdout.splitlines() if " = " in line)
        for key, value in lines.items():
            assert set(value.split()) <= set(heard[key].split()), (host, key)


@pytest.mark.parametrize("name", EACH)
@pytest.mark.requirement("S0-12")
def test_ssh_finds_every_host_by_each_of_its_names(name: str, tmp_path: Path) -> None:
    """As /etc/ssh/ssh_known_hosts has them."""
    for host, found in settings(planned(name), "programs.ssh.knownHosts", tmp_path):
        file = tmp_path / f"{host}-known"
        lines = [f"{','.join(known['hostNames'])} {known['publicKey']}" for known in found.values()]
        file.write_text("\n".join([*lines, ""]), encoding="utf-8")
        for known in found.values():
            for called in known["hostNames"]:
                done = run(at("ssh-keygen"), "-F", called, "-f", file)
                assert known["publicKey"] in done.stdout, (host, called, done.stderr)


WITH_TAILSCALE = [n for n in ALL if list(settings(planned(n), "services.tailscale", Path()))]


@pytest.mark.parametrize("name", WITH_TAILSCALE)
def test_tailscale_knows_every_flag(name: str, tmp_path: Path) -> None:
    """It parses every flag, and fails only because no daemon runs."""
    need_here("tailscale")
    socket = f"--socket={tmp_path / 'none'}"
    for _, found in settings(planned(name), "services.tailscale", tmp_path):
        for verb, flags in (("up", "extraUpFlags"), ("set", "extraSetFlags")):
            done = run("tailscale", socket, verb, *found.get(flags, []))
            heard = done.stdout + done.stderr
            assert done.returncode, heard
            assert "flag" not in heard, heard
            assert "failed to connect to local tail" in heard.lower(), heard
