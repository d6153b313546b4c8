"""Pins: their address is of their release, and their lock of their address."""

from __future__ import annotations

import json

import pytest

from homelab.nix.flakeref import release_of
from homelab.problems import Problem
from homelab.system.nix_checks import check_locks
from homelab.system.pin_checks import check_pin_ages
from tests import build
from tests.household import Changes

LOCK = "locks/nixos-25.11.lock"
COMMIT = "687f05a9184cad4eaf905c48b63649e3a86f5433"
MAC: Changes = {
    "kind": "home-manager",
    "platform": "aarch64-darwin",
    "state_version": "25.11",
    "home": "home/sam.nix",
}


def pin(**changes: object) -> Changes:
    return {"nixpkgs": {"default": changes}}


@pytest.mark.parametrize(
    ("url", "release"),
    [
        ("github:NixOS/nixpkgs/nixos-25.05", "25.05"),
        ("github:NixOS/nixpkgs/nixos-25.05-small", "25.05"),
        ("github:NixOS/nixpkgs?ref=release-25.05", "25.05"),
        ("https://channels.nixos.org/nixos-25.05/nixexprs.tar.xz", "25.05"),
        ("github:NixOS/nixpkgs/nixos-unstable", None),
        (f"github:NixOS/nixpkgs/{COMMIT}", None),
        ("github:sam/mynixos-25.05/main", None),
    ],
)
@pytest.mark.requirement("S0-71")
def test_a_pins_address_is_of_its_release(url: str, release: str | None) -> None:
    """`pin-release`; what names no release may be any."""
    assert release_of(url) == release
    assert build.found(pin(release="25.05", url=url), "pin-release") == []
    problems = build.found(pin(release="26.05", url=url), "pin-release")
    assert len(problems) == (release is not None)
    for problem in problems:
        assert problem.where == "nixpkgs.default.url"
        assert problem.what == f"{url} is NixOS 25.05, and the pin says 26.05"
        assert url.replace("25.05", "26.05") in problem.way_out
        assert 'release: "25.05"' in problem.way_out


@pytest.mark.parametrize(("day", "says"), [("2026-05-19", 0), ("2026-06-17", 0), ("2026-06-18", 1)])
def test_an_old_revision_is_a_warning_after_its_limit(day: str, says: int) -> None:
    """The shipped lock file has a nixpkgs of 2026-05-18."""
    made = build.plan(pin(max_age_days=30))
    found = [*check_pin_ages(made, build.sources(made), day)]
    assert len(found) == says
    for problem in found:
        assert (problem.severity, problem.where) == ("warning", "nixpkgs.default.lock")
        assert problem.what == "its nixpkgs is of 2026-05-18, 31 days ago"
    assert not [*check_pin_ages(made, {LOCK: "no lock"}, "2030-01-01")]


def matches(changes: Changes, text: str | None = None) -> list[Problem]:
    """What is said of a lock that is as the repository's own."""
    made = build.plan(changes)
    text = text or (build.SHIPPED / LOCK).read_text(encoding="utf-8")
    found = check_locks(made, {**build.sources(made), LOCK: text})
    return [p for p in found if p.check == "lock-matches"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (build.URL, ""),
        ("github:NixOS/nixpkgs?ref=nixos-25.11", ""),
        ("github:nixos/nixpkgs/nixos-25.11/", "and its hosts name"),
        ("https://channels.nixos.org/nixos-25.11/nixexprs.tar.xz", "and its hosts name"),
        ("git+https://github.com/NixOS/nixpkgs?ref=nixos-25.11", "and its hosts name"),
        ("path:/srv/nixpkgs", "and its hosts name"),
        ("github:NixOS/nixpkgs/nixos-25.11-small", "and its hosts name"),
        (f"github:NixOS/nixpkgs/{COMMIT}", "and its hosts name"),
        ("github:sam/nixpkgs/nixos-25.11", "and its hosts name"),
    ],
)
@pytest.mark.requirement("S0-71")
def test_a_lock_is_for_the_address_that_its_hosts_name(url: str, says: str) -> None:
    """`lock-matches`; with --no-update-lock-file any other fails to build."""
    problems = matches(pin(url=url))
    assert len(problems) == bool(says)
    for problem in problems:
        assert problem.where == "nixpkgs.default.lock"
        assert problem.what == f"{LOCK} locks nixpkgs for {build.URL}, {says} {url}"
        assert problem.way_out.endswith("or correct nixpkgs.default.url")


@pytest.mark.requirement("S0-71")
def test_home_manager_is_of_the_same_release() -> None:
    """Its branch follows from the pin's release."""
    mac: Changes = {"hosts": {"mac": MAC}}
    assert matches(mac) == []
    newer = matches({**mac, **pin(release="26.05")})
    (problem,) = [p for p in newer if "locks home-manager" in p.what]
    assert "locks home-manager for github:nix-community/home-manager/release-25.11" in problem.what
    assert problem.way_out.endswith("or correct nixpkgs.default.release")


@pytest.mark.requirement("S0-71")
def test_a_flake_of_the_stack_is_named_where_it_stands() -> None:
    url = "github:sam/home-manager"
    flakes: Changes = {"flakes": {"home-manager": {"url": url}}, "hosts": {"mac": MAC}}
    (problem,) = matches(flakes)
    assert problem.way_out.endswith("or correct flakes.home-manager.url")


@pytest.mark.parametrize("text", ["no lock", "[]", json.dumps({"nodes": {}, "root": "root"})])
def test_what_is_no_lock_is_said_by_another_check(text: str) -> None:
    assert matches({}, text) == []


PRIVATE = "git+ssh://git@github.com/sam/private"


@pytest.mark.parametrize(
    ("url", "original", "says"),
    [
        (PRIVATE, {"type": "git", "url": "ssh://git@github.com/sam/private"}, ""),
        (PRIVATE, {"type": "git", "url": "ssh://git@forge/sam/private"}, "git@forge/sam/private"),
        (PRIVATE, {"type": "github", "owner": "sam", "repo": "private"}, "github:sam/private"),
    ],
)
@pytest.mark.requirement("S0-71")
def test_a_private_flake_is_locked_for_its_address(
    url: str, original: dict[str, str], says: str
) -> None:
    lock = json.loads((build.SHIPPED / LOCK).read_text(encoding="utf-8"))
    lock["nodes"]["root"]["inputs"]["mine"] = "mine"
    lock["nodes"]["mine"] = {"locked": {"type": "git", "rev": COMMIT}, "original": original}
    hosts = {"nas": {"flakes": ["mine.nixosModules.default"]}}
    problems = matches({"flakes": {"mine": {"url": url}}, "hosts": hosts}, json.dumps(lock))
    assert len(problems) == bool(says)
    for problem in problems:
        assert says in problem.what.partition(", and its hosts name ")[0]
        assert problem.what.endswith(f", and its hosts name {url}")
        assert problem.way_out.endswith(" mine, or correct flakes.mine.url")
