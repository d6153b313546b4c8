"""Replaces commands in messages by the lab's commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from homelab.deploy.leaving import STAYS, sources_of

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.system.model import Host

HOMELAB: Final = ("move", "rollback", "retire", "status", "unlock")
"""Commands of `homelab` that the lab has as `homelab lab …`."""
PULUMI: Final = ("destroy", "preview", "up")
"""Commands of Pulumi that the lab has as `homelab lab …`."""
_NO_REFRESH = ("pulumi refresh", "homelab lab destroy")
"""The lab has no `refresh`: a lab whose state and clouds disagree is destroyed."""
_COMMANDS = re.compile(
    rf"\b(?:homelab (?P<ours>{'|'.join(HOMELAB)})|pulumi (?P<up>{'|'.join(PULUMI)}))\b"
)


_REMOTE_FILE = re.compile(r"\bssh (?:-p \d+ )?[\w.-]+@[\w.:-]+ cat (?P<path>/[\w./-]+)")
"""A file of a host, shown over SSH. In the lab that address would be the real host's."""


def of_the_lab(text: str) -> str:
    """The text with the lab's commands, and with files of lab hosts instead of real ones."""
    local = _REMOTE_FILE.sub(r"cat .homelab/lab/*/hosts/*/root\g<path>", text)
    return _COMMANDS.sub(
        lambda m: f"homelab lab {m['ours'] or m['up']}", local.replace(*_NO_REFRESH)
    )


_COPIED = re.compile(r"[\w.-]+\.yaml\b")
"""A file of the stack, at the start of a line that says what is written."""


def of_a_copy(line: str) -> str:
    """A line of a command that ran in a copy of the stack; empty for a next step, which has no
    meaning there.
    """
    if line.startswith("next: "):
        return ""
    line = of_the_lab(line.removesuffix("; commit it"))
    return f"copy of {line}" if _COPIED.match(line) else line


def after_moving(name: str, to: str | None) -> str:
    """The last line of a rehearsed move: the command that moves the service of the stack."""
    target = f" --to {to}" if to is not None else ""
    return f"rehearsal; your stack is unchanged: homelab move {name}{target}"


def after_retiring(plan: Plan, host: Host) -> Iterator[str]:
    """The remaining steps after a lab host is cleaned up, one line each.

    A rehearsal does not change the lock and the secrets files, because they are the real stack's.
    """
    yield f"stays: {STAYS}"
    yield f"next: remove {' and '.join(sources_of(plan, host))} from the stack"
    yield "next: homelab lab up removes its resources, homelab lab destroy its directory"
    yield (
        f"a real host is removed from lock and secrets by homelab forget {host.name} --yes; "
        "without --yes it only lists what it would remove"
    )
