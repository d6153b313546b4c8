"""Named things of the stack config that nothing refers to."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem


@check("named-unused", severity="warning", whole=True)
def named_unused(plan: Plan) -> Iterator[Problem]:
    """Something that is described and that nothing uses has no effect. Often its name is missing or
    mistyped elsewhere.
    """
    for unused in (_pins, _access, _targets, _tiers, _groups):
        yield from unused(plan)


def _pins(plan: Plan) -> Iterator[Problem]:
    used = {host.config.nixpkgs for host in plan.hosts.values()}
    for name in sorted(plan.stack.nixpkgs.keys() - used):
        yield Problem(
            f"nixpkgs.{name}",
            f"no host uses the pin {name}",
            f"write nixpkgs: {name} at a host, or leave the pin out",
        )


def _access(plan: Plan) -> Iterator[Problem]:
    cloudflare = plan.stack.cloudflare
    if cloudflare is None:
        return
    groups = {g for r in plan.routes for g in r.access_groups}
    groups |= {g for page in cloudflare.pages.values() for g in page.access_groups}
    for name in sorted(cloudflare.access.groups.keys() - groups):
        yield Problem(
            f"cloudflare.access.groups.{name}",
            f"no route names the group {name}, so Access lets nobody in by it",
            f"write access_groups: [{name}] at a route, or leave the group out",
        )
    tokens = {t for r in plan.routes for t in r.service_tokens}
    for name in sorted(cloudflare.access.service_tokens.keys() - tokens):
        yield Problem(
            f"cloudflare.access.service_tokens.{name}",
            f"no route accepts the service token {name}",
            f"write service_tokens: [{name}] at a route, or leave the token out",
        )


def _targets(plan: Plan) -> Iterator[Problem]:
    if not plan.backup.jobs:
        return
    used = {job.target for job in plan.backup.jobs}
    for name in sorted(plan.stack.backup.targets.keys() - used):
        yield Problem(
            f"backup.targets.{name}",
            f"no backup goes to {name}",
            f"add {name} to backup.targets of a service on a host that reaches it, or leave the "
            "target out",
        )


def _tiers(plan: Plan) -> Iterator[Problem]:
    backup = plan.stack.backup
    if "tiers" not in backup.model_fields_set:
        return
    used = {s.config.backup.tier for s in plan.services} | {d.tier for d in plan.datasets}
    used |= {extra.tier for extra in backup.extra.values()}
    for name in sorted(backup.tiers.keys() - used):
        yield Problem(
            f"backup.tiers.{name}",
            f"no service, dataset or extra path has the tier {name}",
            f"write tier: {name} where it is meant, or leave it out",
        )


def _groups(plan: Plan) -> Iterator[Problem]:
    identity = plan.stack.identity
    if identity is None or plan.identity is None or "groups" not in identity.model_fields_set:
        return
    if identity.directory is not None:
        return  # They are created in the directory, where apps can read them.
    used = {g for rule in plan.identity.rules for g in rule.groups}
    used |= {g for client in plan.identity.clients for g in client.groups}
    used |= {g for route in plan.routes for g in route.groups}
    for name in sorted({*identity.groups} - used - {"admins", "family"}):
        yield Problem(
            f"identity.groups[{identity.groups.index(name)}]",
            f"no rule and no route names the group {name}",
            f"write groups: [{name}] at a route or a rule, or leave the group out",
        )
