"""What an installation needs of the stack, before and after the machine is looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from homelab.config.document import Document
from homelab.config.scalar import Value
from homelab.config.stack_edit import Place, lines_to_add, with_added, with_values
from homelab.deploy.model import Release
from homelab.disks.disko import disko_text
from homelab.install.first import first_tree
from homelab.ops.disks import sound
from homelab.ops.hosts import known_host
from homelab.ops.install.model import Asked
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.sources import read_sources
from homelab.ops.project.stack import check_document, check_stack
from homelab.ops.secrets.host_keys import key_in_file, made_key, same_key
from homelab.ops.whole import replace_file
from homelab.plaintext import mapping
from homelab.plan import Plan
from homelab.problems import InvalidStackError, UsageError
from homelab.system.model import Host
from homelab.system.placeholders import PLACEHOLDER


def the_host(directory: Path, stack: str, asked: Asked) -> tuple[Plan, Host]:
    """The host, with disks that the stack describes completely. Raises HomelabError."""
    plan, problems = check_stack(directory, stack)
    host = known_host(plan, asked.host)
    config = host.config
    if config.manage is not None or config.extends is not None:
        raise UsageError(
            f"{host.name} has a configuration of its own, of which homelab manages a part; install "
            "it with that, or leave manage and extends out"
        )
    for system in host.file_systems:
        if system.encryption is not None and system.encryption.key_file is not None:
            raise UsageError(
                f"{system.mount} is unlocked with a key file, which a new machine does not have; "
                "write encrypted: true, install, and then add the file (docs/guide/disks.md)"
            )
    disko_text(host, reinstall=asked.reinstall)
    sound(host, problems)
    return plan, host


def host_key(plan: Plan, directory: Path, host: Host, key_file: Path | None) -> tuple[str, str]:
    """The private and the public half of the key that the stack pins for the host.

    Raises UsageError if the stack has another key, or none.
    """
    pinned = host.config.ssh.host_key or ""
    if not pinned or pinned.endswith(f" {PLACEHOLDER}"):
        raise UsageError(
            f"hosts.{host.name}.ssh.host_key is not known yet; make the key: homelab host key "
            f"{host.name}"
        )
    private, public = (
        key_in_file(key_file) if key_file is not None else made_key(plan, directory, host.name)
    )
    if not same_key(pinned, public):
        made = "--key-file has" if key_file is not None else "homelab makes for it"
        raise UsageError(
            f"hosts.{host.name}.ssh.host_key is another key than the one that {made}; keep the "
            f"pinned one with --key-file FILE, or pin the new one: homelab host key {host.name} "
            "--replace"
        )
    return private, public


def hardware_path(host: Host, directory: Path) -> tuple[str, bool]:
    """The hardware module of the host, and whether it is still to be made."""
    path = host.config.hardware or f"hosts/{host.name}/hardware.nix"
    file = directory / path
    if not file.exists():
        return path, True
    return path, file.read_text(encoding="utf-8", errors="replace").startswith(f"# {PLACEHOLDER}")


def as_live(directory: Path, stack: str, host: str, hardware: str) -> Document:
    """The stack as it is once the host is installed."""
    document = read_stack_document(directory, stack)
    values: dict[str, Value] = dict(document.values)
    hosts = dict(mapping(values["hosts"]))
    hosts[host] = {**mapping(hosts[host]), "state": "live", "hardware": hardware}
    values["hosts"] = cast("Value", hosts)
    return replace(document, values=values)


def first_system(
    directory: Path, stack: str, asked: Asked, hardware: str
) -> tuple[Plan, Host, Release]:
    """The host as it will be, and its first system. Raises InvalidStackError for errors of the
    host's own entry; those elsewhere are for the first `up`.
    """
    plan, problems = check_document(
        directory, stack, as_live(directory, stack, asked.host, hardware)
    )
    here = f"hosts.{asked.host}."
    # A machine outside of the LAN gets its address on the tailnet once it runs.
    later = f"{here}address"
    errors = [
        p
        for p in problems
        if p.severity == "error" and p.where.startswith(here) and p.where != later
    ]
    if errors:
        raise InvalidStackError(errors)
    host = plan.hosts[asked.host]
    sources, _ = read_sources(directory, plan)
    return plan, host, first_tree(plan, host, sources, reinstall=True)


def write_live(directory: Path, stack: str, host: str, hardware: str) -> list[str]:
    """Write that the host is live into the stack file. Returns lines for the person."""
    path = directory / f"Pulumi.{stack}.yaml"
    text = path.read_text(encoding="utf-8")
    values: dict[Place, object] = {
        ("hosts", host, "hardware"): hardware,
        ("hosts", host, "state"): "live",
    }
    present = mapping(mapping(read_stack_document(directory, stack).values["hosts"])[host])
    edited = text
    for where, value in values.items():
        if not edited or present.get(where[-1]) == value:
            continue
        if where[-1] not in present and value == "live":
            continue  # the default
        edit = {where: value}
        edited = (
            with_values(edited, edit) if where[-1] in present else with_added(edited, where, value)
        )
    if not edited:
        return [f"write this into {path.name}:", *lines_to_add(values).splitlines()]
    return [f"{path.name}: {line}" for line in replace_file(path, edited)]
