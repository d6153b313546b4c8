"""The registry of checks: rules over a finished plan, each with an id, a reason and its rows.

A check is a function of the plan that yields problems. It stands in the package it guards, with
`@check` above it; this module only collects them, so a new check is one function.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from functools import cache

from homelab.check import _FILE_CHECKS, _REGISTRY, Check, FileCheck
from homelab.plan import Plan
from homelab.problems import Problem

PACKAGES = (
    "backup",
    "certificates",
    "cloudflare",
    "dashboard",
    "deploy",
    "hardening",
    "identity",
    "monitoring",
    "network",
    "openings",
    "proxy",
    "reach",
    "secrets",
    "services",
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
            # A package with many has them by noun: `rule_checks.py` beside `checks.py`.
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


def every_rule() -> tuple[Check | FileCheck, ...]:
    """All that a problem may be labelled with, by id."""
    return tuple(sorted((*all_checks(), *file_checks()), key=lambda rule: rule.id))


def run_checks(plan: Plan) -> list[Problem]:
    """Every problem that every check finds, in the order of the places they name."""
    found = set(plan.problems)
    for item in all_checks():
        for problem in item.rule(plan):
            # Of a rule that is an error, one problem may be a warning; never the other way round.
            severity = item.severity if problem.severity == "error" else "warning"
            found.add(replace(problem, check=item.id, severity=severity))
    return sorted(found)
