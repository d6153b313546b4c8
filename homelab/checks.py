"""The registry of checks: rules over a finished plan, each with an id, a reason and its rows.

A check is a function of the plan that yields problems. It stands in the room it guards, with
`@check` above it; this module only collects them, so a new check is one function.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from homelab.problems import Problem, Severity

if TYPE_CHECKING:
    from homelab.plan import Plan

Rule = Callable[["Plan"], Iterable[Problem]]

ROOMS = (
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


@dataclass(frozen=True)
class Check:
    """A rule, and why it is one."""

    id: str
    severity: Severity
    rows: tuple[str, ...]
    why: str
    rule: Rule


@dataclass(frozen=True)
class Outside:
    """A rule that no plan can tell, for it reads a file or the clock; its room calls it by name."""

    id: str
    severity: Severity
    why: str


OUTSIDE = (
    Outside("acme-until", "warning", "A DNS-01 token that has ended renews no certificate."),
    Outside(
        "build-dir-mounted",
        "error",
        "A build directory lies on a disk that is there, and nobody else writes it.",
    ),
    Outside(
        "dataset-mounted",
        "warning",
        "A mount point that no module mounts is never waited for, and what should be on its disk "
        "fills the root.",
    ),
    Outside(
        "file-present",
        "error",
        "A host's tree takes along every file that the stack names, so each is there.",
    ),
    Outside("flake-imported", "error", "An option that no module has does not evaluate."),
    Outside(
        "flake-unused",
        "warning",
        "An input that nobody needs is in no host's flake, whatever it was meant for.",
    ),
    Outside(
        "forbidden-patterns",
        "error",
        "A hand-written module that opens ports, writes the proxy's hosts or lets people in "
        "another way works around the plan.",
    ),
    Outside(
        "grub-device",
        "error",
        "GRUB is written to a disk that somebody names; NixOS refuses a host without.",
    ),
    Outside(
        "host-boots",
        "error",
        "A hardware module without a root file system makes a host that does not boot.",
    ),
    Outside("flash-swap", "warning", "Swap on flash wears it out in a year or two."),
    Outside("legacy-until", "warning", "A legacy domain whose time is over is dropped."),
    Outside(
        "lock-complete",
        "error",
        "A pin's lock holds every input that its hosts need; a build may not add one.",
    ),
    Outside(
        "lock-matches",
        "error",
        "An input is locked for the address that hosts name; for another, a build fails, since it "
        "may not lock anew.",
    ),
    Outside(
        "own-module", "error", "What a hand-written module imports travels with it, and is Nix."
    ),
    Outside(
        "persistence-complete",
        "error",
        "On a root that forgets, whatever nobody keeps is gone after a restart.",
    ),
    Outside(
        "persistence-root",
        "error",
        "A root that is to forget does, and what survives lies on a disk that is mounted.",
    ),
    Outside(
        "secret-deployer",
        "warning",
        "`pulumi up` finds its own secrets; a preview does without, so that they lack would show "
        "only then.",
    ),
    Outside(
        "secret-plaintext",
        "error",
        "A secret that was ever committed in clear is not one any more.",
    ),
    Outside(
        "authority-ends",
        "error",
        "When the root certificate ends, so does every certificate at home, and devices have to "
        "be told of the next one in time.",
    ),
    Outside(
        "authority-root",
        "error",
        "What devices are told to trust is one certificate of an authority, without its key, and "
        "good for the names at home alone.",
    ),
    Outside("secret-recipient", "error", "A host can decrypt its own file, and no other host can."),
    Outside(
        "stack-compared",
        "warning",
        "Two stacks that share an account or a machine are compared, if both can be planned.",
    ),
    Outside("stack-host", "error", "A machine runs one release, so one stack has it."),
    Outside(
        "stack-names",
        "error",
        "A record, a tunnel or a bucket of two stacks is made by one and broken by the other.",
    ),
    Outside(
        "stack-policy", "error", "A tailnet has one policy and one DNS, so one stack has both."
    ),
    Outside(
        "stack-policy-part",
        "warning",
        "The stack that has the policy speaks of every machine, or the owners alone reach it.",
    ),
    Outside(
        "stack-secrets",
        "error",
        "Secrets that two stacks derive for the same purpose are the same, unless a namespace sets "
        "them apart.",
    ),
    Outside(
        "target-mounted",
        "warning",
        "Backups for a disk that no module mounts fill the root disk, and are lost with it.",
    ),
    Outside(
        "wifi-secret-format",
        "error",
        "wpa_supplicant takes `wifi_psk=<password>` on one line; with anything else its host "
        "leaves the network.",
    ),
    Outside("zfs-host-id", "error", "ZFS opens its pools for the machine whose number they know."),
)
"""The rules that stand in no registry, by id."""


_REGISTRY: dict[str, Check] = {}


def check(id_: str, *, rows: str, severity: Severity = "error") -> Callable[[Rule], Rule]:
    """Register a rule. Its docstring says why; `rows` names the requirements it serves."""

    def register(rule: Rule) -> Rule:
        if id_ in _REGISTRY:
            raise ValueError(f"two checks are called {id_}")
        why = " ".join((rule.__doc__ or "").split())
        _REGISTRY[id_] = Check(id_, severity, tuple(rows.split()), why, rule)
        return rule

    return register


@cache
def all_checks() -> tuple[Check, ...]:
    """Every check, by id."""
    for room in ROOMS:
        package = importlib.import_module(f"homelab.{room}")
        for module in pkgutil.iter_modules(package.__path__):
            # A room with many has them by noun: `rule_checks.py` beside `checks.py`.
            if module.name == "checks" or module.name.endswith("_checks"):
                importlib.import_module(f"{package.__name__}.{module.name}")
    return tuple(_REGISTRY[k] for k in sorted(_REGISTRY))


def every_rule() -> tuple[Check | Outside, ...]:
    """All that a problem may be labelled with, by id."""
    return tuple(sorted((*all_checks(), *OUTSIDE), key=lambda rule: rule.id))


def run_checks(plan: Plan) -> list[Problem]:
    """Every problem that every check finds, in the order of the places they name."""
    found = set(plan.problems)
    for item in all_checks():
        for problem in item.rule(plan):
            # Of a rule that is an error, one problem may be a warning; never the other way round.
            severity = item.severity if problem.severity == "error" else "warning"
            found.add(replace(problem, check=item.id, severity=severity))
    return sorted(found)
