"""`docs/reference/stack.md`, made from the models of the stack config.

Types have their names in the source: `Name` or `TreePath` instead of `str`.
"""

from __future__ import annotations

import ast
import enum
import inspect
import json
import sys
import types
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from homelab.config.base import Model, key_of
from homelab.config.descriptions import descriptions
from homelab.config.document import NAMESPACE
from homelab.config.stack import StackConfig

_INTRO = """\
# Stack config

Generated from the models in `homelab/config` with `make docs`; do not edit.

A stack is one file, `Pulumi.<stack>.yaml`. Each section below is one key under `config:`. An unknown
key is an error that names the nearest known one. *required* marks fields without a default. The
[guide](../guide/stack.md) explains how values are read and how errors are reported.
"""

_WORDS = {
    "AbsolutePath": "absolute path on the host",
    "Address": "IPv4 address",
    "Cidr": "IPv4 or IPv6 network",
    "Day": "day, in quotes",
    "Domain": "domain",
    "Email": "e-mail address",
    "HexId": "32 hex digits",
    "HostKey": "ed25519 host key",
    "JsonValue": "any value",
    "Name": "name",
    "Network": "IPv4 network",
    "Port": "port",
    "Ports": "`*`, or protocol and ports as `tcp:443`",
    "PublicKey": "OpenSSH public key",
    "Reason": "reason",
    "Release": "NixOS release",
    "Str": "text",
    "Time": "time of day",
    "TreePath": "path beside the stack file",
    "Uuid": "UUID",
    "bool": "true or false",
    "float": "number",
    "int": "whole number",
    "str": "text",
}
_MANY = {
    "address": "addresses",
    "path": "paths",
    "key": "keys",
    "network": "networks",
}


def stack_page() -> str:
    """Every section, and every kind of object inside one, field by field."""
    sections = list(StackConfig.model_fields)
    shared = sorted(_shared(), key=lambda m: m.__name__)
    contents = ", ".join(f"[`{NAMESPACE}{s}`](#{_anchor(NAMESPACE + s)})" for s in sections)
    parts = [_INTRO, f"Sections: {contents}.\n"]
    for name in sections:
        parts.append("\n".join(_section(name, shared)))
    if shared:
        parts.append("## Objects in several sections\n")
        parts += ["\n".join(_model(m, shared)) for m in shared]
    return "\n".join(parts)


def _section(name: str, shared: list[type[Model]]) -> Iterator[str]:
    field = StackConfig.model_fields[name]
    yield f"## {NAMESPACE}{name}\n"
    if text := descriptions(StackConfig).get(name):
        yield f"{_sentence(text)}\n"
    if not field.is_required():
        yield "This section is optional.\n"
    if get_origin(_plain(field.annotation)) is dict:
        _, inner = get_args(_plain(field.annotation))
        titles = [f"[{_title(m)}](#{_anchor(m.__name__)})" for m in _kinds(inner)]
        yield f"A map from a name to a {' or '.join(titles)}.\n"
    for model in reached(field.annotation):
        if model not in shared:
            yield "\n".join(_model(model, shared))


def _model(model: type[Model], shared: list[type[Model]]) -> Iterator[str]:
    if not _is_section(model):
        yield f"### {model.__name__}\n"
        yield f"{_about(model)}\n"
    if base := _base(model):
        yield f"Also has every field of [{_title(base)}](#{_anchor(base.__name__)}).\n"
    yield "| Field | Type | Default | |"
    yield "| --- | --- | --- | --- |"
    for name, field in model.model_fields.items():
        if name not in _source(model):
            continue
        what, meaning = _type(model, name), _meaning(model, name, field)
        cells = (f"`{key_of(model, name)}`", what, _default(field), meaning)
        yield "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"
    yield ""


def _is_section(model: type[Model]) -> bool:
    """Whether the model is a whole section, which already has a heading."""
    return any(_plain(f.annotation) is model for f in StackConfig.model_fields.values())


def _about(model: type[Model]) -> str:
    return _sentence(inspect.getdoc(model) or "")


def _meaning(model: type[Model], name: str, field: FieldInfo) -> str:
    text = descriptions(model).get(name)
    said = [_sentence(text)] if text else []
    inner = _plain(field.annotation)
    if not said and isinstance(inner, type) and issubclass(inner, Model):
        said = [_about(inner)]
    said += [
        _sentence(_aliases()[alias])
        for alias in sorted(_names_in(_source(model)[name]))
        if alias in _aliases() and alias not in _WORDS
    ]
    return " ".join(said)


# --- types in words --------------------------------------------------------------------------------


def _type(model: type[Model], name: str) -> str:
    return _words(_source(model)[name], sys.modules[model.__module__])


