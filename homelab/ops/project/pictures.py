"""Write pictures to a directory, without replacing files of others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from homelab.graph.model import Picture
from homelab.graph.svg import MARK, as_svg
from homelab.ops.project.marked import write_marked


def write_pictures(out: Path, pictures: Mapping[str, Picture]) -> list[Path]:
    """Write one SVG file for each picture; returns their paths.

    Raises HomelabError, before it writes anything, if a file there is not a picture of homelab.
    """
    files = {out / f"{name}.svg": as_svg(picture) for name, picture in pictures.items()}
    write_marked(files, MARK, "or name another directory with --out")
    return [*files]
