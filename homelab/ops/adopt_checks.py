"""What `homelab adopt host` asks of the stack before it writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from homelab.adoption.decision import Adoption
from homelab.checks import run_checks
from homelab.config.document import Document
from homelab.config.expansion import expanded
from homelab.config.hosts import NixosHost
from homelab.config.load import load_stack_config
from homelab.config.scalar import Value
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.locks import read_lock
from homelab.plaintext import mapping
from homelab.plan import Plan
from homelab.planner import make_plan
from homelab.problems import InvalidStackError, Problem
from homelab.system.manage_checks import MANAGE_NEEDED, check_managed
from homelab.system.placeholders import PLACEHOLDER

_OF_INIT = {
    *("address", "boot", "hardware", "kind", "manage", "platform", "ssh", "state_version"),
    "tailscale",
}
"""Keys that `homelab init` writes."""


def placeholder_path(name: str) -> str:
    """The hardware module that `homelab init` writes for a host."""
    return f"hosts/{name}/hardware.nix"


def has_placeholders_only(plan: Plan, directory: Path, name: str) -> bool:
    """Whether a host's entry is as `homelab init` wrote it, with a made-up key and hardware."""
    host = plan.stack.hosts[name]
    path = placeholder_path(name)
    if not isinstance(host, NixosHost) or host.hardware != path:
        return False
    if not (host.ssh.host_key or "").endswith(f" {PLACEHOLDER}"):
        return False
    try:
        text = (directory / path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return text.startswith(f"# {PLACEHOLDER}") and host.model_fields_set <= _OF_INIT


def refuse_what_breaks(directory: Path, stack: str, adoption: Adoption) -> None:
    """Raise InvalidStackError for errors that the adopted host's entry would bring, such as an
    address of another host. Checks that read files come after: the owner may still edit the copies.
    """
    document = read_stack_document(directory, stack)
    values: dict[str, Value] = dict(document.values)
    pin, entry = adoption.pin
    for section, name, value in (("nixpkgs", pin, entry), ("hosts", adoption.name, adoption.host)):
        entries = {**mapping(values.get(section)), name: dict(value)}
        values[section] = cast("Value", entries)
    before = _errors(directory, stack, document)
    new = [
        p for p in _errors(directory, stack, replace(document, values=values)) if p not in before
    ]
    if before:
        # The stack waits for the machine: its owner then writes the parts to `manage`.
        new = [p for p in new if p.check != MANAGE_NEEDED]
    if new:
        raise InvalidStackError(new)


def _errors(directory: Path, stack: str, document: Document) -> list[Problem]:
    site = load_stack_config(expanded(document))
    plan = make_plan(site, read_lock(directory, stack).lock)
    found = [p for p in run_checks(plan) if p.severity == "error"]
    # As `check` does: the parts that hosts need follow from a plan without errors.
    return found or list(check_managed(plan))
