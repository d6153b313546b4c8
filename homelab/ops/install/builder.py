"""Build a system on another machine than its host, and copy it there.

The copy goes through this machine, over the connections that homelab has to both. Neither needs a
key of the other, and this machine needs no Nix unless it builds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from homelab.config.hosts import NixosHost
from homelab.deploy import builder_scripts as scripts
from homelab.deploy.model import Release
from homelab.deploy.scripts import shell
from homelab.ops.hosts import link_to, named
from homelab.ops.install.lending import Lent
from homelab.ops.install.sending import sent_to
from homelab.ops.machine.host import HostLink
from homelab.ops.machine.ssh import DialMap
from homelab.plan import Plan
from homelab.problems import HomelabError


@dataclass(frozen=True)
class Built:
    """Store paths on the machine that built them."""

    disks: str
    system: str


class Builder:
    """This machine, or a host of the stack."""

    def __init__(self, link: HostLink | None) -> None:
        self._link = link
        self.name = link.name if link is not None else "this machine"

    @classmethod
    def of(cls, plan: Plan, where: str, dial_map: DialMap | None) -> Builder:
        """`here`, or a host of the stack. Raises UsageError with the nearest known name."""
        return cls(None if where == "here" else link_to(named(plan, where), dial_map))

    @property
    def link(self) -> HostLink | None:
        """The connection to it; None for this machine."""
        return self._link

    async def build(self, name: str, config: NixosHost, tree: Release, lent: Lent) -> Built:
        """Build disko's script and the system. Raises HomelabError."""
        script = scripts.builder_script(
            name, config.platform, dict(tree.files), options=lent.options, netrc=lent.netrc
        )
        found = await self.make(script, lambda _: None)
        return Built(found.get("disks", ""), found["system"])

    async def make(self, script: str, report: Callable[[str], None]) -> dict[str, str]:
        """Run a script of `builder_script`, and report its notes. The store paths by name."""
        found: dict[str, str] = {}
        for line in (await self._run(script)).splitlines():
            name, _, value = line.partition(" ")
            if name == "note":
                report(f"{self.name}: {value}")
            else:
                found[name] = value
        if "system" not in found:
            raise HomelabError(f"{self.name}: nix built nothing; see whether its PATH has another")
        return found

    async def copy(
        self, path: str, target: HostLink, store: str, report: Callable[[str], None]
    ) -> None:
        """Copy a path and all that it needs into a store of the target, but what is there."""
        closure = (await self._run(scripts.closure_script(path))).split()
        done = await target.exchange(scripts.missing_script(store, closure))
        missing = {*done.decode().split()}
        wanted = [p for p in closure if p in missing]
        if not wanted:
            return
        report(f"copying {len(wanted)} store paths from {self.name}")
        export, receiver = scripts.export_script(wanted), scripts.import_script(store)
        if self._link is not None:
            await self._link.pass_to(export, b"", target, receiver, lambda _: None)
            return
        process = await _started(export)
        assert process.stdout is not None
        assert process.stderr is not None
        errors = asyncio.create_task(process.stderr.read())
        await sent_to(target, receiver, process.stdout.read)
        _sound(self.name, await process.wait(), await errors)

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._link is not None:
            await self._link.close()

    async def _run(self, script: str) -> str:
        if self._link is not None:
            done = await self._link.ask(script, None)
            _sound(self.name, done.exit, done.stderr.encode())
            return done.stdout
        process = await _started(script)
        output, errors = await process.communicate()
        _sound(self.name, process.returncode, errors)
        return output.decode(errors="replace")


async def _started(script: str) -> asyncio.subprocess.Process:
    """A shell with the script on its standard input."""
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *shell().split(), stdin=pipe, stdout=pipe, stderr=pipe
        )
    except OSError as error:
        raise HomelabError(f"bash cannot be run: {error.strerror}; put it on PATH") from None
    assert process.stdin is not None
    process.stdin.write(script.encode())
    process.stdin.close()
    return process


def _sound(name: str, exit_code: int | None, errors: bytes) -> None:
    if exit_code != 0:
        lines = errors.decode(errors="replace").strip().splitlines()[-20:]
        # Pulumi hangs on a line longer than 64 KiB.
        text = (
            "\n".join(line[:2000] for line in lines).removeprefix("homelab: ")
            or f"it exited with {exit_code}"
        )
        raise HomelabError(f"{name}: {text}")
