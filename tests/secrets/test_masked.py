"""A message that quotes a value never shows a secret that is in it."""

from __future__ import annotations

import pytest

from homelab.catalog import ENTRIES
from homelab.checks import run_checks
from homelab.nix.source import Setting
from homelab.openings.model import View, shown
from homelab.openings.registry import openings
from homelab.openings.settings import of_options
from homelab.problems import Problem, did_you_mean
from homelab.secret_shapes import kinds_in, masked
from tests import build
from tests.openings.careless import OPTIONS
from tests.secrets.test_literals import HARMLESS, LOOKS

WORD = "hunter2hunter2"
POISON = f"postgresql://app:{WORD}@db.home.example.org/app"


@pytest.mark.parametrize("kind", LOOKS)
def test_a_problem_names_the_kind_of_a_secret_in_its_place(kind: str) -> None:
    text = LOOKS[kind]
    problem = Problem("services.x", f"a.b is {text}: no", f"write {text}")
    assert text not in str(problem)
    assert text not in str(problem.as_data())
    assert kinds_in(str(problem)) == ()
    assert "a.b is " in problem.what
    assert text[-8:] not in problem.what or kind == "a password in a URL"


@pytest.mark.parametrize("text", [t for t in HARMLESS if t])
def test_what_is_no_secret_stays(text: str) -> None:
    assert Problem("services.x", f"a.b is {text}").what == f"a.b is {text}"


def test_a_private_key_is_hidden_to_its_end_and_a_short_password_too() -> None:
    key = (
        "-----BEGIN OPENSSH " + f"PRIVATE KEY-----\n{WORD}\n-----END OPENSSH " + "PRIVATE KEY-----"
    )
    assert masked(f"a {key} b") == "a (a private key) b"
    assert masked("postgresql://u:p@h/db") == "postgresql://(a password)@h/db"
    assert masked("redis://:p%40ss$1@h/0") == "redis://(a password)@h/0"
    assert masked(masked(POISON)) == masked(POISON)


def test_a_value_is_masked_before_it_is_cut() -> None:
    assert "hunt" not in shown(f"postgresql://application-user:{WORD * 3}@db/app")


def test_a_choice_of_names_stays_one() -> None:
    way_out = did_you_mean("jelyfin", ["jellyfin"], "services")
    assert Problem("services.x", "no", way_out).way_out is way_out


def poisoned(value: object, how: str) -> object:
    """A value whose every text has a secret in it."""
    if isinstance(value, str):
        return how.format(text=value, poison=POISON)
    if isinstance(value, list):
        return [poisoned(v, how) for v in value]
    if isinstance(value, dict):
        return {k: v if k.startswith("$") else poisoned(v, how) for k, v in value.items()}
    return value


@pytest.mark.parametrize("how", ["{poison}", "{text} {poison}", "{poison},{text}"])
def test_no_rule_of_an_option_shows_a_secret_in_its_value(how: str) -> None:
    """Every rule of every table of careless options, with a secret in each text."""
    rows = [poisoned(row, how) for table in OPTIONS.values() for row in table.values()]
    plan = build.plan({"services": {"vaultwarden": {"host": "nas"}}})
    masks = 0
    for row in rows:
        made = build.plan({"services": {"vaultwarden": {"host": "nas", "options": row}}})
        settings: tuple[Setting, ...] = of_options(made, "nas")
        view = View(plan, plan.hosts["nas"], settings)
        for setting in settings:
            for opening in openings(setting, view):
                text = str(Problem(setting.source, opening.what, opening.way_out))
                assert "hunter" not in text, (row, text)
                masks += "(a password)" in text
    assert masks >= 5


@pytest.mark.requirement("S0-57")
def test_no_check_shows_a_secret_in_an_option_of_a_service() -> None:
    """Each option that the facts of a service name, with a secret in its value."""
    services = {
        name: {
            "host": "nas",
            "options": dict.fromkeys(
                (*entry.database_at, *entry.state_at, *entry.state_file_at), POISON
            ),
        }
        for name, entry in ENTRIES.items()
        if entry.database_at
    }
    assert "vaultwarden" in services
    found = run_checks(build.plan({"services": services}))
    quoted = [p for p in found if "(a password)" in str(p)]
    assert len({p.where.split(".")[1] for p in quoted if p.check == "state-moved"}) >= 5
    assert [str(p) for p in found if "hunter" in str(p) or "hunter" in str(p.as_data())] == []
