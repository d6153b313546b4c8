"""Private flake inputs, which the deployer fetches with its own access and sends to the builder."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass

from homelab.deploy.model import Release
from homelab.nix.store_path import source_path
from homelab.plaintext import json_data, mapping

_URL = re.compile(r"(ssh|file)://.+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
UNSENT = ("submodules", "lfs")
"""Settings of a git input that need more than the repository itself."""


@dataclass(frozen=True)
class PrivateInput:
    """A git repository behind SSH, or on the deployer's disk, at the revision of a lock file."""

    name: str
    """Its node in the lock file."""
    url: str
    """As git takes it."""
    ref: str
    """The branch or tag; empty if the lock file has none."""
    rev: str
    nar_hash: str
    path: str
    """Its path in the store. Nix does not fetch an input that is there."""


def private_inputs(lock: str, fetched_by_hosts: Collection[str] = ()) -> tuple[PrivateInput, ...]:
    """The private inputs of a lock file, also those of other inputs. Inputs that hosts fetch
    themselves, and what only these need, are left out. Empty when the text is not a lock file.
    """
    try:
        return tuple(sorted(_found(lock, fetched_by_hosts), key=lambda each: each.name))
    except (ValueError, KeyError, TypeError):
        return ()


def inputs_of_release(
    release: Release, fetched_by_hosts: Collection[str]
) -> tuple[PrivateInput, ...]:
    """The private inputs of a host's flake."""
    lock = dict(release.files).get("flake.lock", "")
    return private_inputs(lock if isinstance(lock, str) else lock.decode(), fetched_by_hosts)


def as_spec(inputs: tuple[PrivateInput, ...]) -> list[dict[str, object]]:
    """The inputs for the runner. The text says where they are and never what they contain."""
    return [asdict(each) for each in inputs]


def sendable(url: str) -> bool:
    """Whether the deployer can fetch and send the flake of this reference."""
    scheme, _, rest = url.partition("+")
    query = rest.partition("?")[2]
    set_ = {pair.partition("=")[0] for pair in query.split("&") if not pair.endswith("=0")}
    return scheme == "git" and bool(_URL.match(rest)) and not set_ & {*UNSENT}


def _found(lock: str, fetched_by_hosts: Collection[str]) -> Iterator[PrivateInput]:
    whole = mapping(json_data(lock))
    nodes = mapping(whole["nodes"])
    root = mapping(mapping(nodes[str(whole["root"])]).get("inputs", {}))
    pending = [key for name, key in root.items() if name not in fetched_by_hosts]
    seen: set[str] = set()
    while pending:
        key = pending.pop()
        # A list follows an input of the root, which is visited anyway.
        if not isinstance(key, str) or key in seen:
            continue
        seen.add(key)
        node = mapping(nodes[key])
        pending += mapping(node.get("inputs", {})).values()
        if found := _private(key, mapping(node.get("locked", {}))):
            yield found


def _private(name: str, locked: Mapping[str, object]) -> PrivateInput | None:
    url, rev, ref, nar = (str(locked.get(k, "")) for k in ("url", "rev", "ref", "narHash"))
    if locked.get("type") != "git" or not _URL.match(url) or not _COMMIT.fullmatch(rev):
        return None
    if any(locked.get(setting) for setting in UNSENT):
        return None
    return PrivateInput(name, url, ref, rev, nar, source_path(nar))
