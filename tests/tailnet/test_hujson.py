"""HuJSON is read as Tailscale reads it, and a text is known again however it is laid out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.tailnet.hujson import HujsonError, canonical, digest, parse, tokens

pytestmark = pytest.mark.requirement("S0-24")

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)
SPACES = st.text(alphabet=" \t\n\r", max_size=3)
COMMENTS = st.sampled_from(["// a // b\n", "/* , } ] */", '/* "\n  * two */', "//\n"])


def laid_out(value: Any, gap: Callable[[], str], *, commas: bool) -> str:
    """A value as text, with whatever `gap` gives between its tokens."""
    out = [gap()]
    tail = f",{gap()}" if commas else ""
    if isinstance(value, dict):
        members = (
            f"{gap()}{json.dumps(k)}{gap()}:{laid_out(v, gap, commas=commas)}"
            for k, v in value.items()
        )
        out += ["{", ",".join(members), tail if value else gap(), "}"]
    elif isinstance(value, list):
        elements = ",".join(laid_out(v, gap, commas=commas) for v in value)
        out += ["[", elements, tail if value else gap(), "]"]
    else:
        out.append(json.dumps(value))
    return "".join([*out, gap()])


@given(VALUES, st.data())
def test_comments_and_trailing_commas_change_no_value(value: Any, data: st.DataObject) -> None:
    text = laid_out(value, lambda: data.draw(SPACES | COMMENTS), commas=data.draw(st.booleans()))
    assert parse(text) == value


@given(VALUES, st.data())
def test_layout_and_trailing_commas_change_no_digest(value: Any, data: st.DataObject) -> None:
    text = laid_out(value, lambda: data.draw(SPACES), commas=data.draw(st.booleans()))
    assert digest(text) == digest(json.dumps(value))
    assert canonical(text) == json.dumps(value, indent=2, ensure_ascii=False) + "\n"


@given(VALUES, st.data())
def test_the_canonical_text_is_stable_and_says_the_same(value: Any, data: st.DataObject) -> None:
    text = laid_out(value, lambda: data.draw(SPACES | COMMENTS), commas=True)
    again = canonical(text)
    assert canonical(again) == again
    assert parse(again) == value
    assert digest(again) == digest(text)


@given(st.lists(st.integers(), min_size=1), st.data())
def test_a_comment_or_another_order_is_another_digest(
    value: list[int], data: st.DataObject
) -> None:
    text = json.dumps(value)
    at = data.draw(st.sampled_from([i for i, c in enumerate(text) if c in "[]"]))
    assert digest(f"{text[:at]}/* mine */{text[at:]}") != digest(text)
    if value != value[::-1]:
        assert digest(json.dumps(value[::-1])) != digest(text)


WRONG = ("", "[,]", "[1,,]", "{,}", "[1 2]", "[1}", '{"a"}', ",", "1,", "'a'", "/* open", '"a\nb"')


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_hujson_is_refused(text: str) -> None:
    with pytest.raises(HujsonError):
        parse(text)


def test_a_comment_in_a_string_is_no_comment() -> None:
    text = '{"a": "http://x /* y */", }'
    assert parse(text) == {"a": "http://x /* y */"}
    assert [t for kind, t in tokens(text) if kind == "comment"] == []


def test_comments_keep_their_place_and_lose_their_indent() -> None:
    text = '// top\n{ "a": [1, // one\n 2,\n ], /* two\n      lines */ }'
    assert canonical(text).splitlines() == [
        "// top",
        "{",
        '  "a": [',
        "    1,",
        "    // one",
        "    2",
        "  ]",
        "  /* two",
        "  lines */",
        "}",
    ]
