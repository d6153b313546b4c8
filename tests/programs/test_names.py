"""Blocky and AdGuard Home accept rendered settings and answer every name at home."""

from __future__ import annotations

import json
import os
import random
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from homelab.plan import Plan
from tests.programs.rendered import ALL, planned, running, settings
from tests.proxy.rig import free_ports
from tests.tools.programs import need_here, run

A, AAAA, TXT = 1, 28, 16
OK = 0


def ask(port: int, name: str, kind: int = A) -> tuple[int, list[str]]:
    """(response code, IPv4 addresses) for one query."""
    number = random.randrange(1 << 16)
    words = b"".join(bytes([len(w)]) + w.encode() for w in name.split(".")) + b"\0"
    question = struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + words + struct.pack(">2H", kind, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.settimeout(20)
        asked.sendto(question, ("127.0.0.1", port))
        answer = asked.recv(4096)
    same, flags, _, count = struct.unpack(">4H", answer[:8])
    assert same == number
    place, addresses = len(question), []
    for _ in range(count):
        while answer[place] & 0xC0 != 0xC0 and answer[place]:
            place += answer[place] + 1
        place += 2 if answer[place] else 1
        found, _, _, size = struct.unpack(">2HIH", answer[place : place + 10])
        place += 10
        if found == A:
            addresses.append(socket.inet_ntoa(answer[place : place + 4]))
        place += size
    return flags & 0xF, addresses


def await_answer(port: int, name: str, log: Path) -> None:
    """Wait until a resolver answers."""
    for _ in range(600):
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                ask(port, name)
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text()[-3000:])


@contextmanager
def blocky(plan: Plan, directory: Path) -> Iterator[int]:
    """Blocky with a plan's configuration. Yields its port."""
    need_here("blocky")
    ((_, found),) = settings(plan, "services.blocky.settings", directory)
    (port,) = free_ports(1)
    found["ports"]["dns"] = f"127.0.0.1:{port}"
    with _served(["blocky", "--config"], found, directory, port, plan):
        yield port


@contextmanager
def adguard(plan: Plan, directory: Path) -> Iterator[int]:
    """AdGuard Home with a plan's configuration. Yields its port."""
    need_here("AdGuardHome")
    ((_, found),) = settings(plan, "services.adguardhome.settings", directory)
    (port, page) = free_ports(2)
    found["dns"] |= {"bind_hosts": ["127.0.0.1"], "port": port}
    found["http"] = {"address": f"127.0.0.1:{page}"}
    found["schema_version"] = SCHEMA
    words = ["AdGuardHome", "--no-check-update", "--work-dir", str(directory), "--config"]
    with _served(words, found, directory, port, plan):
        yield port


SCHEMA = 30
"""Any schema version that the program supports. The module writes its package's own."""
SERVERS = {"blocky": blocky, "adguard": adguard}


@contextmanager
def _served(
    words: list[str], found: dict[str, Any], directory: Path, port: int, plan: Plan
) -> Iterator[None]:
    file = directory / "config.yml"
    file.write_text(yaml.safe_dump(json.loads(json.dumps(found))), encoding="utf-8")
    log = directory / "log"
    env = {**os.environ, "HOME": str(directory)}
    with running([*words, str(file)], log, env, directory):
        await_answer(port, plan.dns.names[0][0], log)
        yield


WITH_ONE = [n for n in ALL if planned(n).dns.host]


@pytest.mark.parametrize("name", WITH_ONE)
@pytest.mark.requirement("S0-19")
def test_the_settings_are_accepted(name: str, tmp_path: Path) -> None:
    """Every field, and each upstream in the program's syntax."""
    plan = planned(name)
    server = plan.stack.network.dns.server
    program = "blocky" if server == "blocky" else "AdGuardHome"
    need_here(program)
    path = "services.blocky.settings" if server == "blocky" else "services.adguardhome.settings"
    ((_, found),) = settings(plan, path, tmp_path)
    file = tmp_path / "config.yml"
    if server == "blocky":
        words = ["blocky", "validate", "--config", str(file)]
    else:
        found["schema_version"] = SCHEMA
        words = ["AdGuardHome", "--check-config", "--work-dir", str(tmp_path), "-c", str(file)]
    file.write_text(yaml.safe_dump(found), encoding="utf-8")
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", WITH_ONE)
@pytest.mark.requirement("S0-19", "S0-60")
def test_every_name_is_answered_with_the_entry_hosts_address(name: str, tmp_path: Path) -> None:
    """A device has its own. Other record types are not forwarded."""
    plan = planned(name)
    entry = plan.hosts[plan.stack.network.entry.host]
    wanted = {r.internal for r in plan.routes if r.internal}
    assert wanted <= {n for n, _ in plan.dns.names}
    own = plan.stack.network.dns.names.items()
    devices = {f"{n}.{plan.stack.site.domain}": str(address) for n, address in own}
    with SERVERS[plan.stack.network.dns.server](plan, tmp_path) as port:
        for home, address in plan.dns.names:
            assert ask(port, home) == (OK, [address]), home
            assert address == devices.get(home, entry.lan)
            if plan.stack.network.dns.server == "blocky":
                assert ask(port, home, AAAA) == (OK, [])


@pytest.mark.parametrize("log", [None, True])
@pytest.mark.requirement("S0-19")
def test_blocky_logs_queries_only_if_the_stack_says_so(log: bool | None, tmp_path: Path) -> None:
    name = "blocky-with-every-upstream" if log else "home"
    plan = planned(name)
    with blocky(plan, tmp_path) as port:
        ask(port, plan.dns.names[-1][0])
    assert ("query resolved" in (tmp_path / "log").read_text()) is bool(log)
