"""Checks of connections between services."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.services import connects_of
from homelab.connections.pairs import fact_of, kind_of
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.own import original_entry


@check("link-endpoint")
def link_endpoint(plan: Plan) -> Iterator[Problem]:
    """A connection to a service that is off, unknown or of another kind would not be made."""
    stack = plan.stack
    for name, config in stack.services.items():
        entry = original_entry(stack, name, config) if config.runs else None
        for index, callee in enumerate(connects_of(config) if entry is not None else ()):
            assert entry is not None
            where = f"services.{name}.connects[{index}]"
            known = [n for n in stack.services if n != name and fact_of(stack, entry, n)]
            kinds = ", ".join(sorted(entry.connects))
            if not entry.connects:
                yield Problem(
                    where,
                    f"the facts of {entry.name} describe no connections",
                    f"leave connects out, and write uses: [{callee}]",
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
                )
            elif callee not in known:
                yield Problem(
                    where,
                    f"{name} cannot be connected to {callee}, which is {_kind(plan, callee)}",
                    f"leave it out; {name} can be connected to {kinds}",
                )
            elif not stack.services[callee].runs:
                planned = stack.services[callee].planned
                yield Problem(
                    where,
                    f"{callee} is only planned: {planned}" if planned else f"{callee} is off",
                    f"drop services.{callee}.{'planned' if planned else 'enable'}, or this",
                )


def _kind(plan: Plan, name: str) -> str:
    kind = kind_of(plan.stack, name)
    return f"a service of the kind {kind}" if kind else "not described by the catalog"
