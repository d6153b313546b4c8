"""Ways to a host beside a plain connection: this machine, a proxy command, a key of its own."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from pathlib import Path

import asyncssh
import pytest

from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy
from homelab.deploy.spec import paths_of
from homelab.ops.deploy import send
from homelab.ops.look import ssh_command
from homelab.ops.machine import here
from homelab.ops.machine.host import HostLink, HostPath
from homelab.ops.machine.ssh import DialError, HostKeyError
from homelab.problems import InvalidStackError
from tests import build
from tests.components.test_program import home
from tests.ops.conftest import LAN, PIN, Stack, flake
from tests.ops.test_jump import _server

pytestmark = pytest.mark.requirement("S0-66")

SAYS = "echo here; cat; echo wrong >&2"
LOCAL = {"name": "local", "address": LAN, "here": True}
AURORA = {"hosts": {"aurora": {"ssh": {"local": True}, "reboot": None}}}


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostLink:
    """The host is this machine; its scripts run as the user of the tests."""
    key = tmp_path / "host_key.pub"
    key.write_text(f"{PIN}\n")
    monkeypatch.setattr(here, "PUBLIC_KEY", key)
    monkeypatch.setattr(here, "user", lambda: "root")
    return HostLink("pi", (HostPath.model_validate(LOCAL),), PIN, None)


def test_scripts_run_on_this_machine_without_ssh(local: HostLink) -> None:
    async def ask() -> None:
        assert (await local.ask("echo out; echo err >&2; exit 3")).exit == 3
        done = await local.ask("echo out; echo err >&2")
        assert (done.stdout, done.stderr) == ("out\n", "err\n")
        lines: list[str] = []
        assert await local.follow("echo one; echo two >&2; exit 4", lines.append) == 4
        assert lines == ["one", "two"]
        assert await local.exchange("cat\n", b"\0bytes") == b"\0bytes"
        passed: list[int] = []
        await local.pass_to("head -c 70000 /dev/zero", b"", local, "wc -c\n", passed.append)
        assert sum(passed) == 70000
        assert await local.working_paths() == ["local"]

    asyncio.run(ask())


def test_another_machine_is_not_taken_for_the_host(local: HostLink) -> None:
    """With the stack on a laptop, `up` must not write the server's system there."""
    here.PUBLIC_KEY.write_text(build.KEY)
    with pytest.raises(HostKeyError, match="this machine has another SSH host key"):
        asyncio.run(local.ask("true"))
    here.PUBLIC_KEY.unlink()
    with pytest.raises(HostKeyError, match=r"leave out ssh\.local"):
        asyncio.run(local.ask("true"))


@pytest.mark.lab
def test_a_release_goes_all_the_way_to_this_machine(stack: Stack) -> None:
    """The lab's host stands in for this machine: the scripts and the confirmation are the same."""
    for script in (
        scripts.stage_script("r1", flake("r1")),
        scripts.secrets_script("r1", {"token": "s3cret"}),
        scripts.build_script("r1", DeployPolicy("pi")),
    ):
        spec = {"host": "pi", "paths": [LOCAL], "host_key": PIN, "script": script}
        said: list[str] = []
        assert send.run(json.dumps(spec), output=said.append, report=said.append) == 0, said
    assert stack.switch("r1", paths=[LOCAL]) == 0, stack.report
    assert (stack.running(), stack.boots(), stack.committed()) == ("r1", "r1", "r1")
    (deployment,) = stack.state.glob("deployments/*")
    assert (deployment / "paths").read_text() == "local\n"


