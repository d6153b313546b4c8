"""Find what is wrong with the deployer's keys, its tools and the sops files. Changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyrage
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_private_key,
)

from homelab.ops.secrets.sops_command import LEAST, SopsError, can_decrypt, sops_version
from homelab.plan import Plan
from homelab.secrets.deployer import references
from homelab.secrets.inventory import inventory, sops_files
from homelab.secrets.model import SopsFile
from homelab.secrets.readers import names_of, readers_of

_OTHERS = 0o077
"""Permission bits of everybody but the owner."""
_TIMEOUT = 30


@dataclass(frozen=True)
class Finding:
    """One thing that was examined."""

    level: Literal["ok", "note", "error"]
    text: str

    def as_data(self) -> dict[str, str]:
        """The finding as plain data, for scripts."""
        return {"level": self.level, "text": self.text}


@dataclass(frozen=True)
class Identity:
    """A private key of the deployer: where it is, and its recipient."""

    place: str
    recipient: str


def examine(directory: Path, plan: Plan, sources: Mapping[str, str | bytes]) -> list[Finding]:
    """What is wrong, and what is in order: keys, tools, files, secrets."""
    files = sops_files(plan, sources)
    found, has_sops = _sops()
    findings = [found, *_onepassword(plan)]
    identities, problems = find_identities()
    findings += problems
    findings += _keys(plan, files, identities)
    # Without sops, no file is opened, and one line has said so.
    findings += _files(directory, plan, files, identities, opens=has_sops)
    findings += _secrets(plan, sources)
    return findings


def find_identities() -> tuple[list[Identity], list[Finding]]:
    """The private keys that sops tries, and problems of the places where it looks."""
    found: list[Identity] = []
    problems: list[Finding] = []
    for name in ("SOPS_AGE_KEY_CMD", "SOPS_AGE_SSH_PRIVATE_KEY_CMD"):
        if os.environ.get(name):
            problems.append(Finding("note", f"{name} is set; its key is not examined"))
    if text := os.environ.get("SOPS_AGE_KEY"):
        found += _age_identities(text, "SOPS_AGE_KEY", problems)
    for path, needed in _key_files():
        if path.is_file():
            problems += _permissions(path)
            found += _age_identities(_read(path, problems), str(path), problems)
        elif needed:
            problems.append(Finding("error", f"SOPS_AGE_KEY_FILE: there is no {path}; correct it"))
    for path in _ssh_files():
        if path.is_file():
            problems += _permissions(path)
            found += _ssh_identity(path, problems)
    return found, problems


def _key_files() -> Iterator[tuple[Path, bool]]:
    if stated := os.environ.get("SOPS_AGE_KEY_FILE"):
        yield Path(stated), True
    config = os.environ.get("XDG_CONFIG_HOME")
    if config:
        yield Path(config) / "sops/age/keys.txt", False
    elif sys.platform == "darwin":
        yield Path.home() / "Library/Application Support/sops/age/keys.txt", False
    else:
        yield Path.home() / ".config/sops/age/keys.txt", False


def _ssh_files() -> Iterator[Path]:
    if stated := os.environ.get("SOPS_AGE_SSH_PRIVATE_KEY_FILE"):
        yield Path(stated)
    else:
        yield Path.home() / ".ssh/id_ed25519"


def _read(path: Path, problems: list[Finding]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        problems.append(Finding("error", f"{path} cannot be read; correct its owner: chown $USER"))
        return ""


def _permissions(path: Path) -> Iterator[Finding]:
    if path.stat().st_mode & _OTHERS:
        yield Finding("error", f"{path} can be read by others; chmod 600 {path}")


def _age_identities(text: str, place: str, problems: list[Finding]) -> Iterator[Identity]:
    for number, line in enumerate(text.splitlines(), 1):
        key = line.strip()
        if not key or key.startswith("#"):
            continue
        if key.startswith("AGE-PLUGIN-"):
            problems.append(Finding("note", f"{place}:{number} is a plugin's key; not examined"))
            continue
        try:
            yield Identity(place, str(pyrage.x25519.Identity.from_str(key).to_public()))
        except pyrage.IdentityError:
            problems.append(
                Finding("error", f"{place}:{number} is not an age key; make one with age-keygen")
            )


def _ssh_identity(path: Path, problems: list[Finding]) -> Iterator[Identity]:
    try:
        key = load_ssh_private_key(path.read_bytes(), None)
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        # sops asks for the passphrase where there is one.
        problems.append(Finding("note", f"{path} has a passphrase or another form; not examined"))
        return
    yield Identity(str(path), public.decode())


def _sops() -> tuple[Finding, bool]:
    """The version of sops, and whether it is there."""
    try:
        version = sops_version()
    except SopsError as error:
        return Finding("error", str(error)), False
    text = f"sops is version {'.'.join(map(str, version))}"
    if version >= LEAST:
        return Finding("ok", text), True
    least = ".".join(map(str, LEAST))
    way_out = f"homelab secret set needs {least} or later: nix shell nixpkgs#sops"
    return Finding("error", f"{text}; {way_out}"), True


def _onepassword(plan: Plan) -> Iterator[Finding]:
    asked = sorted(place for place, ref in references(plan).items() if ref.op is not None)
    if asked:
        yield _signed_in(asked)


def _signed_in(asked: list[str]) -> Finding:
    try:
        done = subprocess.run(
            ["op", "whoami"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        install = "https://developer.1password.com/docs/cli"
        return Finding("error", f"op is not on PATH, and {', '.join(asked)} need it; see {install}")
    except subprocess.TimeoutExpired:
        return Finding("error", f"op gave no answer in {_TIMEOUT} seconds; unlock 1Password")
    if done.returncode:
        return Finding(
            "error", f"op is not signed in, and {', '.join(asked)} need it; eval $(op signin)"
        )
    return Finding("ok", "op is signed in to 1Password")


def _keys(
    plan: Plan, files: Mapping[str, SopsFile], identities: list[Identity]
) -> Iterator[Finding]:
    operators = {" ".join(key.split()[:2]) for key in plan.stack.secrets.operators}
    if not operators:
        yield Finding(
            "error",
            "secrets.operators is empty, so no person can edit a host's file; add your age1… line",
        )
    if not identities:
        yield Finding(
            "error",
            "there is no age key here; make one: age-keygen -o ~/.config/sops/age/keys.txt",
        )
    for identity in identities:
        opened = [p for p, f in sorted(files.items()) if _opens(identity, f)]
        where = f"{identity.place} ({shown(identity.recipient)})"
        if opened:
            yield Finding("ok", f"{where} opens {', '.join(opened)}")
        elif identity.recipient in operators:
            yield Finding("error", f"{where} opens no file yet; homelab secret recipients")
        else:
            yield Finding("note", f"{where} opens no secrets file of this stack")


def _opens(identity: Identity, file: SopsFile) -> bool:
    return any(" ".join(r.split()[:2]) == identity.recipient for r in file.recipients)


def shown(recipient: str) -> str:
    """A recipient, shortened for a line of text."""
    first, _, rest = recipient.partition(" ")
    return f"{first} …{rest[-12:]}" if rest else f"{first[:16]}…"


def _files(
    directory: Path,
    plan: Plan,
    files: Mapping[str, SopsFile],
    identities: list[Identity],
    *,
    opens: bool,
) -> Iterator[Finding]:
    readers, names = readers_of(plan), names_of(plan.stack)
    for path, file in files.items():
        if not file.encrypted:
            yield Finding("error", f"{path} is not encrypted; sops encrypt -i {path}")
            continue
        difference = readers[path].compared(file)
        if difference.missing or difference.extra:
            parts = [f"lacks {names.get(k, shown(k))}" for k in difference.missing]
            parts += [f"is also for {names.get(k, shown(k))}" for k in difference.extra]
            yield Finding("error", f"{path} {' and '.join(parts)}; homelab secret recipients")
        if not any(_opens(i, file) for i in identities):
            if identities:
                yield Finding("error", f"{path} cannot be opened with the keys here")
        elif not opens:
            continue
        elif wrong := can_decrypt(directory, path):
            yield Finding("error", f"{path}: {wrong}")
        else:
            yield Finding("ok", f"{path} opens, {len(file.kinds)} keys")


def _secrets(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Finding]:
    missing: dict[tuple[str, str], list[str]] = {}
    for row in inventory(plan, sources):
        if {"missing", "file missing"} & {*row.status}:
            missing.setdefault((row.file, row.key), []).append(row.service)
        elif "unused" in row.status:
            yield Finding(
                "note",
                f"{row.file}: nothing reads {row.key}; remove it: homelab secret unset {row.key}",
            )
    for (file, key), services in sorted(missing.items()):
        readers = ", ".join(sorted(set(services)))
        yield Finding("error", f"{file} lacks {key} ({readers}); homelab secret set {key}")
