"""The steps of an installation, in order. Nothing is erased before all that can fail has run."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from homelab.deploy.model import Release
from homelab.deploy.spec import paths_of
from homelab.install import scripts
from homelab.install.decision import Decision, as_text, decide
from homelab.install.target import Target, read_target
from homelab.ops.install.model import Asked, Person
from homelab.ops.install.prepare import (
    first_system,
    hardware_path,
    host_key,
    the_host,
    write_live,
)
from homelab.ops.install.trust import installer_key
from homelab.ops.machine.host import HostLink, HostPath
from homelab.ops.machine.ssh import Completed, DialError, DialMap
from homelab.ops.whole import write_files
from homelab.plan import Plan
from homelab.problems import HomelabError, UsageError
from homelab.system.model import Host

_LOOK_SECONDS = 60
_RETRY_SECONDS = 3


def install(directory: Path, stack: str, asked: Asked, person: Person) -> None:
    """Install a host. Raises UsageError for what forbids it, HomelabError for what fails."""
    plan, host = the_host(directory, stack, asked)
    private, public = host_key(plan, directory, host, asked)
    asyncio.run(_Run(directory, stack, asked, person, plan, host, private, public).all())


@dataclass
class _Run:
    directory: Path
    stack: str
    asked: Asked
    person: Person
    plan: Plan
    host: Host
    private: str = field(repr=False)
    public: str
    dial_map: DialMap | None = field(default_factory=DialMap.from_environment)

    async def all(self) -> None:
        """Every step."""
        key = "" if self.dial_map is not None else await installer_key(self.asked, self.person)
        target = self._link(self.asked.user, self.asked.port, key)
        try:
            await self._on(target)
        finally:
            await target.close()

    async def _on(self, target: HostLink) -> None:
        asked, say = self.asked, self._say
        decision = decide(
            self.host,
            await self._look(target),
            kexec=asked.kexec is not None,
            reinstall=asked.reinstall,
        )
        self.person.report(as_text(decision).rstrip())
        self._confirmed(decision)
        passphrase, times = self._passphrase()
        hardware = await self._hardware(target)
        _, host, tree = first_system(self.directory, self.stack, asked, hardware)
        say(f"building the first system, {tree.id}, and disko's script")
        await self._do(target, scripts.stage_script(dict(tree.files)))
        await self._do(target, scripts.build_script(host.name))
        mark = f"{decision.mark} {_layout_mark(tree)}"
        say("erasing and partitioning the disks")
        await self._do(target, scripts.disks_script(mark, passphrase=passphrase, times=times))
        say("installing")
        place = host.config.persistence.root.rstrip("/") if host.config.persistence else ""
        script = scripts.system_script(host.name, mark, self.private, self.public, place=place)
        await self._do(target, script)
        # From now on its disks hold data, whatever happens to this run.
        for line in write_live(self.directory, self.stack, host.name, hardware):
            self.person.report(line)
        say("restarting into the new system")
        await self._do(target, scripts.restart_script(mark))
        await target.close()
        await self._returned(host)
        self._next(host)

    def _link(self, user: str, port: int, key: str) -> HostLink:
        path = HostPath(name="installer", address=self.asked.address, port=port, user=user)
        return HostLink(self.host.name, (path,), key, self.dial_map)

    async def _look(self, link: HostLink) -> Target:
        done = await link.ask(scripts.look_script(), _LOOK_SECONDS)
        self._sound(done)
        return read_target(self.host.name, done.stdout)

    async def _do(self, link: HostLink, script: str) -> None:
        """One script on the target, without a time limit."""
        done = await link.ask(script, None)
        self._sound(done)
        for line in done.stdout.splitlines():
            self._say(line)

    def _sound(self, done: Completed) -> None:
        if done.exit != 0:
            text = done.stderr.strip().removeprefix("homelab: ") or f"it exited with {done.exit}"
            raise HomelabError(f"{self.host.name}: {text}")

    def _say(self, line: str) -> None:
        self.person.report(f"{self.host.name}: {line}")

    def _confirmed(self, decision: Decision) -> None:
        name = self.host.name
        typed = self.asked.confirm
        if typed is None:
            typed = self.person.type_name(f"Type the host's name, {name}, to erase these disks:")
        if typed is None:
            raise UsageError(
                f"this erases disks; confirm the host's name: --confirm {name}. Nothing was changed"
            )
        if typed != name:
            raise UsageError(f'"{typed}" is not {name}; nothing was changed')

    def _passphrase(self) -> tuple[str, int]:
        """The passphrase of new encrypted volumes, and how often disko may ask for it."""
        volumes = {f.volume for f in self.host.file_systems if f.encryption is not None}
        if not volumes:
            return "", 0
        given = self.person.passphrase(", ".join(sorted(volumes)))
        if not given:
            raise UsageError(
                "the stack encrypts disks, and nobody typed a passphrase; name a file with it: "
                "--passphrase-file FILE"
            )
        # Twice for each volume, and once more if it opens one again.
        return given, 3 * len(volumes)

    async def _hardware(self, target: HostLink) -> str:
        """The path of the hardware module; one that is missing is made on the target."""
        path, missing = hardware_path(self.host, self.directory)
        if missing:
            done = await target.ask(scripts.hardware_script(), _LOOK_SECONDS)
            self._sound(done)
            way_out = "fix that, and run homelab install again"
            write_files(self.directory, {path: done.stdout}, way_out)
            self._say(f"{path} written")
        return path

    async def _returned(self, host: Host) -> None:
        """Wait until the new system answers, with the key that the stack pins."""
        link = self._installed(host)
        if any(f.encryption is not None for f in host.file_systems):
            self._say("its console asks for the passphrase of its disks now")
        end = time.monotonic() + self.asked.wait_seconds
        why = ""
        while True:
            try:
                target = await self._look(link)
            except (DialError, HomelabError) as error:
                # The installer may still answer, with its own key.
                why = str(error).splitlines()[-1]
            else:
                if not target.is_installer:
                    self._say("the new system answers, with the pinned key")
                    return
                why = "the installer answers"
            finally:
                await link.close()
            if time.monotonic() > end:
                raise HomelabError(
                    f"{host.name}: the system is installed, and does not answer after "
                    f"{self.asked.wait_seconds} s ({why}). Does it start from its disk? Remove the "
                    "installer's medium, see its console, then: homelab status"
                )
            await asyncio.sleep(_RETRY_SECONDS)

    def _installed(self, host: Host) -> HostLink:
        """The host at the address that the installer had, and at its own."""
        stated = [HostPath.model_validate(path) for path in paths_of(host)]
        ssh = host.config.ssh
        here = HostPath(name="installer", address=self.asked.address, port=ssh.port, user=ssh.user)
        paths = [here, *(p for p in stated if p.address != here.address)]
        return HostLink(host.name, tuple(paths), self.public, self.dial_map)

    def _next(self, host: Host) -> None:
        if host.config.tailscale is not None and not host.lan:
            self.person.report(
                f"next: ssh {host.config.ssh.user}@{self.asked.address} tailscale up, and write "
                f"its address to hosts.{host.name}.address.tailnet"
            )
        for line in ("homelab secret recipients", "homelab check", "pulumi up"):
            self.person.report(f"next: {line}")


def _layout_mark(tree: Release) -> str:
    import hashlib

    from homelab.install.first import LAYOUT

    text = dict(tree.files)[LAYOUT]
    data = text.encode() if isinstance(text, str) else text
    return hashlib.sha256(data).hexdigest()[:12]
