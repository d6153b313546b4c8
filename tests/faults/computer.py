"""A computer in QEMU with firmware, boot loader and kernel. It has the interface of `Machine`."""

from __future__ import annotations

import base64
import shutil
import time
from pathlib import Path

from tests.faults import computer_disks, firmware
from tests.faults.channel import Channel
from tests.faults.install import PATH
from tests.faults.machine import eventually
from tests.faults.network import Laptop
from tests.faults.power import Power

BOOT_SECONDS = 480
"""Maximal seconds of a start, because every instruction is emulated."""
_STATE = "state"


class Computer:
    """The machine `pi` with firmware and kernel, started from a saved state."""

    patience = BOOT_SECONDS

    def __init__(self, name: str, image: Path, work: Path, laptop: Laptop) -> None:
        self.name, self.laptop, self.directory = name, laptop, work / f"computer-{name}"
        self.directory.mkdir()
        self._disks = self.directory / "disks"
        self._power = Power(self.directory)
        self._agent: Channel | None = None
        self._boot_id = ""
        made = computer_disks.make(image, work, self._start_first)
        self.host_key = (made / "host-key").read_text()
        self._made: Path | None = made
        computer_disks.overlay(made, self._disks)

    # --- power ---------------------------------------------------------------------------------

    def boot(self) -> None:
        """Power on, and wait until SSH answers. The first time, load the saved state."""
        if self._made is None:
            self._start()
        else:
            self._start(f"exec:cat {self._made / _STATE}")
            self._made = None
            key, now = self.laptop.public_key, int(time.time())
            self.run(f"date -s @{now}; echo '{key}' >/root/.ssh/authorized_keys; sync")
        self._serves_again()

    def cut_power(self) -> None:
        """Cut the power. Data that was not flushed to a disk is lost."""
        self._power.cut()
        self._hang_up()

    def reboot(self) -> None:
        """Reboot from the console, and wait until SSH answers."""
        self.run("systemctl --no-block reboot")
        self.restarts()

    def restarts(self) -> None:
        """Wait until it has rebooted by itself and SSH answers."""
        self._serves_again()

    def hang(self) -> None:
        """Stop all processes with the power on; see `wake`."""
        self._power.tell("stop")

    def wake(self) -> None:
        """Continue after `hang`."""
        self._power.tell("cont")

    def remove(self) -> None:
        """Power off and remove the disks."""
        if self._power.is_on:
            self.cut_power()
        shutil.rmtree(self.directory)

    # --- looking in from beside, whatever its network does ---------------------------------------

    def run(self, script: str, seconds: float = BOOT_SECONDS) -> str:
        """Run a script as root once it is up. Returns its output. An interrupted script runs
        again."""
        end, wait = time.monotonic() + seconds, 2.0
        while True:
            try:
                return self._execute(script, end, wait)
            except TimeoutError:
                # Do not wait for ever for a slow computer.
                self._agent, wait = None, min(2 * wait, 32)
                assert time.monotonic() < end, (
                    f"{self.name} never answered: {script}\n{self.journal()}"
                )

    def look(self, script: str) -> str:
        """The same for polling, with little load on the machine."""
        time.sleep(1)
        return self.run(script)

    def started(self) -> str:
        """The boot entry that its boot loader chose, from the loader's own variable."""
        variable = "/sys/firmware/efi/efivars/LoaderEntrySelected-*"
        return self.run(f"cat {variable} | tail -c +5 | tr -d '\\0'").strip()

    def is_active(self, unit: str) -> bool:
        return self.run(f"systemctl is-active {unit} || true").strip() == "active"

    def journal(self) -> str:
        """The end of its console output."""
        console = self.directory / "console"
        return console.read_text(errors="replace")[-6000:] if console.exists() else ""

    # --- within --------------------------------------------------------------------------------

    def _start_first(self, disks: Path) -> None:
        """Start from new disks, and save the state once it is up."""
        self._disks = disks
        self._start()
        self._serves_again()
        self.run("sync")
        self._power.save(disks / _STATE)
        self._hang_up()
        self._disks = self.directory / "disks"

    def _start(self, incoming: str = "") -> None:
        self.laptop.plug_in(taps=True)
        command = firmware.command(self.directory, self._disks)
        self._power.on([*self.laptop.inside(), *command], incoming)
        self._boot_id = ""

    def _hang_up(self) -> None:
        if self._agent is not None:
            self._agent.close()
        self._agent = None

    def _serves_again(self) -> None:
        """Whether a new start has finished."""
        script = (
            "cat /proc/sys/kernel/random/boot_id; systemctl is-active multi-user.target || true"
        )

        def served() -> bool:
            boot, active = self.look(script).split()
            if boot == self._boot_id or active != "active":
                return False
            self._boot_id = boot
            return True

        eventually(served, f"it serves\n{self.journal()}", BOOT_SECONDS)

    def _execute(self, script: str, end: float, wait: float) -> str:
        if self._agent is None:
            self._agent = Channel(self.directory / "agent")
        # A computer that is not up does not answer.
        self._agent.sync(min(wait, end - time.monotonic()))
        process = self._agent.ask(
            "guest-exec",
            path="/bin/bash",
            arg=["-euo", "pipefail", "-c", script],
            env=[f"PATH={PATH}", "HOME=/root"],
            **{"capture-output": True},
        )
        while True:
            try:
                done = self._agent.ask("guest-exec-status", pid=process["pid"])
            except AssertionError as error:
                # The agent restarted, so it does not know the process.
                raise TimeoutError from error
            if done["exited"]:
                break
            if time.monotonic() > end:
                raise TimeoutError(script)
            time.sleep(0.1)
        out, err = (
            base64.b64decode(done.get(name, "")).decode() for name in ("out-data", "err-data")
        )
        assert done.get("exitcode") == 0, f"{script}: {done.get('exitcode')}\n{out}{err}"
        return out
