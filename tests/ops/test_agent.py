"""An SSH agent with many keys: the right one is found, or the message says what to do."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from homelab.ops.machine.ssh import DialError, Endpoint, connect

TRIES = 6
"""MaxAuthTries of OpenSSH."""


class Host(asyncssh.SSHServer):
    """Hangs up as OpenSSH does, once too many keys were offered."""

    def __init__(self, right: str) -> None:
        self.right, self.count = right, 0

    def connection_made(self, connection: asyncssh.SSHServerConnection) -> None:
        self.connection = connection

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self.count += 1
        if self.count > TRIES:
            self.connection.disconnect(2, "Too many authentication failures")
            return False
        return key.export_public_key().decode().split()[1] == self.right


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not shutil.which("ssh-agent"):
        pytest.skip("ssh-agent is not there")
    socket = tmp_path / "agent"
    done = subprocess.run(
        ["ssh-agent", "-s", "-a", str(socket)], capture_output=True, text=True, check=True
    )
    pid = int(done.stdout.partition("SSH_AGENT_PID=")[2].partition(";")[0])
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    monkeypatch.setenv("HOME", str(tmp_path))
    yield
    os.kill(pid, signal.SIGTERM)


def add(directory: Path, name: str) -> str:
    """A new key in the agent, by its public part."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    path = directory / name
    path.write_bytes(key.export_private_key())
    path.chmod(0o600)
    subprocess.run(["ssh-add", "-q", str(path)], check=True)
    return key.export_public_key().decode().split()[1]


def dial(right: str) -> None:
    async def there() -> None:
        host_key = asyncssh.generate_private_key("ssh-ed25519")
        server = await asyncssh.create_server(
            lambda: Host(right), "127.0.0.1", 0, server_host_keys=[host_key]
        )
        pin = host_key.export_public_key().decode().strip()
        try:
            endpoint = Endpoint("pi", "lan", "127.0.0.1", server.get_port(), "root")
            connection = await connect(endpoint, pin, None)
            connection.abort()
        finally:
            server.close()

    asyncio.run(there())


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("others", [0, 4, 8, 13])
def test_the_right_key_is_found_behind_others(tmp_path: Path, others: int) -> None:
    """A host listens to six, and an agent of a password manager holds more."""
    for i in range(others):
        add(tmp_path, f"other{i}")
    dial(add(tmp_path, "right"))


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("others", [2, 8])
def test_without_the_right_key_that_is_what_it_says(tmp_path: Path, others: int) -> None:
    for i in range(others):
        add(tmp_path, f"other{i}")
    with pytest.raises(DialError, match="refuses every key offered") as error:
        dial("another")
    assert "is it on" not in str(error.value)


@pytest.mark.usefixtures("agent")
def test_a_host_that_hangs_up_all_the_same_is_not_said_to_be_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homelab.ops.machine.ssh.OFFERED_AT_ONCE", 20)
    for i in range(8):
        add(tmp_path, f"other{i}")
    with pytest.raises(DialError, match="more keys were offered than it accepts") as error:
        dial("another")
    assert "ssh-add" in str(error.value)


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("others", [4, 8, 13])
def test_a_host_that_looks_at_few_keys_is_not_said_to_refuse_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    """With MaxAuthTries = 3 the right key may be in the agent, and none of the first three."""
    monkeypatch.setattr("tests.ops.test_agent.TRIES", 3)
    for i in range(others):
        add(tmp_path, f"other{i}")
    right = add(tmp_path, "right")
    with pytest.raises(DialError, match="more keys were offered than it accepts") as error:
        dial(right)
    assert "refuses every key" not in str(error.value)
