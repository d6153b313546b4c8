"""`homelab host key`: pin the key of a machine that does not exist yet."""

from __future__ import annotations

import shlex
from pathlib import Path

from homelab.config.stack_edit import lines_to_add, with_added, with_values
from homelab.ops.hosts import known_host
from homelab.ops.project.stack import check_stack
from homelab.ops.secrets.host_keys import key_in_file, made_key, same_key
from homelab.ops.whole import replace_file
from homelab.problems import UsageError
from homelab.system.placeholders import PLACEHOLDER


def pin_key(
    directory: Path, stack: str, name: str, key_file: Path | None, *, replace: bool
) -> list[str]:
    """Write the public half of a host's key into the stack file. Returns lines for the person.

    A pinned key stays, unless it is the placeholder of `homelab init`, or with `replace`. Raises
    UsageError.
    """
    plan, _ = check_stack(directory, stack)
    host = known_host(plan, name)
    _, public = key_in_file(key_file) if key_file else made_key(plan, directory, name)
    pinned = host.config.ssh.host_key or ""
    if pinned and same_key(pinned, public):
        return [f"hosts.{name}.ssh.host_key is pinned already: {public}"]
    if pinned and not pinned.endswith(f" {PLACEHOLDER}") and not replace:
        raise UsageError(
            f"hosts.{name}.ssh.host_key is pinned, and belongs to a machine; to install that again "
            "with another key: --replace"
        )
    path = directory / f"Pulumi.{stack}.yaml"
    text, place = path.read_text(encoding="utf-8"), ("hosts", name, "ssh", "host_key")
    edited = with_values(text, {place: public}) if pinned else with_added(text, place, public)
    if not edited:
        return [f"write this into {path.name}:", *lines_to_add({place: public}).splitlines()]
    lines = [f"{path.name}: {line}" for line in replace_file(path, edited)]
    # A key that homelab did not make is only in the file, and install puts it on the machine.
    words = ["homelab", "install", name, *(["--key-file", str(key_file)] if key_file else [])]
    return [*lines, "next: homelab secret recipients", f"next: {shlex.join(words)}"]
