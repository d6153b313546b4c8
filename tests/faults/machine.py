"""A machine: a real systemd as process 1, its own network, and disks that survive a power cut."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.faults import cgroup
from tests.faults.disks import Disks
from tests.faults.install import PATH, authorize, host_key, install
from tests.faults.network import Laptop, run

_REBOOTS = 133
"""Exit status of nspawn when its machine reboots."""


def eventually(happens: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait until a condition holds. The error names the condition."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, f"it never happened within {seconds} s: {what}"
        time.sleep(0.05)


class Machine:
    """The machine `pi`."""

    patience = 60
    """Maximal seconds that a test waits for an event on it."""

    def __init__(
        self,
        name: str,
        image: Path,
        directory: Path,
        laptop: Laptop,
        disks: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.laptop, self.directory, self.image = name, laptop, directory, image
        self._disks = Disks(image, directory, disks)
        self.root = self._disks.root
        """Its `/` on disk. Use `live` for /run."""
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0
        install(self.root)
        authorize(self.root, laptop.key)
        self.host_key = host_key(self.root)
        self._disks.sync()

    # --- power ---------------------------------------------------------------------------------

    def boot(self) -> None:
        """Power on with the boot loader's default, and wait until SSH answers."""
        assert self._process is None, "it runs already"
        self.laptop.plug_in()
        groups = cgroup.make(self.name)
        join = 'for g; do [ "$g" != -- ] || break; echo $$ >$g/cgroup.procs; shift; done; shift'
        nspawn = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=pipe"]
        network = f"--network-namespace-path=/run/netns/{self.laptop.machine}"
        rights = "--capability=CAP_NET_ADMIN"
        disk = f"--directory={self.root}"
        command = [*nspawn, network, rights, "--machine=pi", disk, self._boot_default()]
        with (self.directory / "console").open("ab") as console:
            self._process = subprocess.Popen(
                ["bash", "-c", f'{join}; exec "$@"', "join", *groups, "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        eventually(self._serves, "the machine is up")

    def cut_power(self) -> None:
        """Cut the power. Only data on disk remains."""
        self._kill()
        self._disks.lose_power()

    def reboot(self) -> None:
        """Reboot from the console, and wait until SSH answers."""
        assert self._process is not None
        self.run("systemctl --no-block reboot")
        self.restarts()

    def restarts(self) -> None:
        """Wait until it has rebooted by itself and SSH answers."""
        assert self._process is not None
        assert self._process.wait(60) == _REBOOTS
        self._process = None
        self.boot()

    def hang(self) -> None:
        """Stop all processes with the power on; see `wake`."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Continue after `hang`. Timers that expired meanwhile fire."""
        self._signal(signal.SIGCONT)

    def take_disk(self, point: str, other: Machine) -> None:
        """Put the disk of another machine, which is off, in the place of an own one."""
        self._disks.take(point, other._disks)

    def sync(self) -> None:
        """Write all data to disk."""
        self._disks.sync()

    def remove(self) -> None:
        """Power off and remove the disks."""
        self._kill()
        cgroup.sweep(self.name)
        self._disks.unmount()
        shutil.rmtree(self.directory)

    # --- looking in from beside, whatever its network does ---------------------------------------

    def run(self, script: str, seconds: float = 60) -> str:
        """Run a script on it as root; its output."""
        shell = self.inside("bash", "-euo", "pipefail", "-c", script)
        return run(*shell, seconds=seconds)

    def inside(self, *command: str, path: str = PATH) -> tuple[str, ...]:
        """The command line that runs a command on it as root."""
        # A machine that shuts down stops its processes before it kills them. An nsenter that waits
        # for such a process stops itself as well, and nothing ever continues it. A shell only waits.
        wait = ("bash", "-c", '"$@"; exit', "wait", *command)
        enter = ("nsenter", "--all", "--no-fork", f"--target={self._leader}", "--")
        return (*enter, "env", "-i", f"PATH={path}", "HOME=/root", *wait)

    def look(self, script: str) -> str:
        """The output of a script on its disks, whether the machine runs or not."""
        return run("chroot", self.root, "bash", "-euo", "pipefail", "-c", script)

    def live(self, path: str) -> Path:
        """A path in the running machine. Links do not resolve outside of it."""
        return Path(f"/proc/{self._leader}/root") / path

    def is_active(self, unit: str) -> bool:
        return self.run(f"systemctl is-active {unit} || true").strip() == "active"

    def journal(self) -> str:
        """The end of its console and journal."""
        console = self.directory / "console"
        said = console.read_text(errors="replace")[-2000:] if console.exists() else ""
        logs = ["journalctl", f"--directory={self.root}/var/log/journal", "--no-pager", "-n", "80"]
        done = subprocess.run(logs, capture_output=True, text=True, check=False, timeout=60)
        return said + done.stdout

    # --- within --------------------------------------------------------------------------------

    def _boot_default(self) -> str:
        """The program that becomes process 1, from the boot loader's default entry."""
        loader = self.root / "boot/loader"
        settings = dict(
            line.split(" ", 1) for line in (loader / "loader.conf").read_text().splitlines()
        )
        entry = (loader / "entries" / settings["default"]).read_text()
        (init,) = (word[5:] for word in entry.split() if word.startswith("init="))
        return init

    def _children(self) -> list[int]:
        assert self._process is not None
        pid = self._process.pid
        try:
            return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except FileNotFoundError:
            return []

    def _kill(self) -> None:
        if self._process is None:
            return
        for pid in (*self._children(), self._process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait(30)
        self._process = None
        eventually(lambda: not Path(f"/proc/{self._leader}").exists(), "the machine is off")

    def _signal(self, what: signal.Signals) -> None:
        """To all of its processes."""
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                inside = (directory / "ns/pid").readlink()
                if inside == Path(f"/proc/{self._leader}/ns/pid").readlink():
                    os.kill(int(directory.name), what)
            except (FileNotFoundError, ProcessLookupError):
                continue

    def _serves(self) -> bool:
        assert self._process is not None
        code = self._process.poll()
        if code == _REBOOTS:
            # It may reboot once while it starts.
            self._process = None
            self.boot()
            return True
        assert code is None, f"it ended with {code} while booting\n{self.journal()}"
        for pid in self._children():
            try:
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                up = Path(f"/proc/{pid}/root/run/systemd/private").exists()
            except FileNotFoundError:
                continue
            if name == "systemd" and up:
                self._leader = pid
                try:
                    return self.is_active("multi-user.target")
                except AssertionError:
                    # It reboots now and ends this process.
                    return False
        return False
