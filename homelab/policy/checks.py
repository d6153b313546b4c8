"""Checks of exceptions and of tinker mode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.check import check
from homelab.checks import every_rule
from homelab.plan import Plan
from homelab.policy.exceptions import OURS, disableable
from homelab.problems import Problem, did_you_mean
from homelab.system.model import nixos_hosts


@check("policy-known")
def policy_known(plan: Plan) -> Iterator[Problem]:
    """An exception from a mistyped rule, or from one that finds what cannot work, has no effect."""
    everything = {rule.id for rule in every_rule()}
    nixos = nixos_hosts(plan.stack.hosts)
    for index, one in enumerate(plan.stack.policy.disable):
        place = f"policy.disable[{index}]"
        if one.id in everything - disableable():
            yield Problem(
                f"{place}.id",
                f"{one.id} is about exceptions or tinker mode, so there is no exception from it"
                if one.id in OURS
                else f"{one.id} can be an error about what does not work, so there is no exception "
                "from it, also where it warns",
                "remove the exception, and follow the message of the check",
            )
        elif one.id not in disableable():
            yield Problem(
                f"{place}.id",
                f'there is no rule "{one.id}"',
                did_you_mean(one.id, disableable(), "rules"),
            )
        yield from _unknown(f"{place}.hosts", one.hosts, nixos)
    tinker = plan.stack.policy.tinker
    if tinker is not None:
        yield from _unknown("policy.tinker.hosts", tinker.hosts, nixos)


def _unknown(place: str, hosts: list[str], known: Mapping[str, object]) -> Iterator[Problem]:
    for number, host in enumerate(hosts):
        if host not in known:
            yield Problem(
                f"{place}[{number}]",
                f'there is no NixOS host "{host}"',
                did_you_mean(host, known, "hosts"),
            )


@check("tinker-prod")
def tinker_prod(plan: Plan) -> Iterator[Problem]:
    """Tinker mode opens hosts, which a homelab that people rely on must not be."""
    if plan.stack.policy.production and plan.stack.policy.tinker is not None:
        yield Problem(
            "policy.tinker",
            "this stack is in production",
            "remove tinker, or write policy.production: false",
        )
