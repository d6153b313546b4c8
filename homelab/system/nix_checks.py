"""Checks of the flake locks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from homelab.check import file_check
from homelab.nix.flake import LockError, originals, prune_lock
from homelab.nix.flakeref import names_the_same, show_ref
from homelab.plan import Plan
from homelab.problems import Problem

LOCK_COMPLETE = file_check(
    "lock-complete",
    "error",
    "A build cannot add an input that the pin's lock lacks.",
)
LOCK_MATCHES = file_check(
    "lock-matches",
    "error",
    "A build fails if an input is locked for another URL than the hosts' flakes have, since it"
    " cannot update the lock.",
)


def check_locks(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """Problems of each pin's lock: missing inputs, and inputs locked for another URL."""
    from homelab.render import modules_of
    from homelab.system.flakes import extended_inputs, inputs_of

    needed: dict[str, set[str]] = {}
    # The flake that a host extends declares its inputs itself, also those of our names.
    declared: dict[str, set[str]] = {}
    for host in plan.hosts.values():
        if host.config.nixpkgs in plan.stack.nixpkgs:
            names = inputs_of(plan, host, modules_of(plan, host), sources)
            needed.setdefault(host.config.nixpkgs, set()).update(names)
            theirs = extended_inputs(host, sources).keys() - {"nixpkgs"}
            declared.setdefault(host.config.nixpkgs, set()).update(theirs)
    for pin, inputs in sorted(needed.items()):
        path = plan.stack.nixpkgs[pin].lock
        content = sources.get(path)
        if content is None:
            continue
        text = content if isinstance(content, str) else ""
        try:
            prune_lock(text, sorted(inputs))
        except LockError as error:
            words = f"run: {update_command(plan, pin, error.missing)}"
            yield Problem(f"nixpkgs.{pin}.lock", f"{path}: {error}", words, check=LOCK_COMPLETE)
        yield from _other_flakes(plan, pin, inputs - declared[pin], text)


def update_command(plan: Plan, pin: str, inputs: Sequence[str] = ()) -> str:
    """The command that locks a pin, or some of its inputs, and leaves every other pin as it is."""
    names = [h.name for h in plan.hosts.values() if h.config.nixpkgs == pin]
    is_only = {h.config.nixpkgs for h in plan.hosts.values()} == {pin} and len(names) > 1
    host = [] if is_only or not names else ["--host", names[0]]
    return " ".join(["homelab update", *host, *inputs])


def _other_flakes(plan: Plan, pin: str, inputs: set[str], text: str) -> Iterator[Problem]:
    """Inputs that are locked for another reference, which fails a build."""
    from homelab.system.flakes import inputs as known_inputs

    config, locked = plan.stack.nixpkgs[pin], originals(text)
    urls = {n: i.url for n, i in known_inputs(plan.stack, config.release).items()}
    urls["nixpkgs"] = config.url
    for name in sorted(inputs & locked.keys()):
        if not names_the_same(urls[name], locked[name]):
            correct = {"nixpkgs": f"nixpkgs.{pin}.url", "home-manager": f"nixpkgs.{pin}.release"}
            command = update_command(plan, pin, [name])
            place = f"flakes.{name}.url" if name in plan.stack.flakes else correct.get(name)
            yield Problem(
                f"nixpkgs.{pin}.lock",
                f"{config.lock} locks {name} for {show_ref(locked[name])}, "
                f"and its hosts name {urls[name]}",
                f"run: {command}{f', or correct {place}' if place else ''}",
                check=LOCK_MATCHES,
            )