def _words(node: ast.expr, module: types.ModuleType) -> str:
    match node:
        case ast.Name(id=word):
            runtime = vars(module).get(word)
            if isinstance(runtime, type) and issubclass(runtime, Model):
                return _runtime(runtime)
            return _WORDS.get(word) or _runtime(runtime)
        case ast.BinOp(left=left, right=ast.Constant(value=None)):
            return _words(left, module)
        case ast.BinOp(left=left, right=right):
            return f"{_words(left, module)} or {_words(right, module)}"
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *_])):
            runtime = eval(ast.unparse(node), vars(module))  # our own source, at build time
            return _words(inner, module) + _bounds(runtime)
        case ast.Subscript(value=ast.Name(id="Literal")):
            return _runtime(eval(ast.unparse(node), vars(module)))
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            return f"list of {_plural(_words(inner, module))}"
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[key, value])):
            word = _words(key, module)
            return f"{_words(value, module)}, by {word if word != 'text' else 'key'}"
    return f"`{ast.unparse(node)}`"


def _runtime(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f"`{v}`" for v in get_args(kind))
    if get_origin(kind) is Annotated:
        return _runtime(get_args(kind)[0]) + _bounds(kind)
    if isinstance(kind, type) and issubclass(kind, Model):
        return f"[{_title(kind)}](#{_anchor(kind.__name__)})"
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return ", ".join(f"`{v.value}`" for v in kind)
    return _WORDS.get(getattr(kind, "__name__", ""), "text")


def _bounds(kind: Any) -> str:
    low = high = None
    for info in get_args(kind)[1:]:
        for bound in getattr(info, "metadata", None) or [info]:
            low = getattr(bound, "ge", low)
            high = getattr(bound, "le", high)
    if low is not None and high is not None:
        return f", {low} to {high}"
    return f", at least {low}" if low is not None else ""


def _plural(words: str) -> str:
    first, _, rest = words.partition(" ")
    if words.startswith(("[", "`", "32")):
        return words
    for one, many in _MANY.items():
        if one in words.split():
            return words.replace(one, many, 1)
    return words if words in ("text", "any value") else f"{first}s {rest}".strip()


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, Model):
        return ""
    plain = _jsonable(value)
    if plain in ("", [], {}):
        return ""
    text = json.dumps(plain, ensure_ascii=False) if not isinstance(plain, str) else plain
    return f"`{text}`"


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(v) for v in value]
    if isinstance(value, Model):
        return value.model_dump(mode="json", exclude_defaults=True)
    return value if isinstance(value, bool | int | float | str) else str(value)


# --- source ---------------------------------------------------------------------------


@cache
def _tree(file: str) -> ast.Module:
    return ast.parse(Path(file).read_text(encoding="utf-8"))


def _source(model: type[Model]) -> dict[str, ast.expr]:
    """The source text of each field's annotation."""
    found = next(
        n
        for n in _tree(inspect.getfile(model)).body
        if isinstance(n, ast.ClassDef) and n.name == model.__name__
    )
    return {
        n.target.id: n.annotation
        for n in found.body
        if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    }


@cache
def _aliases() -> Mapping[str, str]:
    """The docstrings of type aliases: the text under `Role = Literal[…]`."""
    out = {}
    modules = {m.__module__ for m in _all_models()} | {"homelab.config.base"}
    for name in sorted(modules):
        body = _tree(str(sys.modules[name].__file__)).body
        for node, after in pairwise(body):
            match node, after:
                case (
                    ast.Assign(targets=[ast.Name(id=alias)]),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    out[alias] = text
    return out


def _names_in(node: ast.expr) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


# --- models ---------------------------------------------------------------------------


def _plain(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return _plain(inner[0]) if len(inner) == 1 else annotation
    return annotation


def _kinds(annotation: Any) -> list[type[Model]]:
    """The model, or each model of a union."""
    plain = _plain(annotation)
    several = get_origin(plain) in (Union, types.UnionType)
    return [m for a in get_args(plain) for m in _kinds(a)] if several else [plain]


def _base(model: type[Model]) -> type[Model] | None:
    """The common base of several kinds."""
    base = model.__base__
    return base if base is not None and issubclass(base, Model) and base.model_fields else None


def reached(annotation: Any) -> list[type[Model]]:
    """The models in an annotation, each before the ones inside it."""
    out: list[type[Model]] = []
    pending = [annotation]
    while pending:
        here = _plain(pending.pop(0))
        if isinstance(here, type) and issubclass(here, Model):
            if (base := _base(here)) and base not in out:
                pending = [base, here, *pending]
            elif here not in out:
                out.append(here)
                pending = [f.annotation for f in here.model_fields.values()] + pending
        else:
            pending = list(get_args(here)) + pending
    return out


@cache
def _all_models() -> tuple[type[Model], ...]:
    return tuple(reached(StackConfig))[1:]


def _shared() -> list[type[Model]]:
    """Models that more than one section uses."""
    seen: dict[type[Model], int] = {}
    for field in StackConfig.model_fields.values():
        for model in reached(field.annotation):
            seen[model] = seen.get(model, 0) + 1
    return [m for m, n in seen.items() if n > 1]


# --- words ----------------------------------------------------------------------------------------


def _sentence(text: str) -> str:
    plain = " ".join(text.split())
    return plain if plain.endswith((".", ":", "…", "?")) else f"{plain}."


def _title(model: type[Model]) -> str:
    return model.__name__


def _anchor(heading: str) -> str:
    return "".join(c for c in heading.lower() if c.isalnum() or c in "-_ ").replace(" ", "-")
