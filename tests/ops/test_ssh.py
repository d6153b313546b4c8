"""Nothing is reached but the host itself, with the key that was pinned for it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from homelab.ops.machine.ssh import DialError, DialMap, Endpoint, HostKeyError, connect, run
from tests.ops.conftest import LAN, PIN, Stack


def dial(address: str, dial_map: DialMap | None, pin: str = PIN) -> str:
    async def hostname() -> str:
        connection = await connect(Endpoint("pi", "lan", address), pin, dial_map)
        try:
            return (await run(connection, "cat; pwd", "hello ", seconds=30)).stdout
        finally:
            connection.abort()

    return asyncio.run(hostname())


def test_a_mapped_address_leads_to_its_lab_host(stack: Stack) -> None:
    root = stack.lab.root("pi") / "root"
    assert dial(LAN, DialMap.from_environment()) == f"hello {root}\n"


def test_another_host_key_is_refused(stack: Stack) -> None:
    path = stack.lab.write_dial_map()
    mapping = json.loads(path.read_text())
    mapping["hosts"][LAN]["host_key"] = mapping["hosts"]["192.168.1.9"]["host_key"]
    path.write_text(json.dumps(mapping))
    with pytest.raises(HostKeyError, match="another host key than the one in the stack"):
        dial(LAN, DialMap.from_environment())
    assert stack.lab.connections["pi"] == 0


def test_a_switch_stops_at_another_host_key_whatever_the_other_paths_are(stack: Stack) -> None:
    stack.bring("r1")
    path = stack.lab.write_dial_map()
    mapping = json.loads(path.read_text())
    mapping["hosts"][LAN]["host_key"] = mapping["hosts"]["192.168.1.9"]["host_key"]
    path.write_text(json.dumps(mapping))
    assert stack.switch("r1") == 1
    assert "another host key" in stack.report
    assert stack.phases() == []


def test_under_a_dial_map_every_other_address_is_refused_by_name(stack: Stack) -> None:
    for address in ("192.168.1.226", "127.0.0.1", "localhost", "github.com"):
        with pytest.raises(DialError, match="the dial map does not have this address") as error:
            dial(address, DialMap.from_environment())
        assert address in str(error.value)
        assert "192.168.1.225" in str(error.value), "the nearest known one is offered"


def test_without_a_dial_map_the_pin_itself_is_what_counts(stack: Stack) -> None:
    host = stack.lab.hosts["pi"]
    with pytest.raises(HostKeyError):
        asyncio.run(_connect_unmapped(host.ports[LAN], PIN))


async def _connect_unmapped(port: int, pin: str) -> None:
    endpoint = Endpoint("pi", "lan", "127.0.0.1", port)
    (await connect(endpoint, pin, None)).abort()


def test_a_pin_that_is_no_key_says_where_to_find_one(stack: Stack) -> None:
    with pytest.raises(HostKeyError, match=r"ssh_host_ed25519_key\.pub"):
        asyncio.run(_connect_unmapped(stack.lab.hosts["pi"].ports[LAN], "ssh-ed25519 AAAAnonsense"))


def test_a_key_that_the_host_does_not_know_is_an_error_with_a_way_out(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    host = stack.lab.hosts["pi"]
    with pytest.raises(DialError, match="ssh-add"):
        asyncio.run(_connect_unmapped(host.ports[LAN], host.host_key))


def test_the_persons_ssh_config_has_no_say(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text(
        "Host *\n  Port 1\n  Hostname 192.0.2.1\n  User nobody\n  ProxyCommand false\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    assert dial(LAN, DialMap.from_environment()).startswith("hello ")


def test_nobody_listening_is_an_error_that_names_the_path(stack: Stack) -> None:
    path = stack.lab.write_dial_map()
    mapping = json.loads(path.read_text())
    mapping["hosts"][LAN]["port"] = 1
    path.write_text(json.dumps(mapping))
    with pytest.raises(DialError, match=r"pi over lan \(root@192.168.1.225:22\)"):
        dial(LAN, DialMap.from_environment())
