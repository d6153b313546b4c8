"""Who may decrypt each sops file of a stack: the operators, and the hosts that read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from homelab.config.hosts import HomeManagerHost, NixosHost
from homelab.config.stack import StackConfig
from homelab.plan import Plan, once
from homelab.secret_paths import host_file, sops_file
from homelab.secrets.age import age_recipient
from homelab.secrets.model import SopsFile
from homelab.system.model import nixos_hosts


@dataclass(frozen=True)
class Difference:
    """Recipients that a sops file lacks, and those that it has too many."""

    missing: tuple[str, ...]
    extra: tuple[str, ...]


@dataclass(frozen=True)
class Readers:
    """The hosts that read a sops file, and the recipients that it must have."""

    hosts: tuple[str, ...]
    """Hosts that read it; none for the deployer's file."""
    unknown: tuple[str, ...]
    """Those without a known SSH host key."""
    recipients: tuple[str, ...]
    """The operators in order, then the hosts with a known key."""
    others: frozenset[str]
    """Recipients of hosts that do not read it."""
    has_operators: bool
    """Whether the stack names the people who may edit it; otherwise any key may be one of theirs.
    """

    @property
    def is_known(self) -> bool:
        """Whether `homelab` knows who may decrypt the file, so that it can write a rule for it."""
        return bool(self.recipients) and len(self.unknown) < max(1, len(self.hosts))

    def compared(self, file: SopsFile) -> Difference:
        """The difference to the recipients that the file has. One that may belong to a reader whose
        key is unknown, or to a person, is not extra.
        """
        wanted = set(self.recipients)
        certain = self.has_operators and not self.unknown
        extra = file.recipients - wanted if certain else file.recipients & (self.others - wanted)
        return Difference(tuple(sorted(wanted - file.recipients)), tuple(sorted(extra)))


def host_recipient(stack: StackConfig, host: str) -> str:
    """The age recipient of a host's SSH host key; empty when the key is unknown or unusable."""
    found = stack.hosts.get(host)
    key = found.ssh.host_key if isinstance(found, NixosHost) else None
    try:
        return age_recipient(key) if key else ""
    except ValueError:
        return ""


@once
def readers_of(plan: Plan) -> Mapping[str, Readers]:
    """The readers of every sops file of the stack, by path: of each host's, of those that hosts
    share, and of the deployer's.
    """
    stack = plan.stack
    hosts: dict[str, list[str]] = {plan.secrets.file: []}
    for name in nixos_hosts(stack.hosts):
        keys = (s.key for s in plan.secrets.stored_on(name))
        files = {host_file(stack, name), *(sops_file(stack, name, key) for key in keys)}
        for path in sorted(files):
            hosts.setdefault(path, []).append(name)
    for name, config in stack.hosts.items():
        if isinstance(config, HomeManagerHost):
            # A person opens it there, with a key of the operators.
            hosts.setdefault(host_file(stack, name), [])
    recipients = {name: host_recipient(stack, name) for name in sorted(stack.hosts)}
    operators = sorted(set(stack.secrets.operators))
    return {path: _readers(names, recipients, operators) for path, names in hosts.items()}


def names_of(stack: StackConfig) -> dict[str, str]:
    """Recipients of the hosts, with the name of each."""
    return {key: name for name in sorted(stack.hosts) if (key := host_recipient(stack, name))}


def _readers(hosts: list[str], keys: Mapping[str, str], operators: list[str]) -> Readers:
    own = [keys[name] for name in hosts if keys[name]]
    return Readers(
        hosts=tuple(hosts),
        unknown=tuple(name for name in hosts if not keys[name]),
        recipients=tuple(dict.fromkeys([*operators, *own])),
        others=frozenset(key for name, key in keys.items() if key and name not in hosts),
        has_operators=bool(operators),
    )
