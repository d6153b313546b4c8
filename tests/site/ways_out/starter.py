"""Ways out of problems with the owner's repository."""

from __future__ import annotations

from tests.site.ways_out.model import WayOut

WAYS = (
    WayOut(
        "fragment-known",
        {"dev": {"shells": {"work": {"fragments": ["node"]}}}},
        {"dev": {"shells": {"work": {"fragments": ["nodejs"]}}}},
        says="there is no fragment node",
    ),
)
