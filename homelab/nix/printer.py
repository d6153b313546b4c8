"""Print Nix values in the layout of nixfmt.

The output is deterministic: the keys of a set are sorted. Any string is safe: this module alone
escapes quotes, backslashes, `${` and `''`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from homelab.nix.lines import joined
from homelab.nix.module import Module
from homelab.nix.values import (
    After,
    Attrs,
    Before,
    Call,
    Comment,
    Force,
    Function,
    Lines,
    Nix,
    Path,
    Pkg,
    Raw,
    Script,
    Text,
)

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*\Z")
_KEYWORDS = frozenset({"assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"})
_PATH = re.compile(r"[A-Za-z0-9._+/-]+\Z")
_SPLIT_DEPTH: dict[tuple[str, ...], int] = {
    ("systemd", "services"): 3,
    ("systemd", "timers"): 3,
    ("systemd", "tmpfiles"): 3,
    ("users", "users"): 3,
    ("users", "groups"): 3,
    ("virtualisation", "oci-containers"): 3,
    ("security", "acme"): 2,
    ("homelab", "backup"): 4,
    ("homelab", "backup", "tiers"): 5,
    ("homelab", "hardening"): 4,
}
_WIDTH = 100
_LONG_PATH = 5
"""Parts of a path from which on nixfmt puts text that is too long on a line of its own. It does the
same after a part in quotes."""


def attrs(path: str, value: Nix) -> Attrs:
    """Nest a value under a dotted option path; a part in double quotes may contain dots."""
    keys = [q or p for q, p in re.findall(r'"([^"]+)"|([^."]+)', path)]
    out: Nix = value
    for key in reversed(keys):
        out = {key: out}
    if not isinstance(out, dict):
        raise ValueError(path)
    return out


def attribute(path: str) -> str:
    """An attribute path in an expression, with quotes around parts that are not identifiers."""
    return ".".join(_key(k) for k in path.split("."))


def print_value(value: Nix, indent: int = 0, *, spread: bool = False) -> str:
    """One expression, laid out for a binding that starts at this indent.

    With `spread`, a list of one item takes three lines, as nixfmt prints lines that are too long.
    """
    pad = "  " * indent
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _float(value)
        case str():
            return _string(value)
        case Raw(text):
            return text
        case Pkg(name):
            return f"pkgs.{attribute(name)}"
        case Path(path):
            return _path(path)
        case Lines(text):
            return _indented([text], indent)
        case Script(parts):
            return _indented(parts, indent)
        case Text(parts, indented):
            return _indented(parts, indent) if indented else '"' + _parts(parts, _escape) + '"'
        case Call(function, args):
            return " ".join([function, *(_operand(a, indent, spread=spread) for a in args)])
        case Function(argument, body):
            while isinstance(body, Function):
                argument, body = f"{argument}: {body.argument}", body.body
            if isinstance(body, Mapping | list):
                return f"{argument}: {print_value(body, indent)}"
            inside = "  " * (indent + 1)
            return f"\n{inside}{argument}:\n{inside}{print_value(body, indent + 1)}"
        case Force(inner):
            return print_value(Call("lib.mkForce", (inner,)), indent, spread=spread)
        case After(inner):
            return print_value(Call("lib.mkAfter", (inner,)), indent, spread=spread)
        case Before(inner):
            return print_value(Call("lib.mkBefore", (inner,)), indent, spread=spread)
        case Comment(_, inner):
            return print_value(inner, indent, spread=spread)
        case Mapping():
            if not value:
                return "{ }"
            return "{\n" + "".join(_bindings(value, indent + 1)) + pad + "}"
        case Sequence():
            return _list(list(value), indent, spread=spread)
    raise TypeError(f"not a Nix value: {type(value).__name__}")


def print_module(module: Module, head: str, root: str = ".") -> str:
    """A NixOS module as a file.

    Derived options go through the tree's `derive`, so that a hand-written module overrides them,
    or merges with them for options of type `lines`. Stated options are printed as they are.
    `root` is the top of the tree, relative to the file.
    """
    derived = joined(module.derived)
    text = "".join(f"# {line}".rstrip() + "\n" for line in (head + "\n" + module.what).splitlines())
    names = {n for tree in (derived, module.stated) for n in _free(tree)}
    if any("${modulesPath}" in i for i in module.imports):
        names.add("modulesPath")
    if derived:
        names |= {"lib", "options"}
    text += _arguments(sorted(names))
    if derived:
        text += f"let\n  derive = import {root}/lib/derive.nix {{ inherit lib options; }};\nin\n"
    text += "{\n"
    imports: list[Nix] = [Raw(i) for i in module.imports]
    if module.library is not None:
        imports.append(Raw(f"{root}/{module.library.file}"))
    if imports:
        text += f"  imports = {print_value(imports, 1)};\n"
        text += "\n" if derived or module.stated else ""
    if derived and module.stated:
        text += "  config = lib.mkMerge [\n    (derive {\n" + _spaced(derived, 3)
        text += "    })\n    {\n" + _spaced(module.stated, 3) + "    }\n  ];\n"
    elif derived:
        text += "  config = derive {\n" + _spaced(derived, 2) + "  };\n"
    else:
        text += _spaced(module.stated, 1)
    return text + "}\n"


_USED = {n: re.compile(rf"\b{n}\.") for n in ("config", "inputs", "lib", "pkgs")}


def _free(value: Nix) -> Iterator[str]:
    """Module arguments that an expression uses."""
    match value:
        case Raw(text):
            yield from (
                name for name, used in _USED.items() if f"{name}." in text and used.search(text)
            )
        case Pkg():
            yield "pkgs"
        case Force(inner) | After(inner) | Before(inner):
            yield "lib"
            yield from _free(inner)
        case Comment(_, inner) | Function(_, inner):
            yield from _free(inner)
        case Call(function, args):
            yield from _free(Raw(function))
            for arg in args:
                yield from _free(arg)
        case Text(parts) | Script(parts):
            for part in parts:
                if not isinstance(part, str):
                    yield from _free(part)
        case str():
            return
        case Mapping():
            for inner in value.values():
                yield from _free(inner)
        case Sequence():
            for inner in value:
                yield from _free(inner)


def _arguments(args: Sequence[str]) -> str:
    if not args:
        return ""
    names = [*sorted(args), "..."]
    if len(names) <= 3:
        return "{ " + ", ".join(names) + " }:\n\n"
    return "{\n" + ",\n".join(f"  {n}" for n in names) + "\n}:\n\n"


def print_file(value: Nix, *, head: str) -> str:
    """One expression as a whole file, below a head comment."""
    text = "".join(f"# {line}".rstrip() + "\n" for line in head.splitlines())
    return text + print_value(value) + "\n"


def _spaced(body: Mapping[str, Nix], indent: int) -> str:
    """Top-level bindings, with a blank line around each one of several lines."""
    blocks: list[str] = []
    for path, value in _split(body, ()):
        blocks.append(_binding(path, value, indent))
    out = ""
    for i, block in enumerate(blocks):
        if i and (block.count("\n") > 1 or blocks[i - 1].count("\n") > 1):
            out += "\n"
        out += block
    return out


def _split(
    value: Mapping[str, Nix], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Nix]]:
    """Split the tree into bindings as a person would: `services.caddy = { … };`."""
    for key in sorted(value, key=_order):
        inner_path = (*path, key)
        inner = value[key]
        if isinstance(inner, Mapping) and inner and len(inner_path) < _depth(inner_path):
            yield from _split(inner, inner_path)
        else:
            yield inner_path, inner


def _depth(path: tuple[str, ...]) -> int:
    """Keys that a binding below this path starts with."""
    return _SPLIT_DEPTH.get(path[:3], _SPLIT_DEPTH.get(path[:2], 2))


def _bindings(value: Mapping[str, Nix], indent: int) -> Iterator[str]:
    for key in sorted(value, key=_order):
        yield _binding((key,), value[key], indent)


def _binding(path: tuple[str, ...], value: Nix, indent: int) -> str:
    pad = "  " * indent
    while isinstance(value, Mapping) and len(value) == 1:
        key, inner = next(iter(value.items()))
        path, value = (*path, key), inner
    comment = ""
    if isinstance(value, Comment):
        comment = "".join(f"{pad}# {line}\n" for line in value.text.splitlines())
        value = value.value
    name = ".".join(_key(p) for p in path)
    text = print_value(value, indent)
    if isinstance(value, Function) and isinstance(value.body, Call):
        # Beside the name if there is room, or else on the next line.
        flat = f"{value.argument}: {print_value(value.body, indent)}"
        if "\n" not in flat and len(pad) + len(name) + len(flat) + 4 <= _WIDTH:
            text = flat
        elif "\n" not in flat and len(pad) + len(flat) + 3 <= _WIDTH:
            text = f"\n{pad}  {flat}"
    if "\n" not in text and len(pad) + len(name) + len(text) + 4 > _WIDTH:
        text = print_value(value, indent, spread=True)
        quoted = any(_key(part).startswith('"') for part in path)
        if isinstance(value, str | Text | Script) and (quoted or len(path) >= _LONG_PATH):
            text = f"\n{pad}  {text}"
        elif isinstance(value, Text) and not value.indented:
            text = _NESTED.sub(lambda m: f"${{\n{pad}  {m[1]}\n{pad}}}", text, count=1)
    gap = "" if text.startswith("\n") else " "
    return f"{comment}{pad}{name} ={gap}{text};\n"


_NESTED = re.compile(r"(?<!\\)\$\{([^{}\"]*\$\{[^{}]*\}[^{}\"]*)\}")
"""An interpolation with another one in it. In a line that is too long, nixfmt gives it lines of its
own."""


def _list(items: list[Nix], indent: int, *, spread: bool) -> str:
    if not items:
        return "[ ]"
    pad = "  " * (indent + 1)
    texts = [_argument(i, indent + 1) for i in items]
    flat = len(texts) == 1 and "\n" not in texts[0] and not isinstance(items[0], list | tuple)
    if flat and not spread:
        return f"[ {texts[0]} ]"
    return "[\n" + "".join(f"{pad}{t}\n" for t in texts) + "  " * indent + "]"


def _argument(value: Nix, indent: int, *, spread: bool = False) -> str:
    """A list item or function argument, in parentheses if it is not a simple expression."""
    text = print_value(value, indent, spread=spread)
    compound = isinstance(value, Call | Function | Force | After | Before) or (
        isinstance(value, Raw) and " " in text and text[0] not in '[{("'
    )
    negative = isinstance(value, int | float) and text.startswith("-")
    if text.startswith("\n"):
        # A function: its body begins on a line of its own.
        return f"({text}\n{'  ' * indent})"
    return f"({text})" if compound or negative else text


def _order(key: str) -> tuple[bool, str]:
    """Sort key: `enable` first, then by name."""
    return key != "enable", key


def _operand(value: Nix, indent: int, *, spread: bool) -> str:
    """An argument of a call; one in parentheses and of several lines is indented."""
    text = _argument(value, indent, spread=spread)
    if "\n" not in text or not text.startswith("("):
        return text
    if isinstance(value, Function) and isinstance(value.body, list):
        return text
    inside = "  " * (indent + 1)
    return f"(\n{inside}{print_value(value, indent + 1)}\n{'  ' * indent})"


def _key(key: str) -> str:
    if _IDENTIFIER.match(key) and key not in _KEYWORDS:
        return key
    return _string(key)


def _path(path: str) -> str:
    if not _PATH.match(path) or path.startswith("/") or ".." in path.split("/"):
        raise ValueError(f"not a path inside the tree: {path!r}")
    return f"./{path}"


def _float(value: float) -> str:
    """A float literal. Nix requires a dot even before an exponent."""
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    return text if "." in mantissa else f"{mantissa}.0{e}{exponent}"


def _escape(text: str) -> str:
    if "\0" in text:
        raise ValueError("a Nix string cannot contain a NUL character")
    out = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${")
    return out.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _escape_indented(text: str) -> str:
    # Quotes first: the escapes for `$` and control characters are themselves written with quotes.
    out = text.replace("''", "'''").replace("${", "''${")
    return out.replace("\r", "''\\r").replace("\t", "''\\t")


def _string(text: str) -> str:
    return f'"{_escape(text)}"'


def _parts(parts: Sequence[str | Raw | Pkg], escape: Callable[[str], str]) -> str:
    out = ""
    for part in _joined(parts):
        if not isinstance(part, str):
            # A `$` directly before `${` would escape it.
            out = out[:-1] + "\\$" if out.endswith("$") else out
            out += "${" + print_value(part) + "}"
        else:
            out += escape(part)
    return out


def _joined(parts: Sequence[str | Raw | Pkg]) -> list[str | Raw | Pkg]:
    """The parts with adjacent texts joined, so that `$` and `{` in two parts are escaped too."""
    out: list[str | Raw | Pkg] = []
    for part in parts:
        last = out[-1] if out else None
        if isinstance(part, str) and isinstance(last, str):
            out[-1] = last + part
        else:
            out.append(part)
    return out


def _indented(parts: Sequence[str | Raw | Pkg], indent: int) -> str:
    """An indented string whose value is exactly the text; a quoted one if that is impossible."""
    parts = _joined(parts)
    whole = "".join(p if isinstance(p, str) else "x" for p in parts)
    if not _fits_indented(whole, parts):
        return '"' + _parts(parts, _escape) + '"'
    pad = "  " * (indent + 1)
    body = _parts(parts, _escape_indented)
    lines = body.split("\n")
    out = "''\n" + "".join((pad + line if line else "") + "\n" for line in lines[:-1])
    if lines[-1]:
        # The text has no final newline, so the closing quotes are on the last line.
        return out + pad + lines[-1] + "''"
    return out + "  " * indent + "''"


def _fits_indented(whole: str, parts: Sequence[str | Raw | Pkg]) -> bool:
    r"""Whether an indented string can represent the text.

    The text must have a line that starts at column 0: otherwise Nix would strip its indentation.
    Lines of blanks only, and quotes or dollars next to an escape, need a quoted string.
    """
    if "\n" not in whole or "\0" in whole or "\r" in whole or "\t" in whole:
        return False
    if re.search(r"'\Z|\$''|'\$\{|\$\$|\$'", whole):
        return False
    if any(isinstance(p, str) and (p.endswith(("$", "'")) or p.startswith("'")) for p in parts):
        return False
    lines = whole.split("\n")
    filled = [line for line in lines if line.strip(" ")]
    if any(line and not line.strip(" ") for line in lines) or not filled:
        return False
    return any(not line.startswith(" ") for line in filled)
