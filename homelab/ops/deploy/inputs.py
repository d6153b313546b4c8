"""Private inputs: fetched here with the owner's own access, and put into the store of a builder.

A builder whose store has the source of a locked input does not fetch it, so it needs no key of the
forge. Nothing stays on this machine.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from homelab.config.base import Model, Str
from homelab.deploy import scripts
from homelab.deploy.builder_scripts import missing_script
from homelab.nix.nar import NarFile, NarLink, NarNode, nar
from homelab.nix.store_path import sha256_of
from homelab.ops.machine.host import HostLink
from homelab.problems import HomelabError

SECONDS = 300
"""Seconds that git may take to fetch one revision."""
MOST_BYTES = 256 * 2**20
"""Largest archive of an input. It is held in memory."""
Report = Callable[[str], None]


class InputSpec(Model):
    """One input, as `homelab.deploy.private_inputs` writes it."""

    name: Str
    url: Str
    ref: Str
    rev: Str
    nar_hash: Str
    path: Str


class FetchError(HomelabError):
    """An input could not be fetched here."""


async def bring_inputs(
    inputs: Sequence[InputSpec], builder: HostLink, report: Report, *, release: str = ""
) -> None:
    """Return when the builder's store has the inputs. Those that are there are not fetched again.

    An input that this machine cannot fetch is reported, and the builder may fetch it. A rehearsal
    fetches nothing. Raises HomelabError if another content comes than the lock file says.
    """
    if not inputs or builder.dial_map is not None:
        return
    listed = await builder.exchange(missing_script("", [each.path for each in inputs]))
    missing = {*listed.decode().split()}
    for each in inputs:
        if each.path not in missing:
            continue
        try:
            archive = await asyncio.to_thread(fetched, each)
        except FetchError as error:
            report(f"{builder.name}: {error}; it fetches the input itself, if it may")
            continue
        report(
            f"{builder.name}: gets the private input {each.name}, {len(archive) // 1024 + 1} KiB"
        )
        await builder.exchange(scripts.take_script(each.path, release), archive)


def fetched(source: InputSpec) -> bytes:
    """The archive of an input. Raises FetchError, or HomelabError if it has another hash."""
    with tempfile.TemporaryDirectory(prefix="homelab-input-") as directory:
        place = Path(directory)
        git(place, "init", "--quiet", "--bare")
        _fetch(source, place)
        archive = nar(_tree(place, source.rev))
    if len(archive) > MOST_BYTES:
        raise FetchError(f"the input {source.name} is too large to be sent")
    if hashlib.sha256(archive).digest() != sha256_of(source.nar_hash):
        found = base64.b64encode(hashlib.sha256(archive).digest()).decode()
        raise HomelabError(
            f"the input {source.name}: revision {source.rev} of {source.url} has the hash "
            f"sha256-{found}, and the lock file says {source.nar_hash}; lock it again "
            f"(homelab update), or let hosts fetch it: flakes.{source.name}.private"
        )
    return archive


def _fetch(source: InputSpec, place: Path) -> None:
    """Only this revision where the server gives single revisions; else its branch, or all."""
    wanted = ["--quiet", "--no-tags", "--", source.url]
    tries = [["--depth=1", *wanted, source.rev]]
    tries += [[*wanted, source.ref]] if source.ref else []
    tries += [[*wanted, "+refs/*:refs/*"]]
    last = ""
    for words in tries:
        try:
            git(place, "fetch", *words)
            git(place, "cat-file", "-e", f"{source.rev}^{{commit}}")
        except FetchError as error:
            last = last or str(error)
        else:
            return
    raise FetchError(f"{source.url} cannot be fetched here ({last})")


def _tree(place: Path, rev: str) -> NarNode:
    """The tree of a commit, as Nix reads it: no filters, and an empty directory for a submodule."""
    root: dict[bytes, NarNode] = {}
    lines = [e for e in git(place, "ls-tree", "-r", "-z", "--full-tree", rev).split(b"\0") if e]
    entries = [(*head.split(), path) for head, _, path in (e.partition(b"\t") for e in lines)]
    ids = [blob for mode, kind, blob, path in entries if kind == b"blob"]
    contents = iter(_contents(place, ids))
    for mode, kind, _, path in entries:
        *parents, name = path.split(b"/")
        here = root
        for parent in parents:
            inner = here.setdefault(parent, {})
            assert isinstance(inner, dict)
            here = inner
        if kind != b"blob":
            here[name] = {}
            continue
        content = next(contents)
        here[name] = NarLink(content) if mode == b"120000" else NarFile(content, mode == b"100755")
    return root


def _contents(place: Path, ids: Sequence[bytes]) -> list[bytes]:
    output = git(place, "cat-file", "--batch", data=b"".join(i + b"\n" for i in ids))
    found, start = [], 0
    for _ in ids:
        end = output.index(b"\n", start)
        size = int(output[start:end].split()[2])
        found.append(output[end + 1 : end + 1 + size])
        start = end + 1 + size + 1
    return found


def git(place: Path, *words: str, data: bytes = b"") -> bytes:
    """The output of git in a directory. It asks nobody: no terminal, no window.

    Raises FetchError with git's last line.
    """
    own = {"GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"}
    rest = {k: v for k, v in os.environ.items() if k not in ("GIT_DIR", "GIT_WORK_TREE")}
    try:
        done = subprocess.run(
            ["git", *words],
            cwd=place,
            env={**rest, **own},
            input=data,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise FetchError("git is not on PATH; install it") from None
    except subprocess.TimeoutExpired:
        raise FetchError(f"git gave no answer in {SECONDS} seconds") from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        said = next((x for x in lines if x.startswith(("fatal:", "error:", "ssh:"))), "")
        raise FetchError(said or (lines[-1] if lines else f"git exited with {done.returncode}"))
    return done.stdout
