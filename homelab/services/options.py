"""NixOS options of a service in the stack config, with `$` references in their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.catalog.references import reference
from homelab.nix import Attrs, Nix, attrs, merge
from homelab.nix.values import ConflictError
from homelab.plan import Plan
from homelab.services.misread import misread, misread_text
from homelab.services.model import Service
from homelab.services.templates import filled, filled_text
from homelab.services.uses import texts_of


def stated_options(plan: Plan, service: Service) -> Attrs:
    """A service's options as Nix. Options that the checks refuse are left out, so that the rest of
    a stack with problems can still be rendered.
    """
    refused = {path for path, _, _ in clashes(service)}
    accepted = {
        path: value
        for path, value in sorted(service.config.options.items())
        if path not in refused and not any(misread(value, plan, service))
    }
    return merge(*(attrs(path, v) for path, v in filled(accepted, plan, service).items()))


def texts_by_place(plan: Plan, service: Service, place: str) -> dict[str, Nix]:
    """The texts of a service below a place, with their references resolved, by the rest of their
    place. Texts that the checks refuse are left out.
    """
    found = {
        where.removeprefix(place): filled_text(value, plan, service)
        for where, value in texts_of(service.config)
        if where.startswith(place) and not any(misread_text(value, plan, service))
    }
    return {where: text for where, text in found.items() if text is not None}


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


def _opaque(value: object) -> Nix:
    """The value with its references as text, because each becomes one value, not a set."""
    if isinstance(value, Mapping):
        if reference(value) is not None:
            return repr(value)
        return {str(k): _opaque(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_opaque(v) for v in value]
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)
