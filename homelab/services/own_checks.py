"""Checks of facts that an owner wrote."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from homelab.catalog import ENTRIES, find
from homelab.catalog.kit import flaws
from homelab.catalog.model import Entry
from homelab.catalog.upstream import find as find_module
from homelab.catalog.upstream import names
from homelab.check import check
from homelab.config.facts import OwnFacts
from homelab.config.service_modules import CatalogService, ModuleService
from homelab.config.services import extends_of
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.own import own_entry


@check("extends-known")
def extends_known(plan: Plan) -> Iterator[Problem]:
    """A container or a unit without the facts of its app has another sign-in than the app."""
    for name, config in plan.stack.services.items():
        extends = extends_of(config)
        where, entry = f"services.{name}.extends", find(extends) if extends else None
        if extends and entry is None:
            apps = [name for name, each in ENTRIES.items() if not each.infrastructure]
            what = f'the catalog has no service "{extends}"'
            yield Problem(where, what, did_you_mean(extends, apps, "services"))
        elif entry is not None and entry.infrastructure:
            yield Problem(where, f"{extends} is part of homelab itself, and no app", "leave it out")


@check("facts-agree")
def facts_agree(plan: Plan) -> Iterator[Problem]:
    """Facts that contradict each other make a service that does not answer, or a backup without its
    data.
    """
    for place, name, facts in written(plan):
        ours = find(name)
        if place.startswith("catalog.") and ours is not None and ours.infrastructure:
            yield Problem(
                place,
                f"homelab always uses the catalog's facts of {name}, so these have no effect",
                f"remove them, and set single options: services.{name}.options",
            )
            continue
        if facts.extends is not None and find(facts.extends) is None:
            way_out = did_you_mean(facts.extends, ENTRIES, "services")
            yield Problem(
                f"{place}.extends", f'the catalog has no service "{facts.extends}"', way_out
            )
            continue
        for index, module in enumerate(facts.modules):
            if find_module(module) is None:
                yield Problem(
                    f"{place}.modules[{index}]",
                    f'homelab knows no facts of a module "{module}"',
                    did_you_mean(module, names(), "modules") + "; or leave it out",
                )
        entry = own_entry(name, facts, with_options=True)
        releases = tuple(sorted({h.release for h in plan.hosts.values() if h.is_nixos}))
        for flaw in flaws(entry, releases, place):
            if not is_reported(flaw, entry):
                yield Problem(f"{place}.{flaw.where}", flaw.what, flaw.way_out)


@check("facts-used", severity="warning", whole=True)
def facts_used(plan: Plan) -> Iterator[Problem]:
    """Facts that no service uses have no effect."""
    for name in sorted(plan.stack.catalog.keys() - used_facts(plan)):
        yield Problem(
            f"catalog.{name}",
            "no service uses these facts",
            f"add services.{name}: {{host: …}}, or remove them",
        )


def used_facts(plan: Plan) -> frozenset[str]:
    """The names of the facts that services of the stack use."""
    return frozenset(
        config.service or name
        for name, config in plan.stack.services.items()
        if isinstance(config, CatalogService)
    )


def unused_everywhere(
    problems: Iterable[Problem], shared: Collection[str], others: Iterable[Plan | None]
) -> list[Problem]:
    """The problems without those about `shared` facts that another stack of the project uses, or
    may use: None is one that cannot be planned.
    """
    used: set[str] = set()
    for other in others:
        used |= {*shared} if other is None else used_facts(other)
    places = {f"catalog.{name}" for name in used & {*shared}}
    return [p for p in problems if not (p.check == "facts-used" and p.where in places)]


def is_reported(flaw: Problem, entry: Entry) -> bool:
    """Whether another check reports it: groups of the dashboard, references in options that apply,
    missing state, and state of a unit with DynamicUser.
    """
    if flaw.where == "state":
        return entry.dynamic_user or not entry.state
    return flaw.where == "category" or flaw.where.startswith("options.")


def written(plan: Plan) -> Iterator[tuple[str, str, OwnFacts]]:
    """Every owner's facts: their place in the stack config, their name, and the facts."""
    for name, facts in sorted(plan.stack.catalog.items()):
        yield f"catalog.{name}", name, facts
    for name, config in sorted(plan.stack.services.items()):
        if isinstance(config, ModuleService):
            yield f"services.{name}.module", name, config.module
