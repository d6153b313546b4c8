"""The accounts that other hosts back up through: one for each client and target.

A client signs in with a key or a password that is derived for it. sshd or the rest-server
confines it to its own directory of the target, so it sees only its own repositories.
"""

from __future__ import annotations

from collections.abc import Mapping

from homelab.nix import Attrs, Nix
from homelab.plan import Plan
from homelab.secret_paths import secret_path
from homelab.system.login import account
from homelab.system.model import Host


def key_names(target: str, client: str) -> tuple[str, str]:
    """Names of the private key on the client and of the public key on the target's host."""
    return f"{target}-key", f"{target}-{client}-key"


def private_key(target: str) -> str:
    """Path of the private key on a client."""
    private, _ = key_names(target, "")
    return secret_path("restic", private, "derived", "file")


def login_names(target: str, client: str) -> tuple[str, str, str]:
    """Names of secrets of a rest-server: the login on the client; the hash of its password, and the
    password of its repositories, on the host of the target.
    """
    return f"{target}-login", f"{target}-{client}-login", f"{target}-{client}-password"


def stores(plan: Plan, host: Host) -> Attrs:
    """Directories of a host that other hosts back up to, by target, with their clients."""
    found: Attrs = {}
    for name, target in sorted(plan.stack.backup.targets.items()):
        if target.kind != "sftp" or target.host != host.name:
            continue
        clients: Attrs = {}
        for client, jobs in clients_of(plan, name).items():
            _, public = key_names(name, client)
            made: list[Nix] = [*jobs]
            options: Attrs = {
                "authorizedKeysFile": secret_path("restic", public, "derived", "file"),
                "jobs": made,
            }
            login = account(target.user, client)
            if login != f"restic-{client}":
                options["login"] = login
            clients[client] = options
        if clients:
            found[name] = {"path": target.path.rstrip("/"), "clients": clients}
    return found


def clients_of(plan: Plan, target: str) -> Mapping[str, tuple[str, ...]]:
    """Names of the jobs that come from other hosts, by host."""
    found: dict[str, set[str]] = {}
    for job in plan.backup.jobs:
        if job.target == target and job.server:
            found.setdefault(job.host, set()).add(job.name)
    return {client: tuple(sorted(names)) for client, names in sorted(found.items())}
