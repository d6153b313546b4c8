"""`homelab service test`: what homelab does with one service, on each of its hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from homelab.catalog.kit import flaws
from homelab.config.facts import OwnFacts
from homelab.hardening.model import UnitHardening
from homelab.plan import Plan
from homelab.problems import Problem, UsageError, did_you_mean
from homelab.services.own import facts_of, facts_place, original_entry, own_entry
from homelab.services.own_checks import is_reported
from homelab.services.report_rows import Row, rows_of


@dataclass(frozen=True)
class Instance:
    """The service on one host."""

    host: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class ServiceReport:
    """A service on all of its hosts, and its problems."""

    name: str
    instances: tuple[Instance, ...]
    problems: tuple[Problem, ...]
    elsewhere: int = 0
    """Errors of the stack at other places."""

    @property
    def is_sound(self) -> bool:
        """Whether no problem is an error."""
        return all(p.severity != "error" for p in self.problems)

    def as_data(self) -> dict[str, JsonValue]:
        """The report as plain data, for scripts."""
        return {
            "service": self.name,
            "hosts": {
                i.host: {r.name: [*r.lines] if r.lines else None for r in i.rows}
                for i in self.instances
            },
            "missing": {
                i.host: {r.name: r.way_out for r in i.rows if not r.lines} for i in self.instances
            },
            "problems": [{**p.as_data()} for p in self.problems],
        }


def sandboxes(plan: Plan, name: str) -> tuple[UnitHardening, ...]:
    """The units of a service with the baseline, on all hosts. Raises UsageError."""
    _known(plan, name)
    return tuple(u for u in plan.hardening if u.service == name and u.has_baseline)


def report_on(
    plan: Plan, name: str, found: tuple[Problem, ...], levels: Mapping[tuple[str, str], str]
) -> ServiceReport:
    """What homelab does with a service. `found` are the problems of the stack, `levels` those of
    `systemd-analyze security` by host and unit. Raises UsageError for an unknown service.
    """
    _known(plan, name)
    services = [s for s in plan.services if s.name == name]
    places = {f"services.{name}", *(s.source for s in services if s.source.count("."))}
    place, facts = _facts(plan, name)
    places |= {place} if facts is not None else set()
    own = {p for p in found if any(_below(p.where, place) for place in places) or _names(p, name)}
    known = {(p.where, p.what) for p in own}
    own |= {p for p in _kit(plan, name) if (p.where, p.what) not in known}
    # An error there, such as an unknown host, is the cause.
    if not services and not any(
        p.severity == "error" and _below(p.where, f"services.{name}") for p in own
    ):
        own.add(_nowhere(plan, name))
    return ServiceReport(
        name,
        tuple(Instance(s.host, tuple(rows_of(plan, s, levels))) for s in services),
        tuple(sorted(own)),
        sum(p.severity == "error" and p not in own for p in found),
    )


def _known(plan: Plan, name: str) -> None:
    names = {s.name for s in plan.services} | {*plan.stack.services} | {*plan.stack.catalog}
    if name not in names:
        raise UsageError(
            f'the stack has no service "{name}"; {did_you_mean(name, names, "services")}'
        )


def _facts(plan: Plan, name: str) -> tuple[str, OwnFacts | None]:
    """The facts that the owner wrote for a service, with their place in the stack config."""
    config = plan.stack.services.get(name)
    if config is None:
        return f"catalog.{name}", plan.stack.catalog.get(name)
    return facts_place(name, config), facts_of(plan.stack, name, config)


def _below(where: str, place: str) -> bool:
    return where == place or where.startswith((f"{place}.", f"{place}["))


def _names(problem: Problem, name: str) -> bool:
    """Whether an error at another place names the service, as one of several that it is about."""
    word = rf"(?<![\w./-]){re.escape(name)}(?![\w/-])"
    return problem.severity == "error" and re.search(word, problem.what) is not None


def _nowhere(plan: Plan, name: str) -> Problem:
    place, way_out = f"catalog.{name}", f"add services.{name}: {{host: …}}"
    config = plan.stack.services.get(name)
    if config is not None and config.planned is not None:
        what = f"it is only planned: {config.planned}"
        return Problem(f"services.{name}.planned", what, "leave planned out", severity="warning")
    if config is not None:
        place, way_out = f"services.{name}", "set its host, or remove enable: false"
    return Problem(place, "it runs on no host", way_out, severity="warning")


def _kit(plan: Plan, name: str) -> Iterator[Problem]:
    """Contradictions in its facts."""
    place, facts = _facts(plan, name)
    config = plan.stack.services.get(name)
    entry = None
    if facts is not None:
        entry = own_entry(name, facts, with_options=True)
    elif config is not None:
        place, entry = f"services.{name}", original_entry(plan.stack, name, config)
    if entry is None:
        return
    releases = tuple(sorted({h.release for h in plan.hosts.values() if h.is_nixos}))
    placed = plan.service(name) is not None
    for flaw in flaws(entry, releases, place):
        if not (placed and is_reported(flaw, entry)):
            yield Problem(f"{place}.{flaw.where}", flaw.what, flaw.way_out, "facts-agree")
