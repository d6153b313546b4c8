"""Messages of Nix that name neither an option nor a file get the place that caused them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from homelab.evaluation.findings import findings
from homelab.evaluation.model import Answer, Numbered, Report, Said, SharedNumber
from homelab.evaluation.numbers import UNIQUE
from homelab.evaluation.places import Places
from homelab.problems import Problem
from tests import build
from tests.evaluation.test_dynamic_users import report

TOP = "/tmp/tmp.Xy12/flake"
NIXPKGS = "/nix/store/0ccnxa25whszw7mgbgyzdm4nqc0zwnm8-source/nixos/modules"
STORE = "/nix/store/aw9k2zm1c5kq4s0n8n2sv7c9v2hzw0mq-source"
OWN = "hosts/nas/extra.nix"
TEXT = "{\n  users.users.kim = {\n    uid = 1001;\n  };\n}\n"
OPTIONS = {
    "users.users.jellyfin.uid": 1001,
    "systemd.services.jellyfin.serviceConfig.Restart": "sometimes",
    "systemd.services.jellyfin.serviceConfig.Nice": 5,
    "systemd.timers.jellyfin.timerConfig.OnBootSec": 5,
}
SET = "services.jellyfin.options"


def told(answer: Answer) -> list[Problem]:
    changes = {
        "hosts": {"nas": {"modules": [OWN]}},
        "services": {
            "jellyfin": {"host": "nas", "options": OPTIONS},
            "navidrome": {
                "host": "nas",
                "options": {"systemd.services.navidrome.serviceConfig.Nice": 5},
            },
        },
    }
    plan = build.plan(changes)
    host = plan.hosts["nas"]
    places = Places(plan, host, {f"own/{OWN}": TEXT}, TOP)
    return [*findings(plan, host, places, answer, "2026-01-01")]


def said(text: str, file: str, **more: object) -> list[Problem]:
    """The problems of a failed assertion."""
    one: Mapping[str, object] = {"assertions": [Said(file=file, text=text)], **more}
    full = report(["false"]).model_copy(update=dict(one))
    assert isinstance(full, Report)
    return [p for p in told(Answer("nas", full)) if "an assertion of" in p.what]


def stopped(stderr: str) -> Problem:
    (problem,) = told(replace(Answer("nas", None), complaint=stderr))
    return problem


def test_both_accounts_of_one_number_are_named() -> None:
    owners = [
        Numbered(name="jellyfin", files=[f"{TOP}/services/jellyfin.nix"]),
        Numbered(name="kim", files=[f"{NIXPKGS}/misc/x.nix", f"{TOP}/own/{OWN}"]),
        Numbered(name="avahi", files=[f"{NIXPKGS}/misc/ids.nix"]),
    ]
    shared = [SharedNumber(kind="uid", number=1001, owners=owners)]
    (problem,) = said(UNIQUE, f"{NIXPKGS}/config/users-groups.nix", numbers=shared)
    option = f"{SET}.users.users.jellyfin.uid"
    assert problem.where == option
    assert problem.what == (
        f"an assertion of config/users-groups.nix failed: {UNIQUE} uid 1001 is that of jellyfin "
        f"({option}) and kim ({OWN}:2) and avahi (misc/ids.nix)"
    )
    assert problem.way_out == "give one of them another number"


@pytest.mark.parametrize("top", [TOP, STORE])
def test_a_path_of_the_tree_is_that_of_the_stack(top: str) -> None:
    (problem,) = said(f"in `{top}/own/{OWN}' it has no effect", f"{NIXPKGS}/services/mysql.nix")
    assert f"in `{OWN}' it has no effect" in problem.what
    (problem,) = said("the file /nix/store/abc is gone", f"{NIXPKGS}/services/mysql.nix")
    assert "the file /nix/store/abc is gone" in problem.what


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (
            "Service 'jellyfin.service' with 'Type=oneshot' cannot have 'Restart=always'",
            f"{SET}.systemd.services.jellyfin.serviceConfig.Restart",
        ),
        (
            "Service 'navidrome.service' is odd",
            "services.navidrome.options.systemd.services.navidrome.serviceConfig.Nice",
        ),
        (
            "the timer jellyfin.timer is odd",
            f"{SET}.systemd.timers.jellyfin.timerConfig.OnBootSec",
        ),
    ],
)
def test_a_unit_that_a_message_names_has_its_place(text: str, where: str) -> None:
    (problem,) = said(text, f"{NIXPKGS}/system/boot/systemd.nix")
    assert problem.where == where


def test_a_unit_whose_text_cannot_be_made_has_its_place() -> None:
    for name in ('"jellyfin.timer"', "jellyfin.timer"):
        problem = stopped(
            f"error: cannot coerce a set to a string\n… while evaluating the option `systemd.units.{name}.text':\n"
        )
        assert problem.where == f"{SET}.systemd.timers.jellyfin.timerConfig.OnBootSec"


def test_the_setting_that_nixpkgs_prints_before_is_named() -> None:
    trace = "trace: Systemd Service field `Restart' cannot have value `sometimes'.\n"
    problem = stopped(
        f"{trace}{trace}error: A definition for option `systemd.services.jellyfin.serviceConfig' is "
        "not of type `attribute set of systemd option'.\n"
    )
    assert problem.where == f"{SET}.systemd.services.jellyfin.serviceConfig.Restart"
    assert problem.what.endswith("Systemd Service field `Restart' cannot have value `sometimes'")
