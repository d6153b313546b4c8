"""The deployer: programs and their versions, the SSH agent, and Pulumi's backend."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import platform
import re
import subprocess
import urllib.parse
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import asyncssh

from homelab.ops.doctor.model import error, note, ok
from homelab.ops.secrets.doctor import Finding
from homelab.plan import Plan

_SECONDS = 20
_NUMBER = re.compile(r"\d+(\.\d+)+")
PULUMI = (3, 0)
"""The lowest version of the program that works with the SDK."""


def machine_findings(plan: Plan, directory: Path, stack: str) -> Iterator[Finding]:
    """Everything about this machine. Opens no network connection."""
    yield ok(f"Python {platform.python_version()}, homelab {own_version()}")
    yield from _pulumi()
    yield from _backend()
    yield from _passphrase(directory, stack)
    yield _git()
    yield from _keys(plan)
    yield _nix()


def own_version() -> str:
    """The version of the library that runs."""
    try:
        return version("homelab")
    except PackageNotFoundError:
        return "of a clone"


def _version_of(*words: str) -> tuple[str, str]:
    """The version that a program prints, and what is wrong with it. One of them is empty."""
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        return "", f"{words[0]} is not on PATH"
    except (OSError, subprocess.TimeoutExpired) as problem:
        return "", f"{words[0]} does not run ({type(problem).__name__})"
    found = _NUMBER.search(done.stdout.decode(errors="replace"))
    if done.returncode or found is None:
        return "", f"{' '.join(words)} exited with {done.returncode} and printed no version"
    return found[0], ""


def _pulumi() -> Iterator[Finding]:
    number, wrong = _version_of("pulumi", "version")
    if wrong:
        yield error(f"{wrong}; install it: https://www.pulumi.com/docs/install/")
    elif tuple(map(int, number.split(".")[:2])) < PULUMI:
        yield error(f"pulumi is version {number}; install 3 or later")
    else:
        yield ok(f"pulumi is version {number}")


def _backend() -> Iterator[Finding]:
    """Where Pulumi keeps its state. Only the kind is shown: a URL may contain a password."""
    stated = os.environ.get("PULUMI_BACKEND_URL", "")
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    if not stated:
        try:
            stated = json.loads((home / "credentials.json").read_bytes()).get("current", "")
        except (OSError, ValueError, AttributeError):
            stated = ""
    if not stated:
        yield error("Pulumi has no backend for its state; pulumi login --local, or pulumi login")
        return
    parts = urllib.parse.urlsplit(stated)
    yield ok(f"Pulumi's state is at {parts.scheme or 'file'}://{parts.hostname or '…'}")


def _passphrase(directory: Path, stack: str) -> Iterator[Finding]:
    try:
        text = (directory / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    names = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
    if re.search(r"^encryptionsalt:", text, re.MULTILINE) and not any(
        name in os.environ for name in names
    ):
        yield note(f"Pulumi asks for the passphrase of its state; or set {names[1]}")


def _git() -> Finding:
    number, wrong = _version_of("git", "--version")
    return note(f"{wrong}; a homelab belongs into Git") if wrong else ok(f"git is {number}")


def _nix() -> Finding:
    number, wrong = _version_of("nix", "--version")
    if wrong:
        return note(f"{wrong}; only homelab eval needs it: homelab eval --on HOST")
    return ok(f"nix is version {number}")


def _keys(plan: Plan) -> Iterator[Finding]:
    """Whether the agent holds a key that hosts accept: Pulumi's own connections use only that."""
    if not os.environ.get("SSH_AUTH_SOCK"):
        yield error("there is no SSH agent (SSH_AUTH_SOCK); eval $(ssh-agent), then ssh-add")
        return
    try:
        held = asyncio.run(_held())
    except (OSError, asyncssh.Error, ValueError):
        yield error("the SSH agent does not answer; start a new one: eval $(ssh-agent)")
        return
    accepted = {key.split()[1] for key in plan.stack.site.owner.ssh_keys}
    fitting = [name for body, name in held if body in accepted]
    if fitting:
        yield ok(f"the SSH agent holds a key of site.owner.ssh_keys ({', '.join(fitting)})")
    else:
        yield error(
            f"the SSH agent holds {len(held)} keys, and none of them is in site.owner.ssh_keys; "
            "ssh-add ~/.ssh/id_ed25519"
        )


async def _held() -> list[tuple[str, str]]:
    """(public key in base64, comment) of each key of the agent."""
    async with asyncssh.connect_agent() as agent:
        keys = await asyncio.wait_for(agent.get_keys(), _SECONDS)
    return [
        (base64.b64encode(key.public_data).decode(), key.get_comment() or "no name") for key in keys
    ]
