"""Each language that we write, asked about hostile values in it: what else than the string itself a
value changes. A judge says what is wrong with a text; nothing when each value is whole in it.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from html.parser import HTMLParser

import pytest
import yaml

from homelab.catalog.references import DATABASE_FIELDS, FIELDS
from tests.site import dividing
from tests.site.payloads import MARK
from tests.tools.programs import run

Values = Mapping[str, str]
"""Hostile values by their marker."""
Judge = Callable[[str, Values], list[str]]

WORD = re.compile(r"[A-Za-z0-9_./:@+,=-]*")


def marks(text: str) -> set[str]:
    """The markers in a text."""
    return {*MARK.findall(text)}


def whole(text: str, values: Values) -> list[str]:
    """A language of one string, which contains a value unchanged."""
    return [
        f"{m} is not whole in {text!r}" for m in sorted(marks(text)) if not _stands(text, values[m])
    ]


def _stands(text: str, value: str) -> bool:
    # Names of headers and units use other separators.
    shown = text.translate(_SAME)
    return any(
        v.translate(_SAME) in shown
        or ((_FIELD.search(v) or "{{" in v) and _filled(v).search(shown))
        for v in spellings(value)
    )


def _filled(template: str) -> re.Pattern[str]:
    """The texts that a template of names may become."""
    parts = [p.replace("{{", "{").replace("}}", "}") for p in _FIELD.split(template)]
    return re.compile(_VALUE.join(re.escape(p.translate(_SAME)) for p in parts))


_INDEXED = r"[a-z]+\[[a-z0-9:-]+\](?:\.[a-z]+)?"
_FIELD = re.compile(
    rf"(?<!\{{)\{{(?:{'|'.join((*FIELDS, *DATABASE_FIELDS, 'address', 'directory', _INDEXED))})(?::[^}}]*)?\}}"
)
"""A field of a `$text`, also with a name: `{mail[host]}`. A doubled brace stands for one."""
_VALUE = "[A-Za-z0-9:/.@, -]*"


_SAME = str.maketrans("_.", "--")


def option(text: str, values: Values) -> list[str]:
    """A name or a value of an option of the owner. Each part of a path is one name."""
    return [
        said
        for said in whole(text, values)
        if not any(
            MARK.search(part) and part in text
            for mark in marks(said)
            for part in re.findall(r"[^\".]+", values[mark])
        )
    ]


PICTURES = ("svg", "png", "webp", "jpg", "jpeg", "gif", "ico")


def spellings(value: str) -> Iterator[str]:
    """The forms of a value that is changed before it is written."""
    yield value
    # A path without wildcard or trailing slash; a file name.
    yield value.rstrip("*").rstrip("/")
    yield value.lstrip("/")
    # A bucket and a path in it; a pattern for the text.
    yield value.replace("/", ":", 1)
    yield re.escape(value.rstrip("*").rstrip("/"))
    # Go escapes a dot, and no hyphen.
    yield value.replace(".", r"\.")
    name = value.rstrip("/").rpartition("/")[2]
    if MARK.search(name):
        yield name
    # A part of an option's name, as a string of Nix.
    for part in value.split(".") if value.startswith("services.") else ():
        if MARK.search(part):
            yield part
            yield part.replace("\\", "\\\\")
    # An icon, whose file may be a picture of another kind.
    stem, _, suffix = value.rpartition(".")
    if MARK.search(stem) and suffix in PICTURES:
        yield stem
    # A path of a service's state, which is in a dataset: the part below it.
    if (mark := MARK.search(value)) and "/" in value[: mark.start()]:
        yield value[value.rindex("/", 0, mark.start()) :]


def strings(value: object) -> Iterator[str]:
    """Every string and every key of parsed data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from strings(key)
            yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)


def data(value: object, values: Values) -> list[str]:
    """Parsed data: each string separately."""
    return [said for text in strings(value) for said in whole(text, values)]


def without(live: str, judge: Judge = whole) -> Judge:
    """A language in which no value may match this pattern."""
    pattern = re.compile(live)

    def judged(text: str, values: Values) -> list[str]:
        found = judge(text, values)
        for mark in sorted(marks(text)):
            value = next((v for v in spellings(values[mark]) if v in text), "")
            if value and any(_touches(m, text, value) for m in pattern.finditer(text)):
                found.append(f"{mark} is more than text in {text!r}")
        return found

    return judged


