"""Stacks that lie beside this one, and what two of them must not both have.

Each is planned by itself, so what they share shows only when they are compared: a tailnet has one
policy, a zone one record of a name, a machine one release, and a password one service.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from homelab.check import file_check
from homelab.cloudflare.resources import CloudflarePlan
from homelab.plan import Plan
from homelab.problems import Problem

STACK_COMPARED = file_check(
    "stack-compared",
    "warning",
    "Two stacks that share an account or a machine are compared, if both can be planned.",
)
STACK_HOST = file_check("stack-host", "error", "A machine runs one release, so one stack has it.")
STACK_NAMES = file_check(
    "stack-names",
    "error",
    "A record, a tunnel or a bucket of two stacks is made by one and broken by the other.",
)
STACK_POLICY = file_check(
    "stack-policy", "error", "A tailnet has one policy and one DNS, so one stack has both."
)
STACK_POLICY_PART = file_check(
    "stack-policy-part",
    "warning",
    "The stack that has the policy speaks of every machine, or the owners alone reach it.",
)
STACK_SECRETS = file_check(
    "stack-secrets",
    "error",
    "Secrets that two stacks derive for the same purpose are the same, unless a namespace sets "
    "them apart.",
)


@dataclass(frozen=True)
class Neighbour:
    """Another stack of the same project or of the same clone."""

    name: str
    file: str
    """Its stack file, as seen from this project."""
    plan: Plan | None
    """None for one that cannot be planned."""
    keys: frozenset[str]
    """What tells its master key, each by itself: where it lies, or how it is encrypted."""


def check_neighbours(
    plan: Plan, keys: frozenset[str], neighbours: tuple[Neighbour, ...]
) -> Iterator[Problem]:
    """What this stack and another one would both change, or both know."""
    for other in neighbours:
        if other.plan is None:
            yield Problem(
                "stack",
                f"{other.file} has problems of its own, so it was not compared with this stack",
                f"mend it: homelab check -s {other.name}",
                STACK_COMPARED,
                "warning",
            )
            continue
        yield from _secrets(plan, keys, other, other.plan)
        yield from _policy(plan, other, other.plan)
        yield from _hosts(plan, other, other.plan)
        if plan.cloudflare and other.plan.cloudflare:
            yield from _cloud(plan.cloudflare, other, other.plan.cloudflare)


def _secrets(plan: Plan, keys: frozenset[str], other: Neighbour, there: Plan) -> Iterator[Problem]:
    if keys & other.keys and plan.stack.secrets.namespace == there.stack.secrets.namespace:
        yield Problem(
            "secrets.namespace",
            f"{other.file} derives its secrets from the same master key, so both stacks have the "
            "same passwords",
            "write a namespace in the newer of the two, such as its name, before its first up; "
            "the older one keeps what it has",
            STACK_SECRETS,
        )


def _policy(plan: Plan, other: Neighbour, there: Plan) -> Iterator[Problem]:
    mine, theirs = plan.tailnet, there.tailnet
    if mine is None or theirs is None or mine.name != theirs.name:
        return
    if not mine.elsewhere and not theirs.elsewhere:
        yield Problem(
            "tailnet.policy",
            f"{other.file} writes the policy and the DNS of {mine.name}, too; a tailnet has one "
            "of each",
            "write policy: elsewhere in all stacks but one",
            STACK_POLICY,
        )
    if mine.elsewhere and not theirs.elsewhere:
        known = set(theirs.hosts.values())
        for name, host in sorted(plan.hosts.items()):
            if host.tailnet and host.config.state != "planned" and host.tailnet not in known:
                yield Problem(
                    f"hosts.{name}.address.tailnet",
                    f"the policy, which {other.file} has, does not speak of {name}, so nobody but "
                    "the owners reaches it",
                    "add to homelab:tailnet there what `homelab show --policy` prints here",
                    STACK_POLICY_PART,
                    "warning",
                )


def _hosts(plan: Plan, other: Neighbour, there: Plan) -> Iterator[Problem]:
    keys = {
        " ".join(h.config.ssh.host_key.split()[:2]): n
        for n, h in there.hosts.items()
        if h.is_nixos and h.config.ssh.host_key and h.config.state in ("live", "held")
    }
    for name, host in sorted(plan.hosts.items()):
        key = " ".join((host.config.ssh.host_key or "").split()[:2])
        if host.is_nixos and host.config.state == "live" and key in keys:
            yield Problem(
                f"hosts.{name}.ssh.host_key",
                f"this is the machine that {other.file} calls {keys[key]}; each stack would switch "
                "it to a system of its own",
                "leave it to one stack, and write state: planned in the other",
                STACK_HOST,
            )


def _cloud(mine: CloudflarePlan, other: Neighbour, theirs: CloudflarePlan) -> Iterator[Problem]:
    if mine.zone == theirs.zone:
        taken = {r.name for r in theirs.records} | {p.domain for p in theirs.pages}
        ours = [(r.name, r.source) for r in mine.records]
        ours += [(p.domain, p.source) for p in mine.pages]
        for name, source in ours:
            if name in taken:
                yield _taken(source, other, f"the record {name}", "give this one another name")
    if mine.account == theirs.account:
        if mine.tunnel and mine.tunnel == theirs.tunnel:
            way_out = "give this stack a site.domain of its own, which names its tunnel"
            yield _taken("site.domain", other, f"the tunnel {mine.tunnel}", way_out)
        for bucket in mine.buckets:
            if bucket.name in {b.name for b in theirs.buckets}:
                where = f"cloudflare.buckets.{bucket.key}"
                yield _taken(where, other, f"the bucket {bucket.name}", "give it another name: …")


def _taken(where: str, other: Neighbour, what: str, way_out: str) -> Problem:
    return Problem(where, f"{other.file} has {what}, too", way_out, STACK_NAMES)
