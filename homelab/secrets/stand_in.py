"""Stand-ins for missing sops files in a rehearsal: all needed keys, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import yaml

from homelab.plan import Plan
from homelab.problems import Problem
from homelab.secret_paths import host_file
from homelab.secrets.readers import host_recipient

_HEAD = "# Stand-in for a missing sops file in a rehearsal; it contains no secret.\n"
_VALUE = f"ENC[AES256_GCM,data:{'A' * 64},iv:,tag:,type:str]"
_MISSING_FILES = ("secret-known", "secret-recipient", "secret-deployer", "file-present")
"""Checks that report missing sops files, keys and recipients."""


def stand_ins(plan: Plan, sources: Mapping[str, str | bytes]) -> dict[str, str]:
    """Stand-ins for the hosts' missing sops files, by path."""
    return {
        path: _text(plan, name)
        for name in plan.hosts
        if any(s.source == "stored" for s in plan.secrets.on(name))
        and (path := host_file(plan.stack, name)) not in sources
    }


def for_rehearsal(problem: Problem, plan: Plan) -> Problem:
    """The problem, as a warning if it reports a missing secret: a rehearsal needs none."""
    files = {host_file(plan.stack, name) for name in plan.hosts} | {plan.secrets.file}
    if problem.check in _MISSING_FILES and any(
        path in problem.what + problem.where for path in files
    ):
        return replace(problem, severity="warning")
    return problem


def _text(plan: Plan, host: str) -> str:
    tree: dict[str, object] = {
        "sops": {"mac": _VALUE, "age": [{"recipient": host_recipient(plan.stack, host)}]}
    }
    for secret in plan.secrets.on(host):
        if secret.source == "stored" and secret.key:
            *above, last = secret.key.split("/")
            place = tree
            for part in above:
                inner = place.setdefault(part, {})
                place = inner if isinstance(inner, dict) else {}
            place[last] = _VALUE
    return _HEAD + yaml.safe_dump(tree)
