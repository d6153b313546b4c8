"""Compare two values of a systemd setting: which of them denies a unit more.

Source: systemd.exec(5). Only settings of the baseline are compared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from homelab.nix import Nix

Verdict = Literal["same", "ours", "theirs", "neither"]
"""The stricter value; `neither` if each denies something that the other allows."""

_RANKS: dict[str, tuple[str, ...]] = {
    "ProtectSystem": ("no", "yes", "full", "strict"),
    "ProtectHome": ("no", "read-only", "tmpfs", "yes"),
    "PrivateTmp": ("no", "yes", "disconnected"),
    "ProtectControlGroups": ("no", "yes", "private", "strict"),
    "ProtectHostname": ("no", "private", "yes"),
}
"""Values from the weakest to the strictest; other settings are yes or no."""

GRANTS = ("CapabilityBoundingSet", "RestrictAddressFamilies")
"""Lists of what a unit may use. If a module states one, its program needs the items."""

_FLAGS = ("no", "yes")
_ALIASES = {"true": "yes", "on": "yes", "1": "yes", "false": "no", "off": "no", "0": "no", "": "no"}


def stricter(setting: str, ours: Nix, theirs: Nix) -> Verdict:
    """Compare two values of a setting, each as NixOS or systemd writes it."""
    if setting == "UMask":
        return _masks(_mask(ours), _mask(theirs))
    if setting in GRANTS:
        return _sets(granted(ours), granted(theirs))
    if setting == "SystemCallArchitectures":
        return _ranks(bool(_text(ours)), bool(_text(theirs)))
    ranks = _RANKS.get(setting, _FLAGS)
    return _ranks(_rank(ranks, ours), _rank(ranks, theirs))


def granted(value: Nix) -> frozenset[str] | None:
    """Items that a list grants, as systemd spells them; `None` if it grants all but the named."""
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
    # A list instead of a flag, as in RestrictNamespaces=user, is between no and yes.
    return ranks.index(word) if word in ranks else 0.5


def _ranks(ours: float, theirs: float) -> Verdict:
    if ours == theirs:
        return "same"
    return "ours" if ours > theirs else "theirs"


def _mask(value: Nix) -> int:
    """The bits of a mask. Of text that is no octal number, systemd takes its default."""
    text = _text(value)
    return int(text, 8) if re.fullmatch("[0-7]{1,4}", text) else 0o022


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
