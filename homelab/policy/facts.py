"""Read the options of a host that the baseline asks for: from the text, or from Nix's report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from homelab.evaluation.model import Secured
from homelab.nix import values as nix
from homelab.nix.source import Computed, Value
from homelab.openings.model import matches
from homelab.openings.settings import of_modules, of_others
from homelab.plan import Plan
from homelab.policy.baseline import BASELINE
from homelab.policy.model import Facts, Path
from homelab.policy.rules import path
from homelab.render import modules_of
from homelab.system.model import Host
from homelab.system.own_flake import unread_modules

ASKED: tuple[Path, ...] = tuple(sorted({path(o) for rule in BASELINE for o in rule.options}))
"""Every option that a rule reads."""


def from_text(plan: Plan, host: Host, sources: Mapping[str, str | bytes]) -> Facts:
    """The options as the generated files and the hand-written modules set them.

    A hand-written definition counts before a generated one. Lists are joined, as Nix joins them.
    """
    values: dict[Path, Value] = {}
    made = modules_of(plan, host)
    for tree in (*(m.derived for m in made), *(m.stated for m in made)):
        for at, value in _leaves(tree, ()):
            _add(values, at, value)
    for source in of_modules(host, sources).values():
        for setting in source.settings:
            for at, value in _spread(setting.path, setting.value):
                _add(values, at, value)
    others = of_others(host, sources).values()
    unsure = {at for s in others for o in s.settings for at, _ in _spread(o.path, o.value)}
    unread = bool(unread_modules(host, sources))
    return Facts(plan, host, values, unread=unread, unsure=frozenset(unsure))


def from_report(plan: Plan, host: Host, found: Secured) -> Facts:
    """The options as Nix merged them."""
    values = {tuple(one.path): _plain(one.value) for one in found.values}
    return Facts(plan, host, values, frozenset(map(tuple, found.missing)))


def _add(values: dict[Path, Value], at: Path, value: Value) -> None:
    if not any(matches(asked, at) for asked in ASKED):
        return
    old = values.get(at)
    values[at] = (*old, *value) if isinstance(old, tuple) and isinstance(value, tuple) else value


def _leaves(tree: Mapping[str, nix.Nix], at: Path) -> Iterator[tuple[Path, Value]]:
    for key, value in tree.items():
        yield from _spread((*at, key), _plain(value))


def _spread(at: Path, value: Value) -> Iterator[tuple[Path, Value]]:
    """The values inside a set, each at its own path."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _spread((*at, key), inner)
    else:
        yield at, value


def _plain(value: object) -> Value:
    """A value of a generated module or of JSON; what only Nix computes is `Computed`."""
    if isinstance(value, nix.Comment | nix.Force | nix.After | nix.Before):
        return _plain(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, nix.Lines):
        return value.text
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, Sequence):
        return tuple(_plain(v) for v in value)
    return Computed("")
