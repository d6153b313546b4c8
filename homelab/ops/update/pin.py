"""What `homelab pin` changes in the stack file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from homelab.config.pins import FlakeInput
from homelab.config.stack_edit import Place
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.stack import check_document
from homelab.ops.update.lock import Request
from homelab.problems import UsageError, did_you_mean

KNOWN: Mapping[str, str] = {
    "unstable": "github:NixOS/nixpkgs/nixos-unstable",
    "nixpkgs-unstable": "github:NixOS/nixpkgs/nixpkgs-unstable",
}
"""URLs of inputs that need none."""


def pin_request(
    directory: Path,
    name: str,
    package: str,
    source: str | None,
    url: str | None,
    *,
    on: str | None,
    memory_mib: int,
) -> Request:
    """The edits that take a package from an input, or without a `source` from the pin again.

    Raises UsageError for an unknown input, and for a package that is there already.
    """
    document = read_stack_document(directory, name)
    flakes = check_document(directory, name, document)[0].stack.flakes
    holders = [n for n, flake in flakes.items() if package in flake.packages]
    if source is None:
        if not holders:
            pinned = [p for flake in flakes.values() for p in flake.packages]
            raise UsageError(
                f'no input has the package "{package}"; {did_you_mean(package, pinned, "packages")}'
            )
        edits = _without(flakes, holders, package)
        return Request((), on=on, memory_mib=memory_mib, edits=edits, only_new=True)
    if holders == [source]:
        raise UsageError(f"{package} is from {source} already; to take newer ones: homelab update")
    edits = {}
    if source not in flakes:
        found = url or KNOWN.get(source)
        if found is None:
            raise UsageError(
                f'homelab:flakes has no "{source}"; '
                f"{did_you_mean(source, [*flakes, *KNOWN], 'inputs')}, or add --url github:…"
            )
        edits["flakes", source, "url"] = found
    elif url is not None and url != flakes[source].url:
        raise UsageError(f"flakes.{source}.url is {flakes[source].url}; leave --url out")
    present = flakes[source].packages if source in flakes else []
    edits["flakes", source, "packages"] = [*present, package]
    edits |= _without(flakes, [h for h in holders if h != source], package)
    return Request((source,), on=on, memory_mib=memory_mib, edits=edits, only_new=True)


def _without(
    flakes: Mapping[str, FlakeInput], holders: list[str], package: str
) -> dict[Place, object]:
    return {
        ("flakes", name, "packages"): [p for p in flakes[name].packages if p != package]
        for name in holders
    }
