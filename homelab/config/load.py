"""Validate the values of a stack file: a typed stack config, or all problems at once."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Discriminator, ValidationError
from pydantic_core import ErrorDetails

from homelab.config.base import Kind, Model, SecretRef, field_of, key_of
from homelab.config.descriptions import descriptions
from homelab.config.document import NAMESPACE, Document, Path_
from homelab.config.expansion import expanded, problems_of_families
from homelab.config.not_yet import SHAPES, VALUES, missing_key
from homelab.config.renamed import new_name, new_place
from homelab.config.scalar import Timestamp, Value
from homelab.config.stack import StackConfig
from homelab.plaintext import unfit
from homelab.problems import InvalidStackError, Problem, did_you_mean


def load_stack_config(document: Document) -> StackConfig:
    """The typed stack config, with the services of its families. Raises InvalidStackError with a
    problem for every invalid value.
    """
    families = problems_of_families(document)
    document = expanded(document)
    found = list(dates(document.values, ()))
    hidden = {_unfit_problem(path, char, document) for path, char in unfits(document.values, ())}
    try:
        stack = StackConfig.model_validate(dict(document.values))
    except ValidationError as error:
        problems = {_problem(e, document) for e in error.errors(include_url=False)}
        # Such a character often makes the value invalid, too.
        known = {p.where for p in hidden}
        problems = {p for p in problems if p.where not in known} | hidden
        problems |= {*families, *_date_problems(found, document)}
        raise InvalidStackError(sorted(problems)) from None
    if found or families or hidden:
        raise InvalidStackError(sorted({*families, *_date_problems(found, document), *hidden}))
    return stack


def document_of(config: StackConfig) -> Document:
    """What a stack file that says the same would hold. `load_stack_config` makes an equal config of
    it, and refuses what a file would be refused for, such as a character that cannot be written.
    """
    return Document(config.model_dump(mode="json", by_alias=True, exclude_unset=True))


def where(path: Path_) -> str:
    """A path as text: `services.immich.routes[0].name`."""
    out = ""
    for part in path:
        out += f"[{part}]" if isinstance(part, int) else (f".{part}" if out else part)
    return out or "config"


def dates(value: Value | Mapping[str, Value], path: Path_) -> typing.Iterator[Path_]:
    """Paths of the values that YAML parses as dates."""
    if isinstance(value, Timestamp):
        yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from dates(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from dates(inner, (*path, i))


def unfits(value: Value | Mapping[str, Value], path: Path_) -> typing.Iterator[tuple[Path_, str]]:
    """Paths of texts and keys with an invisible character, or one that no generated file can
    contain, each with the character.
    """
    if isinstance(value, str):
        if found := unfit(value):
            yield path, found
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if found := unfit(key):
                yield (*path, key), found
            else:
                yield from unfits(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from unfits(inner, (*path, i))


def _unfit_problem(path: Path_, found: str, document: Document) -> Problem:
    return Problem(
        where(path),
        f"this contains the character {found}, which is invisible or cannot be written to a file",
        "leave it out",
        file=document.file_of(path),
        line=document.line(path),
    )


def _date_problems(found: list[Path_], document: Document) -> list[Problem]:
    return [
        Problem(
            where(d),
            "this is a date where text is expected",
            "quote it",
            file=document.file_of(d),
            line=document.line(d),
        )
        for d in found
    ]


def _problem(error: ErrorDetails, document: Document) -> Problem:
    path, model = follow(error["loc"])
    what, way_out = _words(error, path, model)
    return Problem(
        where(path), what, way_out, file=document.file_of(path), line=document.line(path)
    )


def _words(error: ErrorDetails, path: Path_, model: type[BaseModel] | None) -> tuple[str, str]:
    kind = error["type"]
    context = error.get("ctx", {})
    if kind == "extra_forbidden":
        if model is not None and issubclass(model, Kind) and path[-1] in model.lacks:
            return f"{model.called} has no {path[-1]}", model.lacks[str(path[-1])]
        if renamed := new_name(model, str(path[-1])):
            return f"this key was renamed to {renamed}", f"write {renamed} instead"
        if moved := new_place(model, str(path[-1])):
            return "this key has another place now", moved
        if missing := missing_key(model, str(path[-1])):
            return missing
        known = [key_of(model, name) for name in model.model_fields] if model else []
        if model is not None and issubclass(model, Kind):
            # These keys do not exist here either, but a near match leads to their explanation.
            known += difflib.get_close_matches(str(path[-1]), model.lacks, n=1, cutoff=0.8)
        nearest_of = did_you_mean(str(path[-1]), known, "keys", alike=ALIKE)
        is_near = nearest_of.startswith("did you mean")
        return "there is no such key", nearest_of if is_near else f"leave it out. {nearest_of}"
    if kind == "missing":
        # A section is written with its namespace, any other key without.
        return "is missing", f"add {NAMESPACE if len(path) == 1 else ''}{path[-1]}: {_least(path)}"
    if kind == "value_error":
        message = str(context.get("error", error["msg"]))
        what, _, way_out = message.partition("; ")
        return what, way_out
    if kind == "literal_error":
        if missing := VALUES.get((model, str(path[-1]))) if model else None:
            return missing
        known = re.findall(r"'([^']+)'", str(context.get("expected", "")))
        return "this is not one of the allowed values", did_you_mean(
            str(error.get("input", "")), known, "values"
        )
    if kind == "string_pattern_mismatch":
        return "this does not have the required form", _form(path, model)
    if kind == "is_instance_of" and str(context.get("class", "")).endswith("Network"):
        return "a network is expected here", "write it as 192.168.1.0/24"
    if kind in _SHAPES:
        return _SHAPES[kind]
    if kind == "too_short":
        return "is empty", "give at least one"
    if kind.startswith(("greater_than", "less_than")):
        return "this number is out of range", error["msg"].removeprefix("Input ")
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        wanted = _wanted(path)
        if wanted is not None and wanted in SHAPES:
            return SHAPES[wanted]
        keys = [key_of(wanted, name) for name in wanted.model_fields][:6] if wanted else []
        return (
            "keys are expected here, not a single value",
            f"keys: {', '.join(keys)}, …" if keys else "write its keys below it, each with a value",
        )
    return error["msg"], ""


def _least(path: Path_) -> str:
    """What a place needs at least: one of some values, a reference, its required keys, or `…`."""
    place = _unwrap(_annotation(path))
    if get_origin(place) is Literal:
        return f"one of {', '.join(sorted(map(str, get_args(place))))}"
    wanted = _wanted(path)
    if wanted is None:
        return "[…]" if get_origin(place) is list else "…"
    if wanted is SecretRef:
        return "{sops: …}"
    fields = wanted.model_fields.items()
    needed = [key_of(wanted, name) for name, field in fields if field.is_required()]
    return f"{{{', '.join(f'{k}: …' for k in needed)}}}" if needed else "…"


ALIKE = 0.6
"""Of dozens of keys, one resembles most words a little: `ids` is no spelling of `kind`."""

_SHAPES = {
    # Numbers, dates and booleans where text belongs have messages of their own.
    "string_type": ("a single text is expected here", "write it in quotes, as one value"),
    "int_type": ("a whole number is expected here", "write it without quotes or fractions"),
    "bool_type": (
        "true or false is expected here",
        "write true or false without quotes; yes, no, on and off are text",
    ),
    "list_type": ("a list is expected here", "write [a, b], or one item per line after -"),
    "is_instance_of": ("an IP address is expected here", "write it as 192.168.1.10"),
}


def _form(path: Path_, model: type[BaseModel] | None) -> str:
    """The description of the field, which explains its form."""
    named = {key_of(model, n): t for n, t in descriptions(model).items()} if model else {}
    text = named.get(str(path[-1]))
    return " ".join(text.split()) if text else "see the reference"


def follow(loc: tuple[str | int, ...]) -> tuple[Path_, type[BaseModel] | None]:
    """The path as it is written in the file, and the model that the last key belongs to.

    pydantic adds the tags of kinds, the names of union members and `[key]` to a location. They are
    not in the file, so they are left out.
    """
    path: list[str | int] = []
    owner: type[BaseModel] | None = None
    here: object = StackConfig
    for part in loc:
        if part == "[key]":
            continue
        kinds = _kinds(here)
        if kinds:
            here = kinds.get(part, here)
            continue
        model = _model(here)
        if model is not None:
            owner = model
            path.append(part)
            field = field_of(model, str(part))
            here = field.annotation if field else None
            continue
        inner = _inner(here)
        if inner is not None:
            path.append(part)
            here, owner = inner, _model(inner)
        elif here is None and not path:
            path.append(part)
    if owner is not None and _model(here) is not None and here is not StackConfig:
        owner = _model(here) if loc and field_of(owner, str(loc[-1])) is None else owner
    return tuple(path), owner


def _wanted(path: Path_) -> type[BaseModel] | None:
    """The model of a place in the stack."""
    here = _annotation(path)
    return next(iter(_kinds(here).values()), None) or _model(here)


def _annotation(path: Path_) -> object:
    """The type of a place in the stack."""
    here: object = StackConfig
    for part in path:
        models = [m for m in (_model(here), *_kinds(here).values()) if m is not None]
        fields = (field_of(m, str(part)) for m in models)
        field = next((f for f in fields if f is not None), None)
        here = field.annotation if field else _inner(here)
    return here


def _unwrap(annotation: object) -> object:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        members = [a for a in get_args(annotation) if a is not type(None)]
        return _unwrap(members[0]) if len(members) == 1 else annotation
    return annotation


def _model(annotation: object) -> type[Model] | None:
    plain = _unwrap(annotation)
    return plain if isinstance(plain, type) and issubclass(plain, Model) else None


def _kinds(annotation: object) -> Mapping[str | int, type[Model]]:
    """The models of a tagged union, by tag; empty for any other type."""
    if get_origin(annotation) is not Annotated:
        return {}
    union, *info = get_args(annotation)
    if not any(isinstance(i, Discriminator) for i in info):
        return {}
    return {tag.tag: model for model, tag in map(get_args, get_args(union))}


def _inner(annotation: object) -> object | None:
    """The type of the values of a dict or a list."""
    plain = _unwrap(annotation)
    arguments = get_args(plain)
    if get_origin(plain) is dict:
        return typing.cast("object", arguments[1])
    if get_origin(plain) in (list, tuple):
        return typing.cast("object", arguments[0])
    return None
