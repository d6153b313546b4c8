"""How large and how readable the Nix of a stack is: what homelab generates, and your own modules.
Your own are those that you write: a file whose header says that a program generated it is left out.

The benchmarks are those of a configuration that one person keeps in their head. They are no check:
`module-size` is the one limit that is worth a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from homelab.deploy.model import Release
from homelab.evaluation.origin import Origins
from homelab.nix.header import header_of, is_made
from homelab.plan import Plan
from homelab.system.model import Host
from homelab.system.size_checks import LONGEST

LINES = 5000
MODULES = 100
DOCUMENTED = 80
PLACED = 70
"""Least percentage of generated blocks that name a place narrower than their host."""


@dataclass(frozen=True)
class Size:
    """A set of Nix files."""

    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def modules(self) -> int:
        """How many files."""
        return len(self.files)

    @property
    def lines(self) -> int:
        """Their lines, with comments and blank ones."""
        return sum(_lines(text) for text in self.files.values())

    @property
    def longest(self) -> tuple[int, str]:
        """Lines and path of the longest file; `(0, "")` without files."""
        return max(((_lines(text), path) for path, text in self.files.items()), default=(0, ""))

    @property
    def documented(self) -> int | None:
        """Percentage of files with a comment at the top that says something; None without files."""
        return percent(sum(bool(header_of(t)) for t in self.files.values()), len(self.files))


@dataclass(frozen=True)
class HostMetrics:
    """The Nix of one host."""

    host: str
    own: Size
    """Your own modules, and the files that they import."""
    generated: Size
    """What homelab writes for this host. `lib/` is homelab's own code, and no part of it."""
    blocks: int
    """Blocks of the generated files that set an option, as `homelab why` tells them apart."""
    placed: int
    """Those whose cause is a place in the stack config that is narrower than the host."""

    def as_data(self) -> dict[str, object]:
        """The numbers, for scripts."""
        return {
            "host": self.host,
            "own": _as_data(self.own),
            "generated": _as_data(self.generated),
            "blocks": self.blocks,
            "blocks_with_place": self.placed,
        }


@dataclass(frozen=True)
class Measure:
    """A value beside its benchmark."""

    what: str
    value: int
    benchmark: int
    """The most that is good, or the least of a percentage."""
    at: str = ""
    """The file or host that has the value, where it is one."""
    unit: Literal["", "%"] = ""

    @property
    def status(self) -> Literal["good", "missed"]:
        """Whether the benchmark is met."""
        met = self.value >= self.benchmark if self.unit else self.value <= self.benchmark
        return "good" if met else "missed"

    @property
    def target(self) -> str:
        """The benchmark as words."""
        return f"at least {self.benchmark} %" if self.unit else f"at most {self.benchmark}"

    def as_data(self) -> dict[str, str | int]:
        """The measure, for scripts."""
        return {
            "what": self.what,
            "value": self.value,
            "unit": self.unit,
            "benchmark": self.target,
            "status": self.status,
            "at": self.at,
        }


def metrics(plan: Plan, releases: Mapping[str, Release]) -> list[HostMetrics]:
    """The numbers of each host that has files, by name."""
    return [_of_host(plan, plan.hosts[name], releases[name]) for name in sorted(releases)]


def whole(hosts: Iterable[HostMetrics]) -> HostMetrics:
    """All hosts as one. A file of yours counts once, however many hosts have it."""
    found = tuple(hosts)
    return HostMetrics(
        "all",
        Size({path: text for h in found for path, text in h.own.files.items()}),
        Size({f"{h.host}/{path}": text for h in found for path, text in h.generated.files.items()}),
        sum(h.blocks for h in found),
        sum(h.placed for h in found),
    )


def measures(hosts: Iterable[HostMetrics]) -> Iterator[Measure]:
    """The values of a stack beside their benchmarks. What homelab generates is counted for each
    host, since nobody reads two of them at once: the largest one has the value.
    """
    found = tuple(hosts)
    every = whole(found)
    if every.own.modules:
        yield Measure("lines of your own Nix", every.own.lines, LINES)
        yield Measure("modules of your own", every.own.modules, MODULES)
        yield _longest("longest module of your own", every.own)
        yield from _share("your own modules with a header comment", every.own.documented)
    if every.generated.modules:
        largest = max(found, key=lambda h: h.generated.lines)
        most = max(found, key=lambda h: h.generated.modules)
        yield Measure(
            "generated lines of the largest host", largest.generated.lines, LINES, largest.host
        )
        yield Measure(
            "generated modules of the largest host", most.generated.modules, MODULES, most.host
        )
        yield _longest("longest generated module", every.generated)
        yield from _share("generated modules with a header comment", every.generated.documented)
    named = percent(every.placed, every.blocks)
    yield from _share("generated blocks that name their place in the stack", named, PLACED)


def percent(part: int, total: int) -> int | None:
    """A share, rounded down so that 100 means all; None of nothing."""
    return part * 100 // total if total else None


def _longest(what: str, size: Size) -> Measure:
    lines, file = size.longest
    return Measure(what, lines, LONGEST, file)


def _share(what: str, share: int | None, least: int = DOCUMENTED) -> Iterator[Measure]:
    if share is not None:
        yield Measure(what, share, least, unit="%")


def _of_host(plan: Plan, host: Host, release: Release) -> HostMetrics:
    files = dict(release.files)
    nix = {p: t for p, t in files.items() if p.endswith(".nix") and isinstance(t, str)}
    own = {
        path.removeprefix("own/"): text
        for path, text in nix.items()
        if path.startswith("own/") and not is_made(text)
    }
    generated = {p: t for p, t in nix.items() if not p.startswith(("own/", "lib/"))}
    origins = Origins(plan, host, files)
    # A reason in place of a place: the frame of a file, which sets no option, or the digest.
    places = [o.place for p in generated for o in origins.of_lines(p) if o.place is not None]
    narrow = [place for place in places if place.where != host.source]
    return HostMetrics(host.name, Size(own), Size(generated), len(places), len(narrow))


def _as_data(size: Size) -> dict[str, object]:
    lines, file = size.longest
    return {
        "modules": size.modules,
        "lines": size.lines,
        "longest": {"file": file, "lines": lines},
        "documented_percent": size.documented,
    }


def _lines(text: str) -> int:
    return len(text.splitlines())
