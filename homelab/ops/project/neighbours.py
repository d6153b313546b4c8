"""Read the neighbours of a stack: in its project, and in other projects of the same repository."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from homelab.config.base import SecretRef
from homelab.config.load import load_stack_config
from homelab.neighbours import Neighbour
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.locks import read_lock
from homelab.plaintext import UnreadableError, mapping, yaml_data
from homelab.plan import Plan
from homelab.planner import make_plan
from homelab.problems import HomelabError

DEPTH = 3
"""How many directories below the repository's root projects are searched."""
_ABOVE = 6
"""How many directories above a project the repository's root is searched."""


def read_neighbours(directory: Path, stack: str, plan: Plan) -> tuple[Neighbour, ...]:
    """Every other stack that shares an account, a machine or a master key with this one.

    Stacks of other projects are first searched as text, because most share nothing; only those
    with a match are planned, which takes as long as for this one.
    """
    own = _real(directory / f"Pulumi.{stack}.yaml")
    mine = _marks(plan) | keys_of(directory, plan)
    found = []
    for path in sorted(_stack_files(directory)):
        if path == own:
            continue
        made = _neighbour(directory, path, mine)
        found += [made] if made is not None else []
    return tuple(found)


def keys_of(directory: Path, plan: Plan) -> frozenset[str]:
    """What identifies a stack's master key: its reference, and its encrypted value."""
    return _keys(directory, plan.secrets.master, plan.secrets.file)


def _keys(directory: Path, ref: SecretRef | None, name: str) -> frozenset[str]:
    if ref is None:
        return frozenset()
    if ref.op is not None:
        return frozenset({ref.op})
    file = _real(directory / name)
    out = {f"{file}#{ref.sops}"}
    try:
        value = yaml_data(file.read_bytes())
        for part in (ref.sops or "").split("/"):
            value = mapping(value)[part]
    except (OSError, KeyError, UnreadableError):
        return frozenset(out)
    # The same ciphertext is the same key, in a copied file.
    return frozenset({*out, value} if isinstance(value, str) else out)


def _neighbour(directory: Path, path: Path, mine: frozenset[str]) -> Neighbour | None:
    """The stack, or None if it shares nothing with this one."""
    name, there = path.name[7:-5], path.parent
    file = os.path.relpath(path, directory.resolve())
    if there != directory.resolve() and not _mentions(there, path, mine):
        return None
    try:
        document = read_stack_document(there, name)
        if not document.values:
            return None  # a stack of another program
        plan = make_plan(load_stack_config(document), read_lock(there, name).lock)
    except HomelabError:
        return Neighbour(name, file, None, frozenset())
    return Neighbour(name, file, plan, keys_of(there, plan))


def _mentions(there: Path, path: Path, mine: frozenset[str]) -> bool:
    """Whether a project's stack or secrets files contain one of the texts that identify this stack.

    Parsing YAML takes much longer than searching it for a few texts.
    """
    wanted = [mark.encode() for mark in mine]
    try:
        files = [path, *(p for p in (there / "secrets").glob("*") if p.is_file())]
        texts = [file.read_bytes() for file in files]
    except OSError:
        return True  # Nobody knows, and reading the stack says what is wrong.
    return any(mark in text for text in texts for mark in wanted)


def _marks(plan: Plan) -> frozenset[str]:
    """Texts that identify the accounts and machines of a stack."""
    site = plan.stack
    keys = (h.config.ssh.host_key or "" for h in plan.hosts.values() if h.is_nixos)
    out = {" ".join(key.split()[:2]) for key in keys}
    if site.tailnet is not None:
        out.add(str(site.tailnet.name))
    if site.cloudflare is not None:
        out |= {site.cloudflare.account, site.cloudflare.zone.id}
    return frozenset(out - {""})


def _stack_files(directory: Path) -> Iterator[Path]:
    """Stack files of the project, and of every project of the repository."""
    here = directory.resolve()
    yield from here.glob("Pulumi.*.yaml")
    top = next((p for p in [here, *here.parents][:_ABOVE] if (p / ".git").exists()), None)
    if top is None or any(_is_skipped(p) for p in here.relative_to(top).parts):
        return
    for place, below, files in os.walk(top):
        depth = len(Path(place).relative_to(top).parts)
        below[:] = [] if depth >= DEPTH else [b for b in below if not _is_skipped(b)]
        if "Pulumi.yaml" in files and Path(place) != here:
            yield from Path(place).glob("Pulumi.*.yaml")


def _real(path: Path) -> Path:
    """The path without links; of a link that leads back to itself, a path as it is."""
    # Path.resolve raises RuntimeError for such a link.
    return Path(os.path.realpath(path))


def _is_skipped(name: str) -> bool:
    """Whether a directory has no stacks to run `up` on, such as tests."""
    return name == "tests" or name.startswith((".", "_"))
