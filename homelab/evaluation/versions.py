"""Versions of a host's packages: which options to ask for, and how two answers differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from homelab.evaluation.model import Versions
from homelab.plan import Plan
from homelab.system.model import Host

Path = tuple[str, ...]
DATABASES: Mapping[str, Path] = {
    "postgresql": ("services", "postgresql", "package"),
    "mysql": ("services", "mysql", "package"),
}
"""The option with the package of each database that services share."""
_ENABLE = "enable"
_WITH_EVERY_REVISION = ("nixos-version", "nixos-system")
"""Packages whose version is the revision of nixpkgs."""


@dataclass(frozen=True)
class Change:
    """A package of a host with another version."""

    name: str
    """Name of the package, or kernel, systemd and nix."""
    old: str
    """Empty for a package that is new."""
    new: str
    """Empty for a package that is gone."""
    services: tuple[str, ...] = ()
    """Services of the stack that it belongs to."""
    database: str = ""
    """`postgresql` or `mysql`, if it is the database that services share."""

    @property
    def is_major(self) -> bool:
        """Whether the first number differs; after a zero, the second one."""
        return bool(self.old and self.new) and major(self.old) != major(self.new)


def major(version: str) -> tuple[int, ...]:
    """The part of a version that changes with a major one: `31` of 31.0.8, `0.9` of 0.9.3."""
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    return numbers if numbers[:1] == (0,) else numbers[:1]


def parts(version: str) -> tuple[int, ...]:
    """All numbers of a version, to compare two of them."""
    return tuple(int(n) for n in re.findall(r"\d+", version))


def package_options(plan: Plan, host: Host) -> tuple[Path, ...]:
    """The package options of the host's services, and of the databases that they share."""
    return tuple(sorted({path for path, _, _ in _asked(plan, host)}))


def changes(plan: Plan, host: Host, old: Versions, new: Versions) -> tuple[Change, ...]:
    """Packages whose version differs: those of services first, then the others by name."""
    found: dict[Path, Change] = {}
    before = {tuple(o.name): o.package for o in old.options}
    after = {tuple(o.name): o.package for o in new.options}
    names: dict[str, set[str]] = {}
    for path, service, database in _asked(plan, host):
        was, now = before.get(path), after.get(path)
        names.setdefault(".".join(path), set()).update({service} - {""})
        if (was or now) and (was or ("", ""))[1] != (now or ("", ""))[1]:
            name = (now or was or ("", ""))[0]
            services = tuple(sorted(names[".".join(path)]))
            found[path] = Change(
                name, was[1] if was else "", now[1] if now else "", services, database
            )
    listed = {change.name for change in found.values()}
    others = [*_differ(_by_part(old), _by_part(new))]
    others += _differ(_by_name(old), _by_name(new))
    rest = {c.name: c for c in others if c.name not in listed}
    return (*found.values(), *(rest[name] for name in sorted(rest)))


def _asked(plan: Plan, host: Host) -> Iterator[tuple[Path, str, str]]:
    """Option, service or empty, database or empty."""
    databases = set()
    for service in plan.on(host.name):
        databases |= {service.entry.database} & DATABASES.keys()
        for option, value in service.entry.options.items():
            *above, last = option.split(".")
            if last == _ENABLE and value is True and above[:1] == ["services"] and len(above) > 1:
                yield (*above, "package"), service.name, ""
    for database in sorted(databases):
        yield DATABASES[database], "", database


def _differ(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        if old.get(name, "") != new.get(name, ""):
            yield Change(name, old.get(name, ""), new.get(name, ""))


def _by_part(versions: Versions) -> dict[str, str]:
    return {part: version for part, (_, version) in versions.parts.items()}


def _by_name(versions: Versions) -> dict[str, str]:
    """Versions by package. A package in several versions has all of them, in order."""
    found: dict[str, set[str]] = {}
    for name, version in versions.packages:
        if name in _WITH_EVERY_REVISION:
            continue
        found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(found[name], key=parts)) for name in found}
