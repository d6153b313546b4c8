"""The stack file is read exactly as Pulumi reads it: Go's yaml.v3, and not PyYAML's YAML 1.1."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.config.document import PULUMI_KEYS, parse_document, read_document
from homelab.config.scalar import Timestamp, Value
from homelab.config.schema import stack_schema
from homelab.problems import InvalidStackError, Problem
from homelab.testing.files import dump

ROOT = Path(__file__).parents[2]

TABLE: dict[str, Value] = {
    # Numbers: what a release, a mode or a phone number turns into when nobody quotes it.
    "25.10": 25.1,
    "25.11": 25.11,
    "0644": 420,
    "0o17": 15,
    "0x1f": 31,
    "0X1F": 31,
    "0b101": 5,
    "0B101": 5,
    "0O17": 15,
    "1.0": 1,
    "-0.0": 0,
    "99999999999999999999": 100000000000000000000,
    "0xffffffffffffffffff": "0xffffffffffffffffff",
    "1e400": "1e400",
    "089": 89,
    "1_000": 1000,
    "1e3": 1000,
    "1E-2": 0.01,
    "+1": 1,
    "-0": 0,
    "-12": -12,
    "0": 0,
    ".5": 0.5,
    "5.": 5,
    "-.5": -0.5,
    "-2.50": -2.5,
    # Not numbers, however much they look like one.
    "123e4567": "123e4567",
    ".": ".",
    "1.2.3": "1.2.3",
    "192.168.1.10": "192.168.1.10",
    "192.168.1.0/24": "192.168.1.0/24",
    "1__000": 1000,
    "_1": "_1",
    "0x": "0x",
    "0o8": "0o8",
    "12h": "12h",
    # Sexagesimal numbers and the many words for yes are text.
    "22:30": "22:30",
    "1:2:3": "1:2:3",
    "52:54:00:12:34:56": "52:54:00:12:34:56",
    "00:16:3e:11:22:33": "00:16:3e:11:22:33",
    "d8:5e:d3:0a:1b:2c": "d8:5e:d3:0a:1b:2c",
    "no": "no",
    "No": "No",
    "yes": "yes",
    "on": "on",
    "off": "off",
    "y": "y",
    "n": "n",
    "true": True,
    "True": True,
    "TRUE": True,
    "tRUE": "tRUE",
    "false": False,
    "False": False,
    "~": None,
    "null": None,
    "NULL": None,
    "nULL": "nULL",
    "": None,
    # Dates become timestamps, in UTC.
    "2024-01-01": "2024-01-01T00:00:00Z",
    "2024-1-1": "2024-01-01T00:00:00Z",
    "0001-01-01": "0001-01-01T00:00:00Z",
    "2024-13-01": "2024-13-01",
    "2024-02-30": "2024-02-30",
    "2024-01-01T10:20:30Z": "2024-01-01T10:20:30Z",
    "2024-01-01 10:20:30": "2024-01-01T10:20:30Z",
    "2024-01-01T10:20:30.120Z": "2024-01-01T10:20:30.12Z",
    "2024-01-01T10:20:30+02:00": "2024-01-01T10:20:30+02:00",
    "2024-01-01T10:20:30": "2024-01-01T10:20:30",
    "2024-01-01 10:20:30 +1": "2024-01-01 10:20:30 +1",
    "2024-01-01 10:20": "2024-01-01 10:20",
    # Quotes and blocks are text, whatever is in them.
    '"25.10"': "25.10",
    "'0644'": "0644",
    '"true"': "true",
    "'~'": "~",
    '""': "",
    '"2024-01-01"': "2024-01-01",
    '"a\\tb\\u00e9"': "a\tbé",
    "'it''s'": "it's",
    "|\n    one\n    two\n": "one\ntwo\n",
    ">-\n    one\n    two\n": "one two",
    "!!str 25.10": "25.10",
    "!!str true": "true",
    # Plain text.
    "plain words": "plain words",
    "a # comment": "a",
    "a#b": "a#b",
    "{}": {},
    "[]": [],
    "{a: 1, b: [x, 2]}": {"a": 1, "b": ["x", 2]},
    "[no, 0644, 22:30]": ["no", 420, "22:30"],
    "- a\n  - b\n": ["a", "b"],
    "=": "=",
    "é": "é",
    "\n    a: &x {b: 1}\n    c: *x": {"a": {"b": 1}, "c": {"b": 1}},
    "\n    a: &m {b: 1, d: 2}\n    c:\n      <<: *m\n      b: 3": {
        "a": {"b": 1, "d": 2},
        "c": {"b": 3, "d": 2},
    },
    "\n    a: &v {b: 1}\n    e: &w {b: 2, f: 3}\n    c:\n      <<: [*v, *w]": {
        "a": {"b": 1},
        "e": {"b": 2, "f": 3},
        "c": {"b": 1, "f": 3},
    },
    '\n    1: a\n    "2": b\n    true: c': {"1": "a", "2": "b", "true": "c"},
}
"""The written value, and the value that the program receives."""


def text_of(written: str) -> str:
    gap = "\n  " if written.startswith("- ") else " "
    return f"config:\n  homelab:x:{gap}{written}\n"


def value_of(text: str) -> Value:
    return parse_document(text, "Pulumi.x.yaml").values["x"]


@pytest.mark.parametrize("written", TABLE)
def test_a_value_is_read_as_pulumi_passes_it(written: str) -> None:
    value = value_of(text_of(written))
    assert value == TABLE[written]
    assert type(value) is type(TABLE[written]) or isinstance(value, str)


def test_infinity_and_nan_are_refused() -> None:
    for written in (".inf", "-.inf", ".nan", "1e999"):
        assert isinstance(value_of(text_of(written)), str)


def test_the_real_pulumi_reads_the_same(tmp_path: Path) -> None:
    """Every row of the table, read by the real command in one call."""
    if shutil.which("pulumi") is None:
        pytest.skip("pulumi is not on PATH")
    (tmp_path / "Pulumi.yaml").write_text("name: homelab\nruntime: yaml\n")
    state = tmp_path / "state"
    state.mkdir()
    environment = {
        **os.environ,
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }

    def pulumi(*words: str) -> str:
        done = subprocess.run(
            ["pulumi", *words, "--stack", "t", "--non-interactive"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    # `stack init` rewrites the file, so the table is added afterwards.
    pulumi("stack", "init")
    (path,) = tmp_path.glob("Pulumi.t.yaml")
    head = path.read_text()
    rows = [(f"r{i}", written) for i, written in enumerate(TABLE)]
    body = "".join(
        f"  homelab:{key}:\n    v:"
        + ("\n      " if written.startswith("- ") else " ")
        + written.replace("\n", "\n    " if written.startswith("- ") else "\n  ")
        + "\n"
        for key, written in rows
    )
    salt = "".join(line + "\n" for line in head.splitlines() if line.startswith("encryptionsalt"))
    path.write_text(f"{salt}config:\n{body}", encoding="utf-8")
    theirs = json.loads(pulumi("config", "--json"))
    ours = read_document(path).values
    different = {}
    for key, written in rows:
        value = theirs[f"homelab:{key}"]
        mine = ours[key]
        assert isinstance(mine, dict)
        got, expected = value["objectValue"]["v"], mine["v"]
        if isinstance(expected, Timestamp):
            # This command shows a date in Go's own words; the program gets it as in the table.
            got, expected = got[:10] + got[11:19], expected[:10] + expected[11:19]
        if got != expected or type(got) is not type(expected):
            different[written] = (got, expected)
    assert different == {}


_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]))
)
_keys = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1).filter(
    lambda key: key != "secure"
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=20,
)


@given(_values)
def test_what_is_written_with_quotes_comes_back_equal(value: Value) -> None:
    text = dump({"config": {"homelab:x": value}})
    assert value_of(text) == value


@given(st.text(alphabet="0123456789+-._eExob:TtZ n~<=", max_size=14))
def test_any_scalar_is_read_without_a_traceback(text: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        parse_document(f"config:\n  homelab:x: {text}\n", "Pulumi.x.yaml")
    except InvalidStackError as error:
        problems = error.problems
    assert all(p.line for p in problems)


def test_every_value_has_its_line() -> None:
    text = "config:\n  homelab:hosts:\n    pi:\n      tags:\n        - a\n        - b\n"
    document = parse_document(text, "Pulumi.x.yaml")
    assert document.line(("hosts", "pi", "tags", 1)) == 6
    assert document.line(("hosts", "pi", "role")) == 3
    assert document.line(("sites",)) == 1


def test_a_key_without_a_namespace_is_a_section_as_it_is_to_pulumi() -> None:
    """Pulumi prefixes the project's name, so its content takes effect."""
    text = "config:\n  homelab:site: 1\n  hosts:\n    pi:\n      role: x\n  aws:region: eu\n"
    document = parse_document(text, "Pulumi.x.yaml")
    assert document.values == {"site": 1, "hosts": {"pi": {"role": "x"}}}
    assert document.line(("hosts", "pi", "role")) == 5
    assert set(document.settings) == {"homelab:site", "homelab:hosts", "aws:region"}


