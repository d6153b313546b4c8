"""A machine: real systemd as process 1, a network of its own, and disks that outlive its power."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults import cgroup
from tests.faults.disks import Disks
from tests.faults.install import PATH, authorize, host_key, install
from tests.faults.network import Laptop, run

_REBOOTS = 133
"""How nspawn ends when its machine asks for a reboot."""


def eventually(happens: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait until something is so; an error that says what never was."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, f"it never happened within {seconds} s: {what}"
        time.sleep(0.05)


class Machine:
    """The machine `pi`, from its installation on."""

    patience = 60
    """The longest that a test waits for anything to happen on it, in seconds."""

    def __init__(self, name: str, image: Path, directory: Path, laptop: Laptop) -> None:
        self.name, self.laptop, self.directory = name, laptop, directory
        self._disks = Disks(image, directory)
        self.root = self._disks.root
        """Its `/`, on disk; what lies in /run is seen through `live`."""
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0
        install(self.root)
        authorize(self.root, laptop.key)
        self.host_key = host_key(self.root)
        self._disks.sync()

    # --- power ---------------------------------------------------------------------------------

    def boot(self) -> None:
        """Power on: what the boot loader would start, until it serves."""
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
        """Everything that runs ends at once, and what is on disk is all that stays."""
        self._kill()
        self._disks.lose_power()

    def reboot(self) -> None:
        """As somebody at its keyboard would, and until it serves again."""
        assert self._process is not None
        self.run("systemctl --no-block reboot")
        self.restarts()

    def restarts(self) -> None:
        """Wait until it restarts by itself, and serves again."""
        assert self._process is not None
        assert self._process.wait(60) == _REBOOTS
        self._process = None
        self.boot()

    def hang(self) -> None:
        """Nothing on it runs any more, though its power is on; see `wake`."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """After a hang everything goes on, and its timers find out how late it is."""
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """Power off, and no disks any more."""
        self._kill()
        cgroup.sweep(self.name)
        self._disks.unmount()
        shutil.rmtree(self.directory)

    # --- looking in from beside, whatever its network does ---------------------------------------

    def run(self, script: str, seconds: float = 60) -> str:
        """Run a script on it as root; its output."""
        inside = ("nsenter", "--all", f"--target={self._leader}", "--")
        environment = ("env", "-i", f"PATH={PATH}", "HOME=/root")
        return run(*inside, *environment, "bash", "-euo", "pipefail", "-c", script, seconds=seconds)

    def look(self, script: str) -> str:
        """What a script finds on its disks, whether it runs or not."""
        return run("chroot", self.root, "bash", "-euo", "pipefail", "-c", script)

    def live(self, path: str) -> Path:
        """A path as the machine has it now; a link leads nowhere out here."""
        return Path(f"/proc/{self._leader}/root") / path

    def is_active(self, unit: str) -> bool:
        return self.run(f"systemctl is-active {unit} || true").strip() == "active"

    def journal(self) -> str:
        """The last that its console and its journal say."""
        console = self.directory / "console"
        said = console.read_text(errors="replace")[-2000:] if console.exists() else ""
        logs = ["journalctl", f"--directory={self.root}/var/log/journal", "--no-pager", "-n", "80"]
        done = subprocess.run(logs, capture_output=True, text=True, check=False, timeout=60)
        return said + done.stdout

    # --- within --------------------------------------------------------------------------------

    def _boot_default(self) -> str:
        """What firmware and boot loader would start: the program that becomes process 1."""
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
            # It restarts while it starts; once, for whatever it came up with.
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
                    # It restarts at this very moment, and takes along who asks.
                    return False
        return False
