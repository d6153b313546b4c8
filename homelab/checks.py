"""The registry of checks: rules about a finished plan, each with an id and a reason.

A check is a function of the plan that yields problems. It is defined in the package of its subject,
with `@check` above it. This module only collects the checks, so a new check is one function.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Container, Iterable
from dataclasses import replace
from functools import cache

from homelab.check import _FILE_CHECKS, _REGISTRY, Check, FileCheck
from homelab.plan import Plan
from homelab.problems import Problem, cause_of
from homelab.services.own import place_of_option

PACKAGES = (
    "backup",
    "certificates",
    "cloudflare",
    "connections",
    "dashboard",
    "databases",
    "deploy",
    "disks",
    "hardening",
    "identity",
    "monitoring",
    "network",
    "openings",
    "policy",
    "proxy",
    "reach",
    "secrets",
    "services",
    "starter",
    "storage",
    "system",
    "tailnet",
    "vpn",
)


@cache
def all_checks() -> tuple[Check, ...]:
    """Every check, by id."""
    for name in PACKAGES:
        package = importlib.import_module(f"homelab.{name}")
        for module in pkgutil.iter_modules(package.__path__):
            # A package with many checks has several files: `rule_checks.py` beside `checks.py`.
            if module.name == "checks" or module.name.endswith("_checks"):
                importlib.import_module(f"{package.__name__}.{module.name}")
    return tuple(_REGISTRY[k] for k in sorted(_REGISTRY))


@cache
def file_checks() -> tuple[FileCheck, ...]:
    """Every check that needs file contents or the date, by id."""
    importlib.import_module("homelab.neighbours")
    for name in PACKAGES:
        package = importlib.import_module(f"homelab.{name}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    return tuple(_FILE_CHECKS[k] for k in sorted(_FILE_CHECKS))


@cache
def every_rule() -> tuple[Check | FileCheck, ...]:
    """Every check and file check, by id."""
    return tuple(sorted((*all_checks(), *file_checks()), key=lambda rule: rule.id))


def run_checks(plan: Plan, only: Container[str] | None = None) -> list[Problem]:
    """The problems that all checks find, or those with these ids, sorted by place."""
    found = {p for p in plan.problems if only is None or p.check in only}
    for item in all_checks():
        if only is not None and item.id not in only:
            continue
        for problem in item.rule(plan):
            # A check of severity error may yield a warning, but never the other way round.
            severity = item.severity if problem.severity == "error" else "warning"
            where = _at_facts(plan, problem.where)
            found.add(replace(problem, check=item.id, severity=severity, where=where))
    return sorted(found)


def settled(problems: Iterable[Problem]) -> list[Problem]:
    """The problems without those that nothing uses something, if an error may be the reason: one at
    the same service, host or dataset, or one whose cause keeps parts of the stack out of the plan.
    They come back with the next check, and no error lets anything through before.
    """
    found = list(problems)
    whole = {rule.id for rule in every_rule() if rule.whole}
    errors = [p for p in found if p.severity == "error" and p.check not in whole]
    keeps_out, parts = any(map(cause_of, errors)), {_part(p.where) for p in errors}
    return [p for p in found if p.check not in whole or not (keeps_out or _part(p.where) in parts)]


def _part(where: str) -> str:
    return ".".join(where.split(".")[:2])


_OPTION = re.compile(r"services\.([a-z0-9-]+)\.options\.(.+)")


def _at_facts(plan: Plan, where: str) -> str:
    """The place of an option, which may be in an owner's facts."""
    found = _OPTION.fullmatch(where)
    return place_of_option(plan.stack, found[1], found[2]) if found else where
