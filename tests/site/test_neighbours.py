"""Two stacks of one project must not change the same things (`homelab.neighbours`)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from homelab import testing
from homelab.ops.project.stack import check_stack
from homelab.problems import Problem
from tests import build, stackdir
from tests.tailnet.test_tailnet import TAILNET

KEYS = {
    "pi": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDdTfaJflmeVAEnU5MwpR2wVbeUzX3vjHN91d+Pms24X",
    "nas": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMFHuNkdP1K5nn1xXxwlfp7tEMK/WBsKC7bbqSZNupSY",
}
APART: dict[str, object] = {
    "secrets": {"namespace": "other"},
    "hosts": {
        name: {"ssh": {"host_key": key}, "address": {"tailnet": f"100.64.9.{at}"}}
        for at, (name, key) in enumerate(KEYS.items(), 2)
    },
}
"""The minimal changes that separate a second stack from the first."""
PUBLIC: dict[str, object] = {
    "cloudflare": {"tunnel": {"host": "pi"}},
    "identity": {"host": "pi", "users": {"sops": "authelia/users"}},
    "services": {
        "authelia": {"publish": "tunnel"},
        "navidrome": {"host": "pi", "publish": "tunnel", "backup": {"skip": "a test"}},
    },
}


def stack_problems(
    directory: Path, first: Mapping[str, object], second: Mapping[str, object]
) -> list[Problem]:
    """The problems of the second stack that come from the first."""
    stackdir.write_stack(directory, first)
    text = stackdir.stack_text(testing.merged(APART, second))
    (directory / "Pulumi.other.yaml").write_text(text, encoding="utf-8")
    return told(directory, "other")


def told(directory: Path, stack: str) -> list[Problem]:
    return [p for p in check_stack(directory, stack)[1] if p.check.startswith("stack-")]


def test_two_stacks_may_share_accounts(tmp_path: Path) -> None:
    first = testing.merged(TAILNET, {"tailnet": {"machines": machines()}})
    assert stack_problems(tmp_path, first, testing.merged(TAILNET, ELSEWHERE)) == []
    assert told(tmp_path, stackdir.NAME) == []


ELSEWHERE: dict[str, object] = {"tailnet": {"policy": "elsewhere"}}


def machines() -> dict[str, object]:
    return {
        f"other-{at}": {"address": f"100.64.9.{at}", "tags": ["appliance"]} for at in range(2, 4)
    }


@pytest.mark.parametrize(
    ("check", "first", "second", "says"),
    [
        ("stack-secrets", {}, {"secrets": {"namespace": None}}, "the same passwords"),
        ("stack-policy", TAILNET, TAILNET, "writes the policy"),
        ("stack-host", {}, {"hosts": {"nas": {"ssh": {"host_key": build.KEY}}}}, "calls pi"),
        (
            "stack-names",
            PUBLIC,
            testing.merged(PUBLIC, {"site": {"domain": "other.example.org"}}),
            "the record navidrome.example.org",
        ),
        (
            "stack-names",
            PUBLIC,
            testing.merged(PUBLIC, {"site": {"names": {"public": "{name}-other.{zone}"}}}),
            "the tunnel home-example-org",
        ),
        ("stack-policy-part", TAILNET, testing.merged(TAILNET, ELSEWHERE), "does not name"),
        ("stack-compared", {"hosts": {"pi": {"rolle": "x"}}}, {}, "was not compared"),
    ],
)
def test_what_two_stacks_must_not_share_is_reported_with_a_way_out(
    tmp_path: Path,
    check: str,
    first: Mapping[str, object],
    second: Mapping[str, object],
    says: str,
) -> None:
    found = stack_problems(tmp_path, first, second)
    assert {p.check for p in found} == {check}, [str(p) for p in found]
    assert any(says in p.what for p in found), [str(p) for p in found]
    assert all(p.way_out for p in found)


def test_a_conflict_is_reported_in_both_stacks(tmp_path: Path) -> None:
    stack_problems(tmp_path, TAILNET, TAILNET)
    assert {p.check for p in told(tmp_path, stackdir.NAME)} == {"stack-policy"}


def test_a_project_elsewhere_in_the_clone_is_a_neighbour_too(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    one, two = tmp_path / "one", tmp_path / "deep" / "two"
    stackdir.write_stack(one)
    # The file with the master key was copied, so both stacks have the same one.
    stackdir.write_stack(two, testing.merged(APART, {"secrets": {"namespace": None}}))
    [problem] = told(two, stackdir.NAME)
    assert problem.check == "stack-secrets"
    assert "../../one/Pulumi.small.yaml" in problem.what
    shutil.rmtree(tmp_path / ".git")
    assert told(two, stackdir.NAME) == []
