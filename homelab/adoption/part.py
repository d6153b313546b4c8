"""What changes when homelab manages one more part of a host, and what becomes superfluous there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from homelab.managed import ALWAYS
from homelab.nix import Comment, Force, Module, Nix
from homelab.nix.files import read_files
from homelab.nix.source import Computed, Setting, Source
from homelab.system.model import Host
from homelab.system.own import Sources, carried
from homelab.system.own_flake import flake_modules

Path = tuple[str, ...]
_OF_THE_MACHINE = {"networking.hostId": "host_id", "system.stateVersion": "state_version"}
"""Options whose value belongs to the data on the machine, and the fields that follow it: another
`stateVersion` moves state and upgrades databases, another `hostId` imports no ZFS pool."""


@dataclass(frozen=True)
class Overlap:
    """A line of an own module that sets what a generated file sets too."""

    file: str
    line: int
    option: str
    generated: str
    verdict: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.option} is in {self.generated} too; {self.verdict}"


def options_of(module: Module) -> Iterator[str]:
    """The options that a generated file sets."""
    for path, _, _ in _values(module):
        yield ".".join(path)


def overlaps(host: Host, modules: Sequence[Module], sources: Sources) -> Iterator[Overlap]:
    """Lines of the host's own modules that set options of these generated files."""
    known: dict[Path, tuple[Module, Nix, bool]] = {
        path: (module, value, stated)
        for module in modules
        if module.file not in ALWAYS
        for path, value, stated in _values(module)
    }
    for name, source in _own(host, sources).items():
        for setting in source.settings:
            found = known.get(setting.path)
            if found is not None:
                module, value, stated = found
                verdict = _verdict(host, setting, value, stated=stated)
                yield Overlap(name, setting.line, setting.name, module.file, verdict)


def _own(host: Host, sources: Sources) -> dict[str, Source]:
    """Every Nix file that is copied to the host, and the modules inside of the flake's own file."""
    texts = {
        name: text
        for name, text in carried(host, sources).items()
        if name.endswith(".nix") and isinstance(text, str)
    }
    inside = [(n, t) for n, t in flake_modules(host, sources).files if texts.get(n) != t]
    return read_files((*texts.items(), *inside))


def _verdict(host: Host, setting: Setting, value: Nix, *, stated: bool) -> str:
    if isinstance(setting.value, Computed):
        return "compare them: yours is computed"
    own = [*setting.value] if isinstance(setting.value, tuple) else setting.value
    if own == value:
        return "the same value, so this line is superfluous"
    if isinstance(own, list) and isinstance(value, list):
        if all(item in value for item in own):
            return "all of it is there, so this line is superfluous"
        return "both lists count"
    field = _OF_THE_MACHINE.get(setting.name)
    if field is not None and isinstance(own, str):
        return (
            f'another value, and that of the machine is right: write {host.source}.{field}: "{own}"'
        )
    if stated:
        return "another value, so Nix refuses both: remove this line"
    return "another value, and yours wins; remove this line to get that of homelab"


def _values(module: Module) -> Iterator[tuple[Path, Nix, bool]]:
    for tree, stated in ((module.derived, False), (module.stated, True)):
        for path, value in _leaves(tree, ()):
            yield path, value, stated


def _leaves(tree: Mapping[str, Nix], path: Path) -> Iterator[tuple[Path, Nix]]:
    for key, value in tree.items():
        inner = value.value if isinstance(value, Comment) else value
        inner = inner.value if isinstance(inner, Force) else inner
        if isinstance(inner, Mapping) and inner:
            yield from _leaves(inner, (*path, key))
        else:
            yield (*path, key), inner
