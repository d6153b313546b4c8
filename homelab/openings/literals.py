"""Secrets that are written out where a name tells that they are secrets, or that look like keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.nix.source import Computed, Setting, Value
from homelab.openings.model import Opening, View, rule
from homelab.secrets.shapes import is_literal, kinds_in, looks_random, words

LITERAL = "literal-secret"
WHY = "everybody on the host reads it in the Nix store, and Pulumi keeps it in its state"


@rule("**")
def literal(setting: Setting, view: View) -> Iterator[Opening]:
    """An option, a variable or a flag that is called a secret and holds one."""
    if setting.path[:2] == ("users", "users"):
        return  # Told of as a password.
    # What stands in a container's own section is called as it is there.
    own = ".container." in setting.source
    shown = setting.path[-1] if own else setting.name
    for name, value in _leaves(shown, setting.path[-1], setting.value):
        if any(kinds_in(value)):
            continue  # What is certain is told of wherever it stands.
        written = is_literal(name.rpartition(".")[2].strip('"'), value)
        if written or looks_random(name, value):
            yield Opening(
                LITERAL,
                f"{name} {'is written out' if written else 'looks like a key'}: {WHY}",
                _way(setting),
                "warning",
                acceptable=True,
            )


def _way(setting: Setting) -> str:
    if not setting.source:
        return "keep it in the host's sops file, and name the file that it becomes there"
    service = ".".join(setting.source.split(".")[:2])
    if ".container." in setting.source:
        return f"write {service}.secrets: {{name: {{ref: {{sops: …}}, env: VARIABLE}}}}"
    return (
        f"write {service}.secrets: {{name: {{ref: {{sops: …}}}}}}, and {{$secret: name}} where a "
        "file is meant"
    )


def _leaves(shown: str, last: str, value: Value) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield shown, value
    elif isinstance(value, tuple):
        plain = [v for v in value if isinstance(v, str)]
        flags = list(words(plain))
        yield from ((f"{shown}: {name}", text) for name, text in flags)
        for inner in value:
            # A list of a secret's name would hold several; one of words has been looked at.
            if not isinstance(inner, str) or not flags:
                yield from _leaves(shown, last, inner)
    elif isinstance(value, Mapping) and not isinstance(value, Computed):
        for key, inner in value.items():
            yield from _leaves(f"{shown}.{key}", key, inner)
