"""Read which options a hand-written Nix module sets, and to which values, without Nix.

The text is parsed with tree-sitter's grammar of Nix, so nesting, quotes, comments and line breaks
make no difference. It is not evaluated: a computed value is `Computed`, and a value below a
condition counts as set. `homelab eval` finds what parsing cannot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TypeAlias

import tree_sitter
import tree_sitter_nix


@dataclass(frozen=True)
class Computed:
    """A value that only evaluation can determine: its text, with `${…}` for interpolations."""

    text: str


Value: TypeAlias = (
    None | bool | int | float | str | Computed | tuple["Value", ...] | Mapping[str, "Value"]
)
"""Value of an option. A set appears only when it is empty or inside a list; any other set is split
into its settings."""


@dataclass(frozen=True)
class Setting:
    """One definition of an option."""

    path: tuple[str, ...]
    """Parts of the option path, without quotes; `*` for a computed part."""
    value: Value
    line: int = 0
    """Line in the text, from 1."""
    source: str = ""
    """Place in the stack config, if it is set there."""
    forced: int | None = None
    """Number of leading parts of the path whose value is forced as a whole (`mkForce { … }`), so
    that it replaces other definitions there; `None` when nothing is forced."""
    written: str = ""
    """The name that is written, where it is not the path: a variable that is a setting."""
    contained: bool = False
    """Whether it is a setting of an app in a container, with addresses of its own."""

    @property
    def name(self) -> str:
        """The path as it is written."""
        if self.written:
            return self.written
        return ".".join(p if _PLAIN.fullmatch(p) else f'"{p}"' for p in self.path)


@dataclass(frozen=True)
class Source:
    """The settings of a Nix file."""

    settings: tuple[Setting, ...]
    unread: tuple[int, ...] = ()
    """Lines that the grammar cannot parse, so that their settings are unknown."""


_PLAIN = re.compile(r"[A-Za-z_*][A-Za-z0-9_'*-]*")
_CONSTANTS: Mapping[str, Value] = {"true": True, "false": False, "null": None}
_FIRST = frozenset(
    (
        *("mkForce", "mkDefault", "mkVMOverride", "mkBefore", "mkAfter", "mkOptionDefault"),
        *("mkImageMediaOverride", "mkFixStrictness", "mkOverride", "mkOrder", "mkIf", "mkMerge"),
        *("optionalAttrs", "optionals", "optionalString", "toString", "dag", "warn", "id"),
        *("warnIf", "warnIfNot", "throwIf", "throwIfNot", "trace", "seq", "deepSeq"),
    )
)
"""Functions of Nix and of nixpkgs' library whose last argument is the value."""
_MAPPED = frozenset(("map", "forEach", "concatMap", "imap0", "imap1", "mapAttrsToList", "genList"))
"""Functions that return a list of what another function, an argument, returns."""
_MODULES = (("imports",), ("require",))
"""Where a module lists others. `require` is an old name that NixOS still reads."""
_WHOLE = ((), ("config",))
"""Paths at which an expression is a module, or all of its options."""
_STEPS = 100_000
"""Limit of expressions that are read in one file: names that refer to each other can describe more
than any machine has room for.
"""
_LEFT: ContextVar[list[int] | None] = ContextVar("_LEFT", default=None)
_DEEP = 32
"""Limit for resolving names that refer to other names."""
_NESTED = 150
"""Limit for nested sets, conditions and functions; deeper files count as unreadable."""

_PLAIN_PRIORITY = 100
"""Priority of a plain value (`lib.modules.defaultOverridePriority`); a smaller number wins."""

Scope = Mapping[str, tuple["tree_sitter.Node", "Scope | None"]]


@cache
def _language() -> tree_sitter.Language:
    return tree_sitter.Language(tree_sitter_nix.language())


def parsed(text: str) -> tree_sitter.Node:
    """The syntax tree of a text."""
    return tree_sitter.Parser(_language()).parse(text.encode(errors="replace")).root_node


@lru_cache(maxsize=512)
def read_nix(text: str) -> Source:
    """The settings of a module. Never raises; `unread` has the lines that cannot be parsed."""
    root = parsed(text)
    _LEFT.set([_STEPS])
    try:
        found = [s for node in root.named_children for s in _module(node, {})]
        unread = {n.start_point.row + 1 for n in _errors(root)} if root.has_error else set()
        # The grammar accepts a file without an expression. Nix does not.
        if all(node.type == "comment" for node in root.named_children):
            unread.add(1)
    except RecursionError:
        return Source((), (1,))
    return Source(tuple(found), tuple(sorted(unread)))


