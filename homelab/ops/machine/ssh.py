"""SSH connections to hosts; all of homelab uses these.

A host must present the key that the stack pins for it. Unknown keys, passwords, shared connections
and `ssh_config` are not used. Under a dial map (the lab) only the loopback ports of the map can be
dialled.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import asyncssh
from pydantic import ValidationError

from homelab.config.base import HostKey, Model, Port, Str
from homelab.ops.machine.here import Here
from homelab.problems import HomelabError, did_you_mean

Session: TypeAlias = asyncssh.SSHClientConnection | Here
"""A connection to a host, or the host itself."""
DIAL_MAP = "HOMELAB_DIAL"
"""Environment variable with the path of a dial map; if set, only its addresses can be reached."""

CONNECT_SECONDS = 10
KEEPALIVE_SECONDS = 10
KEEPALIVE_MISSES = 3
OFFERED_AT_ONCE = 5
_TOO_MANY = "Too many authentication failures"


class DialError(HomelabError):
    """A host could not be reached; another path or a later try may succeed."""


class HostKeyError(DialError):
    """A machine answered with another key than the host's; another try does not help."""


@dataclass(frozen=True)
class Endpoint:
    """One network path to one host."""

    host: str
    path: str
    """Name of the path: lan or tailnet."""
    address: str
    port: int = 22
    user: str = "root"
    via: Via | None = None
    """The jump host, if the path leads through one."""
    proxy_command: tuple[str, ...] = ()
    """Command that carries the connection; `%h` and `%p` are the address and the port."""
    key: str = ""
    """File with the private key to offer; empty for those of the agent."""
    here: bool = False
    """It is this machine, and needs no connection."""

    @property
    def proxy(self) -> list[str]:
        """The words of `proxy_command` with address and port."""
        return [filled(word, self.address, self.port) for word in self.proxy_command]

    def __str__(self) -> str:
        if self.here:
            return f"{self.host} on this machine"
        through = f" through {self.via.endpoint.host}" if self.via is not None else ""
        return f"{self.host} over {self.path} ({self.user}@{self.address}:{self.port}{through})"


def filled(word: str, address: str, port: int) -> str:
    """A word of a proxy command with `%h`, `%p` and `%%` replaced. It stays one word."""
    parts = word.split("%%")
    return "%".join(part.replace("%p", str(port)).replace("%h", address) for part in parts)


@dataclass(frozen=True)
class Via:
    """A jump host and its pinned key."""

    endpoint: Endpoint
    host_key: str


@dataclass(frozen=True)
class Completed:
    """The output and exit code of a command. `exit` is -1 if it ended without a status."""

    exit: int
    stdout: str
    stderr: str

    @property
    def last_line(self) -> str:
        """The last line of its output, from standard error if that has any."""
        lines = (self.stderr.strip() or self.stdout.strip()).splitlines()
        return lines[-1][:1000] if lines else f"it exited with {self.exit} and no output"


class Dialled(Model):
    """The loopback port of one address in a dial map."""

    name: Str
    port: Port
    host_key: HostKey


