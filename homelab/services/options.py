"""NixOS options of a service in the stack config, with `$` references in their values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.catalog.references import FIELDS, REFERENCES, fields_of, reference
from homelab.nix import Attrs, Nix, attrs, merge
from homelab.nix.values import ConflictError
from homelab.plan import Plan
from homelab.problems import did_you_mean
from homelab.services.model import Service
from homelab.services.templates import filled

_PACKAGE = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*(\.[A-Za-z_][A-Za-z0-9_'-]*)*")
"""Attribute path of a package below `pkgs`."""


def stated_options(plan: Plan, service: Service) -> Attrs:
    """A service's options as Nix. Options that the checks refuse are left out, so that the rest of
    a stack with problems can still be rendered.
    """
    refused = {path for path, _, _ in clashes(service)}
    accepted = {
        path: value
        for path, value in sorted(service.config.options.items())
        if path not in refused and not any(misread(value, service))
    }
    return merge(*(attrs(path, v) for path, v in filled(accepted, plan, service).items()))


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


def misread(value: object, service: Service) -> Iterator[tuple[str, str]]:
    """What is wrong with the references in a value, each with its way out."""
    if isinstance(value, list):
        for inner in value:
            yield from misread(inner, service)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if len(value) == 1 and key.startswith("$"):
                yield from _wrong(key, inner, service)
            elif key in REFERENCES:
                others = ", ".join(k for k in value if k != key)
                yield (
                    f"{key} has other keys beside it",
                    f"leave {others} out: {{{key}: …}} is the only key",
                )
            else:
                yield from misread(inner, service)


def _wrong(word: str, named: object, service: Service) -> Iterator[tuple[str, str]]:
    if word not in REFERENCES:
        yield f"there is no reference {word}", did_you_mean(word, REFERENCES, "references")
    elif word == "$last":
        if isinstance(named, list):
            yield from misread(named, service)
        else:
            yield "$last takes a list", "write {$last: [a, b]}"
    elif not isinstance(named, str):
        yield (
            f"{word} takes one name, as text",
            f"write {{{word}: …}} with one of its {REFERENCES[word]}",
        )
    elif word == "$text":
        yield from _wrong_text(named, service)
    elif word == "$package":
        if not _PACKAGE.fullmatch(named):
            yield (
                f'"{named}" is not the attribute path of a package',
                "write its path below pkgs: {$package: ollama-cuda}",
            )
    else:
        yield from _unknown(word, named, service)


def _unknown(word: str, named: str, service: Service) -> Iterator[tuple[str, str]]:
    """A name that a reference does not find."""
    kind = REFERENCES[word]
    known = {
        "$port": lambda: {p.label for p in service.ports},
        "$secret": lambda: set(service.entry.secrets),
        "$dataset": lambda: {*service.entry.datasets, *service.datasets},
        "$folder": lambda: {*service.entry.datasets, *service.datasets},
        "$device": lambda: {*service.entry.devices, *service.devices},
    }[word]()
    if named not in known:
        add = f"services.{service.name}.secrets: {{{named}: {{ref: {{sops: …}}}}}}"
        yield (
            f'{service.name} has no {kind[:-1]} "{named}" for {word}',
            did_you_mean(named, known, f"{kind} of {service.name}")
            + (f"; or add {add}" if word == "$secret" else ""),
        )


def _wrong_text(text: str, service: Service) -> Iterator[tuple[str, str]]:
    try:
        found = fields_of(text)
    except ValueError:
        yield (
            "a brace in the text of $text is not closed",
            "write {{ or }} for a literal brace",
        )
        return
    for field in found:
        if field.indexed is not None:
            kind, name = field.indexed
            yield from _unknown(f"${kind}", name, service)
        elif not field.is_known:
            name = re.split("[!:]", field.written)[0]
            yield (
                f"$text has no field {{{field.written}}}",
                did_you_mean(name, FIELDS, "fields") + "; write {{ and }} for literal braces",
            )


def _opaque(value: object) -> Nix:
    """The value with its references as text, because each becomes one value, not a set."""
    if isinstance(value, Mapping):
        if reference(value) is not None:
            return repr(value)
        return {str(k): _opaque(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_opaque(v) for v in value]
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)
