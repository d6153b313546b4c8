"""What the deployer gives to a host before the host builds."""

from __future__ import annotations

import asyncio
from pathlib import Path

from homelab.config.base import Model, SecretRef, ServiceSecretRef, Str
from homelab.deploy import scripts
from homelab.ops.deploy.inputs import InputSpec, Report, bring_inputs
from homelab.ops.machine.host import HostLink
from homelab.ops.secrets.lookup import SecretUnavailableError, resolve


class NetrcSpec(Model):
    """Passwords of binary caches."""

    place: Str
    """Their file on the host, once it has switched."""
    ref: SecretRef
    file: Str
    """The sops file, below the stack's directory."""


class BeforeSpec(Model):
    """As `homelab.deploy.before_build` writes it."""

    inputs: tuple[InputSpec, ...] = ()
    netrc: NetrcSpec | None = None
    release: Str = ""
    """The staged release that keeps the inputs."""


async def prepared(before: BeforeSpec, link: HostLink, build: str, report: Report) -> str:
    """The build script to run, after the host got its private inputs.

    It has the passwords of caches if the host lacks them, as before its first switch. A rehearsal
    reads none. Raises HomelabError.
    """
    await bring_inputs(before.inputs, link, report, release=before.release)
    netrc = before.netrc
    if netrc is None or link.dial_map is not None:
        return build
    there = await link.ask(scripts.command_script(["test", "-r", netrc.place]))
    if there.exit == 0:
        return build
    text = await passwords(netrc.ref, Path.cwd(), netrc.file, link.name, report)
    return scripts.with_netrc(build, text) if text else build


async def passwords(
    ref: SecretRef | ServiceSecretRef, directory: Path, file: str, host: str, report: Report
) -> str:
    """The passwords of a host's binary caches; empty if they cannot be read, which is reported."""
    try:
        return await asyncio.to_thread(resolve, ref, directory, file)
    except SecretUnavailableError as error:
        report(f"{host}: the build asks its caches without passwords: {error}")
        return ""
