"""Damaged, wrong or malicious files give one line each, and no traceback."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from homelab.ops.project.stack import check_stack
from homelab.plaintext import UnreadableError, json_data, unfit, yaml_data
from homelab.problems import HomelabError
from tests import build, stackdir

FILES = (
    f"Pulumi.{stackdir.NAME}.yaml",
    "homelab.lock.yaml",
    "locks/nixos-25.11.lock",
    "secrets/pi.yaml",
    "secrets/deploy.yaml",
    "hosts/nas/hardware.nix",
)
ANYTHING = (
    *(b"", b"\x00", b"\xff\xfe\x00a", b"null\n", b"[]\n", b"{}\n", b"42\n", b'"text"\n', b"- a\n"),
    *(b"a: b\n", b"a: &x [*x]\n", b"a: &x {b: *x}\n", b"<<: *a\n", b"a: *a\n", b"? [a]\n: b\n"),
    *(b"[" * 5000, b"{" * 5000, b"[" * 200_000, b"a:\n " * 3000, b"9" * 5000, b"a: " + b"9" * 5000),
    *(b"sops: 1\n", b"sops: {mac: 1, age: 5}\n", b"sops: {mac: 1, age: [1, {recipient: 3}]}\n"),
    *(b"sops: {mac: 1, key_groups: 7}\n", b"sops: {mac: 1, lastmodified: 2024-99-99}\n"),
    *(b"\xed\xa0\x80\n", b'"\\ud800"\n', b"!!python/object:os.system x\n", b"\xef\xbb\xbf{}"),
    *(b"version: []\n", b"services: 3\n", b"services: {a: {port: 1.5}}\n", b"stack: {}\n"),
    *(b'{"version": "7"}', b'{"nodes": [], "root": "root", "version": 7}'),
    *(b'{"nodes": {"root": 3}, "root": "root", "version": 7}',),
    *(b'{"nodes": {"root": {"inputs": {"nixpkgs": 3}}}, "root": "root", "version": 7}',),
    *(b'{"nodes": {"root": {"inputs": {"nixpkgs": "n"}}, "n": 3}, "root": "root", "version": 7}',),
    b'{"nodes": {"root": {"inputs": {"x": "n"}}, "n": {"original": []}}, "root": "root", "version": 7}',
)
_CLASS = re.compile(r"\b[A-Z][a-z]\w*(Error|Exception)\b")
BOMB = "a0: &a0 [1, 2]\n" + "".join(f"a{i}: &a{i} [{f'*a{i - 1}, ' * 10}]\n" for i in range(1, 9))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = stackdir.write_stack(tmp_path_factory.mktemp("bad") / "stack")
    (directory / "homelab.lock.yaml").write_text("services: {}\n")
    return directory


def answered(place: Path, file: str, content: bytes) -> None:
    """Check the stack with this file. The answer is a message."""
    path = place / file
    whole = path.read_bytes()
    path.write_bytes(content)
    said = ""
    try:
        check_stack(place, stackdir.NAME)
    except HomelabError as error:
        said = str(error)
    finally:
        path.write_bytes(whole)
    assert not _CLASS.search(said), "a message names no class of Python"


@pytest.mark.parametrize(
    "file",
    [f if f.endswith(".lock") else pytest.param(f, marks=pytest.mark.long) for f in FILES],
)
def test_any_bytes_in_any_file_give_a_message(place: Path, file: str) -> None:
    for content in (*ANYTHING, BOMB.encode()):
        answered(place, file, content)


@pytest.mark.parametrize("times", [10, pytest.param(40, marks=pytest.mark.long)])
@pytest.mark.parametrize("file", FILES)
def test_a_file_damaged_anywhere_gives_a_message(place: Path, file: str, times: int) -> None:
    chance = random.Random(file)
    whole = (place / file).read_bytes()
    for _ in range(times):
        content = bytearray(whole)
        at = chance.randrange(len(content))
        match chance.randrange(3):
            case 0:
                del content[at:]
            case 1:
                content[at] = chance.randrange(256)
            case _:
                content[at:at] = chance.choice(
                    (b"null", b"{}", b"&a *a", b"\x00", b"\n", b"9" * 4400)
                )
        answered(place, file, bytes(content))


@pytest.mark.parametrize(
    ("text", "says", "line"),
    [
        ("a: &x [*x]", "an alias contains itself", 1),
        ("a: &x\n  <<: *x", "an alias contains itself", 1),
        (BOMB, "its aliases expand to more than", 5),
        ("\n" + "[" * 3000 + "]" * 3000, "nested too deeply", 2),
        ("\n" + " " * 3000 + "a: 1", "nested too deeply", 2),
        ("a: [1", "expected", 2),
    ],
)
def test_a_hostile_yaml_text_is_refused_with_its_line(text: str, says: str, line: int) -> None:
    with pytest.raises(UnreadableError, match=says) as error:
        yaml_data(text)
    assert error.value.line == line


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "9" * 5000])
def test_json_is_data_or_one_error(text: str) -> None:
    with pytest.raises(UnreadableError):
        json_data(text)


def test_a_few_yaml_aliases_are_read() -> None:
    assert yaml_data("a: &x {b: 1}\nc: *x\nd: *x\n") == {
        "a": {"b": 1},
        "c": {"b": 1},
        "d": {"b": 1},
    }


@pytest.mark.parametrize("char", ["\0", "\x1b", "\x7f", "\x9f", "\u2028", "\u202e", "\ud800"])
def test_an_invisible_character_is_refused_with_its_place(char: str) -> None:
    """An invisible character means one thing to a reader and another to a program."""
    assert unfit(f"a{char}b") == f"U+{ord(char):04X}"
    problems = build.document({"site": {"owner": {"email": f"sam{char}@example.org"}}})
    from homelab.config.load import load_stack_config

    with pytest.raises(
        HomelabError, match=rf"site\.owner\.email: this contains the character U\+{ord(char):04X}"
    ):
        load_stack_config(problems)


def test_other_scripts_and_line_breaks_are_accepted() -> None:
    for text in ("Zürich", "日本語", "a\tb\nc", "🏠", "\u00a0"):
        assert unfit(text) == ""


READERS = {
    "homelab/plaintext.py",
    "homelab/catalog/upstream/read.py",
    "homelab/catalog/state.py",
}
"""Modules that may read YAML directly. All but the first read files of the package."""


def test_every_file_of_an_owner_is_read_by_the_safe_reader() -> None:
    """A YAML parser without limits fails with its own error, or does not end."""
    for path in (build.ROOT / "homelab").rglob("*.py"):
        name = path.relative_to(build.ROOT).as_posix()
        if name not in READERS:
            text = path.read_text(encoding="utf-8")
            assert "yaml.safe_load(" not in text, name
            assert "yaml.load(" not in text, name
            assert "yaml.compose(" not in text, name


def test_a_file_in_another_encoding_is_named_as_that(place: Path) -> None:
    stack = place / FILES[0]
    whole = stack.read_bytes()
    stack.write_bytes("config: é".encode("latin-1"))
    try:
        with pytest.raises(HomelabError, match="it is not UTF-8 text"):
            check_stack(place, stackdir.NAME)
    finally:
        stack.write_bytes(whole)
