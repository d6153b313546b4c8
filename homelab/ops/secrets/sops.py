"""Read sops files: one value with the `sops` command, or the key names without decryption."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from homelab.config.base import SecretRef
from homelab.ops.project.rehearsed import is_rehearsed
from homelab.ops.secrets.tool import SecretUnavailableError, run
from homelab.problems import HomelabError, unreadable
from homelab.secrets.age import age_recipient
from homelab.secrets.model import SopsFile
from homelab.secrets.sops_file import create_it, parse_sops_file, set_it

__all__ = ["age_recipient", "read_encrypted", "read_host_files", "resolve"]

_ENVIRONMENT = {"SOPS_DISABLE_VERSION_CHECK": "1"}
_NO_KEY = ("data key", "no identity matched", "failed to load age identities", "no master key")
_NOT_FOUND = ("not found", "component [")


class UnreadableSopsFileError(HomelabError):
    """A sops file that cannot be read."""


def resolve(ref: SecretRef, directory: Path, file: str) -> str:
    """The value of a `sops:` reference, from `file` below `directory`, exactly as it is stored."""
    path = directory / file
    if not path.is_file() and not is_rehearsed():
        raise SecretUnavailableError(
            ref, f"there is no file {file}", f"{create_it(ref.sops or '')}, or set secrets.file"
        )
    key = ref.sops or ""
    where = "".join(f"[{json.dumps(part)}]" for part in key.split("/"))
    value, complaint = run(
        ref,
        ["sops", "decrypt", "--extract", where, file],
        directory=directory,
        environment=_ENVIRONMENT,
        install="install sops (https://getsops.io); nix shell nixpkgs#sops has it too",
    )
    if complaint:
        raise _unavailable(ref, file, complaint.lower())
    return value


def _unavailable(ref: SecretRef, file: str, complaint: str) -> SecretUnavailableError:
    if "metadata not found" in complaint:
        return SecretUnavailableError(ref, f"{file} is not encrypted", f"sops encrypt -i {file}")
    if any(part in complaint for part in _NO_KEY):
        return SecretUnavailableError(
            ref,
            f"no key here can decrypt {file}",
            "point SOPS_AGE_KEY_FILE at your age key; or add it to secrets.operators, and have a "
            "person with access run: homelab secret recipients",
        )
    if any(part in complaint for part in _NOT_FOUND):
        return SecretUnavailableError(ref, f"{file} does not have this key", set_it(ref.sops or ""))
    return SecretUnavailableError(
        ref, f"sops could not read {file}", f"see why: sops decrypt {file} >/dev/null"
    )


def read_encrypted(path: Path, name: str = "") -> SopsFile:
    """What can be read of a sops file without a key. `name` is its path in the stack config."""
    try:
        return parse_sops_file(name or path.name, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableSopsFileError(
            f"{name or path.name}: cannot be read ({unreadable(error)}); restore the file"
        ) from None


def read_host_files(directory: Path, names: Iterable[str]) -> dict[str, SopsFile]:
    """Those of the named files that exist, by path."""
    found = sorted({n for n in names if (directory / n).is_file()})
    return {name: read_encrypted(directory / name, name) for name in found}
