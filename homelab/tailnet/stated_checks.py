"""The policy tests of the stack config, run before Tailscale runs them."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.tailnet.assertions import STATED
from homelab.tailnet.evaluate import Grants
from homelab.tailnet.model import PolicyTest, TailnetPlan

_ANY = ("tcp", "udp")


@check("acl-test")
def acl_test(plan: Plan) -> Iterator[Problem]:
    """Tailscale refuses a policy that fails a test, in the middle of an `up`."""
    tailnet = plan.tailnet
    stated = [t for t in tailnet.tests if t.source.startswith(STATED)] if tailnet else []
    if tailnet is None or not stated:
        return
    grants = Grants.of(tailnet)
    for test in stated:
        protocols = (test.proto,) if test.proto else _ANY
        if _is_known(tailnet, test.src):
            yield from _shut(tailnet, grants, test, protocols)
            yield from _open(tailnet, grants, test, protocols)


def _shut(
    tailnet: TailnetPlan, grants: Grants, test: PolicyTest, protocols: tuple[str, ...]
) -> Iterator[Problem]:
    """The ports of `accept` that no grant opens. To a stranger, none should."""
    reached = grants.reached(test.src, test.accept, protocols)
    people = _people(tailnet)
    if "@" in test.src and test.src not in people and not {*test.accept} <= {*reached}:
        yield _stranger(f"{test.source}.src", test.src, people)
        return
    for i, end in enumerate(test.accept):
        name, _, port = end.rpartition(":")
        if end in reached:
            continue
        if "@" in name and name not in people:
            yield _stranger(f"{test.source}.accept[{i}]", name, people)
        elif _is_known(tailnet, name):
            ip = f"{protocols[0]}:{port}"
            yield Problem(
                f"{test.source}.accept[{i}]",
                f"{test.src} cannot reach {end}: no grant opens it",
                f'add {{src: ["{test.src}"], dst: ["{name}"], ip: ["{ip}"]}} to tailnet.grants, or '
                "drop it here",
            )


def _open(
    tailnet: TailnetPlan, grants: Grants, test: PolicyTest, protocols: tuple[str, ...]
) -> Iterator[Problem]:
    """The ports of `deny` that a grant opens, also to one member of a group, or at one host of a
    tag: derived grants name hosts.
    """
    for i, end in enumerate(test.deny):
        name, _, port = end.rpartition(":")
        for source, target in _pairs(tailnet, test.src, name):
            opening = {
                tailnet.grants[g].source
                for protocol in protocols
                for g in grants.granting(source, target, int(port), protocol, perhaps=True)
            }
            if opening:
                stated = any(s.startswith("tailnet.grants") for s in opening)
                narrower = "narrow its ip: [tcp:…] or its src" if stated else "close it there"
                yield Problem(
                    f"{test.source}.deny[{i}]",
                    f"{source} can reach {target}:{port}, because of {', '.join(sorted(opening))}",
                    f"{narrower}, or drop it here",
                )
                break


def _pairs(tailnet: TailnetPlan, src: str, dst: str) -> Iterator[tuple[str, str]]:
    """Each source and target that a test of these two is about."""
    for source in (src, *tailnet.groups.get(src, ()), *tailnet.tags.get(src, ())):
        for target in (dst, *tailnet.tags.get(dst, ())):
            if source != target:
                yield source, target


def _people(tailnet: TailnetPlan) -> frozenset[str]:
    """The logins that the stack names: members of groups, and people in grants."""
    ends = (end for grant in tailnet.grants for end in (*grant.src, *grant.dst))
    members = (login for group in tailnet.groups.values() for login in group)
    return frozenset(name for name in (*ends, *members) if "@" in name)


def _stranger(where: str, login: str, people: frozenset[str]) -> Problem:
    known = did_you_mean(login, people, "people")
    way_out = known if people else "write somebody whom a group or a grant names, or drop it here"
    return Problem(where, f"no group and no grant names {login}", way_out)


def _is_known(tailnet: TailnetPlan, name: str) -> bool:
    """Whether the policy has the name; `acl-tag-known` reports one that it does not have."""
    named = name in tailnet.hosts or name in tailnet.tags or name in tailnet.groups
    return named or "@" in name or name.replace(".", "").isdigit()
