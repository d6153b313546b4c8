"""What the stack's own messages tell to do, as it is done in the lab."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from homelab.deploy.leaving import STAYS, sources_of

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.system.model import Host

HOMELAB: Final = ("rollback", "retire", "status", "unlock")
"""Commands that the lab has as its own, `homelab lab …`."""
PULUMI: Final = ("destroy", "preview", "up")
"""Likewise, of Pulumi's."""
_NO_REFRESH = ("pulumi refresh", "homelab lab destroy")
"""The lab's clouds remember by themselves; what disagrees is made anew."""
_COMMANDS = re.compile(
    rf"\b(?:homelab (?P<ours>{'|'.join(HOMELAB)})|pulumi (?P<up>{'|'.join(PULUMI)}))\b"
)


def of_the_lab(text: str) -> str:
    """The text with the lab's commands: it has hosts and clouds of its own."""
    return _COMMANDS.sub(
        lambda m: f"homelab lab {m['ours'] or m['up']}", text.replace(*_NO_REFRESH)
    )


def after_retiring(plan: Plan, host: Host) -> Iterator[str]:
    """What is left to do once a lab host was cleaned, a line each.

    The lock and the secrets files are the real stack's, so no rehearsal takes anything out of them.
    """
    yield f"stays: {STAYS}"
    yield f"next: take {' and '.join(sources_of(plan, host))} out of the stack"
    yield "next: homelab lab up, which forgets it; its directory stays until homelab lab destroy"
    yield (
        f"a real one is forgotten by homelab forget {host.name}, which without --yes only says "
        "what would go"
    )
