"""The rehearsal of one stack: the embedded engine, lab hosts and stand-ins for clouds.

The program is the stack's own. Only this differs: addresses lead to loopback, and the values of
stored secrets follow from their names.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast, get_args

import yaml

from homelab.components.targets import SELECTIONS
from homelab.config.document import read_document
from homelab.lab import laptop, program
from homelab.lab.display import Display
from homelab.lab.engine import Engine, Result
from homelab.lab.errors import DamagedError, StateError
from homelab.lab.host import Fault
from homelab.lab.hosts import LabHosts
from homelab.lab.monitor import Monitor
from homelab.lab.standins.cloudflare import CloudflareProvider
from homelab.lab.standins.command import CommandProvider
from homelab.lab.standins.tailscale import TailscaleProvider
from homelab.lab.words import after_retiring, of_the_lab
from homelab.offline.delivery import pull_arguments
from homelab.ops.deploy.runner import VARIABLE
from homelab.ops.hosts import roll_back, unlock
from homelab.ops.leaving import retire
from homelab.ops.project.rehearsed import rehearsed
from homelab.ops.project.stack import check_stack, open_stack
from homelab.plan import Plan
from homelab.problems import InvalidStackError, Problem, UsageError, did_you_mean, unreadable
from homelab.tailnet.drift import drift
from homelab.tailnet.policy import policy_text


class Rehearsal:
    """A stack in the lab. All its files are in `.homelab/lab/<stack>` beside the stack file."""

    words = staticmethod(of_the_lab)
    """Replaces commands in an error by those of the lab."""

    def __init__(
        self,
        directory: Path,
        stack: str,
        *,
        as_json: bool = False,
        warned: set[str] | None = None,
    ) -> None:
        """`warned` has the warnings that an earlier run printed; it prints only others."""
        self._directory, self._stack = directory, stack
        with rehearsed():
            self._plan, problems = check_stack(directory, stack)
        errors = [p for p in problems if p.severity == "error"]
        if errors:
            raise InvalidStackError(problems)
        self._place = directory / ".homelab" / "lab" / stack
        self._display = Display(self._plan, self._place, as_json=as_json, warned=warned)

    def preview(self) -> bool:
        """Show what `up` would do."""
        refuse_selection(os.environ)
        with self._hosts(serve=False) as hosts, self._tools():
            result = self._engine(hosts).preview(self._program)
        self._display.summary("preview", result, hosts.connections)
        return result.ok

    def up(self) -> bool:
        """Bring the stack up."""
        refuse_selection(os.environ)
        with self._hosts(serve=True) as hosts, self._tools():
            result = self._engine(hosts).up(self._program)
        self._display.summary("up", result, hosts.connections)
        if result.ok:
            with rehearsed():
                wanted = open_stack(self._directory, self._stack).releases
            self._display.not_switched({n: r.id for n, r in wanted.items()}, hosts.connections)
        return result.ok

    def destroy(self) -> bool:
        """Destroy the stack, and remove the lab's directory."""
        refuse_selection(os.environ)
        if not self._place.exists():
            self._display.summary("destroy", Result(ok=True), {})
            return True
        try:
            with self.reported_files(), self._hosts(serve=True) as hosts:
                result = self._engine(hosts).destroy()
        except DamagedError as error:
            # A lab has no files or resources outside this directory.
            self._clear()
            self._display.say(f"{error}\nIt is removed now.")
            return True
        self._display.summary("destroy", result, hosts.connections)
        if result.ok:
            self._clear()
        return result.ok

    @contextmanager
    def reported_files(self) -> Iterator[None]:
        """Raise DamagedError for a file of the lab that cannot be read or written."""
        try:
            yield
        except OSError as error:
            name = error.filename
            if not isinstance(name, str) or not Path(name).is_relative_to(self._place):
                raise
            raise DamagedError(Path(name), unreadable(error), self._place) from None

    def status(self) -> bool:
        """Show what each host runs, and whether `up` may replace the tailnet's policy."""
        tailnet = self._plan.tailnet
        policy = (
            drift(
                TailscaleProvider(self._place / "tailscale.json").policy(),
                policy_text(tailnet),
                tailnet.adopt,
            )
            if tailnet and not tailnet.elsewhere
            else None
        )
        self._display.status(policy)
        return policy is None or policy.is_ours

    def inject_fault(self, name: str, fault: str) -> bool:
        """Inject a fault into a host."""
        faults = get_args(Fault)
        if fault not in faults:
            raise UsageError(
                f'there is no fault "{fault}"; {did_you_mean(fault, faults, "faults")}'
            )
        with self._hosts(serve=False) as hosts:
            hosts.inject_fault(self._known(name), cast("Fault", fault))
        self._display.say(f"{name} has the fault {fault}. `homelab lab clear {name}` removes it.")
        return True

    def clear_faults(self, name: str) -> bool:
        """Remove the faults of a host."""
        with self._hosts(serve=False) as hosts:
            hosts.clear_faults(self._known(name))
        self._display.say(f"{name} has no faults")
        return True

    def pull(self, name: str) -> bool:
        """Let a host wake and fetch its bundle."""
        host = self._plan.hosts[self._known(name)]
        relay = self._plan.hosts.get((host.config.offline and host.config.offline.pull_from) or "")
        if relay is None:
            raise UsageError(
                f"{name} fetches no bundle; set hosts.{name}.offline.pull_from to the host that "
                "stores its bundle"
            )
        with self._hosts(serve=True) as hosts:
            status, said = hosts.pull(name, pull_arguments(host, relay))
        self._display.say(said.strip() or f"{relay.name} has no bundle for {name}")
        return status == 0

    def roll_back(self, name: str, to: str) -> bool:
        """Roll a lab host back, as `homelab rollback` does."""
        with self.dialled():
            roll_back(self._plan, self._stack, self._known(name), to, self._display.say)
        return True

    def unlock(self, name: str, *, force: bool) -> bool:
        """Unlock a lab host, as `homelab unlock` does."""
        with self.dialled():
            unlock(self._plan, self._known(name), self._display.say, force=force)
        return True

    def retire(self, name: str) -> bool:
        """Clean up a retired lab host, as `homelab retire` does."""
        with rehearsed():
            stack = open_stack(self._directory, self._stack)
        with self.dialled():
            retire(stack, self._known(name), self._display.say, after_retiring)
        return True

    @contextmanager
    def dialled(self) -> Iterator[LabHosts]:
        """Serve the lab hosts. This process reaches them and no other host."""
        with self._hosts(serve=True) as hosts:
            before = dict(os.environ)
            os.environ.update(hosts.environment())
            try:
                yield hosts
            finally:
                os.environ.clear()
                os.environ.update(before)

    def edit_policy(self) -> bool:
        """Change the tailnet's policy outside of the stack."""
        TailscaleProvider(self._place / "tailscale.json").edit_policy()
        self._display.say(
            "the policy now allows everything; the next `homelab lab up` refuses to replace it"
        )
        return True

    def _known(self, name: str) -> str:
        hosts = _addresses(self._plan)
        if name not in hosts:
            raise UsageError(
                f'there is no lab host "{name}"; {did_you_mean(name, hosts, "lab hosts")}'
            )
        return name

    @contextmanager
    def _hosts(self, *, serve: bool) -> Iterator[LabHosts]:
        """The lab hosts. They serve only if `serve` is true."""
        hosts = LabHosts(self._place, _addresses(self._plan))
        if serve:
            with hosts:
                yield hosts
        else:
            yield hosts

    def _engine(self, hosts: LabHosts) -> Engine:
        return Engine(
            _project(self._directory),
            self._stack,
            self._place,
            [
                CommandProvider(hosts.run_remote, hosts.environment(), self._directory),
                CloudflareProvider(self._place / "cloudflare.json"),
                TailscaleProvider(self._place / "tailscale.json"),
            ],
            self._display.event,
        )

    def _program(self, monitor: Monitor, preview: bool) -> None:
        settings = read_document(self._directory / f"Pulumi.{self._stack}.yaml").settings
        config = {k: v if isinstance(v, str) else json.dumps(v) for k, v in settings.items()}
        with rehearsed():
            program.run(self._directory, self._stack, config, (), monitor, preview)

    @contextmanager
    def _tools(self) -> Iterator[None]:
        """Put stand-ins for `sops` and `op` first on PATH, and the runner into the lab."""
        old = {name: os.environ.get(name) for name in ("PATH", VARIABLE)}
        existed = self._place.exists()
        tools = laptop.install(self._place / "laptop")
        os.environ["PATH"] = f"{tools}{os.pathsep}{old['PATH'] or ''}"
        os.environ[VARIABLE] = str(self._place / "run")
        try:
            yield
        finally:
            for name, value in old.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
            if not existed and not (self._place / "state.json").exists():
                self._clear()

    def _clear(self) -> None:
        """Remove this lab's directory, and its parent directories if they are empty."""
        shutil.rmtree(self._place, ignore_errors=True)
        if self._place.exists():
            _open_all(self._place)
            shutil.rmtree(self._place, ignore_errors=True)
        if self._place.exists():
            raise StateError(
                f"{self._place}: not all of it can be removed; remove it as the owner of its "
                f"files: sudo rm -r {self._place}"
            )
        for above in self._place.parents[:2]:
            if not any(above.iterdir()):
                above.rmdir()