@lru_cache(maxsize=512)
def read_value(text: str, path: tuple[str, ...]) -> tuple[Setting, ...]:
    """The settings of a file whose value, or the result of whose function, is that of an option."""
    nodes = [n for n in parsed(text).named_children if n.type != "comment"]
    _LEFT.set([_STEPS])
    node, scope = _bare(nodes[0], {}) if nodes else (None, {})
    while node is not None and node.type == "function_expression":
        body = node.child_by_field_name("body")
        node, scope = _bare(body, scope) if body is not None else (None, {})
    try:
        return tuple(_settings(node, path, scope)) if node is not None else ()
    except RecursionError:
        return (Setting(path, Computed(text)),)


def imported_by(value: Computed) -> str:
    """The relative path of `import ./x.nix` and of `import ./x.nix { … }`; empty for others."""
    if "import" not in value.text:
        return ""
    nodes = parsed(value.text).named_children
    node: tree_sitter.Node | None = nodes[0] if nodes else None
    while node is not None and node.type == "apply_expression":
        function = node.child_by_field_name("function")
        argument = node.child_by_field_name("argument")
        if function is not None and _text(function) in ("import", "builtins.import"):
            simple = argument is not None and argument.type == "path_expression"
            path = _text(argument) if argument is not None and simple else ""
            return path if path.startswith(".") and "${" not in path else ""
        node = function
    return ""


