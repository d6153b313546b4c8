"""Options from the stack config, merged for each host, and from hand-written modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from homelab.catalog.references import reference
from homelab.config.base import Model, key_of
from homelab.config.containers import TemplateBase
from homelab.nix.files import read_files
from homelab.nix.source import Computed, Setting, Source, Value
from homelab.openings.aliases import by_their_names
from homelab.openings.model import TEMPLATES
from homelab.plan import Plan
from homelab.services.declared import declared_options
from homelab.services.parts import Part
from homelab.system.model import Host
from homelab.system.own import reached
from homelab.system.own_flake import flake_modules


def of_options(plan: Plan, host: str) -> tuple[Setting, ...]:
    """Every option that the stack config sets on a host, as a path: `services.x: {openFirewall:
    true}` is `services.x.openFirewall`, however it is nested or quoted.
    """
    said = (
        Setting(
            option.path,
            _plain(option.value),
            source=f"services.{service.name}.options.{option.key}",
            forced=len(option.path) if option.forced else None,
        )
        for service in plan.on(host)
        for option in declared_options(service.config)
    )
    return tuple(by_their_names(said))


def of_containers(plan: Plan, host: str) -> Iterator[Setting]:
    """Container settings of the stack config that the models accept as free text, as options."""
    for service in plan.on(host):
        for part in service.parts:
            yield from _of_part(part, service.at(part.place))


def _of_part(part: Part, where: str) -> Iterator[Setting]:
    stated = part.config
    path = ("virtualisation", "oci-containers", "containers", part.container)
    for i, mount in enumerate(stated.mounts):
        volume = f"{mount.source}:{mount.target}" + (":ro" if mount.read_only else "")
        yield Setting((*path, "volumes"), (volume,), source=f"{where}.mounts[{i}].source")
    for name, value in stated.environment.items():
        variable = (*path, "environment", name)
        yield Setting(variable, _plain(value), source=f"{where}.environment.{name}")
    if stated.command:
        command = tuple(_plain(c) for c in stated.command)
        yield Setting((*path, "cmd"), command, source=f"{where}.command")
    if stated.health is not None:
        health = tuple(stated.health.command)
        yield Setting((*path, "health"), health, source=f"{where}.health.command")


def of_templates(plan: Plan, host: str) -> Iterator[Setting]:
    """Files with secrets of the stack config, wherever a service has them, as options."""
    for service in plan.on(host):
        for place, template in templates_in(service.config):
            name = place.rpartition(".")[2]
            path = (*TEMPLATES, service.name, name)
            yield Setting(path, _plain(template.content), source=service.at(place))


def templates_in(value: object) -> list[tuple[str, TemplateBase]]:
    """The templates in a part of the stack config, each with its place below it."""
    found: list[tuple[str, TemplateBase]] = []
    _collect(value, "", found)
    return found


def _collect(value: object, place: str, found: list[tuple[str, TemplateBase]]) -> None:
    """Append the templates. Most values contain none, so their places are not written."""
    if isinstance(value, TemplateBase):
        found.append((place, value))
    elif isinstance(value, Model):
        for name, key in _keys(type(value)):
            if (inner := getattr(value, name)).__class__ not in _SCALARS:
                _collect(inner, f"{place}.{key}" if place else key, found)
    elif isinstance(value, _MAPPINGS):
        for key, inner in value.items():
            if inner.__class__ not in _SCALARS:
                _collect(inner, f"{place}.{key}" if place else str(key), found)
    elif isinstance(value, _LISTS):
        for i, inner in enumerate(value):
            if inner.__class__ not in _SCALARS:
                _collect(inner, f"{place}[{i}]", found)


_SCALARS = frozenset((str, int, float, bool, type(None)))
_LISTS = (list, tuple)
# A dict is recognized sooner than any other mapping.
_MAPPINGS = (dict, Mapping)


@cache
def _keys(model: type[Model]) -> tuple[tuple[str, str], ...]:
    """Name and key of each field."""
    return tuple((name, key_of(model, name)) for name in model.model_fields)


def _plain(value: object) -> Value:
    """A JSON value as a Nix value; a `$` reference becomes a computed value."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        if reference(value) is not None:
            inner = next(iter(value.values()))
            return Computed(f"${{{inner}}}")
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, Sequence):
        return tuple(_plain(v) for v in value)
    return Computed("")


def of_modules(host: Host, sources: Mapping[str, str | bytes]) -> Mapping[str, Source]:
    """The options that the host's hand-written modules set, by file, and the modules of the flake
    that it extends. Home-manager modules are left out, because they set no option of the system.
    """
    config = host.config
    if not host.is_nixos:
        return {}
    named = [p for p in (config.hardware, *config.modules) if p]
    files = reached(named, sources)
    texts = {n: t for n, t in files.items() if n.endswith(".nix") and isinstance(t, str)}
    own = tuple(texts.items())
    others = (f for f in flake_modules(host, sources).files if f not in own)
    return _named((*others, *own), named)


def of_others(host: Host, sources: Mapping[str, str | bytes]) -> Mapping[str, Source]:
    """The options in the files of a flake whose text does not show which of them the host has."""
    return _named(flake_modules(host, sources).others)


def _named(files: tuple[tuple[str, str], ...], modules: Sequence[str] = ()) -> Mapping[str, Source]:
    return {
        name: replace(source, settings=tuple(by_their_names(source.settings)))
        for name, source in read_files(files, modules).items()
    }
