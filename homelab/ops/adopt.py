"""`homelab adopt host`: read a running machine over SSH, and write its part of the stack."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh
from pydantic import TypeAdapter, ValidationError

from homelab.adoption.decision import Adoption, Asked, decide
from homelab.adoption.machine import Machine, read_machine
from homelab.config.base import HostKey, Name
from homelab.config.stack_edit import entry_text, with_entry, with_entry_replaced
from homelab.deploy import scripts
from homelab.ops.adopt_checks import (
    has_placeholders_only,
    placeholder_path,
    refuse_what_breaks,
)
from homelab.ops.hosts import path_to
from homelab.ops.machine.ssh import DialMap, Endpoint, connect, run
from homelab.ops.project.stack import check_stack
from homelab.ops.whole import write_files
from homelab.problems import HomelabError, Problem, UsageError
from homelab.system.model import Host

_SECONDS = 300
_SHELL = "bash -euo pipefail -s"
"""Without sudo: what only root may read is left out."""


@dataclass(frozen=True)
class Adopted:
    """What was read and written."""

    machine: Machine
    adoption: Adoption
    written: tuple[str, ...]
    """Paths of new files, and of the stack file if it was changed."""
    to_add: Mapping[str, str]
    """Entries to add by hand, by section, where the stack file's form allowed no edit."""


def adopt(directory: Path, stack: str, asked: Asked, host_key: str | None) -> Adopted:
    """Read the machine, and write its entry and its files. Changes nothing on the machine.

    Raises HomelabError before anything is written. Only an entry that still has the placeholders of
    `homelab init` is replaced, and no file.
    """
    try:
        TypeAdapter(Name).validate_python(asked.name)
    except ValidationError:
        raise UsageError(
            f'"{asked.name}" is not a name of a host; use lower-case letters, digits and hyphens'
        ) from None
    plan, _ = check_stack(directory, stack)
    replaces = asked.name in plan.stack.hosts
    if replaces and not has_placeholders_only(plan, directory, asked.name):
        raise UsageError(
            f"hosts.{asked.name} is in the stack already, and not as homelab init wrote it; remove "
            "it there, or adopt the machine under another name"
        )
    known = plan.hosts[asked.name] if replaces else None
    ssh = known.config.ssh if known is not None else None
    asked = replace(
        asked,
        user=asked.user or (ssh.user if ssh is not None else "root"),
        port=asked.port or (ssh.port if ssh is not None else 22),
    )
    machine = _read(asked, host_key, known)
    adoption = decide(plan.stack, machine, asked)
    _check_free(directory, adoption)
    refuse_what_breaks(directory, stack, adoption)
    edited, to_add = _edited(directory / f"Pulumi.{stack}.yaml", adoption, replaces=replaces)
    # The stack file is last: it names the others.
    files = {**adoption.files, **edited}
    write_files(
        directory,
        files,
        "fix that, remove what was written (git status shows it), and run this again",
    )
    if replaces and "hosts" not in to_add:
        (directory / placeholder_path(asked.name)).unlink(missing_ok=True)
    return Adopted(machine, adoption, tuple(files), to_add)


def _read(asked: Asked, host_key: str | None, known: Host | None) -> Machine:
    dial_map = DialMap.from_environment()
    port, user = asked.port or 22, asked.user or "root"
    endpoint = path_to(known, "lan", str(asked.address), port, user).endpoint(asked.name)
    key = _pinned(endpoint, host_key) if dial_map is None else host_key or ""

    async def ask() -> str:
        connection = await connect(endpoint, key, dial_map)
        try:
            script = scripts.adopt_script(asked.directory)
            done = await run(connection, _SHELL, script, seconds=_SECONDS)
        finally:
            connection.abort()
        if done.exit != 0:
            raise HomelabError(f"{asked.name}: {done.stderr.strip().removeprefix('homelab: ')}")
        return done.stdout

    machine = read_machine(asked.name, asyncio.run(ask()))
    if dial_map is None and machine.host_key.split()[1] != key.split()[1]:
        raise HomelabError(
            f"{asked.name}: its /etc/ssh/ssh_host_ed25519_key.pub is not the key that it answered "
            "with; find out which machine answers"
        )
    return machine


def _pinned(endpoint: Endpoint, host_key: str | None) -> str:
    """The key that the machine must present: the stated one, or that of `known_hosts`."""
    if host_key is not None:
        try:
            stated: str = TypeAdapter(HostKey).validate_python(host_key)
        except ValidationError:
            raise UsageError(
                '--host-key: write the line of its /etc/ssh/ssh_host_ed25519_key.pub: "ssh-ed25519 '
                'AAAA…"'
            ) from None
        return stated
    try:
        known = asyncssh.match_known_hosts(
            str(Path.home() / ".ssh" / "known_hosts"),
            endpoint.address,
            endpoint.address,
            endpoint.port,
        )[0]
    except (OSError, ValueError, asyncssh.Error):
        known = []
    for key in known:
        if isinstance(key, asyncssh.SSHKey) and key.get_algorithm() == "ssh-ed25519":
            return key.export_public_key("openssh").decode().strip()
    raise UsageError(
        f"{endpoint.address}: no ed25519 key of it is known here; log in with ssh once and compare "
        'the key, or name it: --host-key "ssh-ed25519 …" (its /etc/ssh/ssh_host_ed25519_key.pub)'
    )


def _check_free(directory: Path, adoption: Adoption) -> None:
    taken = [
        Problem(path, "this file is there, and adopting would replace it", "move it away")
        for path in adoption.files
        if (directory / path).exists()
    ]
    top = directory / "hosts" / adoption.name / "nixos"
    if not taken and top.is_dir() and any(top.iterdir()):
        taken = [Problem(str(top), "this directory has files", "move it away")]
    if taken:
        more = f"\nand {len(taken) - 5} more" if len(taken) > 5 else ""
        raise HomelabError("\n".join(map(str, taken[:5])) + more)


def _edited(
    file: Path, adoption: Adoption, *, replaces: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """The new text of the stack file, and the entries that it could not get."""
    pin, values = adoption.pin
    present = text = file.read_text(encoding="utf-8")
    to_add: dict[str, str] = {}
    for section, name, entry in (("nixpkgs", pin, values), ("hosts", adoption.name, adoption.host)):
        edit = with_entry_replaced if replaces and section == "hosts" else with_entry
        if edited := edit(text, (section, name), entry):
            text = edited
        else:
            to_add[section] = entry_text(name, entry)
    return ({file.name: text} if text != present else {}), to_add
