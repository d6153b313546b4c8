"""The accounts that other hosts write backups through: one each, shut in its own directory.

A client signs in with a key that is derived for it, and sshd takes its own directory of the target
for its root: it sees its own repositories and nothing else, whatever the host's datasets allow.
"""

from __future__ import annotations

import hashlib
import posixpath
import shlex
from collections.abc import Iterator, Mapping
from importlib import resources

from homelab.backup.model import Job
from homelab.hardening.paths import for_systemd
from homelab.nix import Attrs, Comment, Lines, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import secret_path
from homelab.system.model import Host

FILE = "lib/backup-target.sh"
"""What the units of targets source, in the tree."""
SHELL = resources.files("homelab.backup").joinpath("target.sh").read_text(encoding="utf-8")
_LONGEST = 31
"""Characters of a login name (useradd(8) takes 32, with the end of the text)."""


def account(user: str, client: str) -> str:
    """The login of a client's backups; a long one ends with a digest of the whole."""
    name = f"{user}-{client}"
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def key_names(target: str, client: str) -> tuple[str, str]:
    """Names of the two halves of a client's key: the private one, and the one that lets it in."""
    return f"{target}-key", f"{target}-{client}-key"


def private_key(target: str) -> str:
    """Where a client finds its key."""
    mine, _ = key_names(target, "")
    return secret_path("restic", mine, "derived", "file")


def server(plan: Plan, host: Host) -> Attrs:
    """The accounts, their directories and what sshd lets each of them do."""
    parts: list[Attrs] = []
    matches: list[str] = []
    for name, target in sorted(plan.stack.backup.targets.items()):
        if target.kind != "sftp" or target.host != host.name:
            continue
        clients = _clients(plan, name)
        for client in clients:
            login = account(target.user, client)
            parts += [
                attrs(f"users.users.{login}", {"isSystemUser": True, "group": login}),
                attrs(f"users.groups.{login}", {}),
            ]
            matches += _match(login, name, client, target.path.rstrip("/"))
        if clients:
            unit = f'systemd.services."backup-target-{name}"'
            parts.append(attrs(unit, _directories(target.path.rstrip("/"), target.user, clients)))
    if not parts:
        return {}
    rules = Comment(
        "Each client has a root of its own, and SFTP alone.",
        Lines("\n".join([*matches, "Match all"]) + "\n"),
    )
    return merge(*parts, attrs("services.openssh.extraConfig", rules))


def _clients(plan: Plan, target: str) -> Mapping[str, tuple[Job, ...]]:
    """The jobs that come from other hosts, by host."""
    found: dict[str, list[Job]] = {}
    for job in plan.backup.jobs:
        if job.target == target and job.server:
            found.setdefault(job.host, []).append(job)
    return {client: tuple(jobs) for client, jobs in sorted(found.items())}


def _match(login: str, target: str, client: str, path: str) -> Iterator[str]:
    _, theirs = key_names(target, client)
    key = secret_path("restic", theirs, "derived", "file")
    yield f"Match User {login}"
    yield f"  ChrootDirectory {for_sshd(posixpath.join(path, client))}"
    yield "  ForceCommand internal-sftp -d /"
    yield f"  AuthorizedKeysFile {for_sshd(key)}"
    for refused in ("AllowTcpForwarding", "X11Forwarding", "PermitTunnel", "PermitTTY"):
        yield f"  {refused} no"
    yield "  AllowAgentForwarding no"


def for_sshd(path: str) -> str:
    """A path as one argument of sshd_config, in which % is a token."""
    text = path.replace("%", "%%")
    if any(c in text for c in " \t#\"'\\="):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def _directories(path: str, user: str, clients: Mapping[str, tuple[Job, ...]]) -> Attrs:
    """Make a target's directories once its disk is there.

    Not by tmpfiles, which would make them below the mount point of a disk that is missing: others
    would then fill the root file system with their backups. A root for sshd is root's alone, so a
    client writes one level below it, where its repositories are.
    """
    lines: list[str | Raw] = [". ", Raw(f"./{FILE}"), f"\nroot {shlex.quote(path)}\n"]
    for client, jobs in clients.items():
        login = account(user, client)
        home = posixpath.join(path, client)
        lines.append(f"root {shlex.quote(home)}\n")
        for job in sorted({j.name for j in jobs}):
            place = shlex.quote(posixpath.join(home, job))
            lines.append(f"repository {login} {place}\n")
    return {
        "description": "Directories for the backups of other hosts",
        "wantedBy": ["multi-user.target"],
        "unitConfig": {"RequiresMountsFor": [for_systemd(path)]},
        "serviceConfig": {"Type": "oneshot", "RemainAfterExit": True},
        "script": Script(tuple(lines)),
    }
