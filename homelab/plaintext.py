"""Read YAML and JSON files as plain data, with any content.

Files can be damaged, truncated, written by other tools or hostile. A parser that recurses, expands
aliases or converts numbers fails in many ways on those, or never ends. So every file is read here:
the result is data of a limited size, or one `UnreadableError`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import yaml

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # a PyYAML built without libyaml; slower, same values
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

DEEPEST = 100
"""Limit of nesting levels; a stack file has about a dozen."""
MOST_REPEATED = 100_000
"""Limit of values that all aliases together expand to."""

_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
    "\ud800-\udfff]"
)
"""Control characters, line separators, direction marks and unpaired surrogates: they are invisible,
and not every configuration language can contain them."""
_OPEN = re.compile(r"[\[{]")
_INDENT = re.compile(r"^[ -]*", re.MULTILINE)
_ENOUGH = 1000


class UnreadableError(ValueError):
    """Text that is not valid data: what is wrong, and the line (0 if unknown)."""

    def __init__(self, what: str, line: int = 0) -> None:
        super().__init__(what)
        self.what, self.line = what, line


def unfit(text: str) -> str:
    """The first unsuitable character of a text, as U+0000; empty for none."""
    found = _UNFIT.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def yaml_node(text: str | bytes) -> yaml.Node | None:
    """The document's root. It has a limited size and no alias that contains itself.

    Raises UnreadableError.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError:
            raise UnreadableError("this is not UTF-8") from None
    deep = _too_deep(text)
    if deep:
        raise UnreadableError("it is nested too deeply", deep)
    try:
        root = yaml.compose(text, Loader=Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "this is not YAML"
        raise UnreadableError(str(what), mark.line + 1 if mark else 0) from None
    except (RecursionError, ValueError) as error:
        raise UnreadableError("this is not YAML") from error
    if root is not None:
        _measured(root, {}, 0)
    return root


def yaml_data(text: str | bytes) -> object:
    """The document as plain data. Raises UnreadableError."""
    root = yaml_node(text)
    if root is None:
        return None
    try:
        return _constructed(root)
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise UnreadableError("this is not plain YAML") from error


def _constructed(root: yaml.Node) -> object:
    loader = Loader("")
    try:
        return loader.construct_document(root)
    finally:
        loader.dispose()


def json_data(text: str | bytes) -> object:
    """JSON as plain data. Raises UnreadableError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("this is not JSON") from error


def mapping(value: object) -> Mapping[str, object]:
    """The value if it is an object, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def _too_deep(text: str) -> int:
    """The line where a recursive parser would go too deep, found without parsing; 0 for none."""
    places = [match.start() for match in _INDENT.finditer(text) if len(match[0]) > _ENOUGH][:1]
    if len(_OPEN.findall(text)) > _ENOUGH:
        depth = 0
        for at, char in enumerate(text):
            if char in "[{":
                depth += 1
                if depth > _ENOUGH:
                    places.append(at)
                    break
            elif char in "]}":
                depth -= 1
    return text.count("\n", 0, min(places)) + 1 if places else 0


def _measured(node: yaml.Node, known: dict[int, int], depth: int) -> int:
    """Number of values in a node, with each use of an alias counted."""
    line = node.start_mark.line + 1
    if depth > DEEPEST:
        raise UnreadableError("it is nested too deeply", line)
    size = known.get(id(node))
    if size == 0:
        raise UnreadableError("an alias contains itself", line)
    if size is not None:
        known[-1] = known.get(-1, 0) + size
        if known[-1] > MOST_REPEATED:
            raise UnreadableError(f"its aliases expand to more than {MOST_REPEATED} values", line)
        return size
    known[id(node)] = 0
    size = 1
    if isinstance(node, yaml.MappingNode):
        size += sum(_measured(n, known, depth + 1) for pair in node.value for n in pair)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_measured(n, known, depth + 1) for n in node.value)
    known[id(node)] = size
    return size
