"""Turn an evaluation into problems of the stack, each with the place that caused it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from homelab.evaluation import failures, units
from homelab.evaluation.dynamic_users import dynamic_users
from homelab.evaluation.messages import Complaint, Position, read_complaint
from homelab.evaluation.model import Answer, Report, Said
from homelab.evaluation.numbers import UNIQUE, clashes, module_name
from homelab.evaluation.openings import openings
from homelab.evaluation.places import Place, Places
from homelab.evaluation.plan import STARTS
from homelab.evaluation.sandbox import weaker
from homelab.plan import Plan
from homelab.policy.facts import from_report
from homelab.policy.report import baseline_problems
from homelab.policy.rules import path
from homelab.problems import Problem, Severity
from homelab.system.model import Host

MISSING = "hardening.nix has a sandbox for a unit that nothing defines"


def findings(
    plan: Plan, host: Host, places: Places, answer: Answer, today: str
) -> Iterator[Problem]:
    """The errors and warnings of one host on a day (`2026-12-31`). Nix, and values of options, name
    the directory of the evaluation, which is gone by now.
    """
    for found in _found(plan, host, places, answer, today):
        yield replace(found, what=places.within(found.what))


def _found(plan: Plan, host: Host, places: Places, answer: Answer, today: str) -> Iterator[Problem]:
    stopped = [_stopped(places, read_complaint(answer.complaint))] if answer.complaint else []
    for warning in answer.warnings:
        place, elsewhere = places.of_text(warning), failures.way_out(warning)
        if place is None and elsewhere:
            # Nix warned of the failure that stopped it. One cause is one problem.
            if not any(p.where == failures.WHERE for p in stopped):
                yield Problem(failures.WHERE, warning, elsewhere, severity="warning")
        else:
            yield _problem(place or places.whole, warning, severity="warning")
    yield from stopped
    if stopped:
        return
    report = answer.report
    if report is None:
        return
    for said in report.assertions:
        place = _of_said(places, report, said)
        text = _line(said.text)
        what = f"an assertion of {module_name(said.file)} failed: {text}"
        if text == UNIQUE and report.numbers:
            yield from clashes(places, report, what)
        else:
            yield _problem(place, what)
    for said in report.warnings:
        place = _of_said(places, report, said)
        text = _line(said.text)
        yield _problem(place, f"{text} ({module_name(said.file)})", severity="warning")
    yield from _sandboxes(plan, host, report)
    yield from dynamic_users(plan, host, report)
    yield from _people(plan, host, report)
    yield from _mounts(plan, host, report)
    yield from openings(plan, host, places, report)
    yield from _baseline(plan, host, places, report, today)


def _problem(place: Place, what: str, way_out: str = "", severity: Severity = "error") -> Problem:
    if place.file and not place.line and place.file not in what:
        what = f"{place.file}: {what}"
    return Problem(place.where, what, way_out, severity=severity, file=place.file, line=place.line)


def _stopped(places: Places, complaint: Complaint) -> Problem:
    """The problem that an evaluation stopped at."""
    place = _cause(places, complaint)
    if not place.file and (elsewhere := failures.way_out(complaint.text)):
        return Problem(failures.WHERE, places.shortened(complaint.text), elsewhere)
    # A file of the owner that cannot be fetched is a problem of that file.
    way_out = failures.way_out(complaint.text)
    if "out of the memory" in complaint.text:
        way_out = "raise --memory, or look for a definition that repeats itself"
    if "infinite recursion" in complaint.text:
        way_out = "a value there depends on itself: do not read the option that it sets"
    named = ".".join(complaint.options[0]) if complaint.options else ""
    about = f" (while evaluating {named})" if named and named not in complaint.text else ""
    return _problem(place, f"{places.shortened(complaint.text)}{about}", way_out)


def _cause(places: Places, complaint: Complaint) -> Place:
    """The owner's file that Nix names, else the place of the option in the stack.

    Of several definitions the last one of the owner counts, because hardware comes first.
    """
    for position in (*reversed(complaint.definitions), *complaint.positions):
        place = places.of_position(position)
        if place is not None and place.file:
            lines = (places.line_of(place.file, o[-1:]) for o in complaint.options)
            return Place(place.where, place.file, place.line or next(filter(None, lines), 0))
    for named in complaint.options:
        found = units.of_option(places, named, complaint.text) or places.near(named)
        if found is not None:
            return found
    generated = [places.of_position(p) for p in (*complaint.definitions, *complaint.positions)]
    return next((p for p in generated if p is not None), places.whole)


def _of_said(places: Places, report: Report, said: Said) -> Place:
    """The file that says it, if it is in the tree; else the option it names; else its service."""
    own = places.of_position(Position(said.file))
    named = places.of_text(said.text) or units.of_text(places, said.text)
    if own is not None and own.file:
        return Place(own.where, own.file, places.line_of(own.file, (said.text.strip(),)))
    if named is not None:
        return named
    if own is not None:
        return own
    declared = [d.name for d in report.declared if said.file in d.files]
    found = [p for name in declared if (p := places.of_option(name)) is not None]
    services = [p for p in found if p.where.startswith("services.")]
    return next(iter(services or found), places.whole)


def _sandboxes(plan: Plan, host: Host, report: Report) -> Iterator[Problem]:
    for unit in plan.hardening:
        if unit.host != host.name or not unit.settings:
            continue
        effective = report.units.get(unit.unit)
        name = f"{unit.unit}.service"
        if effective is None or STARTS not in effective:
            yield Problem(
                unit.source,
                f"{MISSING}: {name}",
                "enable what creates it, or set harden.exempt with the reason",
            )
            continue
        for setting, promised, got in weaker(unit.settings, effective):
            yield Problem(
                unit.source,
                f"{name} gets {setting}={got}, and its sandbox has {promised}",
                "remove what sets it, or write harden.relax with the reason",
            )


def _people(plan: Plan, host: Host, report: Report) -> Iterator[Problem]:
    """The owner and the deployer can log in with the owner's keys after all modules are merged."""
    owner = plan.stack.site.owner
    for name in dict.fromkeys((owner.user, host.config.ssh.user)):
        person = report.users.get(name)
        lost = [k for k in owner.ssh_keys if person is None or k not in person.keys]
        if lost:
            yield Problem(
                "site.owner.ssh_keys",
                f"{name} cannot log in on {host.name} with {len(lost)} of the owner's keys",
                "remove what replaces users.users or its keys from its own modules",
            )


