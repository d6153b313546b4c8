"""Calendar expressions are accepted and refused as by systemd."""

from __future__ import annotations

import random
import shutil
import subprocess

import pytest

from homelab.config.calendar import is_calendar
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes

TAKEN = (
    *("daily", "Weekly", "quarterly", "03:15", "03:15 Europe/Oslo", "hourly UTC", "Mon"),
    *("Mon *-*-* 03:00:00", "Mon..Fri,Sun 12:00", "*:0/5", "*-*-1..7 18:00:00", "*-02~03"),
    *("Mon *-05~1..7", "2030-1-1", "00:00:00.5", "sat,sun 10,22:30", "12-10-15 1:2:3"),
)
REFUSED = (
    *("whenever", "a */ zqx word", "Tues", "Fri..Mon", "25:00", "*-13-01", "*/5:00", "Mon Tue"),
    *("1:2:3:4", "03:00 later", "*", "1", "daily  UTC", "*-*~31", "0/0:00", "5..1:00"),
)


def collected(dates: str) -> Changes:
    return {"hosts": {"nas": {"nix": {"gc": {"dates": dates}}}}}


@pytest.mark.parametrize("dates", TAKEN)
def test_an_expression_that_systemd_accepts_is_accepted(dates: str) -> None:
    build.stack_config(collected(dates))
    assert not build.found(collected(dates), "timezone-known")


@pytest.mark.parametrize("dates", REFUSED)
def test_an_expression_that_systemd_refuses_is_refused(dates: str) -> None:
    with pytest.raises(InvalidStackError, match=r"nix\.gc\.dates: this is not a calendar"):
        build.stack_config(collected(dates))


def test_an_unknown_zone_in_an_expression_is_named() -> None:
    (problem,) = build.found(collected("03:15 Europe/Olso"), "timezone-known")
    assert problem.where == "hosts.nas.nix.gc.dates"
    assert 'did you mean "Europe/Oslo"' in problem.way_out


PARTS = (
    *("*", "*/5", "1", "01", "31", "32", "12", "13", "2030", "1..5", "5..1", "0/15", "1,2", "1,"),
    *("..", "59", "60", "0", "23", "24", "/2", "1/0", "*,1", "59.5", "/", "-", "1..", "..1"),
)
DAYS = ("", "Mon ", "Mon..Fri ", "mon,sun ", "Mon-Fri ", "Funday ", "Mon, ", "Thurs ", "Fri..Mon ")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_agrees_on_generated_expressions() -> None:
    made = random.Random(3)
    texts = {*TAKEN, *REFUSED}
    for _ in range(250):
        date = "-".join(made.choice(PARTS) for _ in range(made.choice((2, 3))))
        time = ":".join(made.choice(PARTS) for _ in range(made.choice((2, 3))))
        texts.add(f"{made.choice(DAYS)}{made.choice((f'{date} ', ''))}{time}")
    # It goes on after one that it refuses.
    asked = ["systemd-analyze", "calendar", "--", *sorted(texts)]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stderr
    refused = {text for text in texts if f"'{text}':" in told}
    assert {text for text in texts if not is_calendar(text)} == refused
