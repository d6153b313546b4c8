"""Plan the request to each host, from the modules of its tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.evaluation.dynamic_users import SETTING, stated_by_owner
from homelab.evaluation.model import Asked
from homelab.hardening.baseline import BASELINE
from homelab.nix import Comment, Module, Nix
from homelab.plan import Plan
from homelab.policy.facts import ASKED
from homelab.render import modules_of
from homelab.system.model import Host

Path = tuple[str, ...]
STARTS = "ExecStart"


def plan_asked(plan: Plan, host: Host, packages: tuple[Path, ...] = ()) -> Asked:
    """Every option that the tree of the host sets, every unit with a sandbox, and `packages`."""
    units = plan.units_on(host.name)
    stated = {u for service in stated_by_owner(plan, host) for u in service.units}
    settings = {part.setting for part in BASELINE} | {s for u in units for s, _ in u.settings}
    # A unit without ExecStart exists only because hardening.nix names it.
    settings |= {STARTS, SETTING}
    return Asked(
        options=tuple(sorted({path for m in modules_of(plan, host) for path, _ in leaves_of(m)})),
        units=tuple(sorted({u.unit for u in units} | stated)),
        settings=tuple(sorted(settings)),
        secured=ASKED,
        packages=packages,
    )


def leaves_of(module: Module) -> Iterator[tuple[Path, bool]]:
    """The path of every value that a module sets, and whether the stack config states it."""
    for path in _leaves(module.derived, ()):
        yield path, False
    for path in _leaves(module.stated, ()):
        yield path, True


def _leaves(tree: Mapping[str, Nix], path: Path) -> Iterator[Path]:
    for key, value in tree.items():
        inner = value.value if isinstance(value, Comment) else value
        if isinstance(inner, Mapping) and inner:
            yield from _leaves(inner, (*path, key))
        else:
            yield (*path, key)
