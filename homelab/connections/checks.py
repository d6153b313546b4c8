"""Checks of connections between services."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.services import connects_of
from homelab.connections.pairs import described, fact_of, kind_of, pairs
from homelab.connections.plan import role_of_library
from homelab.hardening.paths import below
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.declared import declared_options
from homelab.services.folders import folder
from homelab.services.model import Service


@check("link-endpoint")
def link_endpoint(plan: Plan) -> Iterator[Problem]:
    """A connection to a service that is off, unknown or of another kind would not be made."""
    stack = plan.stack
    yield from _replaced(plan)
    for name, config in stack.services.items():
        entry = described(stack, name, config) if config.runs else None
        for index, callee in enumerate(connects_of(config) if entry is not None else ()):
            assert entry is not None
            where = f"services.{name}.connects[{index}]"
            known = [n for n in stack.services if n != name and fact_of(stack, entry, n)]
            kinds = ", ".join(sorted(entry.connects))
            if not entry.connects:
                yield Problem(
                    where,
                    f"the facts of {entry.name} describe no connections",
                    _there(plan, callee, name) or f"leave connects out, and write uses: [{callee}]",
                )
            elif callee not in stack.services:
                yield Problem(
                    where,
                    f'there is no service "{callee}"',
                    f"add services.{callee}: {{host: {config.host or '…'}}}"
                    if callee in entry.connects
                    else did_you_mean(callee, known, "services")
                    if known
                    else f"leave it out; {name} can be connected to {kinds}",
                    cause=f"services.{callee}",
                )
            elif callee not in known:
                yield Problem(
                    where,
                    f"{name} cannot be connected to {callee}, which is {_kind(plan, callee)}",
                    _there(plan, callee, name)
                    or f"leave it out; {name} can be connected to {kinds}",
                )
            elif stack.services[callee].runs and (lacking := _lacking(plan, name, callee)):
                yield Problem(
                    where,
                    f"{name} is told of {callee} with its directory, and {callee} has no dataset "
                    f"for {lacking}",
                    f"add services.{callee}.datasets: {{{lacking}: …}}, or leave this out",
                )
            elif not stack.services[callee].runs:
                planned = stack.services[callee].planned
                yield Problem(
                    where,
                    f"{callee} is only planned: {planned}" if planned else f"{callee} is off",
                    f"drop services.{callee}.{'planned' if planned else 'enable'}, or this",
                )


def _replaced(plan: Plan) -> Iterator[Problem]:
    """Options that rewrite the settings of an app when it starts, without its key."""
    keyed = {key.service for wiring in plan.connections for key in wiring.keys}
    for service in plan.services:
        facts = service.entry.api_key
        if facts is None or not facts.replaced_by or service.name not in keyed:
            continue
        option = next(
            (
                stated
                for stated in declared_options(service.config)
                if stated.name.startswith(f"{facts.replaced_by}.")
                or (stated.name == facts.replaced_by and stated.value)
            ),
            None,
        )
        if option is not None:
            callers = sorted(
                w.service for w in plan.connections if service.name in {k.service for k in w.keys}
            )
            yield Problem(
                service.at(f"options.{option.key}"),
                f"the module rewrites the settings of {service.name} at each start, without the "
                f"password with which {', '.join(callers)} signs in",
                f"leave it out, and set this on the pages of {service.name}",
            )


def _lacking(plan: Plan, caller: str, callee: str) -> str:
    """The role of a dataset of a service without which another one learns nothing about it; empty
    if there is none.
    """
    fact = next(
        (p.fact for p in pairs(plan.stack) if (p.caller, p.callee) == (caller, callee)), None
    )
    service = plan.service(callee)
    if fact is None or service is None:
        return ""
    named = any({"$callee": "folder"} in o.body.values() for o in fact.objects)
    role = role_of_library(service)
    return role if named and folder(plan.stack, service, role) is None else ""


def _there(plan: Plan, caller: str, callee: str) -> str:
    """Where to write a connection that the other service makes; empty if it makes none."""
    config = plan.stack.services.get(caller)
    entry = described(plan.stack, caller, config) if config is not None else None
    if entry is None or fact_of(plan.stack, entry, callee) is None:
        return ""
    line = f"services.{caller}.connects: [{callee}]"
    return f"leave it out; {caller} connects to {callee}, so write it there: {line}"


def _kind(plan: Plan, name: str) -> str:
    kind = kind_of(plan.stack, name)
    return f"a service of the kind {kind}" if kind else "not described by the catalog"


DOWNLOADS = "downloads"
"""Role of the dataset with finished downloads, of those who download and those who sort them in."""


@check("downloads-shared", severity="warning")
def downloads_shared(plan: Plan) -> Iterator[Problem]:
    """An app that does not see the finished downloads of its client sorts nothing in."""
    for pair in pairs(plan.stack):
        for caller in plan.instances(pair.caller):
            callee = next(iter(plan.instances(pair.callee)), None)
            if callee is None or caller.is_made or callee.is_made:
                continue
            if not (DOWNLOADS in caller.entry.datasets and DOWNLOADS in callee.entry.datasets):
                continue
            mine, theirs = caller.datasets, callee.datasets.get(DOWNLOADS)
            if not mine or theirs in mine.values():
                continue
            path = folder(plan.stack, callee, DOWNLOADS) if caller.host == callee.host else None
            if path is not None and _sees(plan, caller, path):
                continue
            where = f"in the dataset {theirs}" if theirs else "in its state directory"
            shared = theirs or next(iter(mine.values()))
            above = [
                name
                for name in dict.fromkeys(mine.values())
                if (dataset := plan.stack.datasets.get(name)) is not None
                and path is not None
                and below(path, (dataset.path,))
            ]
            way_out = f"write services.{pair.caller}.datasets: {{{DOWNLOADS}: {shared}, …}}"
            if theirs is None:
                way_out = f"write services.{pair.callee}.datasets: {{{DOWNLOADS}: {shared}}}"
            yield Problem(
                pair.source,
                f"{pair.callee} puts finished downloads {where}, which "
                + (
                    f"the sandbox of {pair.caller} hides, also below {' and '.join(above)}"
                    if above
                    else f"{pair.caller} does not see"
                ),
                way_out,
                cause=f"services.{pair.callee}.datasets",
            )


def _sees(plan: Plan, service: Service, path: str) -> bool:
    """Whether its own sandbox shows a service a directory. That hides each dataset that it does not
    name, also below one that it does; without a sandbox it sees every directory.
    """
    units = plan.units_on(service.host)
    return all(
        u.shows(path) for u in units if (u.service, u.unit) == (service.name, service.units[0])
    )