class DialMap(Model):
    """Every address that can be dialled, each a port of 127.0.0.1, and the client key."""

    hosts: dict[str, Dialled]
    client_key: Str
    """Path of the private key. Neither the agent's keys nor the user's own are offered."""
    confirm_seconds: int | None = None
    """Upper limit of every timeout; a loopback host needs no more."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> DialMap | None:
        """The dial map, if `HOMELAB_DIAL` is set. Raises if it cannot be read."""
        name = environment.get(DIAL_MAP)
        if name is None:
            return None
        try:
            return cls.model_validate_json(Path(name).read_bytes())
        except (OSError, ValidationError):
            raise DialError(
                f"{DIAL_MAP}: {name} is not a readable dial map; start the lab again"
            ) from None

    def look_up(self, endpoint: Endpoint) -> Dialled:
        """The loopback port of the endpoint. Raises DialError if the map does not have it."""
        found = self.hosts.get(endpoint.address)
        if found is None:
            way_out = did_you_mean(endpoint.address, self.hosts, "addresses")
            raise DialError(f"{endpoint}: the dial map does not have this address; {way_out}")
        return found


async def connect(
    endpoint: Endpoint, host_key: str, dial_map: DialMap | None
) -> asyncssh.SSHClientConnection:
    """A new authenticated connection to the host; the caller closes it."""
    if dial_map is not None:
        mapped = dial_map.look_up(endpoint)
        keys = asyncssh.SSHClientConnectionOptions(
            config=None, client_keys=[dial_map.client_key], agent_path=None
        )
        return await _connect(endpoint, "127.0.0.1", mapped.port, mapped.host_key, keys)
    tunnel = None
    if endpoint.via is not None:
        tunnel = await connect(endpoint.via.endpoint, endpoint.via.host_key, None)
    try:
        made = await _with_agent(endpoint, host_key, tunnel)
    except BaseException:
        if tunnel is not None:
            tunnel.abort()
        raise
    if tunnel is not None:
        closing = asyncio.create_task(_close_after(made, tunnel))
        _CLOSING.add(closing)
        closing.add_done_callback(_CLOSING.discard)
    return made


_CLOSING: set[asyncio.Task[None]] = set()
"""Tasks that close jump connections. asyncio keeps only weak references to tasks."""


async def _close_after(
    made: asyncssh.SSHClientConnection, tunnel: asyncssh.SSHClientConnection
) -> None:
    """Close the connection to the jump host when the one through it has ended."""
    try:
        await made.wait_closed()
    finally:
        tunnel.abort()


async def _with_agent(
    endpoint: Endpoint, host_key: str, tunnel: asyncssh.SSHClientConnection | None
) -> asyncssh.SSHClientConnection:
    """A connection with the keys of the agent, and then with the default files."""
    if endpoint.key:
        keys = _chosen(endpoint)
        return await _connect(endpoint, endpoint.address, endpoint.port, host_key, keys, tunnel)
    async with AsyncExitStack() as stack:
        refusals: list[_RefusedError] = []
        for keys in await _offers(stack):
            try:
                return await _connect(
                    endpoint, endpoint.address, endpoint.port, host_key, keys, tunnel
                )
            except _RefusedError as error:
                refusals.append(error)
    # Keys that it did not look at may be the right ones, so those are what to fix.
    raise next((r for r in refusals if isinstance(r, _TooManyError)), refusals[-1])


def _chosen(endpoint: Endpoint) -> asyncssh.SSHClientConnectionOptions:
    """The key of `ssh.key` alone."""
    file = Path(endpoint.key).expanduser()
    where = f"{endpoint.host}: ssh.key {endpoint.key}"
    try:
        key = asyncssh.read_private_key(file)
    except asyncssh.KeyImportError:
        raise DialError(
            f"{where} is no private key that can be read without a passphrase; load it with "
            "ssh-add, and leave out ssh.key"
        ) from None
    except OSError as error:
        raise DialError(
            f"{where}: {error.strerror}; copy the key there, or leave out ssh.key to use the agent"
        ) from None
    return asyncssh.SSHClientConnectionOptions(config=None, client_keys=[key], agent_path=None)


class _RefusedError(DialError):
    """The host refused all offered keys; others may work."""


class _TooManyError(_RefusedError):
    """The host closed the connection before it had looked at every offered key."""


async def _offers(stack: AsyncExitStack) -> list[asyncssh.SSHClientConnectionOptions]:
    """The keys to offer, one set per connection: the agent's, then the default files.

    A host closes the connection after a few keys (MaxAuthTries, six), so the keys of a full agent
    are offered in parts. The agent connection stays open until `stack` is closed.
    """
    options = asyncssh.SSHClientConnectionOptions
    held = await _held(stack)
    if len(held) <= OFFERED_AT_ONCE:
        return [options(config=None)]
    parts = [held[i : i + OFFERED_AT_ONCE] for i in range(0, len(held), OFFERED_AT_ONCE)]
    offers = [options(config=None, client_keys=part, agent_path=None) for part in parts]
    return [*offers, options(config=None, agent_path=None)]


async def _held(stack: AsyncExitStack) -> list[asyncssh.SSHKeyPair]:
    """The keys of the agent; none without an agent."""
    if not os.environ.get("SSH_AUTH_SOCK"):
        return []
    try:
        agent = await stack.enter_async_context(asyncssh.connect_agent())
        return [*await agent.get_keys()]
    except (OSError, asyncssh.Error, ValueError):
        return []


async def _connect(
    endpoint: Endpoint,
    address: str,
    port: int,
    host_key: str,
    keys: asyncssh.SSHClientConnectionOptions,
    tunnel: asyncssh.SSHClientConnection | None = None,
) -> asyncssh.SSHClientConnection:
    try:
        return await asyncssh.connect(
            address,
            port,
            tunnel=tunnel or (),
            proxy_command=endpoint.proxy if address == endpoint.address else [],
            options=keys,
            config=None,
            username=endpoint.user,
            known_hosts=([_public_key(endpoint, host_key)], [], []),
            server_host_key_algs=["ssh-ed25519"],
            preferred_auth="publickey",
            connect_timeout=CONNECT_SECONDS,
            keepalive_interval=KEEPALIVE_SECONDS,
            keepalive_count_max=KEEPALIVE_MISSES,
        )
    except asyncssh.HostKeyNotVerifiable:
        raise HostKeyError(
            f"{endpoint}: it answers with another host key than the one in the stack; "
            "if it was reinstalled, put its new key in ssh.host_key, else find out which machine "
            "answers"
        ) from None
    except asyncssh.PermissionDenied:
        raise _RefusedError(
            f"{endpoint}: it refuses every key offered; load the right one with ssh-add"
        ) from None
    except (TimeoutError, OSError, asyncssh.Error) as error:
        if _TOO_MANY in str(error):
            raise _TooManyError(
                f"{endpoint}: more keys were offered than it accepts (MaxAuthTries), and the right "
                "one was not among the first; load that one alone: ssh-add -D, then ssh-add"
            ) from None
        what = str(error) or f"no answer within {CONNECT_SECONDS} s"
        raise DialError(f"{endpoint}: {what}; is it on, and is this path up?") from None


async def run(connection: Session, command: str, stdin: str, *, seconds: float | None) -> Completed:
    """Run a command over a connection. Raises DialError if the connection or the time ends."""
    try:
        async with asyncio.timeout(seconds):
            if isinstance(connection, Here):
                code, output, errors = await connection.run(command, stdin.encode())
                return Completed(
                    code, output.decode(errors="replace"), errors.decode(errors="replace")
                )
            # asyncssh sends no end of file after an empty input.
            given = {"input": stdin} if stdin else {"stdin": asyncssh.DEVNULL}
            done = await connection.run(command, errors="replace", **given)
    except (TimeoutError, OSError, asyncssh.Error) as error:
        raise DialError(str(error) or f"no answer within {seconds} s") from None
    status = -1 if done.exit_status is None else done.exit_status
    return Completed(status, _text(done.stdout), _text(done.stderr))


def _text(output: object) -> str:
    return output if isinstance(output, str) else ""


def _public_key(endpoint: Endpoint, line: str) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_public_key(line)
    except (asyncssh.KeyImportError, ValueError):
        raise HostKeyError(
            f"{endpoint}: the pinned host key is not a public key; "
            "copy /etc/ssh/ssh_host_ed25519_key.pub of the host"
        ) from None
