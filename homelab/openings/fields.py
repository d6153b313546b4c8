"""Literal secrets in fields that become text on a host, other than options and containers."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.openings.literals import LITERAL, WHY_HERE, why
from homelab.openings.model import Opening
from homelab.openings.settings import templates_in
from homelab.plan import Plan, stack_data
from homelab.secret_shapes import is_literal, kinds_in, looks_random, words

_ELSEWHERE = ("options", "container", "containers")
"""Sections of a service that the rules for options read."""
_PARTS = (str, dict, list)


def literal_fields(plan: Plan) -> Iterator[tuple[str, Opening]]:
    """(place, opening) of each variable, command and URL of the stack config with a secret."""
    templates = tuple(
        f"services.{service}.{place}."
        for service, config in plan.stack.services.items()
        for place, _ in templates_in(config)
    )
    for where, name, value in _named(stack_data(plan), "", []):
        if any(kinds_in(value)):
            continue  # secret-literal reports a recognised key, whatever the field.
        if where.startswith(templates) and "?" not in name:
            continue  # The rules for options read templates, apart from URLs.
        written = is_literal(name, value)
        if written or (".environment." in where and looks_random(name, value)):
            shown = name.rpartition("?")[2]
            said = "is a secret in plain text" if written else "looks like a key"
            what = f"{shown} {said}: {why(where)}"
            in_service = where.startswith("services.")
            yield where, Opening(LITERAL, what, _way_out(where), "warning", acceptable=in_service)


def _way_out(where: str) -> str:
    service = ".".join(where.split(".")[:2])
    if why(where) == WHY_HERE:
        return "let the command read it from a file of the machine that runs pulumi up"
    if not where.startswith("services."):
        return "leave it out, or use an address that needs no secret"
    if ".static." in where:
        return "leave it out: a build reads no secret but build.token"
    return f"write {service}.secrets: {{name: {{ref: {{sops: …}}, env: VARIABLE}}}}"


def _named(
    value: object, where: str, found: list[tuple[str, str, str]]
) -> list[tuple[str, str, str]]:
    """(place, name, value) of variables, flags and assignments, appended to a list."""
    if isinstance(value, dict):
        variables = where.endswith(".environment")
        for key, inner in value.items():
            if not isinstance(inner, _PARTS):
                continue
            place = f"{where}.{key}" if where else str(key)
            if place.startswith("services.") and place.count(".") == 2 and key in _ELSEWHERE:
                continue
            if variables and isinstance(inner, str):
                found.append((place, str(key), inner))
            else:
                _named(inner, place, found)
    elif isinstance(value, list):
        texts = [v for v in value if isinstance(v, str)]
        found += [(where, name, text) for name, text in words(texts)]
        for i, inner in enumerate(value):
            if not isinstance(inner, str):
                _named(inner, f"{where}[{i}]", found)
    elif isinstance(value, str) and "://" in value and "?" in value:
        found += [(where, name, text) for name, text in words([value])]
    return found
