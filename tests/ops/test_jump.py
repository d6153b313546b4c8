"""The deployer reaches a host through a jump host, and pins the keys of both."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import ClassVar

import asyncssh
import pytest

from homelab.components.host import connection
from homelab.deploy.spec import paths_of
from homelab.ops.look import ssh_command
from homelab.ops.machine.host import HostLink, HostPath
from homelab.ops.machine.ssh import HostKeyError
from tests import build
from tests.ops.test_agent import add, agent

__all__ = ["agent"]


class Open(asyncssh.SSHServer):
    """Accepts one key, and forwards connections."""

    forwarded: ClassVar[list[tuple[str, int]]] = []

    def __init__(self, right: str) -> None:
        self.right = right

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key.export_public_key().decode().split()[1] == self.right

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> bool:
        self.forwarded.append((dest_host, dest_port))
        return True


async def _answer(process: asyncssh.SSHServerProcess[str]) -> None:
    await process.stdin.read()
    process.stdout.write("here\n")
    process.exit(0)


async def _server(right: str) -> tuple[asyncssh.SSHAcceptor, str]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(
        lambda: Open(right), "127.0.0.1", 0, server_host_keys=[key], process_factory=_answer
    )
    return server, key.export_public_key().decode().strip()


async def _ask(right: str, *, wrong_key_of_the_jump: bool = False) -> tuple[str, int, int]:
    """What the host behind the jump host answers; the ports of both servers."""
    jump, jump_key = await _server(right)
    target, key = await _server(right)
    try:
        path = HostPath.model_validate(
            {
                "name": "lan",
                "address": "127.0.0.1",
                "port": target.get_port(),
                "jump": {
                    "host": "pi",
                    "address": "127.0.0.1",
                    "port": jump.get_port(),
                    "host_key": key if wrong_key_of_the_jump else jump_key,
                },
            }
        )
        link = HostLink("nas", (path,), key, None)
        done = await link.ask("true\n")
        await link.close()
        # The connection to the jump host ends with the one through it.
        for _ in range(100):
            if len(asyncio.all_tasks()) == 1:
                break
            await asyncio.sleep(0.01)
        return done.stdout, jump.get_port(), target.get_port()
    finally:
        jump.close()
        target.close()


@pytest.mark.usefixtures("agent")
@pytest.mark.requirement("S0-67")
def test_a_host_is_reached_through_its_jump_host(tmp_path: Path) -> None:
    Open.forwarded.clear()
    answer, jump, target = asyncio.run(_ask(add(tmp_path, "key")))
    assert answer == "here\n"
    assert jump != target
    assert Open.forwarded == [("127.0.0.1", target)]


@pytest.mark.usefixtures("agent")
def test_a_jump_host_with_another_key_is_refused(tmp_path: Path) -> None:
    Open.forwarded.clear()
    with pytest.raises(HostKeyError, match="pi over jump"):
        asyncio.run(_ask(add(tmp_path, "key"), wrong_key_of_the_jump=True))
    assert Open.forwarded == []


JUMP = {"hosts": {"nas": {"ssh": {"jump": "pi"}}, "pi": {"ssh": {"port": 2222, "user": "sam"}}}}


def test_every_path_of_the_host_leads_through_it_and_other_hosts_stay_as_they_are() -> None:
    hosts = build.plan(JUMP).hosts
    jump = {
        "host": "pi",
        "address": "100.64.0.2",
        "port": 2222,
        "user": "sam",
        "host_key": build.KEY,
    }
    assert [path["jump"] for path in paths_of(hosts["nas"])] == [jump, jump]
    assert all("jump" not in path for path in paths_of(hosts["pi"]))


def test_connections_of_pulumi_use_the_jump_host_with_its_key() -> None:
    hosts = build.plan(JUMP).hosts
    proxy = connection(hosts["nas"]).proxy
    assert (proxy.host, proxy.port, proxy.user) == ("100.64.0.2", 2222, "sam")  # type: ignore[union-attr]
    assert proxy.host_key == build.KEY  # type: ignore[union-attr]
    assert connection(hosts["pi"]).proxy is None


def test_a_jump_host_switches_alone_among_the_last() -> None:
    changes = {"hosts": {"pi": {"ssh": {"jump": "nas"}}}}
    waves = build.plan(changes).waves
    assert [(w.hosts, w.why) for w in waves][-1] == (
        ("pi",),
        "it carries DNS, the reverse proxy",
    )
    assert (("nas",), "it carries SSH to other hosts") in [(w.hosts, w.why) for w in waves]


def test_a_shell_pins_the_keys_of_both(tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    path = HostPath.model_validate(paths_of(build.plan(JUMP).hosts["nas"])[0])
    words = ssh_command("nas", path, "ssh-ed25519 AAAA", known, None)
    assert known.read_text() == f"nas ssh-ed25519 AAAA\npi {build.KEY}\n"
    (through,) = (w for w in words if w.startswith("-oProxyCommand="))
    inner = shlex.split(through.removeprefix("-oProxyCommand="))
    assert inner[-4:] == ["-W", "[%h]:%p", "--", "100.64.0.2"]
    assert {"-oStrictHostKeyChecking=yes", "-oHostKeyAlias=pi", "-p2222", "-lsam"} <= {*inner}
