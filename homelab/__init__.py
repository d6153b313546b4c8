"""One typed stack config, one `pulumi up`: Cloudflare, Tailscale and every NixOS machine agree.

The names below are the public interface for your own program, see docs/guide/library.md. They are
imported on first use, so that `homelab check` does not import Pulumi.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homelab.components.homelab import Homelab, HomelabArgs
    from homelab.components.program import main, register, run
    from homelab.components.secret_resolver import SecretResolver
    from homelab.components.tailnet import Tailnet, TailnetArgs
    from homelab.components.tunnel import Tunnel, TunnelArgs
    from homelab.components.zone import CloudflareZone
    from homelab.config.base import SecretRef
    from homelab.config.stack import StackConfig
    from homelab.ops.project.stack import Stack, open_config, open_stack
    from homelab.plan import Plan
    from homelab.problems import HomelabError, InvalidStackError, Problem

__all__ = [
    "CloudflareZone",
    "Homelab",
    "HomelabArgs",
    "HomelabError",
    "InvalidStackError",
    "Plan",
    "Problem",
    "SecretRef",
    "SecretResolver",
    "Stack",
    "StackConfig",
    "Tailnet",
    "TailnetArgs",
    "Tunnel",
    "TunnelArgs",
    "main",
    "open_config",
    "open_stack",
    "register",
    "run",
]

_MODULES = {
    "homelab.components.homelab": ("Homelab", "HomelabArgs"),
    "homelab.components.program": ("main", "register", "run"),
    "homelab.components.secret_resolver": ("SecretResolver",),
    "homelab.components.tailnet": ("Tailnet", "TailnetArgs"),
    "homelab.components.tunnel": ("Tunnel", "TunnelArgs"),
    "homelab.components.zone": ("CloudflareZone",),
    "homelab.config.base": ("SecretRef",),
    "homelab.config.stack": ("StackConfig",),
    "homelab.ops.project.stack": ("Stack", "open_config", "open_stack"),
    "homelab.plan": ("Plan",),
    "homelab.problems": ("HomelabError", "InvalidStackError", "Problem"),
}
_WHERE = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
