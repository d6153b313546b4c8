"""The SSH key of the running installer, which the stack does not pin."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncssh
from pydantic import TypeAdapter, ValidationError

from homelab.config.base import HostKey
from homelab.ops.install.model import Asked, Person
from homelab.ops.machine.ssh import DialError
from homelab.problems import UsageError

_SECONDS = 15


async def installer_key(asked: Asked, person: Person) -> str:
    """The key that the target must present: the stated one, that of `known_hosts`, or the one that
    it answers with, once the person has compared its fingerprint.

    Raises UsageError if nobody vouches for it.
    """
    stated = asked.target_key
    if stated is not None and not stated.startswith("SHA256:"):
        try:
            line: str = TypeAdapter(HostKey).validate_python(stated)
        except ValidationError:
            raise UsageError(
                '--target-key: write its line, "ssh-ed25519 AAAA…", or its fingerprint, SHA256:…, '
                "as ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub prints it on the machine"
            ) from None
        return line
    if stated is None and (known := _known(asked)):
        return known
    key = await _presented(asked)
    fingerprint = key.get_fingerprint()
    line = key.export_public_key("openssh").decode().strip()
    if stated is not None:
        if fingerprint != stated:
            raise UsageError(
                f"{asked.address} answers with the key {fingerprint}, not with that of "
                "--target-key; find out which machine answers"
            )
        return line
    if not person.trusts(fingerprint):
        raise UsageError(
            f"{asked.address} answers with the key {fingerprint}, which nobody has compared; see "
            "it on the machine's console, ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub, and "
            f"name it: --target-key {fingerprint}"
        )
    return line


def _known(asked: Asked) -> str:
    try:
        found = asyncssh.match_known_hosts(
            str(Path.home() / ".ssh" / "known_hosts"), asked.address, asked.address, asked.port
        )[0]
    except (OSError, ValueError, asyncssh.Error):
        return ""
    for key in found:
        if isinstance(key, asyncssh.SSHKey) and key.get_algorithm() == "ssh-ed25519":
            return key.export_public_key("openssh").decode().strip()
    return ""


async def _presented(asked: Asked) -> asyncssh.SSHKey:
    try:
        async with asyncio.timeout(_SECONDS):
            key = await asyncssh.get_server_host_key(
                asked.address,
                asked.port,
                config=None,
                server_host_key_algs=["ssh-ed25519"],
            )
    except (TimeoutError, OSError, asyncssh.Error) as error:
        raise DialError(
            f"{asked.address}:{asked.port} does not answer over SSH ({error or 'no answer'}); is "
            "the machine on, and its SSH server up?"
        ) from None
    if key is None:
        raise DialError(f"{asked.address}:{asked.port} presents no ed25519 key; restart its sshd")
    return key
