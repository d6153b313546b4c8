"""Derived secrets: stable, apart from each other, and fit for the files that carry them."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.ops.secrets.derive import (
    MasterKeyError,
    UnfitValueError,
    derive,
    derive_secret,
    env_file,
    hkdf,
)
from tests import build

MASTER = base64.b64encode(bytes(range(32))).decode()
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True)
VALUES = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters=[chr(i) for i in range(32)])
    | st.sampled_from("\t\n\"\\'`$ #;="),
).filter(lambda v: "\x7f" not in v)


def test_hkdf_agrees_with_its_standard() -> None:
    """RFC 5869, test cases 1 and 3."""
    key = bytes.fromhex("0b" * 22)
    first = hkdf(key, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42)
    assert first.hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    third = hkdf(key, b"", b"", 42)
    assert third.hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


def test_a_derived_secret_never_changes() -> None:
    """Rotating every secret of every household is not something a new version may do."""
    assert derive(MASTER, "miniflux/admin") == "Hxt9Nj39ncQODlcC6vNbi2XEzpM4xM2bOk7N9HrERFW"


@given(st.integers(1, 200))
def test_it_has_the_length_asked_for_and_needs_no_quotes(length: int) -> None:
    secret = derive(MASTER, "a/b", length=length)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", secret)
    assert len(secret) == length


def test_purpose_host_epoch_and_master_all_count() -> None:
    other = base64.b64encode(bytes(32)).decode()
    made = [
        derive(MASTER, "a/b"),
        derive(MASTER, "a/c"),
        derive(MASTER, "a/b", host="pi"),
        derive(MASTER, "a/b", epoch=2),
        derive(MASTER, "a/bpi"),
        derive(other, "a/b"),
    ]
    assert len(set(made)) == len(made)


def test_lines_and_spaces_around_the_master_key_do_not_count() -> None:
    assert derive(f"  {MASTER}\n", "a/b") == derive(MASTER, "a/b")


@pytest.mark.parametrize("bad", ["", "hunter2 hunter2!", base64.b64encode(bytes(31)).decode()])
def test_a_weak_master_key_is_refused_without_being_shown(bad: str) -> None:
    with pytest.raises(
        MasterKeyError, match=r"secret set secrets\.master --generate base64"
    ) as caught:
        derive(bad, "a/b")
    assert not bad or bad not in str(caught.value)


def test_a_services_secret_is_the_file_it_reads() -> None:
    (secret,) = [
        s
        for s in build.plan({"services": {"miniflux": {"host": "nas"}}}).secrets.on("nas")
        if s.name == "miniflux-admin"
    ]
    value = derive(MASTER, "miniflux/admin", length=secret.length)
    assert derive_secret(MASTER, secret) == f"ADMIN_USERNAME=sam\nADMIN_PASSWORD={value}\n"


def parse(text: str) -> dict[str, str]:
    """An environment file as systemd reads it (`parse_env_file_internal`), for what we write."""
    out, i = {}, 0
    while i < len(text):
        end = text.index("=", i)
        name, i = text[i:end], end + 1
        value = ""
        if text[i] == '"':
            i += 1
            while text[i] != '"':
                if text[i] == "\\":
                    i += 1
                    if text[i] not in '"\\`$\n':
                        value += "\\"
                    if text[i] == "\n":
                        i += 1
                        continue
                value += text[i]
                i += 1
            i += 1
        else:
            end = text.index("\n", i)
            value, i = text[i:end].rstrip(" \t"), end
            assert not set(value) & set("\\'\"#;")
        assert text[i] == "\n"
        out[name] = value
        i += 1
    return out


@given(st.dictionaries(NAMES, VALUES))
def test_systemd_reads_back_what_was_meant(pairs: dict[str, str]) -> None:
    assert parse(env_file(pairs.items())) == pairs


@given(st.from_regex(r"[A-Za-z0-9_-]{1,60}", fullmatch=True))
def test_podman_which_knows_no_quotes_reads_plain_words_alike(value: str) -> None:
    assert env_file([("A", value)]) == f"A={value}\n"


@pytest.mark.parametrize("value", ["a\0b", "a\x1bb", "a\rb", "\ud800"])
def test_a_value_that_no_variable_can_hold_is_refused_unseen(value: str) -> None:
    with pytest.raises(UnfitValueError) as caught:
        env_file([("TOKEN", value)])
    assert "TOKEN" in str(caught.value)
    assert value not in str(caught.value)


def test_a_name_that_is_no_variable_is_refused() -> None:
    with pytest.raises(UnfitValueError):
        env_file([("A B", "x")])
