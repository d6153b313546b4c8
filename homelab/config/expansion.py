"""Expand families into ordinary services, before the stack config is validated.

What comes out is what an owner would have written by hand: everything after this module only sees
services and datasets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError

from homelab.config.document import Document, Path_
from homelab.config.families import FAMILIES, Family
from homelab.config.scalar import Value
from homelab.config.services import KINDS
from homelab.problems import Problem, did_you_mean

Written = dict[str, Value]
MONITOR = "gatus"
"""The service that runs the health checks. Its `uses` gets the services of a family that it can
only ask at their ports.
"""
KUMA = "uptime-kuma"
"""The service that makes the health checks of `monitoring.kuma`."""


@dataclass(frozen=True)
class Expansion:
    """The parts of the stack config that a family stands for."""

    services: Mapping[str, Written]
    """What the family writes for each of its services, without what the owner writes."""
    dirs: Mapping[str, Written]
    """Directories that it adds to datasets, by dataset."""


def expanded(document: Document) -> Document:
    """The document with the services of its families. Expanding it again changes nothing.

    A family that is not valid, or that names a host or a dataset that does not exist, stays as it
    is: the loader reports it.
    """
    values, lines = dict(document.values), dict(document.lines)
    for section, family in _families(values):
        if list(family_problems(section, family, values)):
            continue
        expansion = expansion_of(family, values)
        for place, parts in (("services", expansion.services), ("datasets", expansion.dirs)):
            if not _is_section(values.get(place)):
                continue  # a mistake that the loader reports, instead of one that is written over
            known = _mapping(values.get(place))
            merged = {n: _over(part, _given(known.get(n))) for n, part in parts.items()}
            if MONITOR in parts and place == "services":
                merged[MONITOR] = {**_mapping(merged[MONITOR]), **parts[MONITOR]}
            values[place] = {**known, **merged}
            for path in _new(parts, known, (place,)):
                lines.setdefault(path, document.line((section,)))
    if values == document.values:
        return document
    return replace(document, values=values, lines=lines if document.lines else {})


def problems_of_families(document: Document) -> list[Problem]:
    """Families that name a host or a dataset that does not exist, each once, instead of once for
    each of their services.
    """
    return [
        replace(
            problem,
            file=document.file_of(_path(problem.where)),
            line=document.line(_path(problem.where)),
        )
        for section, family in _families(document.values)
        for problem in family_problems(section, family, document.values)
    ]


def unexpanded(document: Document) -> frozenset[str]:
    """Names of the services of families that are not expanded, because they have a problem."""
    sound = {
        section
        for section, family in _families(document.values)
        if not list(family_problems(section, family, document.values))
    }
    broken = [f for section, f in FAMILIES.items() if section in document.values.keys() - sound]
    return frozenset(name for family in broken for name in family.members)


def expansion_of(family: Family, values: Mapping[str, Value]) -> Expansion:
    """What a family stands for, in a stack with these values."""
    services = _mapping(values.get("services"))
    ours = [n for n in family.chosen if _is_ours(n, services.get(n))]
    running = {n for n in ours if _runs(services.get(n))}
    return Expansion(
        {name: dict(_written(family, name, running, services.get(name))) for name in ours}
        | _monitored(family, running, services),
        {
            dataset: {"dirs": dict(dirs)}
            for dataset, dirs in _dirs(family, running, _mapping(values.get("datasets"))).items()
        },
    )


def families_of(values: Mapping[str, Value]) -> dict[str, Expansion]:
    """What each family of an expanded stack config stands for, by its section."""
    known = {n: _mapping(d) for n, d in _mapping(values.get("datasets")).items()}
    without: Written = {n: {k: d[k] for k in d if k != "dirs"} for n, d in known.items()}
    found = {}
    for section, family in _families(values):
        made = expansion_of(family, {**values, "datasets": without})
        dirs = {
            name: part
            for name, part in made.dirs.items()
            if _mapping(part["dirs"]).keys() <= _mapping(known[name].get("dirs")).keys()
        }
        found[section] = replace(made, dirs=dirs)
    return found


def family_problems(section: str, family: Family, values: Mapping[str, Value]) -> Iterator[Problem]:
    """A host or a dataset of the family that does not exist, or a dataset of another host."""
    hosts, datasets = _mapping(values.get("hosts")), _mapping(values.get("datasets"))
    # Of hosts that are missing as a whole, or cannot be read, the loader tells.
    if isinstance(values.get("hosts"), dict) and family.host not in hosts:
        yield Problem(
            f"{section}.host",
            f'there is no host "{family.host}"',
            did_you_mean(family.host, hosts, "hosts"),
        )
    if not _is_section(values.get("datasets")):
        return
    keys = {key for m in family.members.values() for key in m.datasets.values()}
    for key in sorted(keys & family.model_fields_set):
        name = family.named(key)
        if name is None:
            continue
        dataset = _mapping(datasets.get(name))
        if name not in datasets:
            yield Problem(
                f"{section}.{key}",
                f'there is no dataset "{name}"',
                did_you_mean(name, datasets, "datasets")
                if datasets
                else f"add datasets.{name}: {{host: {family.host}, path: …, tier: re-derivable}}",
            )
        elif family.host in hosts and (other := _other_host(dataset, hosts, family.host)):
            yield Problem(
                f"{section}.{key}",
                f"the dataset {name} is on {other}, and {section} runs on {family.host}",
                f"write {section}.host: {other}, or name a dataset of {family.host}",
            )


def _other_host(dataset: Mapping[str, Value], hosts: Mapping[str, Value], host: str) -> str:
    """The host of a dataset, if it exists and is another one; else empty."""
    stated = dataset.get("host")
    return stated if isinstance(stated, str) and stated in hosts.keys() - {host} else ""


def _families(values: Mapping[str, Value]) -> Iterator[tuple[str, Family]]:
    """The valid families of a stack."""
    for section, model in FAMILIES.items():
        if section in values:
            try:
                yield section, model.model_validate(values[section])
            except ValidationError:
                continue


def _written(
    family: Family, name: str, running: set[str], stated: Value
) -> Iterator[tuple[str, Value]]:
    member = family.members[name]
    if not _mapping(stated).get("tags"):
        yield "host", family.host
    if member.port is not None:
        yield "port", member.port
    for key, of_family in member.settings.items():
        if (value := family.named(of_family)) is not None:
            yield key, value
    datasets = {role: family.named(key) for role, key in member.datasets.items()}
    if datasets:
        yield "datasets", {**datasets}
    for key, names in (("connects", member.connects), ("uses", member.uses)):
        found: list[Value] = [n for n in names if n in running]
        if found and _runs(stated):
            yield key, found


def _monitored(
    family: Family, running: set[str], services: Mapping[str, Value]
) -> dict[str, Written]:
    """The services that the monitor calls from another host, beside those that the owner names."""
    monitor = _mapping(services.get(MONITOR))
    if MONITOR in family.members or not isinstance(monitor.get("host"), str) or not _runs(monitor):
        return {}
    far: list[Value] = []
    for name in family.chosen:
        config = _mapping(services.get(name))
        is_far = config.get("host", family.host) != monitor["host"] and not config.get("tags")
        is_asked = not {"never_publish", "routes"} & config.keys()
        skipped = _mapping(config.get("monitor")).get("skip")
        if name in running and not family.members[name].has_page and is_far and is_asked:
            far += [name] if not skipped else []
    stated = monitor.get("uses") or []
    if not far or not isinstance(stated, list):
        return {}
    return {MONITOR: {"uses": [*stated, *(n for n in far if n not in stated)]}}


def _dirs(
    family: Family, running: set[str], datasets: Mapping[str, Value]
) -> dict[str, dict[str, Value]]:
    """Directories of the services that run, in datasets that state none."""
    keys = {key: family.named(key) for m in family.members.values() for key in m.dirs.values()}
    found: dict[str, dict[str, Value]] = {}
    for name in sorted(running):
        for directory, key in family.members[name].dirs.items():
            dataset = keys[key]
            # A dataset of downloads alone needs no directory for them.
            is_alone = directory == key and [*keys.values()].count(dataset) == 1
            if dataset and not is_alone and "dirs" not in _mapping(datasets.get(dataset)):
                found.setdefault(dataset, {})[directory] = {}
    return found


def _is_ours(name: str, stated: Value) -> bool:
    """Whether the service of this name is that of the catalog, and not one of the owner's."""
    config = _mapping(stated)
    return not config.keys() & KINDS.keys() and config.get("service", name) == name


def _runs(stated: Value) -> bool:
    config = _mapping(stated)
    return config.get("enable", True) is not False and config.get("planned") is None


def _over(ours: Value, stated: Value) -> Value:
    """What the owner states, merged over ours: keys of mappings join, other values replace."""
    if not isinstance(ours, dict) or not isinstance(stated, dict):
        return stated
    joined = {k: _over(v, stated[k]) if k in stated else v for k, v in ours.items()}
    return {**joined, **{k: v for k, v in stated.items() if k not in ours}}


def _new(parts: Mapping[str, Value], known: Mapping[str, Value], path: Path_) -> Iterator[Path_]:
    """Places that only the family writes."""
    for key, value in parts.items():
        if key not in known:
            yield (*path, key)
        elif isinstance(value, dict):
            yield from _new(value, _mapping(known[key]), (*path, key))


def _is_section(value: Value) -> bool:
    """Whether the value of a section has entries, or is not given."""
    return value is None or isinstance(value, dict)


def _given(value: Value) -> Value:
    """The value of a key; no keys where none is given."""
    return {} if value is None else value


def _mapping(value: Value) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def _path(where: str) -> Path_:
    return tuple(where.split("."))
