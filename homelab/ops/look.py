"""Look at a host: its generations, its journal, and a shell on it."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from homelab.deploy import scripts
from homelab.ops.hosts import link_to, named
from homelab.ops.machine.host import HostPath
from homelab.ops.machine.ssh import DialMap
from homelab.plan import Plan
from homelab.problems import HomelabError, UsageError, did_you_mean

_SECONDS = 120


@dataclass(frozen=True)
class Generation:
    """A generation of a host's system."""

    number: int
    date: str
    release: str
    """Release of homelab; empty for a system that homelab did not make."""
    version: str
    kernel: str
    marks: tuple[str, ...]
    """running, booted, default."""

    @classmethod
    def parse(cls, line: str) -> Generation:
        """A line of `generations.sh`."""
        number, *known = ("" if word == "-" else word for word in line.split())
        date, release, version, kernel, *marks = known
        return cls(int(number), date, release, version, kernel, tuple(marks))

    def as_data(self) -> dict[str, str | int | list[str]]:
        """The generation as plain data, for scripts."""
        return {
            "number": self.number,
            "date": self.date,
            "release": self.release,
            "version": self.version,
            "kernel": self.kernel,
            "marks": list(self.marks),
        }


def generations(plan: Plan, host: str) -> list[Generation]:
    """The generations of a host, the newest first. Raises HomelabError if it does not answer."""
    link = link_to(named(plan, host), DialMap.from_environment())

    async def ask() -> str:
        try:
            done = await link.ask(scripts.generations_script(), _SECONDS)
        finally:
            await link.close()
        if done.exit != 0:
            raise HomelabError(f"{host}: {done.stderr.strip().removeprefix('homelab: ')}")
        return done.stdout

    return [Generation.parse(line) for line in asyncio.run(ask()).splitlines()]


def follow_logs(
    plan: Plan, host: str, service: str, lines: int, report: Callable[[str], None], *, follow: bool
) -> int:
    """Print the journal of a host, or of the units of one service; the exit code of journalctl.

    Raises UsageError for a service that the host does not run.
    """
    found = named(plan, host)
    command = ["journalctl", "--no-pager", "--output=short-iso", f"--lines={lines}"]
    command += ["--follow"] if follow else []
    if service:
        here = {s.name: s for s in plan.on(host)}
        if service not in here:
            nearest = did_you_mean(service, here, "services")
            raise UsageError(f'{host} runs no service "{service}"; {nearest}')
        command += [f"--unit={unit}.service" for unit in here[service].units]
    link = link_to(found, DialMap.from_environment())
    return asyncio.run(link.follow(scripts.command_script(command), report))


def open_shell(plan: Plan, host: str, command: Sequence[str]) -> int:
    """Run `ssh` to a host over its first path that answers, with the pinned host key. The exit code
    of ssh.

    Without a command it opens a shell. One word is a line of that shell, as ssh takes it; several
    are the words of a command. Raises HomelabError if no path answers.
    """
    line = command[0] if len(command) == 1 else shlex.join(command)
    link = link_to(named(plan, host), DialMap.from_environment())
    working = asyncio.run(link.working_paths())
    path = next((p for p in link.paths if p.name in working), None)
    if path is None:
        tried = ", ".join(f"{p.name} ({p.address})" for p in link.paths)
        raise HomelabError(f"{host}: does not answer over {tried}; homelab status shows more")
    if path.here and link.dial_map is None:
        words = ["sh", "-c", line] if command else [os.environ.get("SHELL", "bash")]
        return subprocess.run(words, check=False).returncode
    with tempfile.TemporaryDirectory(prefix="homelab-") as place:
        known = Path(place) / "known_hosts"
        words = ssh_command(host, path, link.host_key, known, link.dial_map)
        try:
            return subprocess.run([*words, *([line] if command else [])], check=False).returncode
        except FileNotFoundError:
            raise UsageError("there is no command ssh; install OpenSSH") from None


def ssh_command(
    host: str, path: HostPath, host_key: str, known: Path, dial_map: DialMap | None
) -> list[str]:
    """The `ssh` command for a path. Writes the pinned key to the file `known`."""
    address, port, key, options = path.address, path.port, host_key, []
    if dial_map is not None:
        mapped = dial_map.look_up(path.endpoint(host))
        address, port, key = "127.0.0.1", mapped.port, mapped.host_key
        options = [f"-i{dial_map.client_key}", "-oIdentitiesOnly=yes"]
    lines = {host: key}
    strict = [f"-oUserKnownHostsFile={known}", "-oStrictHostKeyChecking=yes"]
    options += [*strict, f"-oHostKeyAlias={host}", f"-p{port}", f"-l{path.user}"]
    if path.jump is not None and dial_map is None:
        jump = path.jump
        lines[jump.host] = jump.host_key
        # -J would not use these options for the jump host.
        words = ["ssh", *strict, f"-oHostKeyAlias={jump.host}", f"-p{jump.port}"]
        through = shlex.join([*words, f"-l{jump.user}", "-W", "[%h]:%p", "--", jump.address])
        options.append(f"-oProxyCommand={through}")
    if dial_map is None:
        if path.key:
            options += [f"-i{Path(path.key).expanduser()}", "-oIdentitiesOnly=yes"]
        if path.proxy_command:
            # ssh hands the line to a shell, after it has replaced what a % begins.
            words = path.endpoint(host).proxy
            options.append(f"-oProxyCommand={shlex.join(words).replace('%', '%%')}")
    text = "".join(f"{name} {pinned}\n" for name, pinned in lines.items())
    known.write_text(text, encoding="utf-8")
    return ["ssh", *options, "--", address]