def refuse_selection(environment: Mapping[str, str]) -> None:
    """Raise UsageError if the environment selects resources. Pulumi heeds these variables and the
    lab does not, so a run of the lab would change more than what was asked for.
    """
    found = [name for name in SELECTIONS if environment.get(name)]
    if found:
        words = " ".join(f"-u {name}" for name in found)
        raise UsageError(
            f"{', '.join(found)}: the lab selects no resources, so it would change all of them; "
            f"run it without: env {words} homelab lab …"
        )


def _open_all(top: Path) -> None:
    """Let the owner of these directories remove what is in them."""
    with suppress(OSError):
        top.chmod(0o700)
    for place, below, _ in os.walk(top):
        for path in (Path(place, name) for name in below):
            if not path.is_symlink():
                with suppress(OSError):
                    path.chmod(0o700)


def _addresses(plan: Plan) -> Mapping[str, tuple[str, ...]]:
    """The addresses of every host that the deployer connects to."""
    return {
        h.name: tuple(h.addresses.values())
        for h in plan.hosts.values()
        if h.is_nixos and h.config.state != "planned"
    }


def _project(directory: Path) -> str:
    path = directory / "Pulumi.yaml"
    try:
        return str(yaml.safe_load(path.read_text(encoding="utf-8"))["name"])
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        raise InvalidStackError(
            [
                Problem(
                    "Pulumi.yaml",
                    "this directory has no project",
                    "copy Pulumi.yaml from the template",
                )
            ]
        ) from None
