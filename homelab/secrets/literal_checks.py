"""Secrets in plain text: in the stack config, in options, in hand-written files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.check import check
from homelab.openings.checks import of_stack
from homelab.openings.literals import LITERAL, WHY, WHY_HERE, why
from homelab.plan import Plan, stack_data
from homelab.problems import Problem
from homelab.secret_shapes import kinds_in
from homelab.system.own import carried

_FILE = "rotate it, store it in the host's sops file, and use the path of its file on the host"


@check("secret-literal")
def secret_literal(plan: Plan) -> Iterator[Problem]:
    """A secret in plain text can be read by every user of the host and by everybody who reads the
    project: the stack config contains references only.
    """
    certain: dict[str, str] = {}
    for where, text in _texts(stack_data(plan), "", []):
        for what in kinds_in(text):
            certain.setdefault(where, what)
    for where, what in sorted(certain.items()):
        yield Problem(where, f"this contains {what}: {why(where)}", _way_out(where))
    for where, opening in of_stack(plan, (LITERAL,)):
        yield Problem(where, opening.what, opening.way_out, severity="warning")


def _way_out(where: str) -> str:
    service = ".".join(where.split(".")[:2]) if where.startswith("services.") else ""
    if service:
        return (
            f"rotate it, and declare it: {service}.secrets: {{name: {{ref: {{sops: …}}}}}}, with "
            "env: for a variable, or {$secret: name} in an option that takes a path"
        )
    if why(where) == WHY_HERE:
        return (
            "rotate it, and let the command read it from a file of the machine that runs pulumi up"
        )
    return "rotate it, store it in a sops file, and write a reference: {sops: …}"


def _texts(value: object, where: str, found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """(place, text) of every text and key, appended to a list: there are thousands."""
    if isinstance(value, str):
        found.append((where, value))
    elif isinstance(value, dict):
        for key, inner in value.items():
            found.append((where or str(key), str(key)))
            if inner is not None:
                _texts(inner, f"{where}.{key}" if where else str(key), found)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            _texts(inner, f"{where}[{i}]", found)
    return found


def check_literals(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """Secrets in plain text in the hand-written files of each host, including comments."""
    for host in plan.hosts.values():
        for name, content in carried(host, sources).items():
            text = content if isinstance(content, str) else content.decode("latin-1")
            for number, line in enumerate(text.splitlines(), 1):
                for what in kinds_in(line):
                    found = f"{name}:{number}: this contains {what}: {WHY}"
                    yield Problem(host.source, found, _FILE, check="secret-literal")