def problems_of(body: str) -> list[tuple[str, str, str, int]]:
    with pytest.raises(InvalidStackError) as refused:
        parse_document(f"config:\n{body}", "Pulumi.x.yaml")
    return [(p.where, p.what, p.way_out, p.line) for p in refused.value.problems]


def test_a_section_with_and_without_its_namespace_stands_twice() -> None:
    assert problems_of("  hosts: {}\n  homelab:hosts: {}\n") == [
        ("hosts", "hosts and homelab:hosts are the same section to Pulumi", "keep one", 2)
    ]


@pytest.mark.parametrize("space", ["homlab", "Homelab", "home-lab", "homelabs"])
def test_a_misspelled_namespace_is_reported(space: str) -> None:
    what = f'nothing reads the namespace "{space}"'
    assert problems_of(f"  homelab:site: 1\n  {space}:backup: {{}}\n") == [
        (f"{space}:backup", what, 'did you mean "homelab:backup"?', 3)
    ]


def test_a_section_beside_config_is_reported() -> None:
    """Appended text without its indentation would otherwise have no effect and no message."""
    assert problems_of("  homelab:site: 1\nhomelab:services: {}\nbackup: {}\n") == [
        (
            name,
            f'the key "{key}" stands beside config, where nothing reads it',
            "indent it below config:",
            line,
        )
        for name, key, line in [("services", "homelab:services", 3), ("backup", "backup", 4)]
    ]


