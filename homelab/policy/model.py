"""Rules of the security baseline, and what they say about one host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from homelab.nix.source import Computed, Value
from homelab.openings.model import matches
from homelab.plan import Plan
from homelab.system.model import Host

Path = tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """Values of a host's options, by path; evaluated by Nix, or as the text shows them."""

    plan: Plan
    host: Host
    values: Mapping[Path, Value]
    """An option that is not in it has its default."""
    missing: frozenset[Path] = frozenset()
    """Options that this nixpkgs does not have."""
    unread: bool = False
    """Whether the host has modules that the text does not show, so that an option that is not in
    `values` may be set there."""
    unsure: frozenset[Path] = frozenset()
    """Options that a file sets of which the text does not show whether it is a module of the host.
    """

    def settles(self, option: Path) -> bool:
        """Whether the text decides an option: no module that it does not show may set it."""
        if any(matches(option, path) for path in self.unsure):
            return False
        return not self.unread or ("*" not in option and option in self.values)

    def each(self, option: Path) -> Iterator[tuple[Path, Value]]:
        """The values of an option; `*` in its path is any name."""
        if "*" not in option:
            if option in self.values:
                yield option, self.values[option]
            return
        for path, value in self.values.items():
            if matches(option, path):
                yield path, value


Look = Callable[[Facts], str]
"""What is wrong; empty if nothing is. Raises `UnknownError` where the text alone does not tell."""


class UnknownError(Exception):
    """The value is computed, or this nixpkgs does not have the option."""


@dataclass(frozen=True)
class Rule:
    """One rule of the baseline."""

    id: str
    """Stable: an id is never reused."""
    required: bool
    """A host that breaks a required rule has an error; another rule only lowers its score."""
    title: str
    """What holds on the host."""
    options: tuple[str, ...]
    """The options that it reads."""
    why: str
    way_out: str
    look: Look
    applies: Callable[[Host], bool]


State = Literal["holds", "broken", "unknown", "accepted"]


@dataclass(frozen=True)
class Verdict:
    """What a rule says about one host."""

    rule: Rule
    state: State
    what: str = ""
    """What is wrong, if it is broken or accepted."""
    reason: str = ""
    """Why it is accepted, and until when."""


@dataclass(frozen=True)
class HostScore:
    """All rules on one host."""

    host: str
    verdicts: tuple[Verdict, ...]

    @property
    def percent(self) -> int:
        """Share of the rules that hold. A broken rule counts also if an exception accepts it; one
        that the text does not decide does not count.
        """
        return _share(self.verdicts)

    @property
    def by_subject(self) -> Mapping[str, int]:
        """The same share for the rules of each subject."""
        return {
            title: _share([v for v in self.verdicts if v.rule.id.split("-")[1] == subject])
            for subject, title in SUBJECTS.items()
        }


SUBJECTS: Mapping[str, str] = {
    "NET": "network",
    "SSH": "SSH",
    "USER": "accounts",
    "SUDO": "sudo",
    "SECR": "secrets",
    "NIX": "Nix",
    "KERN": "kernel",
}
"""What rules are about, by the part of their id."""


def _share(verdicts: Sequence[Verdict]) -> int:
    known = [v for v in verdicts if v.state != "unknown"]
    held = sum(v.state == "holds" for v in known)
    return 100 * held // len(known) if known else 0


def is_computed(value: Value) -> bool:
    """Whether only evaluation determines the value, or a part of it."""
    if isinstance(value, tuple):
        return any(map(is_computed, value))
    return isinstance(value, Computed)