def _mounts(plan: Plan, host: Host, report: Report) -> Iterator[Problem]:
    """Everything that the plan waits for is mounted."""
    mounted = set(report.file_systems)
    for dataset in plan.datasets:
        if dataset.host == host.name and dataset.mount not in mounted | {"/"}:
            yield Problem(
                dataset.source,
                f"nothing mounts {dataset.mount}: no fileSystems of the whole system has it",
                "add it to the host's hardware module, or name the mount that the path lies on",
                severity="warning",
            )
    kept = host.config.persistence
    if kept is not None and kept.root not in mounted:
        yield Problem(
            f"{host.source}.persistence.root",
            f"nothing mounts {kept.root}",
            "add it to the host's hardware module",
        )


def _baseline(
    plan: Plan, host: Host, places: Places, report: Report, today: str
) -> Iterator[Problem]:
    """Required rules of the security baseline that the merged options break."""
    files = {tuple(one.path): one.files for one in report.secured.values}
    for rule, problem in baseline_problems(from_report(plan, host, report.secured), today):
        # `openings` reports these two, with the interface.
        if rule.id in ("SEC-NET-001", "SEC-NET-003"):
            continue
        place = _own_place(
            places, [(p, f) for o in rule.options for p in [path(o)] for f in files.get(p, ())]
        )
        yield replace(problem, where=place.where, file=place.file, line=place.line)


def _own_place(places: Places, defined: list[tuple[tuple[str, ...], str]]) -> Place:
    """The owner's file that defines an option, else the place of the option in the stack."""
    for option, file in reversed(defined):
        own = places.of_position(Position(file))
        if own is not None and own.file:
            return Place(own.where, own.file, places.line_of(own.file, option[-1:]))
    found = (places.near(list(option)) for option, _ in defined)
    return next((p for p in found if p is not None), places.whole)


def _line(text: str) -> str:
    return " ".join(text.split())
