"""Pictures of the shipped stacks, for the guide and the reference."""

from __future__ import annotations

from pathlib import Path

from homelab.graph.mermaid import as_mermaid
from homelab.graph.svg import as_svg
from homelab.graph.views import VIEWS, machines
from homelab.ops.project.stack import check_stack

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "docs" / "guide" / "pictures"
SHIPPED = ROOT / "tests" / "shipped"

_HEAD = """\
# Pictures of the shipped stacks

Generated with `homelab graph machines` and `make docs`; do not edit. [Pictures](../guide/pictures.md) explains them.
"""


def stacks() -> list[tuple[Path, str]]:
    """Directory and name of each shipped stack."""
    places = (SHIPPED, *sorted((ROOT / "examples").iterdir()))
    return [
        (path.parent, path.name.split(".")[1])
        for place in places
        for path in sorted(place.glob("Pulumi.*.yaml"))
    ]


def pictures_page() -> str:
    """The machines of each shipped stack."""
    parts = [_HEAD]
    for place, name in stacks():
        title = name if place == SHIPPED else f"{place.name}: {name}"
        text = as_mermaid(machines(check_stack(place, name)[0]))
        parts.append(f"## {title}\n\n```mermaid\n{text}```\n")
    return "\n".join(parts)


def files() -> dict[str, str]:
    """The pictures of the guide by file name."""
    plan, _ = check_stack(SHIPPED, "home")
    return {f"{view}.svg": as_svg(draw(plan)) for view, draw in VIEWS.items()}
