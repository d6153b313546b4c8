"""Access tokens of Attic, a binary cache: the command that its host makes one with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homelab.plan import Plan
from homelab.problems import HomelabError, UsageError, did_you_mean
from homelab.services.model import Service

_ENTRY = "atticd"
_TOOL = "atticd-atticadm"
"""A wrapper around `atticadm` that the module of nixpkgs installs: it runs with the configuration
and the signing key of the server."""


@dataclass(frozen=True)
class Token:
    """What a token allows, with patterns of names of caches."""

    subject: str
    validity: str
    pull: Sequence[str] = ()
    push: Sequence[str] = ()
    create: Sequence[str] = ()


def token_command(plan: Plan, token: Token, name: str | None = None) -> list[str]:
    """The words of the command that prints a token. It runs on the deployer and connects to the
    host: the token is in no file and in no state.

    Raises UsageError if the stack runs no such service.
    """
    if not (token.pull or token.push or token.create):
        raise UsageError("the token would allow nothing; add --pull, --push or --create-cache")
    service = _service(plan, name)
    sudo = [] if plan.hosts[service.host].config.ssh.user == "root" else ["sudo"]
    words = ["homelab", "ssh", service.host, "--", *sudo, _TOOL, "make-token"]
    words += ["--sub", token.subject, "--validity", token.validity]
    for option, patterns in (
        ("--pull", token.pull),
        ("--push", token.push),
        ("--create-cache", token.create),
    ):
        for pattern in patterns:
            words += [option, pattern]
    return words


def _service(plan: Plan, name: str | None) -> Service:
    known = {s.name: s for s in plan.services if s.entry.name == _ENTRY and not s.parts}
    if not known:
        raise HomelabError(
            "no host of the stack runs Attic; add services: {atticd: {host: …}}. In a container, "
            "run atticadm make-token there"
        )
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is None:
        raise UsageError(f"several services are Attic; add --service {' or '.join(known)}")
    if name not in known:
        raise UsageError(f'"{name}" is not Attic; {did_you_mean(name, known, "services")}')
    return known[name]
