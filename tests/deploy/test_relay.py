"""An offline host and its relay over a real sshd: the account, its forced command, and the
connection back."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from homelab.offline import bundle
from tests import build

SCRIPTS = build.ROOT / "homelab/deploy"


@dataclass
class House:
    """One sshd on loopback for the relay and, for the connection back, for the offline host."""

    directory: Path
    port: int

    @property
    def root(self) -> Path:
        return self.directory / "root"

    @property
    def place(self) -> Path:
        return self.root / "var/lib/homelab-bundles/laptop"

    def ask(self, *words: str, key: str = "etc/ssh/ssh_host_ed25519_key", said: str = "") -> str:
        """Run a request of `pull.sh` with this key."""
        text = (SCRIPTS.parent / "offline/pull.sh").read_text()
        function = text[text.index("ask() {") : text.index("# After a wake")]
        done = subprocess.run(
            ["bash", "-euc", f'{function}\nask 127.0.0.1 "$@"', "bash", *words],
            input=said,
            env={
                **os.environ,
                "key": str(self.root / key),
                "relay": "relay",
                "relay_port": str(self.port),
                "PATH": f"{self.directory / 'bin'}:{os.environ['PATH']}",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout if done.returncode == 0 else f"refused: {done.stderr}"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    sshd = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
    if sshd is None or os.geteuid() != 0:
        pytest.skip("sshd is not there, or nobody here may run it")
    root, etc = tmp_path / "root", tmp_path / "root/etc/ssh"
    (root / "var/lib/homelab-bundles/laptop/report").mkdir(parents=True)
    etc.mkdir(parents=True)
    for key in (etc / "ssh_host_ed25519_key", etc / "stranger", tmp_path / "relay"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)]
        subprocess.run(words, check=True)
    own = (etc / "ssh_host_ed25519_key.pub").read_text().strip()
    command = f"HOMELAB_ROOT={root} bash {SCRIPTS.parent}/offline/relay.sh laptop"
    (tmp_path / "authorized").write_text(f'restrict,command="{command}" {own}\n')
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/relay\nStrictModes no\n"
        f"AuthorizedKeysFile {tmp_path}/authorized\nPidFile none\nUsePAM no\n"
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    (tmp_path / "known").write_text(f"relay {(tmp_path / 'relay.pub').read_text()}")
    # This machine lacks the relay's account and authorized_keys.
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin/ssh"
    shim.write_text(
        "#!/bin/bash\nwords=()\n"
        'for word in "$@"; do words+=("${word/#homelab-bundles@/'
        f'{getpass.getuser()}@}}"); done\n'
        f"exec {shutil.which('ssh')} -o GlobalKnownHostsFile={tmp_path}/known "
        '-o UserKnownHostsFile=/dev/null "${words[@]}"\n'
    )
    shim.chmod(0o755)
    server = subprocess.Popen([sshd, "-D", "-e", "-f", str(tmp_path / "config")])
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield House(tmp_path, port)
    finally:
        server.terminate()
        server.wait()


@pytest.mark.requirement("S0-67")
def test_an_offline_host_fetches_its_bundle_and_reports_the_result(house: House) -> None:
    assert house.ask("fetch") == ""
    (house.place / "bundle").write_text("what waits\n")
    assert house.ask("fetch") == "what waits\n"
    assert house.ask("tell", said="phase committed\n") == ""
    assert (house.place / "report/word").read_text() == "phase committed\n"


def test_a_relay_limits_the_size_of_a_report(house: House) -> None:
    house.ask("tell", said="x" * 200_000)
    assert (house.place / "report/word").stat().st_size == 65536


@pytest.mark.requirement("S0-67")
def test_a_relay_tests_ssh_at_the_source_address(house: House) -> None:
    """The relay connects to the source address, not to one that the offline host states."""
    key = (house.directory / "relay.pub").read_text().split()[1]
    assert f"ssh-ed25519 {key}" in house.ask("look", str(house.port))
    assert "ssh-ed25519" not in house.ask("look", "1")


@pytest.mark.parametrize(
    "words", [(), ("id",), ("look", "22;id"), ("look",), ("look", "-p 1"), ("fetch;id",)]
)
def test_a_relay_runs_nothing_else(house: House, words: tuple[str, ...]) -> None:
    answer = house.ask(*words)
    assert answer.startswith("refused") or answer == ""
    assert "uid=" not in answer


def test_another_key_is_refused(house: House) -> None:
    assert "Permission denied" in house.ask("fetch", key="etc/ssh/stranger")


def test_a_relay_with_another_host_key_is_not_used(house: House) -> None:
    (house.directory / "known").write_text(
        f"relay {(house.root / 'etc/ssh/stranger.pub').read_text()}"
    )
    assert "Host key verification failed" in house.ask("fetch")


def test_a_bundle_is_named_in_shell_and_python_alike() -> None:
    """Deployer and host use the same namespace and signer for signatures."""
    text = (SCRIPTS.parent / "offline/pull.sh").read_text()
    assert f"-I {bundle.SIGNER} -n {bundle.NAMESPACE}" in text
    assert bundle.HOST_KEY in text
