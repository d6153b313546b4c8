"""An offline host and its relay over a real sshd: the account, its one command, and the way back."""

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
    """One sshd on loopback that is both the relay's and, for the way back, the offline host's."""

    directory: Path
    port: int

    @property
    def root(self) -> Path:
        return self.directory / "root"

    @property
    def place(self) -> Path:
        return self.root / "var/lib/homelab-bundles/laptop"

    def ask(self, *words: str, key: str = "etc/ssh/ssh_host_ed25519_key", said: str = "") -> str:
        """A question as `pull.sh` puts it, by this key."""
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
    # The account and the system's list of keys are not this machine's.
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
def test_a_sleeper_fetches_what_waits_and_tells_how_it_went(house: House) -> None:
    assert house.ask("fetch") == ""
    (house.place / "bundle").write_text("what waits\n")
    assert house.ask("fetch") == "what waits\n"
    assert house.ask("tell", said="phase committed\n") == ""
    assert (house.place / "report/word").read_text() == "phase committed\n"


def test_a_relay_takes_no_more_than_a_word(house: House) -> None:
    house.ask("tell", said="x" * 200_000)
    assert (house.place / "report/word").stat().st_size == 65536


@pytest.mark.requirement("S0-67")
def test_a_relay_looks_where_the_question_came_from(house: House) -> None:
    """A fresh connection from outside, whatever the offline host says of its address."""
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


def test_another_key_is_let_in_for_nothing(house: House) -> None:
    assert "Permission denied" in house.ask("fetch", key="etc/ssh/stranger")


def test_a_relay_with_another_key_is_not_asked(house: House) -> None:
    (house.directory / "known").write_text(
        f"relay {(house.root / 'etc/ssh/stranger.pub').read_text()}"
    )
    assert "Host key verification failed" in house.ask("fetch")


def test_a_bundle_is_named_in_shell_and_python_alike() -> None:
    """The host verifies by the very words that the deployer signs with."""
    text = (SCRIPTS.parent / "offline/pull.sh").read_text()
    assert f"-I {bundle.SIGNER} -n {bundle.NAMESPACE}" in text
    assert bundle.HOST_KEY in text
