"""Any word is safe in a Caddyfile: real Caddy reads the same word."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homelab.proxy.caddyfile import Directive, directive, print_caddyfile
from tests.tools.programs import run


def is_possible(word: str) -> bool:
    """Whether Caddy can represent the word: no variable, and no backslash before a quote or the end
    together with a backtick."""
    return "{$" not in word and not ("`" in word and re.search(r'\\("|\Z)', word))


WORDS = (st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=25
) | st.text(alphabet="{}\"\\`$#'<> ab@*/%", max_size=12) | st.sampled_from(
    ["", "{", "}", "{}", "{env.HOME}", "{http.request.uri}", "#", "# x", "\\", "\\\\",
     '"', '\\"', "`", "a\\ b", "<<EOF", "EOF", "import x", "@a", "*", "a#b", "a{b", "a}b"]
)).filter(is_possible)  # fmt: skip


def adapted(directory: Path, directives: list[Directive]) -> Any:
    path = directory / "Caddyfile"
    path.write_text(print_caddyfile(directives), encoding="utf-8")
    done = run("caddy", "adapt", "--adapter", "caddyfile", "--config", path)
    assert done.returncode == 0, f"{done.stderr[-500:]}\n{path.read_text()}"
    return json.loads(done.stdout)


def headers(config: Any) -> dict[str, str]:
    """Every response header that a configuration sets, without the escapes of literal braces."""
    found: dict[str, str] = {}

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("handler") == "headers":
                for name, values in value["response"]["set"].items():
                    found[name] = values[0]
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    look(config)
    return found


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(WORDS, min_size=10, max_size=60))
def test_any_word_survives(tmp_path: Path, words: list[str]) -> None:
    """A brace that would start a placeholder is escaped. Caddy removes the escape for each
    request."""
    block = [directive("header", f"X-H{i}", w) for i, w in enumerate(words) if w]
    got = headers(adapted(tmp_path, [directive("http://localhost:1", block=block)]))
    for i, word in enumerate(words):
        if word:
            value = got[f"X-H{i}"].replace("\\{", "{")
            assert value == ("\\}" if word == "}" else word), (word, value)


@pytest.mark.parametrize("word", ["a\nb", "a\0b", "}\nmetrics\n"])
def test_a_word_that_would_end_its_line_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        print_caddyfile([directive("header", "X", word)])


def test_a_word_that_cannot_be_quoted_is_refused() -> None:
    with pytest.raises(ValueError, match="backtick"):
        print_caddyfile([directive("header", "X", '`\\"')])
    with pytest.raises(ValueError, match="variable"):
        print_caddyfile([directive("header", "X", "{$HOME}")])


def test_an_intended_placeholder_is_not_escaped(tmp_path: Path) -> None:
    block = [directive("header", "X-H", "{http.request.host}", live=True)]
    got = headers(adapted(tmp_path, [directive("http://localhost:1", block=block)]))
    assert got["X-H"] == "{http.request.host}"


def test_blocks_nest(tmp_path: Path) -> None:
    inner = directive("handle", "/x/*", block=[directive("respond", "yes", "200")])
    config = adapted(tmp_path, [directive("http://localhost:1", block=[inner])])
    assert json.dumps(config).count('"status_code": 200') == 1
