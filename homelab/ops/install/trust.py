"""The SSH key of the running installer, which the stack does not pin."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncssh
from pydantic import TypeAdapter, ValidationError

from homelab.config.base import HostKey
from homelab.ops.install.model import Asked, Person
from homelab.ops.machine.ssh import DialError, Endpoint, connect
from homelab.problems import UsageError

_SECONDS = 15


async def installer_key(asked: Asked, person: Person, endpoint: Endpoint) -> str:
    """The key that the target must present: the stated one, that of `known_hosts`, or the one that
    it answers with, once the person has compared its fingerprint. `endpoint` is the way to it.

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
    key = await _presented(endpoint)
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


async def _presented(endpoint: Endpoint) -> asyncssh.SSHKey:
    where, via, tunnel = f"{endpoint.address}:{endpoint.port}", endpoint.via, None
    try:
        async with asyncio.timeout(_SECONDS):
            if via is not None:
                tunnel = await connect(via.endpoint, via.host_key, None)
            key = await asyncssh.get_server_host_key(
                endpoint.address,
                endpoint.port,
                tunnel=tunnel or (),
                proxy_command=endpoint.proxy,
                config=None,
                server_host_key_algs=["ssh-ed25519"],
            )
    except (TimeoutError, OSError, asyncssh.Error) as error:
        raise DialError(
            f"{where} does not answer over SSH ({error or 'no answer'}); is "
            "the machine on, and its SSH server up?"
        ) from None
    finally:
        if tunnel is not None:
            tunnel.abort()
    if key is None:
        raise DialError(f"{where} presents no ed25519 key; restart its sshd")
    return key
