"""Checks of pins: which nixpkgs a host builds with."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.nix.flakeref import release_of
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean


def later(plan: Plan, name: str, release: str) -> str:
    """The part of a way out that moves a pin to a later release."""
    pin = plan.stack.nixpkgs.get(name)
    said = release_of(pin.url) if pin is not None else None
    url = "its url to that release"
    if pin is not None and said is not None:
        url = f"its url to {pin.url.replace(said, release)}"
    return f'set nixpkgs.{name}.release to "{release}" or later, {url}, then: homelab update'


@check("pin-known")
def pin_known(plan: Plan) -> Iterator[Problem]:
    """A host needs an existing nixpkgs pin to build with."""
    for host in plan.hosts.values():
        if host.config.nixpkgs not in plan.stack.nixpkgs:
            yield Problem(
                f"{host.source}.nixpkgs",
                f'there is no pin "{host.config.nixpkgs}"',
                did_you_mean(host.config.nixpkgs, plan.stack.nixpkgs, "pins"),
            )


@check("pin-release")
def pin_release(plan: Plan) -> Iterator[Problem]:
    """Options are chosen for the pin's `release`, and built with the release of its URL."""
    for name, pin in plan.stack.nixpkgs.items():
        built = release_of(pin.url)
        if built is not None and built != pin.release:
            yield Problem(
                f"nixpkgs.{name}.url",
                f"{pin.url} is NixOS {built}, and the pin says {pin.release}",
                f'write {pin.url.replace(built, pin.release)}, or release: "{built}"',
            )
