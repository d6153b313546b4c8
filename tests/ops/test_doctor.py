"""`homelab doctor`: each line is in order or has its way out, and nothing connects unasked."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from homelab.cli.app import app
from homelab.ops import cloudflare as cloudflare_api
from homelab.ops.doctor import machine, online
from homelab.ops.doctor.project import project_findings
from homelab.ops.secrets.doctor import Finding
from homelab.plan import Plan
from homelab.problems import Problem
from tests import build, stackdir
from tests.ops.conftest import LAN, PIN, TAILNET, Stack
from tests.ops.test_agent import add, agent
from tests.ops.test_tailnet import Api, api
from tests.tailnet.test_tailnet import TAILNET as TAILNET_STACK
from tests.tools.programs import at

__all__ = ["agent", "api"]


def _lines(found: Iterator[Finding] | list[Finding]) -> list[str]:
    return [f"{f.level}: {f.text}" for f in found]


def _programs(directory: Path, versions: Mapping[str, str]) -> str:
    """A PATH with programs that print these versions."""
    directory.mkdir()
    for name, text in versions.items():
        program = directory / name
        program.write_text(f"#!/bin/sh\necho '{text}'\n", encoding="utf-8")
        program.chmod(0o755)
    return str(directory)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with nothing on it."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi"))
    for name in ("PULUMI_BACKEND_URL", "SSH_AUTH_SOCK", "PULUMI_CONFIG_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("bare")
def test_each_missing_thing_has_its_way_out(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.home.yaml").write_text("encryptionsalt: v1:x\n", encoding="utf-8")
    found = _lines(machine.machine_findings(build.plan(), tmp_path, "home"))
    assert found[0].startswith("ok: Python 3.")
    assert found[1:] == [
        "error: pulumi is not on PATH; install it: https://www.pulumi.com/docs/install/",
        "error: Pulumi has no backend for its state; pulumi login --local, or pulumi login",
        "note: Pulumi asks for the passphrase of its state; or set PULUMI_CONFIG_PASSPHRASE_FILE",
        "note: git is not on PATH; a homelab belongs into Git",
        "error: there is no SSH agent (SSH_AUTH_SOCK); eval $(ssh-agent), then ssh-add",
        "note: nix is not on PATH; only homelab eval needs it: homelab eval --on HOST",
    ]


@pytest.mark.usefixtures("bare")
def test_versions_are_shown_and_an_old_one_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {"pulumi": "v2.25.2", "git": "git version 2.50.1", "nix": "nix (Nix) 2.31.2"}
    monkeypatch.setenv("PATH", _programs(tmp_path / "bin", versions))
    found = _lines(machine.machine_findings(build.plan(), tmp_path, "home"))
    assert "error: pulumi is version 2.25.2; install 3 or later" in found
    assert {"ok: git is 2.50.1", "ok: nix is version 2.31.2"} <= {*found}


@pytest.mark.usefixtures("bare")
def test_a_password_in_the_url_of_the_backend_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://sam:hunter2@state.example.org/x?token=abc")
    found = "\n".join(_lines(machine.machine_findings(build.plan(), tmp_path, "home")))
    assert "https://state.example.org" in found
    assert "hunter2" not in found
    assert "abc" not in found


@pytest.mark.usefixtures("agent")
def test_the_agent_holds_a_key_that_the_hosts_accept_or_not(tmp_path: Path) -> None:
    other = build.plan()
    add(tmp_path, "key")
    (wrong,) = machine._keys(other)
    assert wrong.level == "error"
    assert "holds 1 keys, and none of them is in site.owner.ssh_keys; ssh-add" in wrong.text
    listed = subprocess.run(["ssh-add", "-L"], capture_output=True, text=True, check=True).stdout
    mine = build.plan({"site": {"owner": {"ssh_keys": [listed.strip()]}}})
    (right,) = machine._keys(mine)
    assert right.level == "ok"


def test_the_first_errors_of_the_stack_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    problems = [Problem(f"hosts.a{i}", "it is wrong", "mend it") for i in range(5)]
    found = _lines(project_findings(tmp_path, "home", problems))
    assert found[0] == "error: hosts.a0: it is wrong; mend it"
    assert found[3] == "error: and 2 more; homelab check -s home"


def test_the_page_has_three_sections_and_opens_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at("git")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    opened: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda *words: opened.append(words))
    stack = stackdir.write_stack(tmp_path / "stack", {})
    words = ["doctor", "-C", str(stack), "-s", stackdir.NAME]
    page = CliRunner().invoke(app, words).output
    titles = [line for line in page.splitlines() if not line.startswith(" ")]
    last = "hosts and clouds were not asked; homelab doctor --connect"
    assert titles == ["this machine", "the stack", "secrets", last]
    data = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)
    assert [*data] == titles[:3]
    assert opened == []


# --- over the network -----------------------------------------------------------------------------


def _hosts() -> Plan:
    return build.plan(
        {
            "hosts": {
                "pi": {"address": {"lan": LAN, "tailnet": TAILNET}, "ssh": {"host_key": PIN}},
                "nas": {"address": {"lan": "192.168.1.77", "tailnet": None}, "always_on": False},
            }
        }
    )


def test_hosts_are_asked_for_their_paths_and_their_clock(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _lines(online.host_findings(_hosts()))
    assert found[0].startswith("note: nas is off (")
    assert found[1:] == ["ok: pi answers over lan and tailnet", "ok: the clock of pi agrees"]
    monkeypatch.setattr(online, "SKEW_SECONDS", -1)
    assert "error: the clock of pi differs by 0 s" in "\n".join(
        _lines(online.host_findings(_hosts()))
    )


CLOUDS: dict[str, object] = {**TAILNET_STACK, "cloudflare": {"tunnel": {"host": "pi"}}}


@pytest.fixture
def cloudflare(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The same server also answers like Cloudflare."""
    from homelab.ops import tailnet

    monkeypatch.setattr(cloudflare_api, "API", tailnet.API)
    api.devices = {"success": True, "devices": []}
    inner = api.answer

    def answer(path: str, body: str, authorization: str) -> tuple[int, str]:
        if "/zones/" in path or "/accounts/" in path:
            refused = [s for end, s in api.refuse.items() if path.partition("?")[0].endswith(end)]
            return (refused[0], authorization) if refused else (200, '{"success": true}')
        return inner(path, body, authorization)

    monkeypatch.setattr(api, "answer", answer)
    return api


