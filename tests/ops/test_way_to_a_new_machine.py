"""`adopt` and `install` dial a machine of the stack as the stack says."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from homelab.adoption.decision import _way
from homelab.ops import adopt as adopting
from homelab.ops.hosts import path_to
from homelab.ops.install.model import Asked, Person
from homelab.ops.install.trust import installer_key
from homelab.ops.machine.ssh import Endpoint, Via
from homelab.ops.project.stack import check_stack
from homelab.problems import HomelabError
from tests import build
from tests.adoption.machines import ASKED
from tests.ops.test_jump import _server
from tests.ops.test_ways_to_a_host import PROXY, WORDS, key_of
from tests.starter.conftest import BASE, Call, call

__all__ = ["call"]
pytestmark = pytest.mark.requirement("S0-66", "S1-40")

NEW = "192.168.1.77"


@pytest.mark.parametrize(
    "ssh",
    [{"key": "~/.ssh/deploy"}, {"proxy_command": ["nc", "%h", "%p"], "key": "/k"}, {"jump": "pi"}],
    ids=["key", "proxy", "jump"],
)
def test_another_address_of_a_host_is_reached_in_the_same_way(ssh: dict[str, object]) -> None:
    host = build.plan({"hosts": {"nas": {"ssh": ssh}}}).hosts["nas"]
    found = path_to(host, "installer", NEW, 22, "nixos").endpoint("nas")
    assert (found.address, found.port, found.user) == (NEW, 22, "nixos")
    assert found.key == ssh.get("key", "")
    assert found.proxy == (["nc", NEW, "22"] if "proxy_command" in ssh else [])
    assert (found.via is not None) == ("jump" in ssh)
    if found.via is not None:
        pi = build.plan().hosts["pi"]
        assert found.via.endpoint.address in (pi.lan, pi.tailnet)
        assert found.via.host_key == pi.config.ssh.host_key


def test_a_machine_that_the_stack_does_not_know_is_dialled_directly() -> None:
    found = path_to(None, "lan", NEW, 2222, "sam").endpoint("new")
    assert found == Endpoint("new", "lan", NEW, 2222, "sam")


@pytest.mark.parametrize("way", ["proxy", "jump"])
def test_the_key_of_an_installer_is_seen_through_the_same_way(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    program = tmp_path / "proxy.py"
    program.write_text(PROXY)
    file, right = key_of(tmp_path)
    person = Person(
        report=lambda _: None,
        type_name=lambda _: None,
        passphrase=lambda _: None,
        trusts=lambda _: True,
    )

    async def seen() -> tuple[str, str]:
        server, pin = await _server(right)
        jump, jump_pin = await _server(right)
        # Nothing listens at this address: only the way leads to it.
        port = server.get_port()
        through = Via(
            Endpoint("pi", "jump", "127.0.0.1", jump.get_port(), "root", None, (), str(file)),
            jump_pin,
        )
        ways = {
            "proxy": Endpoint(
                "nas",
                "installer",
                "127.0.0.1",
                port,
                "root",
                None,
                (sys.executable, str(program), *WORDS),
            ),
            "jump": Endpoint("nas", "installer", "127.0.0.1", port, "root", through),
        }
        asked = Asked(host="nas", user="root", address="127.0.0.1", port=port)
        try:
            return await installer_key(asked, person, ways[way]), pin
        finally:
            server.close()
            jump.close()

    found, pin = asyncio.run(seen())
    assert found.split()[1] == pin.split()[1]


def test_adopting_a_host_of_the_stack_uses_and_keeps_its_way(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = ("--host", "nas=192.168.1.9", "--host", "pi=192.168.1.8,aarch64-linux")
    assert call("init", *BASE, *hosts, "--adopt-later").code == 0
    file = Path("Pulumi.home.yaml")
    text = file.read_text()
    line = next(x for x in text.splitlines() if "homelab-placeholder" in x)
    lead = line[: len(line) - len(line.lstrip())]
    more = f"{lead}port: 2222\n{lead}user: sam\n{lead}key: ~/.ssh/deploy\n"
    if line.lstrip().startswith("ssh:"):
        more = ""
        new = line.replace("{", "{port: 2222, user: sam, key: ~/.ssh/deploy, ", 1)
        file.write_text(text.replace(line, new, 1))
    else:
        file.write_text(text.replace(line, more + line, 1))
    dialled: list[Endpoint] = []

    async def refuse(endpoint: Endpoint, *_: object) -> None:
        dialled.append(endpoint)
        raise HomelabError("not here")

    monkeypatch.setattr(adopting, "connect", refuse)
    asked = replace(ASKED, user=None, port=None)
    with pytest.raises(HomelabError, match="not here"):
        adopting.adopt(Path(), "home", asked, build.host_key("nas"))
    (found,) = dialled
    assert (found.user, found.port, found.key) == ("sam", 2222, "~/.ssh/deploy")
    assert _way(check_stack(Path(), "home")[0].stack, "nas") == {"key": "~/.ssh/deploy"}
