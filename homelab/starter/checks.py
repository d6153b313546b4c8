"""Checks of what the owner's repository has besides hosts."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.starter.dev_shells import FRAGMENTS


@check("fragment-known")
def fragment_known(plan: Plan) -> Iterator[Problem]:
    """A development shell lacks the tools of a fragment that homelab does not know."""
    for name, shell in plan.stack.dev.shells.items():
        for index, fragment in enumerate(shell.fragments):
            if fragment not in FRAGMENTS:
                yield Problem(
                    f"dev.shells.{name}.fragments[{index}]",
                    f"there is no fragment {fragment}",
                    did_you_mean(fragment, sorted(FRAGMENTS), "fragments")
                    + "; or name its packages in packages",
                )
