"""Checks that services use datasets by name, and do not write their paths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import JsonValue

from homelab.check import check
from homelab.hardening.paths import below
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.model import Service
from homelab.storage.model import Dataset


class _Literal(NamedTuple):
    """A path that the stack config gives to a service."""

    where: str
    path: str
    instead: str
    """What to write for the dataset `{name}`."""


@check("path-literal", severity="warning")
def path_literal(plan: Plan) -> Iterator[Problem]:
    """A service that has the path of a dataset but not its name does not wait for the dataset's
    disk, is not in its group, and keeps the old path when the dataset moves.
    """
    for service in plan.services:
        here = plan.datasets_on(service.host)
        seen: set[str] = set()
        for literal in _literals(service) if here else ():
            dataset = _innermost(literal.path, here)
            used = dataset is None or dataset.name in service.datasets.values()
            if dataset is None or used or literal.where in seen:
                continue
            if any(dataset.name in part.datasets for part in service.parts):
                continue
            seen.add(literal.where)
            way = literal.instead.format(name=dataset.name)
            if literal.path.rstrip("/") != dataset.path.rstrip("/"):
                way += (
                    f"; for {literal.path} alone, write a dataset of its own with that path, and "
                    "use it so"
                )
            yield Problem(
                literal.where,
                f"{literal.path} is in the dataset {dataset.name}, and {service.name} has its path "
                "and not its name",
                way,
            )


def _innermost(path: str, datasets: tuple[Dataset, ...]) -> Dataset | None:
    found = [d for d in datasets if below(path, (d.path,))]
    return max(found, key=lambda d: len(d.path), default=None)


def _literals(service: Service) -> Iterator[_Literal]:
    for part in service.parts:
        for index, mount in enumerate(part.config.mounts):
            own = service.at(part.place)
            at = f"{own}.datasets" if part.name else service.at("datasets")
            only = ", read_only: true" if mount.read_only else ""
            target = f"{{{{target: {mount.target}{only}}}}}" if only else mount.target
            yield _Literal(
                f"{own}.mounts[{index}]",
                mount.source,
                f"leave the mount out, and write {at}: {{{{{{name}}: {target}}}}}",
            )
    if service.parts:
        return
    free = [role for role in service.entry.datasets if role not in service.datasets]
    if not free and not service.is_made:
        return  # Nothing of it takes a further dataset.
    role = free[0] if free else "files"
    used = f"leave it out, and write {service.at('datasets')}: {{{{{role}: {{name}}}}}}"
    for option, value in service.config.options.items():
        for path in _paths(value):
            yield _Literal(service.at(f"options.{option}"), path, used)
    for kind in ("read_write", "read_only"):
        for path in getattr(service.harden, kind):
            yield _Literal(service.at(f"harden.{kind}"), path, used)


def _paths(value: JsonValue) -> Iterator[str]:
    """Absolute paths in a value of an option."""
    if isinstance(value, str):
        if value.startswith("/"):
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _paths(item)
