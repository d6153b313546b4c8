"""The steps of an installation, in order. Nothing is erased before all that can fail has run."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from homelab.deploy.model import Release
from homelab.deploy.spec import paths_of
from homelab.install import scripts
from homelab.install.decision import Decision, as_text, decide
from homelab.install.first import LAYOUT
from homelab.install.target import MOUNTED, Target, read_target
from homelab.ops.hosts import named, path_to
from homelab.ops.install.builder import Builder, Built
from homelab.ops.install.lending import Lent, lent, send_inputs
from homelab.ops.install.model import Asked, Person
from homelab.ops.install.prepare import (
    first_system,
    hardware_path,
    host_key,
    the_host,
    write_live,
)
from homelab.ops.install.sending import sent_to
from homelab.ops.install.trust import installer_key
from homelab.ops.machine.host import HostLink, HostPath
from homelab.ops.machine.ssh import Completed, DialError, DialMap
from homelab.ops.whole import write_files
from homelab.plan import Plan
from homelab.problems import HomelabError, UsageError
from homelab.system.model import Host

_LOOK_SECONDS = 60
_RETRY_SECONDS = 3
_KEXEC_PORT = 22
"""The SSH port of the installers of nix-community/nixos-images."""


def install(directory: Path, stack: str, asked: Asked, person: Person) -> None:
    """Install a host. Raises UsageError for what forbids it, HomelabError for what fails."""
    plan, host = the_host(directory, stack, asked)
    private, public = host_key(plan, directory, host, asked.key_file)
    if asked.build not in {"target", "here"}:
        named(plan, asked.build)
    if asked.kexec is not None and not _is_url(asked.kexec) and not Path(asked.kexec).is_file():
        raise UsageError(
            f"--kexec: there is no file {asked.kexec}; name a kexec tarball, or its URL"
        )
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
        asked = self.asked
        there = self._path(asked.user, asked.port).endpoint(self.host.name)
        key = "" if self.dial_map is not None else await installer_key(asked, self.person, there)
        target = self._link(asked.user, asked.port, key)
        try:
            await self._on(target)
        finally:
            await target.close()

    async def _on(self, target: HostLink) -> None:
        asked, say = self.asked, self._say
        decision = self._decided(await self._look(target))
        self.person.report(as_text(decision).rstrip())
        self._confirmed(decision)
        passphrase, times = self._passphrase()
        if decision.needs_kexec:
            target = await self._in_installer(target, decision)
        hardware = await self._hardware(target)
        plan, host, tree = first_system(self.directory, self.stack, asked, hardware)
        say(f"building the first system, {tree.id}, and disko's script")
        await self._do(target, scripts.stage_script(dict(tree.files)))
        builder = None
        built = Built("", "")
        given = await lent(self.directory, plan, host, self.dial_map, self.person.report)
        if asked.build == "target":
            await send_inputs(plan, tree, target, self.person.report, installer=True)
            script = scripts.build_script(host.name, options=given.options, netrc=given.netrc)
            await self._do(target, script)
        else:
            builder = Builder.of(plan, asked.build, self.dial_map)
            if builder.link is not None:
                await send_inputs(plan, tree, builder.link, self.person.report)
            built = await builder.build(host.name, host.config, tree, given)
            given = Lent()  # the target only copies it
            await builder.copy(built.disks, target, "", say)
        mark = f"{decision.mark} {_layout_mark(tree)}"
        say("erasing and partitioning the disks")
        script = scripts.disks_script(mark, script=built.disks, passphrase=passphrase, times=times)
        await self._do(target, script)
        if builder is not None:
            await builder.copy(built.system, target, MOUNTED, say)
            await builder.close()
        say("installing")
        place = host.config.persistence.root.rstrip("/") if host.config.persistence else ""
        script = scripts.system_script(
            host.name,
            mark,
            self.private,
            self.public,
            place=place,
            system=built.system,
            options=given.options,
            netrc=given.netrc,
        )
        await self._do(target, script)
        # From now on its disks hold data, whatever happens to this run.
        for line in write_live(self.directory, self.stack, host.name, hardware):
            self.person.report(line)
        say("restarting into the new system")
        await self._do(target, scripts.restart_script(mark))
        await target.close()
        await self._returned(host)
        self._next(host)

    def _decided(self, found: Target) -> Decision:
        asked = self.asked
        return decide(self.host, found, kexec=asked.kexec is not None, reinstall=asked.reinstall)

    async def _in_installer(self, target: HostLink, before: Decision) -> HostLink:
        """Start the installer in place of the running system; a connection to it, as root."""
        kexec = self.asked.kexec
        assert kexec is not None
        self._say("starting the installer from memory")
        if _is_url(kexec):
            await target.exchange(scripts.kexec_script(kexec))
        else:
            await self._sent(target, Path(kexec))
        await target.close()
        # It carries the SSH keys over, and listens at the usual port.
        link = self._link("root", _KEXEC_PORT, target.host_key)
        found = await self._answering(link, lambda t: t.is_installer, "the installer")
        after = self._decided(found)
        if after.mark != before.mark:
            raise HomelabError(
                f"{self.host.name}: the installer sees other disks than the system before; nothing "
                "was erased. Run homelab install again, to see and confirm them"
            )
        return link

    async def _sent(self, target: HostLink, tarball: Path) -> None:
        file = await asyncio.to_thread(tarball.open, "rb")

        async def read(size: int) -> bytes:
            return await asyncio.to_thread(file.read, size)

        with file:
            await sent_to(target, scripts.kexec_script(), read)

    def _link(self, user: str, port: int, key: str) -> HostLink:
        return HostLink(self.host.name, (self._path(user, port),), key, self.dial_map)

    def _path(self, user: str, port: int) -> HostPath:
        return path_to(self.host, "installer", self.asked.address, port, user)

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
        if any(f.encryption is not None for f in host.file_systems):
            self._say("its console asks for the passphrase of its disks now")
        link = self._installed(host)
        await self._answering(link, lambda t: not t.is_installer, "the system is installed, and")
        await link.close()
        self._say("the new system answers, with the pinned key")

    async def _answering(
        self, link: HostLink, wanted: Callable[[Target], bool], what: str
    ) -> Target:
        """What the machine is, once it is what is `wanted`. Raises HomelabError after the wait."""
        end = time.monotonic() + self.asked.wait_seconds
        while True:
            try:
                found = await self._look(link)
            except (DialError, HomelabError) as error:
                # The system before may still answer, with its own key.
                why = str(error).splitlines()[-1]
            else:
                if wanted(found):
                    return found
                why = f"{found.system} answers"
            await link.close()
            if time.monotonic() > end:
                raise HomelabError(
                    f"{self.host.name}: {what} does not answer after {self.asked.wait_seconds} s "
                    f"({why}). See its console; if it starts the installer again, remove that "
                    "medium. Then: homelab status"
                )
            await asyncio.sleep(_RETRY_SECONDS)

    def _installed(self, host: Host) -> HostLink:
        """The host at the address that the installer had, and at its own."""
        stated = [HostPath.model_validate(path) for path in paths_of(host)]
        ssh = host.config.ssh
        here = path_to(host, "installer", self.asked.address, ssh.port, ssh.user)
        paths = [here, *(p for p in stated if p.address != here.address)]
        return HostLink(host.name, tuple(paths), self.public, self.dial_map)

    def _next(self, host: Host) -> None:
        if host.config.tailscale is not None and not (host.lan or host.public):
            self.person.report(
                f"next: ssh {host.config.ssh.user}@{self.asked.address} tailscale up, and write "
                f"its address to hosts.{host.name}.address.tailnet"
            )
        for line in ("homelab secret recipients", "homelab check", "pulumi up"):
            self.person.report(f"next: {line}")


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _layout_mark(tree: Release) -> str:
    text = dict(tree.files)[LAYOUT]
    data = text.encode() if isinstance(text, str) else text
    return hashlib.sha256(data).hexdigest()[:12]
