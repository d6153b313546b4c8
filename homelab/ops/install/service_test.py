"""Write the NixOS tests of critical services beside the stack, and notice stale ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from homelab.check import file_check
from homelab.install.service_test import MARK, TOP, service_tests
from homelab.ops.install.stand_ins import stand_in as value_of
from homelab.ops.secrets.derive import pbkdf2
from homelab.plan import Plan
from homelab.problems import HomelabError, Problem, unreadable
from homelab.secrets.model import Secret

VM_TESTS_STALE = file_check(
    "vm-tests-stale",
    "warning",
    "Tests that `homelab vm-tests` wrote test an older stack once the stack changes.",
)
Files = Mapping[str, str | bytes]


def place_of(directory: Path, name: str) -> Path:
    """The directory of a stack's tests."""
    return directory / "vm-tests" / name


def files_of(plan: Plan, sources: Files) -> dict[str, str | bytes]:
    """The files of the tests, relative to their directory. They depend on no secret."""
    return service_tests(plan, sources, lambda secret: _stand_in(plan, secret))


def write_tests(directory: Path, name: str, plan: Plan, sources: Files) -> list[Path]:
    """Make the directory equal to the stack; returns the files that changed, also removed ones.

    Raises HomelabError, before it writes anything, if homelab did not write what is there.
    """
    place = place_of(directory, name)
    wanted, present = files_of(plan, sources), _present(place)
    if present and not str(present.get(TOP, b""), "utf-8", "replace").startswith(MARK):
        raise HomelabError(
            f"{place}: homelab did not write what is there, and would replace it; move it away, "
            "then run again"
        )
    changed = [p for p in sorted({*wanted, *present}) if _bytes(wanted.get(p)) != present.get(p)]
    try:
        for path in changed:
            target = place / path
            if path not in wanted:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_bytes(wanted[path]) or b"")
        if not wanted and place.exists():
            shutil.rmtree(place)
    except OSError as error:
        raise HomelabError(f"{error.filename}: cannot be written: {error.strerror}") from None
    return [place / path for path in changed]


def stale_tests(directory: Path, name: str, plan: Plan, sources: Files) -> Iterator[Problem]:
    """A warning if the tests differ from the stack, or are missing beside others."""
    place = place_of(directory, name)
    if not (place / TOP).is_file():
        return
    wanted = {path: _bytes(content) for path, content in files_of(plan, sources).items()}
    if wanted != _present(place):
        yield Problem(
            place.relative_to(directory).as_posix(),
            "these tests are not what the stack says",
            f"run: homelab vm-tests -s {name}",
            VM_TESTS_STALE,
            "warning",
        )


def _present(place: Path) -> dict[str, bytes]:
    try:
        return {
            path.relative_to(place).as_posix(): path.read_bytes()
            for path in sorted(place.rglob("*"))
            if path.is_file()
        }
    except OSError as error:
        raise HomelabError(f"{error.filename}: cannot be read: {unreadable(error)}") from None


def _bytes(content: str | bytes | None) -> bytes | None:
    return content.encode() if isinstance(content, str) else content


def _stand_in(plan: Plan, secret: Secret) -> str:
    """The content of a secret's file: right in form, and of no worth."""
    identity = plan.stack.identity
    users = identity.users.sops if identity is not None and identity.users is not None else None
    if users is not None and secret.key == users:
        nobody = {
            "displayname": "nobody",
            "email": f"nobody@{plan.stack.site.domain}",
            "password": pbkdf2("nobody", "nobody"),
        }
        return yaml.safe_dump({"users": {"nobody": nobody}}, sort_keys=True)
    return value_of(secret)
