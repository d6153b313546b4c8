"""Conflicts between this stack and other stacks of the project.

Each stack is planned by itself, so conflicts show only in a comparison: a tailnet has one policy, a
zone has one record for a name, a machine runs one release, and a password belongs to one service.
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
    "A stack with problems cannot be compared with this one, so conflicts between them would not "
    "be found.",
)
STACK_HOST = file_check(
    "stack-host", "error", "A machine in two stacks would be switched back and forth between them."
)
STACK_NAMES = file_check(
    "stack-names",
    "error",
    "A DNS record, a tunnel or a bucket in two stacks is created by one and broken by the other.",
)
STACK_POLICY = file_check(
    "stack-policy",
    "error",
    "A tailnet has one policy and one set of DNS settings, so two stacks would overwrite each "
    "other's.",
)
STACK_POLICY_PART = file_check(
    "stack-policy-part",
    "warning",
    "Only the owners can reach a machine that the policy of the other stack does not name.",
)
STACK_SECRETS = file_check(
    "stack-secrets",
    "error",
    "Two stacks with one master key derive the same secrets, unless one of them has a namespace.",
)


@dataclass(frozen=True)
class Neighbour:
    """Another stack of the same project or the same repository."""

    name: str
    file: str
    """Path of its stack file, relative to this project."""
    plan: Plan | None
    """None if it cannot be planned."""
    keys: frozenset[str]
    """Identifiers of its master key: the reference, or the encrypted value."""


def check_neighbours(
    plan: Plan, keys: frozenset[str], neighbours: tuple[Neighbour, ...]
) -> Iterator[Problem]:
    """Problems for what this stack and another one would both change, or both know."""
    for other in neighbours:
        if other.plan is None:
            yield Problem(
                "stack",
                f"{other.file} has problems of its own, so it was not compared with this stack",
                f"fix it: homelab check -s {other.name}",
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
            cause="secrets.namespace",
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
                    f"the policy, which is in {other.file}, does not name {name}, so only the "
                    "owners reach it",
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
                "keep it in one stack, and write state: planned in the other",
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