def _errors(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    if node.is_error or node.is_missing:
        if not _ends_formals(node):
            yield node
    elif node.has_error:
        for child in node.children:
            yield from _errors(child)


def _ends_formals(node: tree_sitter.Node) -> bool:
    """Whether an error is the comma after the last formal of a function, `{ a, b, }:`, which Nix
    accepts and nixfmt writes, and the grammar does not. The comma is left over, or a formal without
    a name follows it.
    """
    last, is_comma = node, node.is_error and node.text == b","
    if node.is_missing and node.parent is not None and node.parent.type == "formal":
        last = node.parent
        before = _beside(last, forward=False)
        is_comma = before is not None and before.type == ","
    if not is_comma or last.parent is None or last.parent.type != "formals":
        return False
    comma = last if last is node else _beside(last, forward=False)
    named = _beside(comma, forward=False) if comma is not None else None
    end = _beside(last, forward=True)
    return (
        named is not None
        and named.type == "formal"
        and not named.has_error
        and end is not None
        and end.type == "}"
    )


def _beside(node: tree_sitter.Node, *, forward: bool) -> tree_sitter.Node | None:
    """The node before or after another, without comments."""
    found = node.next_sibling if forward else node.prev_sibling
    while found is not None and found.type == "comment":
        found = found.next_sibling if forward else found.prev_sibling
    return found


def _module(node: tree_sitter.Node, scope: Scope) -> Iterator[Setting]:
    """The settings of a module, which is a set or a function that returns one."""
    for setting in _settings(node, (), scope):
        path = _of_system(setting.path)
        forced = setting.forced
        if forced is not None:
            forced = max(0, forced - len(setting.path) + len(path))
        elif path[:1] == ("options",):
            continue
        if path == () or path in _MODULES:
            continue
        yield replace(setting, path=path, forced=forced)


def _of_system(path: tuple[str, ...]) -> tuple[str, ...]:
    """The option of the system that a path in a module is: `config.` and specialisations, which may
    be nested, are left out.
    """
    while True:
        if path[:1] == ("config",):
            path = path[1:]
        elif len(path) > 3 and path[0] == "specialisation" and path[2] == "configuration":
            path = path[3:]
        else:
            return path


def _settings(
    node: tree_sitter.Node, path: tuple[str, ...], scope: Scope, depth: int = 0
) -> Iterator[Setting]:
    """All settings that follow from binding an expression to a path."""
    node, scope = _bare(node, scope)
    if depth > _NESTED:
        raise RecursionError
    parts = _parts(node, scope)
    if parts is not None:
        forced = _is_forced(node)
        for part, around in parts:
            for setting in _settings(part, path, around, depth + 1):
                yield replace(setting, forced=len(path)) if forced else setting
        return
    if node.type in ("attrset_expression", "rec_attrset_expression", "let_attrset_expression"):
        inner = _with(scope, node) if node.type.startswith(("rec", "let")) else scope
        bindings = [b for s in node.named_children if s.type == "binding_set" for b in s.children]
        bindings += [b for b in node.named_children if b.type in ("binding", "inherit")]
        if not bindings and path:
            yield Setting(path, {}, _line(node))
        for binding in bindings:
            yield from _bound(binding, path, inner, depth)
        return
    if not path and node.type == "function_expression":
        body = node.child_by_field_name("body")
        if body is not None:
            yield from _settings(body, path, scope, depth + 1)
        return
    called = _result(node, scope) if path in _WHOLE and depth < _DEEP else None
    if called is not None:
        yield from _settings(called[0], path, called[1], depth + 1)
        return
    value = _value(node, scope, depth)
    yield Setting(path, value, _line(node))
    if path in _MODULES:
        for element, around in _elements(node, scope):
            bare, near = _bare(element, around)
            if bare.type.endswith(
                ("attrset_expression", "function_expression", "apply_expression")
            ):
                yield from _settings(bare, (), near, depth + 1)


def _result(node: tree_sitter.Node, scope: Scope) -> tuple[tree_sitter.Node, Scope] | None:
    """The body of a function of the file itself that is called, with the names around it; `None`
    for any other expression.
    """
    arguments: list[tree_sitter.Node] = []
    while node.type == "apply_expression":
        function, argument = (
            node.child_by_field_name("function"),
            node.child_by_field_name("argument"),
        )
        if function is None or argument is None:
            return None
        arguments.insert(0, argument)
        node = function
    body, near = _bare(node, scope)
    if not arguments or body.type != "function_expression":
        return None
    for argument in arguments:
        inner = body.child_by_field_name("body")
        if body.type != "function_expression" or inner is None:
            break
        near = _given(body, near, (argument, scope))
        body = inner
    return body, near


def _given(
    function: tree_sitter.Node, scope: Scope, argument: tuple[tree_sitter.Node, Scope] | None
) -> Scope:
    """The names in the body of a function: its own replace those around it."""
    formals = function.child_by_field_name("formals")
    named = [f.child_by_field_name("name") for f in formals.named_children] if formals else []
    one = function.child_by_field_name("universal")
    own = {_text(n) for n in (*named, one) if n is not None}
    names = {name: bound for name, bound in scope.items() if name not in own}
    if one is not None and argument is not None:
        names[_text(one)] = argument
    return names


def _elements(node: tree_sitter.Node, scope: Scope) -> Iterator[tuple[tree_sitter.Node, Scope]]:
    """Each element of a list that the text shows, with the names around it. Of what a function maps
    over a list, it is the result of the function.
    """
    node, scope = _bare(node, scope)
    if node.type == "list_expression":
        for element in node.named_children:
            if element.type != "comment":
                yield element, scope
    elif node.type == "binary_expression" and _operator(node) == "++":
        for side in (node.child_by_field_name("left"), node.child_by_field_name("right")):
            if side is not None:
                yield from _elements(side, scope)
    elif node.type == "apply_expression":
        name, arguments = _called(node)
        if name in ("optional", "singleton") and arguments:
            yield arguments[-1], scope
        elif name in ("optionals", "flatten") and arguments:
            yield from _elements(arguments[-1], scope)
        elif name in _MAPPED:
            for argument in arguments:
                body, near = _bare(argument, scope)
                if body.type == "function_expression":
                    found = _inside(body, near)
                    yield from _elements(*found) if name == "concatMap" else (found,)


def _inside(node: tree_sitter.Node, scope: Scope) -> tuple[tree_sitter.Node, Scope]:
    """The body of a function with any number of arguments, which are not known."""
    while node.type == "function_expression":
        body = node.child_by_field_name("body")
        if body is None:
            break
        node, scope = _bare(body, _given(node, scope, None))
    return node, scope


def _bound(
    binding: tree_sitter.Node, path: tuple[str, ...], scope: Scope, depth: int
) -> Iterator[Setting]:
    if binding.type == "binding":
        target, value = (
            binding.child_by_field_name("attrpath"),
            binding.child_by_field_name("expression"),
        )
        if target is None or value is None:
            return
        bound_path = (*path, *_path(target, scope))
        for setting in _settings(value, bound_path, scope, depth + 1):
            # The line of the option: its value may be on another line, or behind a name.
            line = target.start_point.row + 1 if setting.path == bound_path else setting.line
            yield replace(setting, line=line)
    elif binding.type in ("inherit", "inherit_from"):
        for attr in (
            a
            for s in binding.named_children
            if s.type == "inherited_attrs"
            for a in s.named_children
        ):
            name = _text(attr)
            known = scope.get(name) if binding.type == "inherit" else None
            bound_path = (*path, name.strip('"'))
            if known is not None:
                yield from _settings(known[0], bound_path, known[1] or {}, depth + 1)
            else:
                yield Setting(bound_path, Computed(_text(binding)), _line(attr))


def _path(attrpath: tree_sitter.Node, scope: Scope) -> tuple[str, ...]:
    out = []
    for attr in attrpath.named_children:
        if attr.type == "comment":
            continue
        if attr.type == "identifier":
            out.append(_text(attr))
            continue
        inner = attr.named_children[0] if attr.type == "interpolation" else attr
        value = _value(inner, scope, 0)
        out.append(value if isinstance(value, str) else "*")
    return tuple(out)


def _bare(node: tree_sitter.Node, scope: Scope) -> tuple[tree_sitter.Node, Scope]:
    """The expression inside parentheses, `let`, `with`, `assert` and names bound in the scope."""
    left = _LEFT.get()
    if left is not None:
        left[0] -= 1
        if left[0] < 0:
            raise RecursionError
    for _ in range(_DEEP):
        if node.type == "parenthesized_expression":
            inner = node.child_by_field_name("expression")
        elif node.type == "let_expression":
            scope = _with(scope, node)
            inner = node.child_by_field_name("body")
        elif node.type in ("with_expression", "assert_expression"):
            inner = node.child_by_field_name("body")
        elif node.type == "variable_expression" and _text(node) in scope:
            inner, near = scope[_text(node)]
            scope = near or {}
        else:
            return node, scope
        if inner is None:
            return node, scope
        node = inner
    return node, {}


def _with(scope: Scope, node: tree_sitter.Node) -> Scope:
    """The scope extended by the names that a `let` or a `rec` binds."""
    names: dict[str, tuple[tree_sitter.Node, Scope | None]] = dict(scope)
    for bindings in (s for s in node.named_children if s.type == "binding_set"):
        for binding in bindings.named_children:
            if binding.type != "binding":
                continue
            target = binding.child_by_field_name("attrpath")
            value = binding.child_by_field_name("expression")
            if target is not None and value is not None and len(target.named_children) == 1:
                names[_text(target)] = (value, names)
    return names


def _parts(node: tree_sitter.Node, scope: Scope) -> list[tuple[tree_sitter.Node, Scope]] | None:
    """Subexpressions whose settings count, with the names around each: both sides of `//` and `if`,
    each item of `mkMerge`.

    `None` for other expressions.
    """
    if node.type == "binary_expression" and _operator(node) == "//":
        sides = (node.child_by_field_name("left"), node.child_by_field_name("right"))
        return [(s, scope) for s in sides if s is not None]
    if node.type == "if_expression":
        branches = (
            node.child_by_field_name("consequence"),
            node.child_by_field_name("alternative"),
        )
        return [(b, scope) for b in branches if b is not None]
    if node.type != "apply_expression":
        return None
    name, arguments = _called(node)
    if name == "recursiveUpdate":
        return [(a, scope) for a in arguments]
    if name not in _FIRST or not arguments:
        return None
    if name == "mkMerge":
        items = [*_elements(arguments[-1], scope)]
        listed, near = _bare(arguments[-1], scope)
        return items if items or listed.type == "list_expression" else [(listed, near)]
    if name == "optionals" and len(arguments) < 2:
        return None
    return [(arguments[-1], scope)]


def _is_forced(node: tree_sitter.Node) -> bool:
    """Whether a value is given a priority above that of plain ones, or one that Nix computes."""
    if node.type != "apply_expression":
        return False
    name, arguments = _called(node)
    if name == "mkOverride" and len(arguments) > 1:
        number = _text(_bare(arguments[0], {})[0])
        return not number.isdigit() or int(number) < _PLAIN_PRIORITY
    return name in ("mkForce", "mkImageMediaOverride", "mkVMOverride") and bool(arguments)


def _called(node: tree_sitter.Node) -> tuple[str, list[tree_sitter.Node]]:
    """The name of a called function, without its prefix (`lib.`), and its arguments."""
    arguments: list[tree_sitter.Node] = []
    function: tree_sitter.Node | None = node
    while function is not None and function.type == "apply_expression":
        argument = function.child_by_field_name("argument")
        if argument is not None:
            arguments.insert(0, argument)
        function = function.child_by_field_name("function")
    name = _text(function).rpartition(".")[2] if function is not None else ""
    return name, arguments


def _value(node: tree_sitter.Node, scope: Scope, depth: int) -> Value:
    node, scope = _bare(node, scope)
    if depth > _DEEP:
        return Computed(_text(node))
    text = _text(node)
    kind = node.type
    if kind in ("string_expression", "indented_string_expression"):
        return _string(node)
    if kind == "variable_expression" and text in _CONSTANTS:
        return _CONSTANTS[text]
    if kind == "integer_expression":
        return int(text) if len(text) < 20 else Computed(text)
    if kind == "float_expression":
        return float(text)
    if kind == "uri_expression":
        return text
    if kind == "list_expression":
        elements = [n for n in node.named_children if n.type != "comment"]
        return tuple(_value(n, scope, depth + 1) for n in elements)
    if kind.endswith("attrset_expression"):
        return _tree(_settings(node, (), scope, depth + 1))
    if kind == "unary_expression" and text.startswith("-"):
        argument = node.child_by_field_name("argument")
        inner = _value(argument, scope, depth + 1) if argument is not None else None
        return -inner if isinstance(inner, int | float) else Computed(text)
    if kind == "binary_expression" and _operator(node) in ("++", "+"):
        return _joined(node, scope, depth)
    if kind == "apply_expression":
        return _applied(node, scope, depth)
    return Computed(text)


def _joined(node: tree_sitter.Node, scope: Scope, depth: int) -> Value:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return Computed(_text(node))
    sides = (_value(left, scope, depth + 1), _value(right, scope, depth + 1))
    if _operator(node) == "++":
        items: list[Value] = []
        for side in sides:
            items.extend(side if isinstance(side, tuple) else (side,))
        return tuple(items)
    a, b = sides
    return a + b if isinstance(a, str) and isinstance(b, str) else Computed(_text(node))


def _applied(node: tree_sitter.Node, scope: Scope, depth: int) -> Value:
    name, arguments = _called(node)
    if name in _FIRST and arguments and name != "mkMerge":
        value = _value(arguments[-1], scope, depth + 1)
        if name == "toString" and isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return value
    if name in ("optional", "singleton") and arguments:
        return (_value(arguments[-1], scope, depth + 1),)
    if name in ("mkMerge", "flatten", "concatLists") and len(arguments) == 1:
        value = _value(arguments[0], scope, depth + 1)
        if isinstance(value, tuple) and all(isinstance(v, tuple) for v in value):
            return tuple(v for inner in value if isinstance(inner, tuple) for v in inner)
    return Computed(_text(node))


def _tree(settings: Iterator[Setting]) -> Mapping[str, Value]:
    out: dict[str, Value] = {}
    for setting in settings:
        node = out
        for key in setting.path[:-1]:
            below = node.setdefault(key, {})
            if not isinstance(below, dict):
                below = {}
                node[key] = below
            node = below
        if setting.path:
            node[setting.path[-1]] = setting.value
    return out


_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\t": "\t", "''\\n": "\n", "''\\r": "\r", "''\\t": "\t"}


def _string(node: tree_sitter.Node) -> Value:
    out, whole = "", True
    for part in node.named_children:
        text = _text(part)
        if part.type == "string_fragment":
            out += text
        elif part.type == "escape_sequence":
            default = "''" if text == "'''" else text.removeprefix("''\\").removeprefix("\\")
            out += _ESCAPES.get(text, default)
        elif part.type == "interpolation":
            inner = _value(part.named_children[0], {}, 0) if part.named_children else None
            if isinstance(inner, str):
                out += inner
            else:
                out, whole = out + text, False
    if node.type == "indented_string_expression":
        out = _unindented(out)
    return out if whole else Computed(out)


def _unindented(text: str) -> str:
    """An indented string without the common indentation of its lines, as Nix strips it."""
    first, newline, rest = text.partition("\n")
    if first.strip(" ") or not newline:
        rest = text
    lines = rest.split("\n")
    depth = min((len(x) - len(x.lstrip(" ")) for x in lines if x.strip(" ")), default=0)
    return "\n".join(x[depth:] for x in lines)


def _operator(node: tree_sitter.Node) -> str:
    operator = node.child_by_field_name("operator")
    return _text(operator) if operator is not None else ""


def _text(node: tree_sitter.Node) -> str:
    return (node.text or b"").decode(errors="replace")


def _line(node: tree_sitter.Node) -> int:
    return node.start_point.row + 1
