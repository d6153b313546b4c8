"""Two machines of one homelab: `pi` has the services, and `nas` gets them by `homelab move`.

The steps of the command run here, and each of its scripts on a machine. Only SSH is left out; the
tests of `tests/ops/test_move.py` have it.
"""

from __future__ import annotations

import shlex
import subprocess
import threading
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from homelab.backup.moving import Move, former_of, move_of, the_service
from homelab.ops.machine.exchange import Answered
from homelab.ops.machine.host import HostLink
from homelab.ops.move.steps import Mover
from homelab.ops.project.files import updated_lock
from homelab.plan import Plan
from homelab.testing import changed
from tests import build
from tests.faults.install import PATH
from tests.faults.machine import Machine, eventually
from tests.faults.saver import STACK, Saver, options_of, planned

_GATES = "/usr/local/lib/gates"
SERVICES = ("notes", "shop", "forum")
_TARGET = {
    "hosts": {"nas": {"platform": "x86_64-linux", "role": None}},
    "backup": {
        "targets": {
            "disk": None,
            "usb": None,
            "other": {"kind": "local", "host": "nas", "path": "/mnt/disk/restic"},
        }
    },
    "datasets": None,
}


@cache
def moved_plan() -> Plan:
    """The stack after the command: the services are on nas, and come from pi."""
    there = changed(STACK, {**_TARGET, "services": {name: {"host": "nas"} for name in SERVICES}})
    lock, _ = updated_lock(planned())
    moved, _ = updated_lock(build.plan(there, lock), dict.fromkeys(SERVICES, "pi"))
    return build.plan(there, moved)


@cache
def rendered() -> Mapping[str, Any]:
    """The options of `backup.nix` on nas afterwards."""
    return options_of(moved_plan(), "nas")


class _Link(HostLink):
    """A machine instead of an SSH connection."""

    def __init__(self, name: str, machine: Machine) -> None:
        super().__init__(name, (), "", None)
        self.machine = machine

    def _start(self) -> subprocess.Popen[bytes]:
        path = f"{_GATES}:{PATH}:/usr/lib/postgresql/15/bin"
        return subprocess.Popen(
            self.machine.inside("bash", "-euo", "pipefail", "-s", path=path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def _answer(self, script: bytes) -> bytes:
        process = self._start()
        output, errors = process.communicate(script, timeout=120)
        return self._sound(Answered(process.returncode, output, errors.decode()))

    async def exchange(self, script: str, data: bytes = b"") -> bytes:
        return self._answer(script.encode() + data)

    async def pass_to(
        self,
        script: str,
        data: bytes,
        other: HostLink,
        receiver: str,
        passed: Callable[[int], None],
    ) -> None:
        assert isinstance(other, _Link)
        sent = self._answer(script.encode() + data)
        passed(len(sent))
        other._answer(receiver.encode() + sent)


class Moves(Mover):
    """The command, with the two machines as its hosts."""

    def __init__(self, saver: Saver, target: Machine, name: str) -> None:
        self.said: list[str] = []
        self.name, self.report = name, self.said.append
        self.plan = planned()
        self.service = the_service(self.plan, name)
        self.machines = {"pi": saver.machine, "nas": target}

    def _link(self, host: str) -> HostLink:
        return _Link(host, self.machines[host])

    @property
    def move(self) -> Move:
        return move_of(former_of(self.plan, self.service), moved_plan(), self.name, changed=False)


class Pair:
    """The two machines, and what a test does with them."""

    def __init__(self, saver: Saver, target: Machine) -> None:
        self.saver, self.target = saver, target

    def command(self, name: str) -> Moves:
        return Moves(self.saver, self.target, name)

    def up(self, name: str) -> None:
        """What `pulumi up` does: nas starts the service, now and at each boot; pi loses it."""
        wants = "/usr/local/lib/systemd/system/multi-user.target.wants"
        self.target.run(f"ln -sf ../{name}.service {wants}/; systemctl start {name}")

    def cut_at(self, machine: Machine, number: int, counts: str, act: Callable[[], object]) -> str:
        """Cut the power of a machine before the step with this number of an action, and boot it.

        Returns that step, or an empty text if the action ended before.
        """
        words = f"echo {shlex.quote(counts)} >/run/gate.counts; echo 0 >/run/gate.count"
        machine.run(f"sync; rm -f /run/gate.reached; {words}; echo {number} >/run/gate")
        ended: list[BaseException | None] = []

        def run() -> None:
            try:
                act()
                ended.append(None)
            except BaseException as error:  # noqa: BLE001 - the power of its machine is cut
                ended.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        reached = machine.live("run/gate.reached")
        eventually(lambda: reached.exists() or ended, f"it ends or stops at step {number}")
        if not reached.exists():
            thread.join()
            machine.run("rm -f /run/gate")
            if ended[0] is not None:
                raise ended[0]
            return ""
        step = reached.read_text().strip()
        machine.cut_power()
        thread.join(60)
        machine.boot()
        return step
