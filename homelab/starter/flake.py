"""Inputs that the `flake.nix` of a homelab lacks: as text, and added where init wrote the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from homelab.nix.flake_inputs import FlakeInputsError, declared_inputs
from homelab.nix.printer import print_value
from homelab.nix.values import Attrs
from homelab.starter.stack_text import FLAKE
from homelab.templates import raw

Inputs = Mapping[str, tuple[str, Mapping[str, str]]]
"""By name: URL, and its inputs that follow ours."""
_OPENS, _CLOSES = "  inputs = {\n", "\n  };\n\n  outputs ="


def undeclared(flake: str, lock: str, needed: Sequence[str]) -> list[str]:
    """The needed inputs that a `flake.nix` does not declare. `lock` is its present lock file, which
    has the inputs that the flake only takes as arguments.

    Empty if the inputs cannot be read as text: Nix then says what is wrong.
    """
    try:
        known = declared_inputs(flake, lock)
    except FlakeInputsError:
        return []
    return [name for name in needed if name not in known]


def declarations(inputs: Inputs) -> str:
    """The inputs as lines for the outermost braces of a `flake.nix`."""
    lines = (print_value({"inputs": {n: _declaration(*i)}}) for n, i in sorted(inputs.items()))
    return "\n".join(_inner(text) for text in lines)


def with_inputs(flake: str, inputs: Inputs) -> str:
    """The `flake.nix` with further inputs. Empty if its text is not the one that init wrote, apart
    from its inputs.
    """
    ours = raw("homelab.starter", f"templates/{FLAKE}")
    head, _, rest = ours.partition(_OPENS)
    tail = rest[rest.index(_CLOSES) :]
    if not flake.startswith(head + _OPENS) or not flake.endswith(tail):
        return ""
    added = _inner(print_value({n: _declaration(*i) for n, i in inputs.items()}, 1), 0)
    start = len(head + _OPENS)
    return f"{flake[:start]}{added}\n{flake[start:]}"


def _declaration(url: str, follows: Mapping[str, str]) -> Attrs:
    inner: Attrs = {name: {"follows": target} for name, target in follows.items()}
    return {"url": url, **({"inputs": inner} if inner else {})}


def _inner(text: str, cut: int = 2) -> str:
    """The lines between the braces of a printed set, moved left."""
    return "\n".join(line[cut:] for line in text.split("\n")[1:-1])