def test_each_part_of_a_token_is_tried_by_reading(cloudflare: Api, tmp_path: Path) -> None:
    cloudflare.refuse = {"/cfd_tunnel": 403, "/tailnet/-/keys": 403}
    plan = build.plan(CLOUDS)
    stackdir.write_stack(tmp_path / "stack", CLOUDS)
    found = _lines(online.cloud_findings(plan, tmp_path / "stack"))
    text = "\n".join(found)
    assert "ok: Cloudflare: what DNS Write is for can be read" in found
    assert "give the token the permission Cloudflare Tunnel Write" in text
    assert "ok: Tailscale: policy_file can be read" in found
    assert any(f.startswith("error: auth_keys: tailnet: Tailscale answered 403") for f in found)
    assert "Bearer" not in text


def test_a_cloud_that_does_not_answer_is_an_error_on_one_line(
    cloudflare: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloudflare_api, "API", "http://127.0.0.1:9")
    stackdir.write_stack(tmp_path / "stack", CLOUDS)
    found = _lines(online.cloud_findings(build.plan(CLOUDS), tmp_path / "stack"))
    assert "error: cloudflare: Cloudflare cannot be reached (" in found[0]
    assert all("\n" not in line for line in found)


def test_a_stack_without_clouds_asks_none(tmp_path: Path) -> None:
    plan = build.plan({"cloudflare": None})
    assert _lines(online.cloud_findings(plan, tmp_path)) == ["ok: the stack uses no cloud"]
