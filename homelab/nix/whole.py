"""Sets that NixOS takes as a whole: their type joins definitions of one priority alone.

Derived options have priority 900, so one key that the stack config states would remove every other
key of such a set. The stated definition therefore has the derived keys as well.
"""

from __future__ import annotations

from collections.abc import Mapping

from homelab.nix.values import Attrs, Nix

WHOLE = (
    ("services", "influxdb", "extraConfig"),
    ("services", "netdata", "config", "*"),
    ("services", "node-red", "define"),
    ("services", "tandoor-recipes", "extraConfig"),
)
"""Every option of this type (`attrs`) that homelab generates; tests/openings checks that."""


def together(derived: Attrs, stated: Attrs) -> tuple[Attrs, Attrs]:
    """Derived and stated options, where a set that both write is stated with the keys of both."""
    for path in WHOLE:
        derived, stated = _joined(derived, stated, path)
    return derived, stated


def _joined(derived: Attrs, stated: Attrs, path: tuple[str, ...]) -> tuple[Attrs, Attrs]:
    first, *rest = path
    keys = [k for k in stated if first in ("*", k) and k in derived]
    for key in keys:
        ours, theirs = derived[key], stated[key]
        if not isinstance(ours, Mapping) or not isinstance(theirs, Mapping):
            continue
        if rest:
            less, more = _joined(dict(ours), dict(theirs), tuple(rest))
            derived, stated = {**derived, key: less}, {**stated, key: more}
        else:
            derived = {k: v for k, v in derived.items() if k != key}
            stated = {**stated, key: _over(ours, theirs)}
    return derived, stated


def _over(ours: Mapping[str, Nix], theirs: Mapping[str, Nix]) -> Attrs:
    """Both sets; at every depth a value of the second counts."""
    out: Attrs = dict(ours)
    for key, value in theirs.items():
        old = out.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = _over(old, value)
        out[key] = value
    return out
