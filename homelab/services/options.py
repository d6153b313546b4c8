"""NixOS options of a service in the stack config, with `$` references in their values."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping

from homelab.nix import Attrs, Nix, attrs, merge
from homelab.nix.values import ConflictError
from homelab.plan import Plan
from homelab.problems import did_you_mean
from homelab.services.model import Service
from homelab.services.templates import fields, fill_text, path_of_secret

WORDS = {"$secret": "secrets", "$port": "ports", "$text": "fields"}
"""References to values of the plan, and what each of them names."""


def stated_options(plan: Plan, service: Service) -> Attrs:
    """A service's options as Nix. Options that the checks refuse are left out, so that the rest of
    a stack with problems can still be rendered.
    """
    refused = {path for path, _, _ in clashes(service)}
    return merge(
        *(
            attrs(path, stated(value, plan, service))
            for path, value in sorted(service.config.options.items())
            if path not in refused and not any(misread(value, plan, service))
        )
    )


def stated(value: object, plan: Plan, service: Service) -> Nix:
    """An option's value in Nix, with its references resolved.

    An object with one key that starts with `$` refers to a value of the plan: `{$secret: name}` to
    a path, `{$port: web}` to a number, `{$text: "{url}"}` to text with fields. The check
    `option-word` reports references that do not exist.
    """
    if isinstance(value, Mapping):
        if len(value) == 1:
            key, inner = next(iter(value.items()))
            if key == "$secret":
                return path_of_secret(service, str(inner))
            if key == "$port":
                return next((p.port for p in service.ports if p.label == inner), service.port)
            if key == "$text":
                return fill_text(str(inner), plan, service)
        return {str(k): stated(v, plan, service) for k, v in value.items()}
    if isinstance(value, list):
        return [stated(v, plan, service) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(type(value).__name__)


def clashes(service: Service) -> Iterator[tuple[str, str, str]]:
    """Options with two values: path, what, way out."""
    seen: dict[str, Attrs] = {}
    for path, value in sorted(service.config.options.items()):
        option = attrs(path, _opaque(value))
        for other, earlier in seen.items():
            try:
                merge(earlier, option)
            except ConflictError as error:
                yield path, f"{error} has another value in {other}", "leave it out of one of them"
        seen[path] = option


def misread(value: object, plan: Plan, service: Service) -> Iterator[tuple[str, str]]:
    """What is wrong with the references in a value, each with its way out."""
    if isinstance(value, list):
        for inner in value:
            yield from misread(inner, plan, service)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if len(value) == 1 and key.startswith("$"):
                yield from _wrong(key, inner, plan, service)
            elif key in WORDS:
                others = ", ".join(k for k in value if k != key)
                yield (
                    f"{key} has other keys beside it",
                    f"leave {others} out: {{{key}: …}} is the only key",
                )
            else:
                yield from misread(inner, plan, service)


def _wrong(word: str, named: object, plan: Plan, service: Service) -> Iterator[tuple[str, str]]:
    if word not in WORDS:
        yield f"there is no reference {word}", did_you_mean(word, WORDS, "references")
        return
    if not isinstance(named, str):
        yield (
            f"{word} takes one name, as text",
            f"write {{{word}: …}} with one of its {WORDS[word]}",
        )
        return
    if word == "$text":
        yield from _wrong_text(named, list(fields(plan, service)))
        return
    known = {p.label for p in service.ports} if word == "$port" else set(service.entry.secrets)
    if named not in known:
        kind = WORDS[word]
        add = f"services.{service.name}.secrets: {{{named}: {{ref: {{sops: …}}}}}}"
        yield (
            f'{service.name} has no {kind[:-1]} "{named}" for {word}',
            did_you_mean(named, known, f"{kind} of {service.name}")
            + (f"; or add {add}" if word == "$secret" else ""),
        )


def _wrong_text(text: str, known: list[str]) -> Iterator[tuple[str, str]]:
    try:
        parts = [(name, spec, how) for _, name, spec, how in string.Formatter().parse(text)]
    except ValueError:
        yield (
            "a brace in the text of $text is not closed",
            "write {{ or }} for a literal brace",
        )
        return
    for name, spec, how in parts:
        if name is not None and (name not in known or spec or how):
            written = name + (f"!{how}" if how else "") + (f":{spec}" if spec else "")
            yield (
                f"$text has no field {{{written}}}",
                did_you_mean(name, known, "fields") + "; write {{ and }} for literal braces",
            )


def _opaque(value: object) -> Nix:
    """The value with its references as text, because each becomes one value, not a set."""
    if isinstance(value, Mapping):
        if len(value) == 1 and next(iter(value)).startswith("$"):
            return repr(value)
        return {str(k): _opaque(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_opaque(v) for v in value]
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)
