"""One typed stack config, one `pulumi up`: Cloudflare, Tailscale and every NixOS machine agree.

The names below are loaded when they are first used, so that `homelab check` does not import Pulumi.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homelab.components.homelab import Homelab
    from homelab.components.program import run

__all__ = ["Homelab", "run"]

_WHERE = {"Homelab": "homelab.components.homelab", "run": "homelab.components.program"}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
