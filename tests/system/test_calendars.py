"""Calendar expressions are accepted and refused as by systemd."""

from __future__ import annotations

import random
import shutil
import subprocess

import pytest

from homelab.config.calendar import is_calendar, missing_day
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

NEVER = (
    *("*-02-30", "*-04-31", "02-30", "*-04,06-31 03:00", "Mon 2027-01-01", "2027-02-29"),
    *("2029..2031-02-29", "27-02-29 04:00 Europe/Oslo", "*-02-30..31", "Mon..Wed 2027-1-1 3:00"),
)
SOMETIMES = (
    *("*-02-29", "*-01,02-30", "Mon *-02-29", "2028..2031/2-02-29", "*-*-31", "*-*-25..31"),
    *("*-02~28", "Fri 2027-01-01", "28-02-29", "2027/1-02-29", "Mon *-02~01"),
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


@pytest.mark.parametrize("dates", NEVER)
def test_a_day_that_no_year_has_is_refused(dates: str) -> None:
    """systemd accepts it, and the timer never elapses."""
    with pytest.raises(InvalidStackError, match=r"no year has the day .*; write a day that exists"):
        build.stack_config(collected(dates))
    options = {"systemd.services.sweep.startAt": dates}
    service = {"host": "nas", "backup": {"skip": "only a test"}, "options": options}
    (problem,) = build.found({"services": {"navidrome": service}}, "option-calendar")
    assert "no year has the day" in problem.what


@pytest.mark.parametrize("dates", SOMETIMES)
def test_a_day_of_some_years_is_accepted(dates: str) -> None:
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


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_agrees_on_days_that_never_come() -> None:
    made = random.Random(5)
    numbers = ("*", "2", "02", "4..6", "29", "30", "31", "30..31", "29,30", "28..31/3", "2/10")
    texts = {*NEVER, *SOMETIMES}
    for _ in range(150):
        # A year to come: systemd says never of a day that is past, too.
        year = made.choice(("*", "2101", "2101..2103", "2100/8", "2104,2109"))
        date = "-".join((year, made.choice(numbers), made.choice(numbers)))
        texts.add(f"{made.choice(('', 'Mon ', 'Tue..Thu ', 'sat,sun '))}{date}")
    texts = {text for text in texts if is_calendar(text)}
    asked = ["systemd-analyze", "calendar", "--", *sorted(texts)]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    parts = told.strip().split("\n\n")
    never = {t for t, part in zip(sorted(texts), parts, strict=True) if "elapse: never" in part}
    assert {text for text in texts if missing_day(text)} == never
