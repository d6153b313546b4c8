"""Which of two values of one setting of systemd denies a unit more.

Source: systemd.exec(5). Only settings of the baseline are known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from homelab.nix import Nix

Verdict = Literal["same", "ours", "theirs", "neither"]
"""Who denies more; `neither` where each denies something that the other allows."""

_RANKS: dict[str, tuple[str, ...]] = {
    "ProtectSystem": ("no", "yes", "full", "strict"),
    "ProtectHome": ("no", "read-only", "tmpfs", "yes"),
    "PrivateTmp": ("no", "yes", "disconnected"),
    "ProtectControlGroups": ("no", "yes", "private", "strict"),
    "ProtectHostname": ("no", "private", "yes"),
}
"""Values from the weakest to the strictest; other settings are yes or no."""

GRANTS = ("CapabilityBoundingSet", "RestrictAddressFamilies")
"""Lists of what a unit is given. A module that states one says what its program needs."""

_FLAGS = ("no", "yes")
_ALIASES = {"true": "yes", "on": "yes", "1": "yes", "false": "no", "off": "no", "0": "no", "": "no"}


def stricter(setting: str, ours: Nix, theirs: Nix) -> Verdict:
    """Compare two values of a setting, each as NixOS or systemd writes it."""
    if setting == "UMask":
        return _masks(int(_text(ours) or "0022", 8), int(_text(theirs) or "0022", 8))
    if setting in GRANTS:
        return _sets(granted(ours), granted(theirs))
    if setting == "SystemCallArchitectures":
        return _ranks(bool(_text(ours)), bool(_text(theirs)))
    ranks = _RANKS.get(setting, _FLAGS)
    return _ranks(_rank(ranks, ours), _rank(ranks, theirs))


def granted(value: Nix) -> frozenset[str] | None:
    """What a list grants, in systemd's spelling; `None` where it grants all but what it names."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        words = " ".join(map(str, value))
    else:
        words = _text(value)
    if words.startswith("~"):
        return None
    return frozenset(w.upper() for w in words.split() if w != "none")


def _text(value: Nix) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _rank(ranks: tuple[str, ...], value: Nix) -> float:
    word = _text(value).lower()
    word = _ALIASES.get(word, word)
    # A list where a flag may stand, as RestrictNamespaces=user, denies more than no and less than
    # yes.
    return ranks.index(word) if word in ranks else 0.5


def _ranks(ours: float, theirs: float) -> Verdict:
    if ours == theirs:
        return "same"
    return "ours" if ours > theirs else "theirs"


def _masks(ours: int, theirs: int) -> Verdict:
    if ours == theirs:
        return "same"
    both = ours | theirs
    return "ours" if both == ours else "theirs" if both == theirs else "neither"


def _sets(ours: frozenset[str] | None, theirs: frozenset[str] | None) -> Verdict:
    if ours == theirs:
        return "same"
    if ours is None or theirs is None:
        return "theirs" if ours is None else "ours"
    return "ours" if ours < theirs else "theirs" if theirs < ours else "neither"
