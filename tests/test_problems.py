"""Messages are short: long lists are cut."""

from __future__ import annotations

import pytest

from homelab.problems import Problem, did_you_mean, lines_of, shortened

MANY = [f"service-{i}" for i in range(200)]


def test_a_long_list_is_cut_and_says_how_many_are_left() -> None:
    text = str(Problem("services.x", f"used by {', '.join(MANY)} here", "drop it; or move it"))
    assert "used by service-0, service-1" in text
    assert text.endswith("and 192 more here; drop it; or move it")
    assert len(text) < 200


def test_the_nearest_known_name_comes_first_and_the_rest_is_counted() -> None:
    way_out = did_you_mean("service-19x", MANY, "services")
    assert shortened(way_out).startswith('did you mean "service-19"? Services: service-19')
    assert shortened(way_out).endswith("and 192 more")


@pytest.mark.parametrize("text", ["", "a, b, c", "one of a, b; or c", ", ".join(MANY[:12])])
def test_a_short_list_stays_as_it_is(text: str) -> None:
    assert shortened(text) == text


def test_after_the_nearest_word_the_list_is_by_alphabet() -> None:
    said = did_you_mean("jelyfin", ["navidrome", "jellyfin", "attic", "jellyseerr"], "services")
    assert said == 'did you mean "jellyfin"? Services: jellyfin, attic, jellyseerr, navidrome'
    assert did_you_mean("x", [], "hosts") == "there are no hosts yet"


def _alike(count: int) -> list[Problem]:
    return [
        Problem(f"services.s{n}.port", "write a number", "3000", "port-x") for n in range(count)
    ]


@pytest.mark.parametrize("count", [1, 12])
def test_a_few_problems_of_a_kind_are_all_shown(count: int) -> None:
    assert list(lines_of(_alike(count))) == [p.said() for p in _alike(count)]


def test_of_many_problems_of_a_kind_a_few_and_their_number_are_shown() -> None:
    other = Problem("site.zone", "there is no zone", "add one")
    lines = list(lines_of([*_alike(200), other]))
    assert lines == [
        *(p.said() for p in _alike(8)),
        "error: and 192 more [port-x]",
        other.said(),
    ]


def test_values_of_one_field_with_one_fault_are_one_kind() -> None:
    shape = [Problem(f"services.s{n}.port", "write a number") for n in range(20)]
    names = [Problem(f"services.s{n}.name", "write a number") for n in range(3)]
    lines = list(lines_of([*shape, *names]))
    assert lines[8] == "error: and 12 more: write a number"
    assert len(lines) == 12
