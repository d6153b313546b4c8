"""Another NixOS release for a pin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from homelab.config.stack import StackConfig
from homelab.nix.flakeref import release_of
from homelab.problems import UsageError
from homelab.system.flakes import inputs


@dataclass(frozen=True)
class Move:
    """A pin at another release."""

    pin: str
    release: str
    url: str

    @property
    def edits(self) -> Mapping[tuple[str, ...], object]:
        """The values of the stack file."""
        return {
            ("nixpkgs", self.pin, "release"): self.release,
            ("nixpkgs", self.pin, "url"): self.url,
        }


def moved_pin(config: StackConfig, pin: str, release: str) -> Move:
    """The pin at another release. Raises UsageError if its URL names none."""
    held = config.nixpkgs[pin]
    present = release_of(held.url)
    if present is None:
        raise UsageError(
            f"--to {release}: {held.url} of the pin {pin} names no release; write "
            f"nixpkgs.{pin}.url and nixpkgs.{pin}.release, then run homelab update"
        )
    return Move(pin, release, held.url.replace(present, release))


def moved_flake(text: str, config: StackConfig, move: Move, file: str) -> str:
    """The owner's `flake.nix` with the URLs of the other release.

    Raises UsageError if it does not have the URL of nixpkgs that the stack has.
    """
    held = config.nixpkgs[move.pin]
    old, new = (inputs(config, release) for release in (held.release, move.release))
    urls = {held.url: move.url}
    urls |= {old[n].url: new[n].url for n in old if n in new and old[n].url != new[n].url}
    if f'"{held.url}"' not in text:
        raise UsageError(
            f'--to {move.release}: {file} has no "{held.url}"; write the URL of the new release '
            "there and in the stack, then run homelab update"
        )
    for url, changed in urls.items():
        text = text.replace(f'"{url}"', f'"{changed}"')
    return text
