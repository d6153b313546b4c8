"""Time zone and locale of every host."""

from __future__ import annotations

import zoneinfo

import pytest

from homelab.problems import InvalidStackError
from homelab.system.zone_checks import ZONES
from tests import build


@pytest.mark.parametrize(
    ("zone", "near"),
    [("Europe/Osla", "Europe/"), ("europe/oslo", "Europe/Oslo"), ("Oslo", ""), ("CEST", "")],
)
@pytest.mark.requirement("S0-01")
def test_an_unknown_zone_is_refused_with_the_nearest_one(zone: str, near: str) -> None:
    """`timezone-known`; systemd would use UTC."""
    (problem,) = build.found({"site": {"timezone": zone}}, "timezone-known")
    assert problem.where == "site.timezone"
    assert f'"{zone}"' in problem.what
    assert near in problem.way_out


@pytest.mark.parametrize("zone", ["Europe/Oslo", "America/Argentina/Buenos_Aires", "UTC"])
def test_a_zone_of_the_database_passes(zone: str) -> None:
    assert build.found({"site": {"timezone": zone}}, "timezone-known") == []


def test_the_shipped_names_are_those_of_the_database() -> None:
    """A database of another year may have further zones, but must have these."""
    here = zoneinfo.available_timezones()
    if not here:
        pytest.skip("this machine has no tz database")
    assert len(ZONES - here) < 20
    assert len(here - ZONES) < 20


@pytest.mark.parametrize("locale", ["en_US", "english", "en_us.UTF-8", "nb_NO.utf8", ""])
@pytest.mark.requirement("S0-01")
def test_a_locale_is_written_as_glibc_has_it(locale: str) -> None:
    """Another spelling would cause a warning in every shell."""
    with pytest.raises(InvalidStackError, match=r"site\.locale"):
        build.plan({"site": {"locale": locale}})


@pytest.mark.parametrize("locale", ["en_US.UTF-8", "C.UTF-8", "sr_RS.UTF-8@latin"])
def test_a_locale_of_glibc_passes(locale: str) -> None:
    assert build.plan({"site": {"locale": locale}}).stack.site.locale == locale
