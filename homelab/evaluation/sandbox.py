"""Compare the settings that systemd gets with the planned sandbox.

One rule for each setting, after systemd.exec(5). A stricter value is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from homelab.nix import Nix

Values = Sequence[str]
"""The values of a setting, in order. For systemd, an empty value resets those before it."""

_SYSTEM = ("no", "yes", "full", "strict")
_HOME = ("no", "read-only", "tmpfs", "yes")
_YES = {"true": "yes", "1": "yes", "on": "yes", "false": "no", "0": "no", "off": "no", "": "no"}


def weaker(
    settings: Sequence[tuple[str, Nix]], effective: dict[str, list[str]]
) -> Iterator[tuple[str, str, str]]:
    """Settings that are weaker than planned: (setting, planned value, value that systemd gets)."""
    for setting, promised in settings:
        wanted, got = as_text(promised), effective.get(setting, [])
        rule = _RULES.get(setting, _switch)
        if not rule(wanted, got):
            yield setting, shown(wanted), shown(got)


def as_text(value: Nix) -> list[str]:
    """A planned value as systemd reads it."""
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, str | int | float):
        return [str(value)]
    if isinstance(value, Sequence):
        return [text for v in value for text in as_text(v)]
    raise TypeError(f"not a setting of a unit: {type(value).__name__}")


def shown(values: Values) -> str:
    """The values as a unit file has them."""
    return " ".join(v or '""' for v in values) or "nothing"


def _last(values: Values) -> str:
    value = values[-1] if values else ""
    return _YES.get(value, value)


def is_on(values: Values) -> bool:
    """Whether a switch is on; off without a value."""
    return bool(values) and _last(values) != "no"


def _switch(wanted: Values, got: Values) -> bool:
    """Every value except off is on: `private` and `disconnected` are even stricter."""
    return _last(wanted) == "no" or _last(got) != "no"


def _ranked(order: Sequence[str]) -> Callable[[Values, Values], bool]:
    def holds(wanted: Values, got: Values) -> bool:
        return _rank(order, got) >= _rank(order, wanted)

    return holds


def _rank(order: Sequence[str], values: Values) -> int:
    value = _last(values)
    return order.index(value) if value in order else 0


def _home(wanted: Values, got: Values) -> bool:
    """`tmpfs` hides as much as `true`, and only with `tmpfs` can paths be bound below."""
    if _last(wanted) == "tmpfs":
        return _last(got) == "tmpfs"
    hiding = ("tmpfs", "yes")
    return _last(got) in hiding or _rank(_HOME, got) >= _rank(_HOME, wanted)


def _allowed(values: Values) -> frozenset[str] | None:
    """Items that a list allows; None if it allows everything, or lists what it forbids."""
    words: set[str] = set()
    unset = True
    for value in values:
        if value == "":
            words, unset = set(), False
        elif value.startswith("~"):
            return None
        else:
            # Capabilities may be in upper or lower case.
            words |= {w.upper() if w.lower().startswith("cap_") else w for w in value.split()}
            unset = False
    return None if unset else frozenset(words)


def _no_more(wanted: Values, got: Values) -> bool:
    """A list of allowed items. Empty allows nothing, as for capabilities."""
    limit, real = _allowed(wanted), _allowed(got)
    return limit is None or (real is not None and real <= limit)


def _families(wanted: Values, got: Values) -> bool:
    """A list of allowed items for which empty means no restriction."""
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
    """All bits of the planned mask are masked. The default of systemd is 0022."""
    real = int(got[-1], 8) if got else 0o022
    return int(wanted[-1], 8) & ~real == 0


def _at_least(wanted: Values, got: Values) -> bool:
    """Paths: all planned ones are there. The module of the service may add more."""
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
