"""What a build would compile instead of fetch, from the list that Nix prints before a build."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DRV = re.compile(r"^\s+/nix/store/[0-9a-z]{32}-(.+)\.drv$")
_BUILT = re.compile(r"^(?:this|these)(?: \d+)? derivations? will be built:")
_FETCHED = re.compile(r"^(?:this|these)(?: \d+)? paths? will be fetched(?: \(([^)]*)\))?")
_VERSIONED = re.compile(r".+?-\d")
_OF_THE_SYSTEM = re.compile(
    r"(?:nixos-system|nixos-rebuild|unit|initrd|stage|extra-utils|home-manager|man-cache)-"
    r"|.*-(?:modules|modules-shrunk|env|wrapper|wrapped|completions)$"
    r"|.*\.(?:tar(?:\.\w+)?|tgz|zip|patch|diff|conf|json|yaml|sh|service|timer|socket|mount)$"
)
"""Derivations of every system, which are written rather than compiled, and downloads of sources."""
_UNREACHED = ("unable to download", "unable to check", "Couldn't resolve host")


@dataclass(frozen=True)
class Unbuilt:
    """What is missing in the store and in the caches of the machine that was asked."""

    packages: tuple[str, ...]
    """Derivations with a version in their name: what would be compiled."""
    files: int
    """Number of the others: configuration files, units, the system itself."""
    fetched: str = ""
    """What would be fetched, as Nix prints it: `312.4 MiB download, 1.2 GiB unpacked`."""
    unreached: bool = False
    """A cache did not answer, so packages may be listed that it has."""


def read_unbuilt(stderr: str) -> Unbuilt:
    """The list in the output of a dry run."""
    names: list[str] = []
    inside, fetched = False, ""
    for line in stderr.splitlines():
        found = _DRV.match(line)
        if found is None or not inside:
            inside = bool(_BUILT.match(line))
            download = _FETCHED.match(line)
            fetched = (download[1] or "") if download else fetched
        else:
            names.append(found[1])
    packages = {n for n in names if _VERSIONED.match(n) and not _OF_THE_SYSTEM.match(n)}
    return Unbuilt(
        tuple(sorted(packages)),
        len(names) - sum(n in packages for n in names),
        fetched,
        any(mark in stderr for mark in _UNREACHED),
    )