def test_a_script_that_fails_ends_with_its_exit_code(
    local: HostLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert local.dial_map is None
    monkeypatch.delenv("HOMELAB_DIAL")
    said: list[str] = []
    spec = {"host": "pi", "paths": [LOCAL], "host_key": PIN, "script": "echo no >&2; exit 7"}
    assert send.run(json.dumps(spec), output=said.append, report=said.append) == 7
    assert said == ["", "no"]
    assert send.run("{}", output=said.append, report=said.append) == 2


def test_the_deployer_switches_last_and_without_a_connection_of_pulumi() -> None:
    run = home(AURORA)
    own = {r.name: r for r in run.of(":Command") if r.name.startswith("aurora-")}
    assert {r.type for r in own.values()} == {"command:local:Command"}
    files = own["aurora-files"]
    assert files.inputs["create"].endswith(" send aurora")
    spec = json.loads(files.inputs["stdin"])
    assert [path["name"] for path in spec["paths"]] == ["local"]
    assert "files" in spec["script"]
    waves = build.plan({"hosts": {"nas": {"ssh": {"local": True}}}}).waves
    assert waves[-1].hosts == ("nas",)
    assert "pulumi up itself" in waves[-1].why


PROXY = """
import os, socket, sys, threading
assert sys.argv[1:] == ["127.0.0.1", sys.argv[2], "a b", "$(exit 1); 'x'", "100%"], sys.argv
there = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def back():
    while data := there.recv(65536):
        os.write(1, data)
threading.Thread(target=back, daemon=True).start()
while data := os.read(0, 65536):
    there.sendall(data)
"""
WORDS = ["%h", "%p", "a b", "$(exit 1); 'x'", "100%%"]


def key_of(tmp_path: Path) -> tuple[Path, str]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    file = tmp_path / "deploy"
    file.write_bytes(key.export_private_key())
    return file, key.export_public_key().decode().split()[1]


def ask(path: dict[str, object], right: str) -> str:
    async def there() -> str:
        server, pin = await _server(right)
        given = {"name": "lan", "address": "127.0.0.1", "port": server.get_port(), **path}
        link = HostLink("nas", (HostPath.model_validate(given),), pin, None)
        try:
            done = await link.ask("true\n")
            await link.close()
            return done.stdout
        finally:
            server.close()

    return asyncio.run(there())


def test_a_proxy_command_carries_the_connection_and_no_shell_reads_it(tmp_path: Path) -> None:
    program = tmp_path / "proxy.py"
    program.write_text(PROXY)
    file, right = key_of(tmp_path)
    command = (sys.executable, str(program), *WORDS)
    assert ask({"proxy_command": command, "key": str(file)}, right) == "here\n"


def test_the_chosen_key_is_offered_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    file, right = key_of(tmp_path)
    assert ask({"key": "~/deploy"}, right) == "here\n"
    with pytest.raises(DialError, match="to use the agent"):
        ask({"key": "~/missing"}, right)
    file.write_text("no key")
    with pytest.raises(DialError, match="ssh-add"):
        ask({"key": "~/deploy"}, right)


def test_a_shell_gets_the_same_words(tmp_path: Path) -> None:
    changes = {"hosts": {"nas": {"ssh": {"proxy_command": ["run", *WORDS], "key": "/k/deploy"}}}}
    path = HostPath.model_validate(paths_of(build.plan(changes).hosts["nas"])[0])
    words = ssh_command("nas", path, PIN, tmp_path / "known_hosts", None)
    assert {"-i/k/deploy", "-oIdentitiesOnly=yes"} <= {*words}
    (option,) = [w for w in words if w.startswith("-oProxyCommand=")]
    # ssh replaces %% before the shell of the user reads the line.
    read = shlex.split(option.removeprefix("-oProxyCommand=").replace("%%", "%"))
    assert read == ["run", path.address, "22", "a b", "$(exit 1); 'x'", "100%"]


@pytest.mark.parametrize(
    "ssh",
    [
        {"key": "~/.ssh/deploy"},
        pytest.param({"proxy_command": ["nc", "%h", "%p"]}, marks=pytest.mark.long),
    ],
)
def test_what_pulumi_cannot_dial_is_sent_by_homelab(ssh: dict[str, object]) -> None:
    run = home({"hosts": {"aurora": {"ssh": ssh}}})
    own = [r for r in run.of(":Command") if r.name.startswith("aurora-")]
    assert {r.type for r in own} == {"command:local:Command"}


@pytest.mark.parametrize(
    ("ssh", "says"),
    [
        ({"local": True, "jump": "pi"}, "different ways to reach a host"),
        ({"jump": "pi", "proxy_command": ["nc"]}, "different ways to reach a host"),
        ({"local": True, "key": "~/k"}, "local needs no connection"),
        ({"proxy_command": ["nc", "%r"]}, "hosts.nas.ssh.proxy_command"),
        ({"proxy_command": "nc %h %p"}, "hosts.nas.ssh.proxy_command"),
        ({"key": "keys/deploy"}, "hosts.nas.ssh.key"),
    ],
)
def test_what_does_not_go_together_is_refused(ssh: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidStackError) as refused:
        build.plan({"hosts": {"nas": {"ssh": ssh}}})
    assert says in str(refused.value)
