"""`homelab adopt tailscale`, against a server that answers like Tailscale's API."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from homelab.cli import app
from homelab.ops.project.stack import check_stack
from homelab.plaintext import yaml_data
from homelab.tailnet.existing import Dns, dns_kept, kept
from homelab.tailnet.hujson import digest
from homelab.tailnet.policy import policy_text
from homelab.testing import merged
from tests import stackdir
from tests.ops.test_tailnet import SECRET, TOKEN, Api, api
from tests.tailnet.test_tailnet import TAILNET, tailnet

__all__ = ["api"]

FOREIGN = """
// Ours since 2023.
{
  "groups": {"group:kids": ["kim@example.org"]},
  "tagOwners": {"tag:printer": ["autogroup:admin"]},
  "hosts": {"nas2": "100.64.0.50"},
  "acls": [
    {"action": "accept", "src": ["group:kids"], "dst": ["tag:printer:631", "nas2:80,443"]},
    {"action": "accept", "proto": "udp", "src": ["*"], "dst": ["tag:printer:161"]},
    {"action": "accept", "src": ["group:owners"], "dst": ["*:*"]},
    {"action": "accept", "proto": "gre", "src": ["*"], "dst": ["nas2:*"]},
  ],
  "grants": [
    {"src": ["autogroup:member"], "dst": ["tag:printer"], "ip": ["9100", "udp:5353"]},
    {"src": ["*"], "dst": ["nas2"], "ip": ["443"], "srcPosture": ["posture:ok"]},
  ],
  "ssh": [
    {"action": "check", "src": ["group:kids"], "dst": ["tag:printer"], "users": ["pi"],
     "checkPeriod": "12h"},
  ],
  "nodeAttrs": [{"target": ["group:kids"], "attr": ["mullvad"]}],
  "autoApprovers": {"routes": {"10.9.0.0/16": ["tag:printer"]}},
  "postures": {"posture:ok": ["node:os == 'linux'"]},
  "tests": [
    {"src": "kim@example.org", "allow": ["nas2:443"], "deny": ["nas2:22"], "proto": "tcp"},
    {"src": "kim@example.org", "proto": "icmp", "accept": ["nas2:0"]},
  ],
  "sshTests": [{"src": "kim@example.org", "dst": ["tag:printer"], "deny": ["root"]}],
}
"""


def with_dns(api: Api, **found: object) -> None:
    plain = api.answer

    def answer(path: str, body: str, authorization: str) -> tuple[int, str]:
        last = path.rsplit("/", 1)[-1]
        if "/dns/" not in path:
            return plain(path, body, authorization)
        return (200, json.dumps(found[last])) if last in found else (403, "{}")

    api.answer = answer  # type: ignore[method-assign]


class Home:
    def __init__(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.file = directory / f"Pulumi.{stackdir.NAME}.yaml"
        self.directory, self._patch, self._captured = directory, monkeypatch, capsys

    def section(self, name: str) -> Any:
        return yaml_data(self.file.read_text("utf-8"))["config"][f"homelab:{name}"]  # type: ignore[index,call-overload]

    def run(self, *words: str) -> tuple[int, str, str]:
        whole = ["homelab", "adopt", "tailscale", "-C", str(self.directory), *words]
        self._patch.setattr(sys, "argv", whole)
        code: object = 0
        try:
            app.main()
        except SystemExit as ended:
            code = ended.code
        out, err = self._captured.readouterr()
        assert SECRET not in out + err
        assert TOKEN not in out + err
        return int(str(code or 0)), out, err


@pytest.fixture
def home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Home:
    directory = stackdir.write_stack(
        tmp_path / "stack", merged(TAILNET, {"hosts": {"pi": {"address": {"tailnet": None}}}})
    )
    return Home(directory, monkeypatch, capsys)


def test_addresses_of_joined_hosts_are_written_and_the_policy_is_left(api: Api, home: Home) -> None:
    api.policy = FOREIGN
    with_dns(
        api,
        nameservers={"dns": ["9.9.9.9"]},
        searchpaths={"searchPaths": ["corp.example"]},
        **{"split-dns": {"corp.example": ["10.0.0.53"]}},
    )
    code, out, _ = home.run()
    assert code == 0
    assert home.section("hosts")["pi"]["address"]["tailnet"] == "100.64.0.2"
    assert "adopt" not in home.section("tailnet")
    assert "written: hosts.pi.address.tailnet" in out
    assert "stays untouched: 1 devices: phone" in out
    assert 'hosts.pi.tailscale.device: "nPi1CNTRL"' in out
    assert "corp.example" in out
    assert "has no place in the stack: postures of the policy" in out
    assert out.rstrip().endswith("homelab adopt tailscale --replace-policy")
    assert {path.rsplit("/", 1)[-1] for path, body in api.asked if body} == {"token"}


def test_the_digest_is_written_only_when_asked(api: Api, home: Home) -> None:
    api.policy = FOREIGN
    code, _, _ = home.run("--replace-policy")
    assert code == 0
    assert home.section("tailnet")["adopt"] == digest(FOREIGN)
    plan, problems = check_stack(home.directory, stackdir.NAME)
    assert [p for p in problems if p.severity == "error"] == []
    assert plan.tailnet is not None
    assert plan.tailnet.adopt == digest(FOREIGN)


def test_a_policy_of_ours_is_in_order(api: Api, home: Home) -> None:
    plan, _ = check_stack(home.directory, stackdir.NAME)
    assert plan.tailnet is not None
    api.policy = policy_text(plan.tailnet)
    code, out, _ = home.run()
    assert code == 0
    assert "policy: same; nothing of it is lost" in out
    assert "give the OAuth client the scope dns:read" in out


def test_rules_become_entries_and_what_has_no_place_is_named() -> None:
    found = kept(tailnet(), FOREIGN)
    both = ["tcp:80", "udp:80", "tcp:443", "udp:443"]
    assert found.values == {
        "tailnet.grants": [
            {"src": ["autogroup:member"], "dst": ["tag:printer"], "ip": ["tcp:9100", "udp:5353"]},
            {"src": ["group:kids"], "dst": ["tag:printer"], "ip": ["tcp:631", "udp:631"]},
            {"src": ["group:kids"], "dst": ["nas2"], "ip": both},
            {"src": ["*"], "dst": ["tag:printer"], "ip": ["udp:161"]},
        ],
        "tailnet.ssh": [
            {"action": "check", "src": ["group:kids"], "dst": ["tag:printer"], "users": ["pi"]}
        ],
        "tailnet.node_attributes": [{"target": ["group:kids"], "attr": ["mullvad"]}],
        "tailnet.tests": [
            {"src": "kim@example.org", "accept": ["nas2:443"], "deny": ["nas2:22"], "proto": "tcp"}
        ],
    }
    assert [text.partition(' {"')[0] for text in found.lost] == [
        "the grant",
        "the rule",
        "the entry of tests",
        "the entry of sshTests",
        "the group group:kids",
        "the tag tag:printer",
        "the machine nas2",
        "the approval of 10.9.0.0/16",
        "postures of the policy",
    ]


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"acls": 1, "grants": [2], "ssh": {}}', '{"acls": [{}]}']
)
def test_a_policy_that_is_no_policy_is_no_traceback(text: str) -> None:
    assert kept(tailnet(), text).values == {}


def test_dns_settings_that_an_up_would_replace_are_kept_or_named() -> None:
    plan = tailnet()
    found = dns_kept(plan, Dns(plan.nameservers, plan.split, plan.search))
    assert (found.values, found.lost) == ({}, ())
    other = dns_kept(
        plan, Dns(("9.9.9.9",), (("corp.example", ("10.0.0.53",)),), ("corp.example",))
    )
    assert other.values["tailnet.dns.search"] == ["corp.example"]
    assert bool(other.lost) == bool(plan.nameservers)
