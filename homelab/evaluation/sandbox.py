"""Whether what systemd gets confines a unit as much as hardening.nix says.

One rule a setting, after systemd.exec(5). What a unit's own module says more strictly is fine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from homelab.nix import Nix

Values = Sequence[str]
"""What a setting is given, in order; systemd takes an empty one to forget those before it."""

_SYSTEM = ("no", "yes", "full", "strict")
_HOME = ("no", "read-only", "tmpfs", "yes")
_YES = {"true": "yes", "1": "yes", "on": "yes", "false": "no", "0": "no", "off": "no", "": "no"}


def weaker(
    settings: Sequence[tuple[str, Nix]], effective: dict[str, list[str]]
) -> Iterator[tuple[str, str, str]]:
    """Settings that say less than they should: (setting, promised, what systemd gets)."""
    for setting, promised in settings:
        wanted, got = as_text(promised), effective.get(setting, [])
        rule = _RULES.get(setting, _switch)
        if not rule(wanted, got):
            yield setting, shown(wanted), shown(got)


def as_text(value: Nix) -> list[str]:
    """A promised value as systemd reads it."""
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, str | int | float):
        return [str(value)]
    if isinstance(value, Sequence):
        return [text for v in value for text in as_text(v)]
    raise TypeError(f"not a setting of a unit: {type(value).__name__}")


def shown(values: Values) -> str:
    """The values as a person would write them."""
    return " ".join(v or '""' for v in values) or "nothing"


def _last(values: Values) -> str:
    value = values[-1] if values else ""
    return _YES.get(value, value)


def _switch(wanted: Values, got: Values) -> bool:
    """Anything that is not off is on: `private`, `disconnected` and their like say even more."""
    return _last(wanted) == "no" or _last(got) != "no"


def _ranked(order: Sequence[str]) -> Callable[[Values, Values], bool]:
    def holds(wanted: Values, got: Values) -> bool:
        return _rank(order, got) >= _rank(order, wanted)

    return holds


def _rank(order: Sequence[str], values: Values) -> int:
    value = _last(values)
    return order.index(value) if value in order else 0


def _home(wanted: Values, got: Values) -> bool:
    """An empty home hides as much as none, and with none nothing can be bound below."""
    if _last(wanted) == "tmpfs":
        return _last(got) == "tmpfs"
    hiding = ("tmpfs", "yes")
    return _last(got) in hiding or _rank(_HOME, got) >= _rank(_HOME, wanted)


def _allowed(values: Values) -> frozenset[str] | None:
    """What a list lets through; none for everything, as a list of what it forbids is read here."""
    words: set[str] = set()
    unset = True
    for value in values:
        if value == "":
            words, unset = set(), False
        elif value.startswith("~"):
            return None
        else:
            # Names of capabilities may be written either way.
            words |= {w.upper() if w.lower().startswith("cap_") else w for w in value.split()}
            unset = False
    return None if unset else frozenset(words)


def _no_more(wanted: Values, got: Values) -> bool:
    """A list of what is allowed: empty means nothing, as for capabilities."""
    limit, real = _allowed(wanted), _allowed(got)
    return limit is None or (real is not None and real <= limit)


def _families(wanted: Values, got: Values) -> bool:
    """A list of what is allowed, for which empty means that nothing is restricted."""
    limit, real = _allowed(wanted), _allowed(got)
    if not limit:
        return True
    return bool(real) and real is not None and (real == {"none"} or real <= limit)


def _namespaces(wanted: Values, got: Values) -> bool:
    return _last(wanted) == "no" or _last(got) == "yes"


def _architectures(wanted: Values, got: Values) -> bool:
    limit, real = _allowed(wanted), _allowed(got)
    return not limit or bool(real and real <= limit)


def _umask(wanted: Values, got: Values) -> bool:
    """Every bit that should be masked is; systemd's own default is 0022."""
    real = int(got[-1], 8) if got else 0o022
    return int(wanted[-1], 8) & ~real == 0


def _at_least(wanted: Values, got: Values) -> bool:
    """Paths: all of them are there, whatever their own module adds."""
    return set(_paths(wanted)) <= set(_paths(got))


def _paths(values: Values) -> Iterator[str]:
    for value in values:
        yield from value.split()


def _device_policy(wanted: Values, got: Values) -> bool:
    return _ranked(("auto", "closed", "strict"))(wanted, got)


_RULES: dict[str, Callable[[Values, Values], bool]] = {
    "BindPaths": _at_least,
    "BindReadOnlyPaths": _at_least,
    "CapabilityBoundingSet": _no_more,
    "DeviceAllow": _no_more,
    "DevicePolicy": _device_policy,
    "ProtectHome": _home,
    "ProtectSystem": _ranked(_SYSTEM),
    "ReadWritePaths": _at_least,
    "RestrictAddressFamilies": _families,
    "RestrictNamespaces": _namespaces,
    "SystemCallArchitectures": _architectures,
    "TemporaryFileSystem": _at_least,
    "UMask": _umask,
}
"""Every other setting is a switch."""
