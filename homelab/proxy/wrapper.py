"""Caddy's program in a wrapper that sets variables with secrets."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from homelab.config.service_modules import CatalogService
from homelab.config.stack import StackConfig
from homelab.nix import Attrs, Comment, Force, Nix, Raw, Text, attrs
from homelab.plan import Plan
from homelab.services.templates import path_of_secret
from homelab.system.model import Host

FILE = "lib/with-secrets.sh"
SHELL = (resources.files("homelab.proxy") / "with-secrets.sh").read_text(encoding="utf-8")
_RUN = Raw("lib.getExe config.services.caddy.package")
_CONFIG = " --config /etc/caddy/caddy_config --adapter caddyfile"
"""Where the module of nixpkgs puts the configuration, which homelab writes as a Caddyfile."""


def variables_of(stack: StackConfig) -> Mapping[str, str]:
    """Variables of Caddy that its wrapper sets, each with the name of its secret."""
    caddy = stack.services.get("caddy")
    if stack.network.entry.variables != "exec_wrapper" or not isinstance(caddy, CatalogService):
        return {}
    return {s.env: name for name, s in sorted(caddy.secrets.items()) if s.env}


def wrapper(plan: Plan, host: Host) -> Attrs:
    """The commands of Caddy's unit, each after an empty one, which resets those of the package."""
    variables = variables_of(plan.stack)
    service = next((s for s in plan.on(host.name) if s.name == "caddy"), None)
    if not variables or service is None:
        return {}
    words = "".join(f" {variable}={secret}" for variable, secret in variables.items())
    wrapped: tuple[str | Raw, ...] = (
        Raw("pkgs.runtimeShell"),
        " ",
        Raw(f"./{FILE}"),
        f"{words} -- ",
        _RUN,
    )
    credentials: list[Nix] = [
        f"{name}:{path_of_secret(service, name)}" for name in variables.values()
    ]
    start = Text((*wrapped, f" run{_CONFIG}"))
    reload = Text((*wrapped, f" reload{_CONFIG} --force"))
    return attrs(
        "systemd.services.caddy.serviceConfig",
        {
            "ExecStart": Comment(
                "The module's command in a wrapper. A list would be joined with the module's.",
                Force(["", start]),
            ),
            "ExecReload": Force(["", reload]),
            "LoadCredential": credentials,
        },
    )