def test_the_keys_of_pulumi_beside_config_are_those_of_the_schema() -> None:
    properties = stack_schema()["properties"]
    assert isinstance(properties, dict)
    assert sorted(properties) == sorted(PULUMI_KEYS)
    text = "".join(f"{key}: x\n" for key in PULUMI_KEYS if key != "config")
    assert parse_document(f"{text}config:\n  homelab:site: 1\n", "Pulumi.x.yaml").values


def test_settings_of_other_namespaces_are_ignored() -> None:
    text = "config:\n  cloudflare:apiToken:\n    secure: AAABAGx\n  home:x: 1\n"
    document = parse_document(text, "Pulumi.x.yaml")
    assert document.values == {}
    assert document.settings == {"cloudflare:apiToken": {"secure": "AAABAGx"}, "home:x": 1}


@pytest.mark.parametrize(
    "stack", sorted((ROOT / "tests/shipped").glob("Pulumi.*.yaml")), ids=lambda p: p.name
)
def test_shipped_stacks_contain_no_value_that_yaml_parsers_read_differently(stack: Path) -> None:
    """Pulumi rewrites the file without changes: it contains no bare float, octal or date."""
    import yaml

    ours = read_document(stack).settings
    theirs = yaml.safe_load(stack.read_text(encoding="utf-8"))["config"]
    assert json.loads(json.dumps(ours)) == json.loads(json.dumps(theirs))
