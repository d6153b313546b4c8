"""Checks of pins: which nixpkgs a host builds with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from homelab.check import check, file_check
from homelab.nix.flake import modified
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


PIN_AGE = file_check(
    "pin-age",
    "warning",
    "An old revision of nixpkgs lacks security updates.",
)


@check("pin-package")
def pin_package(plan: Plan) -> Iterator[Problem]:
    """If two flakes have one package, the stack does not say which one a host gets."""
    for i, (name, flake) in enumerate(sorted(plan.stack.flakes.items())):
        for other, earlier in sorted(plan.stack.flakes.items())[:i]:
            for package in sorted({*flake.packages} & {*earlier.packages}):
                yield Problem(
                    f"flakes.{name}.packages",
                    f"{package} is in flakes.{other}.packages, too",
                    f"remove it from one of the two: homelab pin {package} --from {other}",
                )


def check_pin_ages(plan: Plan, sources: Mapping[str, str | bytes], today: str) -> Iterator[Problem]:
    """Pins whose nixpkgs is older than their limit on this day."""
    for name, pin in sorted(plan.stack.nixpkgs.items()):
        text = sources.get(pin.lock, "")
        when = modified(text if isinstance(text, str) else "")
        age = (date.fromisoformat(today) - when.date()).days if when is not None else 0
        if when is not None and age > pin.max_age_days:
            yield Problem(
                f"nixpkgs.{name}.lock",
                f"its nixpkgs is of {when.date()}, {age} days ago",
                "see what newer packages change: homelab update; or raise max_age_days",
                PIN_AGE,
                "warning",
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
