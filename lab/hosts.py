"""Lab hosts: an SSH server on loopback for every address of a homelab, and a root directory per
host.

Commands run in a directory that replaces the host's root, with stand-ins for the commands of NixOS
(`lab/host_commands`). Connections go to 127.0.0.1 only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import asyncssh

from homelab.lab.held import Held, end_unit, hold
from homelab.lab.host import FAULTS, Fault, LabHost, key_in
from homelab.lab.host_commands import machine
from homelab.lab.provider import RefusedError
from homelab.offline.delivery import pull_text
from homelab.ops.machine import ssh
from homelab.problems import did_you_mean

T = TypeVar("T")

_UNITS: Final = "run/lab-units/*/pid"
"""Process ids of a host's units, below its root."""
CONFIRM_SECONDS = 15
"""Seconds to wait until a host on loopback answers again."""


class LabHosts:
    """All lab hosts. They serve inside a `with` block. Methods may be called from any thread.

    Roots and keys of hosts stay in the directory, so a lab that is opened again continues.
    """

    def __init__(self, directory: Path, hosts: Mapping[str, Sequence[str]]) -> None:
        self.directory = directory.resolve()
        self.hosts = {
            name: LabHost(name, tuple(addresses), self.directory / "hosts" / name)
            for name, addresses in hosts.items()
        }
        self.connections: Counter[str] = Counter()
        """Sign-ins per host since the lab was opened."""
        self._commands = self.directory / "bin"
        # Made when the hosts serve, and closed afterwards.
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread
        self._servers: list[asyncssh.SSHAcceptor] = []
        self._groups: set[int] = set()
        self._dial_map: ssh.DialMap | None = None
        self._held: Held | None = None

    def __enter__(self) -> Self:
        # Write no file before this: another process may be using the lab.
        self._held = hold(self.directory / "serving")
        machine.install(self._commands)
        machine.install_wakers(self._commands, self.hosts)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="lab-hosts", daemon=True
        )
        self._thread.start()
        try:
            self._wait(self._serve())
            self.write_dial_map()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def write_dial_map(self) -> Path:
        """Write the port and host key of each address, for clients. Returns the file's path."""
        hosts = {
            address: ssh.Dialled(name=host.name, port=port, host_key=host.host_key)
            for host in self.hosts.values()
            for address, port in host.ports.items()
        }
        self._dial_map = ssh.DialMap(
            hosts=hosts,
            client_key=str(self.directory / "client_key"),
            confirm_seconds=CONFIRM_SECONDS,
        )
        path = self.directory / "dial.json"
        path.write_text(self._dial_map.model_dump_json(indent=1))
        return path

    def environment(self) -> dict[str, str]:
        """Environment of a child process that reaches the lab hosts and no other host."""
        return {ssh.DIAL_MAP: str(self.directory / "dial.json")}

    def run_remote(
        self,
        connection: Mapping[str, object],
        command: str,
        stdin: str,
        environment: Mapping[str, str],
    ) -> tuple[int, str, str]:
        """Run a command over one connection, as the command provider does.

        Returns exit status, output and errors. Raises RefusedError for what is unsafe or
        impossible in production.
        """
        # The provider sends its own variables, and ignores that sshd refuses them.
        asked = {name for name in environment if not name.startswith("PULUMI_COMMAND_")}
        if asked:
            names = ", ".join(sorted(asked))
            raise RefusedError(
                f"environment: sshd accepts no variables ({names}); put them into stdin instead"
            )
        address, pin = str(connection.get("host", "")), connection.get("hostKey")
        if not isinstance(pin, str) or not pin.startswith("ssh-ed25519 "):
            raise RefusedError(
                f"connection to {address}: no ed25519 host key is pinned; set ssh.host_key"
            )
        if self._dial_map is None:
            raise RefusedError("the lab hosts do not serve; use them inside their `with` block")
        mapped = self._dial_map.hosts.get(address)
        if mapped is None:
            known = did_you_mean(address, self._dial_map.hosts, "addresses")
            raise RefusedError(f"connection to {address}: no lab host has this address; {known}")
        user = str(connection.get("user") or "root")
        endpoint = ssh.Endpoint(mapped.name, "provider", address, user=user)
        try:
            done = self._wait(self._run(endpoint, pin, command, stdin))
        except ssh.DialError as error:
            raise RefusedError(str(error)) from None
        return done.exit, done.stdout, done.stderr

    def inject_fault(self, name: str, fault: Fault, address: str = "") -> None:
        """Add a fault to this host. With `unreachable`, `address` limits it to one address."""
        entries = {"connect": address} if address and fault == "unreachable" else FAULTS[fault]
        self._host(name).add_faults(entries)

    def clear_faults(self, name: str) -> None:
        """Remove all faults of this host."""
        self._host(name).clear_faults()

    def pull(self, name: str, words: Sequence[str]) -> tuple[int, str]:
        """Let a host fetch its bundle, as it does when it wakes. Returns exit status and output.

        `words` are the arguments that its unit passes to the script.
        """
        host = self._host(name)
        done = subprocess.run(
            ["bash", "-ec", pull_text(), "bash", *words],
            stdin=subprocess.DEVNULL,
            env=machine.environment(host.root, self._commands),
            cwd=host.root / "root",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def root(self, name: str) -> Path:
        """The directory that is the host's `/`."""
        return self._host(name).root

    def log(self, name: str) -> list[dict[str, object]]:
        """Calls of the host's stand-ins, oldest first."""
        return self._host(name).log()

    # --- serving -------------------------------------------------------------------------------

    def _host(self, name: str) -> LabHost:
        if name not in self.hosts:
            raise RefusedError(f"host {name}: {did_you_mean(name, self.hosts, 'hosts')}")
        return self.hosts[name]

    def _wait(self, work: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _serve(self) -> None:
        client = key_in(self.directory / "client_key")
        allowed = asyncssh.import_authorized_keys(client.export_public_key().decode())
        for host in self.hosts.values():
            host.directory.mkdir(parents=True, exist_ok=True)
            machine.make_root(host.root, host.name, self._commands)
            key = key_in(host.directory / "host_key")
            host.host_key = key.export_public_key().decode().strip()
            host.place_keys(client)
            for address in host.addresses:
                server = await asyncssh.listen(
                    "127.0.0.1",
                    0,
                    server_factory=self._server_factory(host, address),
                    process_factory=self._handler(host),
                    server_host_keys=[key],
                    authorized_client_keys=allowed,
                    encoding=None,
                    config=None,
                    keepalive_interval=0,
                )
                self._servers.append(server)
                host.ports[address] = server.get_port()

    def _server_factory(self, host: LabHost, address: str) -> Callable[[], asyncssh.SSHServer]:
        counter = self.connections

        class Server(asyncssh.SSHServer):
            """Closes connections while the host is unreachable, and counts sign-ins."""

            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                self.conn = conn
                if not host.answers(address):
                    conn.abort()

            def auth_completed(self) -> None:
                counter[host.name] += 1

            def session_requested(self) -> bool:
                # When the network is lost, open connections end too.
                if not host.answers(address):
                    asyncio.get_running_loop().call_soon(self.conn.abort)
                return False

        return Server

    def _handler(
        self, host: LabHost
    ) -> Callable[[asyncssh.SSHServerProcess[bytes]], Coroutine[None, None, None]]:
        async def handle(session: asyncssh.SSHServerProcess[bytes]) -> None:
            peer = session.get_extra_info("peername")[:2]
            environment = {
                **machine.environment(host.root, self._commands),
                "SSH_CLIENT": f"{peer[0]} {peer[1]} 22",
            }
            script = await session.stdin.read()
            # As with sshd, a lost connection does not end the command.
            process = await asyncio.create_subprocess_exec(
                "bash",
                "-c",
                session.command or "exit 64",
                env=environment,
                cwd=host.root / "root",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._groups.add(process.pid)
            output, errors = await process.communicate(script)
            self._groups.discard(process.pid)
            session.stdout.write(output)
            session.stderr.write(errors)
            if process.returncode is None or process.returncode < 0:
                session.exit_with_signal("KILL")
            else:
                session.exit(process.returncode)

        return handle

    async def _run(
        self, endpoint: ssh.Endpoint, pin: str, command: str, stdin: str
    ) -> ssh.Completed:
        connection = await ssh.connect(endpoint, pin, self._dial_map)
        try:
            return await ssh.run(connection, command, stdin, seconds=None)
        finally:
            connection.abort()

    def _end(self) -> None:
        """Stop serving, and end all processes on the hosts."""
        units = [pid for host in self.hosts.values() for pid in host.root.glob(_UNITS)]
        for pid in units:
            end_unit(pid)
        self._wait(self._stop_serving())
        end = time.monotonic() + 5
        while any(pid.exists() for pid in units) and time.monotonic() < end:
            time.sleep(0.01)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._held is not None:
            self._held.let_go()

    async def _stop_serving(self) -> None:
        for server in self._servers:
            server.close()
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        if tasks:
            # Their commands have ended, so they end by themselves unless a client hangs.
            _, hanging = await asyncio.wait(tasks, timeout=2)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
