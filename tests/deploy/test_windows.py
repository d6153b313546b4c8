"""`deploy.windows`: when a deployment may switch a host."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from homelab.deploy.plan import policy_of
from homelab.deploy.spec import switch_spec
from homelab.deploy.windows import ANY_TIME, DAYS, Window, closed
from homelab.ops.deploy.spec import SwitchSpec
from homelab.ops.deploy.switch import NotCommittedError, outside
from homelab.problems import HomelabError
from tests import build

NIGHT = Window(("fri", "sat"), "22:00", "06:00")
NOON = Window(DAYS, "12:00", "13:30")


@pytest.mark.parametrize(
    ("window", "time", "is_open"),
    [
        (NIGHT, "2026-05-01 22:00", True),  # a Friday
        (NIGHT, "2026-05-01 21:59", False),
        (NIGHT, "2026-05-01 05:00", False),  # the night that began on Thursday
        (NIGHT, "2026-05-02 05:59", True),
        (NIGHT, "2026-05-03 05:59", True),
        (NIGHT, "2026-05-03 06:00", False),
        (NIGHT, "2026-05-03 23:00", False),
        (NOON, "2026-05-04 12:00", True),
        (NOON, "2026-05-04 13:30", False),
    ],
)
def test_a_window_may_end_on_the_next_day(window: Window, time: str, is_open: bool) -> None:
    now = datetime.strptime(time, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    assert window.is_open(now) is is_open
    assert (closed([window], now) == "") is is_open
    assert closed([], now) == ""
    assert closed([window, Window(DAYS, "00:00", "23:59")], now) == ""


def spec(**window: object) -> SwitchSpec:
    """The spec of a switch as the runner reads it."""
    windows = [{"start": "22:00", "end": "06:00", **window}] if window else []
    made = build.plan({"deploy": {"windows": windows}})
    host = made.hosts["nas"]
    values = switch_spec(host, "r1", made.stack.deploy, policy_of(made.stack, host))
    return SwitchSpec.model_validate_json(json.dumps(values))


def test_the_runner_refuses_a_switch_outside_of_the_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Oslo is two hours before UTC in May."""
    monkeypatch.delenv(ANY_TIME, raising=False)
    given = spec(days=["fri"])
    assert given.timezone == "Europe/Oslo"
    assert outside(given, datetime(2026, 5, 1, 20, 0, tzinfo=UTC)) == ""
    why = outside(given, datetime(2026, 5, 1, 19, 59, tzinfo=UTC))
    assert why.startswith(
        "deploy.windows allows a switch from 22:00 to 06:00 on fri, and it is fri"
    )
    assert "21:59 (Europe/Oslo)" in why
    assert f"{ANY_TIME}=1 pulumi up" in why
    monkeypatch.setenv(ANY_TIME, "1")
    assert outside(given, datetime(2026, 5, 1, 12, 0, tzinfo=UTC)) == ""


def test_without_windows_any_time_is_right_and_the_spec_is_as_before() -> None:
    given = spec()
    assert outside(given, datetime(2026, 5, 1, 12, 0, tzinfo=UTC)) == ""
    assert "windows" not in given.model_fields_set


def test_an_unknown_time_zone_refuses_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ANY_TIME, raising=False)
    given = spec(days=["fri"]).model_copy(update={"timezone": "Nowhere/Else"})
    with pytest.raises(NotCommittedError, match="install tzdata"):
        outside(given, datetime(2026, 5, 1, 12, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("value", "is_open"), [("1", True), ("true", True), ("0", False), ("false", False), ("", False)]
)
def test_only_1_and_true_open_every_window(
    value: str, *, is_open: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ANY_TIME, value)
    why = outside(spec(days=["fri"]), datetime(2026, 5, 1, 12, 0, tzinfo=UTC))
    assert (why == "") is is_open


@pytest.mark.parametrize("value", ["no", "off", "22:00"])
def test_an_unknown_value_of_any_time_is_refused_by_name(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ANY_TIME, value)
    with pytest.raises(HomelabError, match=f'{ANY_TIME} is "{value}"'):
        outside(spec(days=["fri"]), datetime(2026, 5, 1, 20, 0, tzinfo=UTC))
