"""The registry of rules of the security baseline, and the usual form of a rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from homelab.nix.source import Value
from homelab.openings.model import shown
from homelab.policy.model import Facts, Look, Rule, UnknownError, is_computed
from homelab.system.model import Host

RULES: list[Rule] = []
"""All rules, in the order of registration."""
Test = Callable[[Value], bool]
REMOVE = "remove the definition that sets it"
"""The way out where the default is right."""


class _NoDefault:
    """Marks an option whose default is not a constant."""


NO_DEFAULT = _NoDefault()


def path(option: str) -> tuple[str, ...]:
    """The parts of an option; a quoted part may contain dots."""
    parts, quoted = [], option.split('"')
    for number, text in enumerate(quoted):
        parts += [text] if number % 2 else [p for p in text.split(".") if p]
    return tuple(parts)


def always(_: Host) -> bool:
    """The rule applies to every NixOS host."""
    return True


def register(
    id_: str,
    title: str,
    options: Sequence[str],
    *,
    why: str,
    way_out: str,
    look: Look,
    required: bool = False,
    applies: Callable[[Host], bool] = always,
) -> None:
    """Register a rule. Raises ValueError for an id that exists."""
    if any(r.id == id_ for r in RULES):
        raise ValueError(f"two rules are called {id_}")
    RULES.append(Rule(id_, required, title, tuple(options), why, way_out, look, applies))


def option(
    id_: str,
    title: str,
    name: str,
    holds: Test,
    *,
    why: str,
    way_out: str,
    default: Value | _NoDefault = NO_DEFAULT,
    required: bool = False,
    applies: Callable[[Host], bool] = always,
) -> None:
    """Register a rule about one option. `default` is the value of nixpkgs where nothing sets it."""

    def look(facts: Facts) -> str:
        found = list(facts.each(path(name)))
        if not found and "*" not in name:
            if isinstance(default, _NoDefault) or path(name) in facts.missing:
                raise UnknownError
            found = [(path(name), default)]
        wrong = [(p, v) for p, v in found if not is_computed(v) and not holds(v)]
        if wrong:
            return ", ".join(f"{'.'.join(p)} is {shown(v)}" for p, v in wrong)
        if any(is_computed(v) for _, v in found):
            raise UnknownError
        return ""

    register(
        id_, title, [name], why=why, way_out=way_out, look=look, required=required, applies=applies
    )
