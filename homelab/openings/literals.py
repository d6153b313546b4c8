"""Options with a secret in plain text: by their name, or because the value looks like a key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.nix.source import Computed, Setting, Value
from homelab.openings.model import TEMPLATES, Opening, View, rule, service_of_container
from homelab.secret_shapes import is_literal, kinds_in, looks_random, words

LITERAL = "literal-secret"
WHY = "every user of the host can read it in the Nix store, and Pulumi keeps it in its state"
WHY_HERE = (
    "Pulumi keeps it in its state, and every user of the machine that runs pulumi up can read it "
    "among the arguments of the command"
)
_HERE = re.compile(r"hosts[.][^.]+[.]ssh[.]")
"""Fields that only the deployer uses."""


def why(where: str) -> str:
    """Where a secret in a field of the stack config can be read."""
    return WHY_HERE if _HERE.match(where) else WHY


@rule("**")
def literal(setting: Setting, view: View) -> Iterator[Opening]:
    """An option, a variable or a flag with the name of a secret and a literal value."""
    if setting.path[:2] == ("users", "users"):
        return  # accounts.py reports it as a password.
    # In a container's own section, use the names of that section.
    own = bool(service_of_container(setting)) or setting.path[:2] == TEMPLATES
    shown = setting.path[-1] if own else setting.name
    if _is_bytes(setting.value) and is_literal(setting.path[-1], "bytes"):
        yield Opening(
            LITERAL,
            f"{shown} is a secret in plain text, as numbers: {WHY}",
            way_out(setting),
            "warning",
            acceptable=True,
        )
    for name, value in _leaves(shown, setting.path[-1], setting.value):
        if any(kinds_in(value)):
            continue  # secret-literal reports a recognised key, whatever the option.
        written = is_literal(name.rpartition(".")[2].strip('"'), value)
        if written or looks_random(name, value):
            yield Opening(
                LITERAL,
                f"{name} {'is a secret in plain text' if written else 'looks like a key'}: {WHY}",
                way_out(setting),
                "warning",
                acceptable=True,
            )


def _is_bytes(value: Value) -> bool:
    """Whether a value is a key as a list of numbers, as Zigbee2MQTT takes it."""
    return isinstance(value, tuple) and len(value) >= 8 and all(isinstance(v, int) for v in value)


def way_out(setting: Setting) -> str:
    """Where a secret belongs that an option has in plain text."""
    if setting.path[:2] == ("services", "zigbee2mqtt"):
        return 'keep it in secret.yaml of its data directory, and write "!secret.yaml network_key"'
    if not setting.source:
        return "keep it in the host's sops file, and name the path of its file on the host"
    place = setting.source.split(".")
    service = ".".join(place[:2])
    if setting.path[:2] == TEMPLATES:
        return (
            f"write {service}.secrets: {{name: {{ref: {{sops: …}}}}}}, and {{$value: name}} in the "
            "template"
        )
    if place[2:3] == ["containers"]:
        part = ".".join(place[:4])
        return (
            f"write {service}.secrets: {{name: {{ref: {{sops: …}}}}}}, and "
            f"{part}.secrets: {{name: VARIABLE}}"
        )
    if service_of_container(setting):
        return f"write {service}.secrets: {{name: {{ref: {{sops: …}}, env: VARIABLE}}}}"
    return (
        f"write {service}.secrets: {{name: {{ref: {{sops: …}}}}}}, and {{$secret: name}} where the "
        "option wants a file"
    )


def _leaves(shown: str, last: str, value: Value) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield shown, value
    elif isinstance(value, tuple):
        plain = [v for v in value if isinstance(v, str)]
        flags = list(words(plain))
        yield from ((f"{shown}: {name}", text) for name, text in flags)
        for inner in value:
            # A list under a secret's name may hold several; a list of flags was checked above.
            if not isinstance(inner, str) or not flags:
                yield from _leaves(shown, last, inner)
    elif isinstance(value, Mapping) and not isinstance(value, Computed):
        for key, inner in value.items():
            yield from _leaves(f"{shown}.{key}", key, inner)