def _touches(found: re.Match[str], text: str, value: str) -> bool:
    start = text.find(value)
    while start >= 0:
        if found.start() < start + len(value) and found.end() > start:
            return True
        start = text.find(value, start + 1)
    return False


def each(split: Callable[[str], Iterable[str]], judge: Judge = whole) -> Judge:
    """A language of words. Each word is judged separately; text that cannot be split is wrong."""

    def judged(text: str, values: Values) -> list[str]:
        if not marks(text):
            return []
        try:
            words = [*split(text)]
        except ValueError as error:
            return [f"{error} in {text!r}"]
        return [said for word in words for said in judge(word, values)]

    return judged


_DOLLAR = re.compile(r"(?<!\$)\$(?:\$\$)*(?!\$)")


def gatus(text: str, values: Values) -> list[str]:
    """A setting of Gatus. Two dollars mean one; one dollar starts a variable."""
    found = [f"a variable in {text!r}"] if marks(text) and _DOLLAR.search(text) else []
    return found + whole(text.replace("$$", "$"), values)


def plain(text: str, values: Values) -> list[str]:
    """A language without a parser here. Its values are plain words."""
    found = whole(text, values)
    return found + [
        f"{m} is no word in {text!r}" for m in sorted(marks(text)) if not WORD.fullmatch(values[m])
    ]


_UNQUOTED = re.compile(r"(?<!%)(?:%%)*%(?!%)")
systemd = each(dividing.systemd_words, without(_UNQUOTED.pattern))
"""A setting of a unit. A value contains no specifier."""


command = each(dividing.command_words)
"""A command line of a unit: systemd passes each word as it is."""


def variable(text: str, values: Values) -> list[str]:
    """A variable of a unit, which NixOS quotes. A value contains no specifier."""
    found = [f"a specifier in {text!r}"] if marks(text) and _UNQUOTED.search(text) else []
    return found + whole(text.replace("%%", "%"), values)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [tag, *(n for n, _ in attrs), *(v or "" for _, v in attrs)]

    def handle_comment(self, data: str) -> None:
        self.texts.append(data)


def html(text: str, values: Values) -> list[str]:
    """An HTML page: its texts and attributes."""
    page = _Page()
    page.feed(text)
    return data(page.texts, values)


def as_json(text: str, values: Values) -> list[str]:
    """A file of JSON."""
    return data(json.loads(text), values)


def as_yaml(text: str, values: Values) -> list[str]:
    """A file of YAML."""
    return data(yaml.safe_load(text), values)


def bash(text: str, values: Values) -> list[str]:
    """A shell script, parsed. A value is one argument or part of one."""
    if not marks(text):
        return []
    tree_sitter = pytest.importorskip("tree_sitter")
    grammar = pytest.importorskip("tree_sitter_bash")
    source = text.encode()
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    root = parser.parse(source).root_node
    # The grammar is smaller than bash's. Unparsed text with a marker is reported below.
    found = [f"bash: {done.stderr}"] if (done := run("bash", "-n", stdin=text)).returncode else []
    pending = [root]
    while pending:
        node = pending.pop()
        said = source[node.start_byte : node.end_byte].decode()
        if not marks(said) or node.type == "comment":
            continue
        if node.type in _ARGUMENTS:
            found += _argument(said, values)
        elif node.type == "heredoc_body" and node.child_count == 0:
            found += [w for line in said.splitlines() for w in whole(line, values)]
        elif not node.children:
            found.append(f"{said!r} is a {node.type}")
        pending += [] if node.type in _ARGUMENTS else node.children
    return found


_ARGUMENTS = {"word", "raw_string", "string", "concatenation"}
_MEANT = re.compile(r"[*?\[\]{}~$`!&|;<>()\\\"' \t\n#]")


def _argument(said: str, values: Values) -> list[str]:
    words = shlex.split(said)
    if len(words) != 1:
        return [f"{said!r} is {len(words)} words"]
    found = whole(words[0], values)
    if said == shlex.quote(words[0]):
        return found
    for mark in sorted(marks(said)):
        special = _MEANT.search(values[mark])
        quoted = [shlex.quote(v) for v in spellings(values[mark])]
        if special and not any(q in said or (q[1:-1] in said and "'" in said) for q in quoted):
            found.append(f"{mark} is not quoted in {said!r}")
        if words[0].startswith("-") and values[mark].startswith("-") and words[0] in values[mark]:
            found.append(f"{mark} is an option: {said!r}")
    return found
