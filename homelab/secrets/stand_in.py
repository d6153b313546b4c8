"""Stand-ins for missing sops files in a rehearsal: all needed keys, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import yaml

from homelab.plan import Plan
from homelab.problems import Problem
from homelab.secret_paths import sops_file
from homelab.secrets.readers import host_recipient, readers_of

_HEAD = "# Stand-in for a missing sops file in a rehearsal; it contains no secret.\n"
_VALUE = f"ENC[AES256_GCM,data:{'A' * 64},iv:,tag:,type:str]"
_MISSING_FILES = ("secret-known", "secret-recipient", "secret-deployer", "file-present")
"""Checks that report missing sops files, keys and recipients."""


def stand_ins(plan: Plan, sources: Mapping[str, str | bytes]) -> dict[str, str]:
    """Stand-ins for the hosts' missing sops files, by path."""
    return {
        path: _text(plan, path, readers.hosts)
        for path, readers in readers_of(plan).items()
        if path not in sources and _read(plan, path, readers.hosts)
    }


def for_rehearsal(problem: Problem, plan: Plan) -> Problem:
    """The problem, as a warning if it reports a missing secret: a rehearsal needs none."""
    files = readers_of(plan)
    if problem.check in _MISSING_FILES and any(
        path in problem.what + problem.where for path in files
    ):
        return replace(problem, severity="warning")
    return problem


def _read(plan: Plan, path: str, hosts: tuple[str, ...]) -> list[str]:
    """The keys that hosts read from a sops file."""
    return sorted(
        {
            secret.key
            for host in hosts
            for secret in plan.secrets.stored_on(host)
            if sops_file(plan.stack, host, secret.key) == path
        }
    )


def _text(plan: Plan, path: str, hosts: tuple[str, ...]) -> str:
    recipients = [{"recipient": host_recipient(plan.stack, host)} for host in hosts]
    tree: dict[str, object] = {"sops": {"mac": _VALUE, "age": recipients}}
    for key in _read(plan, path, hosts):
        *above, last = key.split("/")
        place = tree
        for part in above:
            inner = place.setdefault(part, {})
            place = inner if isinstance(inner, dict) else {}
        place[last] = _VALUE
    return _HEAD + yaml.safe_dump(tree)
