"""NixOS options of a service in the stack config: paths, and words for what the plan knows."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest

from homelab.config.schema import stack_schema
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes

GOOD: dict[str, Any] = {
    "services.navidrome.settings.Port": {"$port": "web"},
    "services.navidrome.settings.Greeting": {"$text": "{{{fqdn}}} on {port}"},
    'services.nginx.virtualHosts."a.b".locations': {"/": {"$schema": "x", "other": 1}},
    "services.navidrome.settings.Scanner": {"Enabled": True},
    "services.navidrome.settings.Scanner.Schedule": "@every 24h",
    "services.navidrome.settings.Tags": [{"$text": "{name}"}, "plain"],
}


def with_options(options: dict[str, Any], name: str = "navidrome") -> Changes:
    return {"services": {name: {"host": "nas", "options": options}}}


WORDS: dict[str, tuple[Any, str, str]] = {
    "no such word": ({"$tex": "x"}, "there is no reference $tex", 'did you mean "$text"?'),
    "deep inside": ([{"a": {"$prot": "web"}}], "no reference $prot", 'did you mean "$port"?'),
    "no such field": (
        {"$text": "{fqdm}"},
        "$text has no field {fqdm}",
        'did you mean "fqdn"?',
    ),
    "a field by number": ({"$text": "{0}"}, "no field {0}", "literal braces"),
    "a field without a name": ({"$text": "{}"}, "no field {}", "Fields: "),
    "a part of a field": ({"$text": "{url.x}"}, "no field {url.x}", 'did you mean "url"?'),
    "a field in a form": ({"$text": "{url!r:>9}"}, "no field {url!r:>9}", 'did you mean "url"?'),
    "half a brace": (
        {"$text": "{"},
        "a brace in the text of $text is not closed",
        "write {{ or }}",
    ),
    "no text": ({"$text": 5}, "$text takes one name, as text", "one of its fields"),
    "no such port": (
        {"$port": "wep"},
        'navidrome has no port "wep"',
        'did you mean "web"? Ports of navidrome: web',
    ),
    "no such secret": (
        {"$secret": "nope"},
        'navidrome has no secret "nope"',
        "there are no secrets of navidrome yet",
    ),
    "several at once": ({"$secret": ["a"]}, "$secret takes one name", "one of its secrets"),
    "not alone": (
        {"$port": "web", "x": 1},
        "$port has other keys beside it",
        "leave x out: {$port: …} is the only key",
    ),
}

NO_PATHS = ("", "services..x", 'services."x', "services.x y", "services.x;y", "services.${x}", ".x")
PATHS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "a set and one of its options": (
        {
            "services.navidrome": {"settings": {"Port": 1}},
            "services.navidrome.settings.Port": 2,
        },
        ".services.navidrome.settings.Port",
        "services.navidrome.settings.Port has another value in services.navidrome",
        "leave it out of one of them",
    ),
    "a value and an option inside": (
        {"services.navidrome.settings": 1, "services.navidrome.settings.Port": 2},
        ".services.navidrome.settings.Port",
        "services.navidrome.settings has another value in services.navidrome.settings",
        "leave it out of one of them",
    ),
    "a word and an option inside": (
        {"services.x": {"$text": "{url}"}, "services.x.y": 2},
        ".services.x.y",
        "services.x has another value in services.x",
        "leave it out of one of them",
    ),
}


def test_options_that_name_what_there_is_are_fine() -> None:
    assert build.found(with_options(GOOD), "option-word") == []
    assert build.found(with_options(GOOD), "option-path") == []
    text = build.render(with_options(GOOD))["nas"]["services/navidrome.nix"]
    assert 'Greeting = "{navidrome.home.example.org} on 4533";' in text


def test_a_word_of_somebody_elses_can_stand_in_the_path() -> None:
    options = {'services.navidrome.settings."$schema"': "x"}
    assert build.found(with_options(options), "option-word") == []
    assert (
        '"$schema" = "x";' in build.render(with_options(options))["nas"]["services/navidrome.nix"]
    )


def test_an_entrys_own_secret_can_be_named() -> None:
    options = {"services.miniflux.config.X": {"$secret": "admin"}}
    assert build.found(with_options(options, "miniflux"), "option-word") == []


@pytest.mark.parametrize("case", WORDS)
@pytest.mark.requirement("S0-05", "S0-09")
def test_a_word_names_what_the_plan_knows(case: str) -> None:
    value, what, way_out = WORDS[case]
    (problem,) = build.found(with_options({"services.x.y": value}), "option-word")
    assert problem.where == "services.navidrome.options.services.x.y"
    assert what in problem.what
    assert way_out in problem.way_out


_schema = cache(stack_schema)


@pytest.mark.parametrize("path", NO_PATHS)
@pytest.mark.requirement("S0-09", "S0-71")
def test_what_is_no_path_of_an_option_is_refused_with_the_way_out(path: str) -> None:
    """In the editor, too."""
    with pytest.raises(InvalidStackError) as refused:
        build.stack_config(with_options({path: 1}))
    (problem,) = refused.value.problems
    assert problem.what == "this is not the path of an option"
    assert 'in "double quotes"' in problem.way_out
    schema: Any = _schema()
    said = schema["$defs"]["CatalogService"]["properties"]["options"]
    assert said["additionalProperties"] is False
    (pattern,) = said["patternProperties"]
    assert not re.search(pattern, path)
    assert all(re.search(pattern, good) for good in GOOD)


@pytest.mark.parametrize("case", PATHS)
@pytest.mark.requirement("S0-09", "S0-71")
def test_an_option_has_one_path_and_one_value(case: str) -> None:
    options, where, what, way_out = PATHS[case]
    (problem,) = build.found(with_options(options), "option-path")
    assert problem.where == f"services.navidrome.options{where}"
    assert what in problem.what
    assert way_out in problem.way_out


@pytest.mark.parametrize(
    ("routes", "url"),
    [
        ([{"name": "zebra"}, {"name": "alpha"}], "https://zebra.home.example.org"),
        ([{"name": "alpha"}, {"name": "zebra"}], "https://alpha.home.example.org"),
    ],
)
def test_the_url_of_a_service_is_of_the_route_that_is_said_first(
    routes: list[dict[str, str]], url: str
) -> None:
    """Not of the first by alphabet."""
    option = {"services.navidrome.settings.BaseUrl": {"$text": "{url}"}}
    changes = with_options(option)
    changes["services"]["navidrome"] |= {"routes": routes}  # type: ignore[index]
    assert f'"{url}"' in build.render(changes)["nas"]["services/navidrome.nix"]
    assert (
        f'BASE_URL = "{url}'
        in build.render({"services": {"miniflux": {"host": "nas", "routes": routes}}})["nas"][
            "services/miniflux.nix"
        ]
    )
