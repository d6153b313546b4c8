"""The rest-server of a host: repositories of other hosts over HTTP, which they can add to only.

nixpkgs' `services.restic.server` serves one directory. A client signs in with a derived password,
of which this host has the hash, and reaches only the directory of its own name.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources

from homelab.backup.account import clients_of, login_names
from homelab.backup.model import BackupPlan, Job, target_unit
from homelab.config.backup import Keep
from homelab.config.backup_targets import BackupTarget
from homelab.config.base import ServiceSecretRef
from homelab.config.stack import StackConfig
from homelab.disks.waiting import waiting
from homelab.grouping import grouped
from homelab.hardening.baseline import sandbox
from homelab.hardening.paths import for_systemd
from homelab.network.between import lan_callers, path_between
from homelab.network.model import PortUse
from homelab.nix import Attrs, Comment, Force, Module, Nix, Pkg, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import referred_path, secret_path
from homelab.services.unit import reported
from homelab.system.model import Host

SERVER = "restic-rest-server"
"""The unit of nixpkgs' module, without its suffix."""
SCRIPT = (
    "lib/backup-rest.sh",
    (resources.files("homelab.backup") / "rest.sh").read_text(encoding="utf-8"),
)
"""The file of shell functions for the units of a target: its name and its text."""
BACKUP_DAYS = 8
"""Days that a backup may take from its start until its snapshot is written."""


def served(plan: Plan, host: str) -> tuple[tuple[str, BackupTarget], ...]:
    """The targets that other hosts reach over the rest-server of this one."""
    return tuple(
        (name, target)
        for name, target in sorted(plan.stack.backup.targets.items())
        if target.kind == "rest" and target.host == host and clients_of(plan, name)
    )


def rest_ports(stack: StackConfig, backup: BackupPlan) -> tuple[PortUse, ...]:
    """The port of each rest-server, for the hosts that back up to it."""
    callers = grouped((j for j in backup.jobs if j.server), lambda j: j.target)
    found = []
    for name, target in sorted(stack.backup.targets.items()):
        host = target.host
        if target.kind != "rest" or host is None or name not in callers:
            continue
        clients = tuple(sorted({j.host for j in callers[name]}))
        paths = (path_between(stack, client, host) for client in clients)
        over_tailnet = any(p is not None and p.network == "tailnet" for p in paths)
        found.append(
            PortUse(
                host=host,
                port=target.port,
                protocol="tcp",
                owner=SERVER,
                label="web",
                scope="tailnet" if over_tailnet else "hosts",
                peers=lan_callers(stack, clients, host),
                source=f"backup.targets.{name}",
                why=f"backups of {', '.join(clients)}",
            )
        )
    return tuple(found)


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`backup-server.nix`, on a host that other hosts back up to over HTTP."""
    if not host.is_nixos:
        return
    failing = reported(plan, host.name)
    for name, target in served(plan, host.name)[:1]:  # backup-rest-single reports another one
        yield Module(
            "backup-server.nix",
            f"Backups of other hosts over HTTP, to the target {name}",
            derived=merge(
                _server(host, name, target),
                attrs(
                    f"systemd.services.{target_unit(name)}",
                    {**_directories(plan, host, name, target), **failing},
                ),
                _trim(plan, host, name, target, failing) if target.keeps_all else {},
            ),
            extra=(SCRIPT,),
        )


def _server(host: Host, name: str, target: BackupTarget) -> Attrs:
    path = target.path.rstrip("/")
    needs: list[Nix] = [f"{target_unit(name)}.service"]
    return merge(
        attrs(
            "services.restic.server",
            {
                "enable": True,
                "appendOnly": target.keeps_all,
                "dataDir": path,
                "htpasswd-file": _logins(name),
                "listenAddress": str(target.port),
                # The option privateRepos has tmpfiles create .htpasswd, and so the directory, while
                # its disk is not mounted. The flag alone does not.
                "extraFlags": Comment(
                    "A client reaches the directory of its own name.", ["--private-repos"]
                ),
            },
        ),
        attrs(
            f"systemd.services.{SERVER}",
            merge(waiting(host, [path]), {"requires": needs, "after": needs}),
        ),
        # Without its disk the socket would start a server that ends at once.
        attrs(f"systemd.sockets.{SERVER}", waiting(host, [path])),
        attrs(
            "users.users.restic.createHome",
            Comment("It would make the directory while its disk is not mounted.", Force(False)),
        ),
    )


def _logins(name: str) -> str:
    return f"/run/{target_unit(name)}/htpasswd"


def _script(*lines: list[str]) -> Script:
    text = "".join(f"{shlex.join(line)}\n" for line in lines)
    return Script.of(". ", Raw(f"./{SCRIPT[0]}"), f"\n{text}")


def _directories(plan: Plan, host: Host, name: str, target: BackupTarget) -> Attrs:
    path = target.path.rstrip("/")
    hashes = [
        f"{client}={secret_path('restic', login_names(name, client)[1], 'derived', 'file')}"
        for client in clients_of(plan, name)
    ]
    return {
        "description": "Directory and logins for the backups of other hosts",
        "wantedBy": ["multi-user.target"],
        "script": _script(["store", path], ["logins", _logins(name), *hashes]),
        **waiting(host, [path]),
        "serviceConfig": {
            **sandbox("capability-bounding-set", "protect-system"),
            "Type": "oneshot",
            "RemainAfterExit": True,
            "RuntimeDirectory": target_unit(name),
            "RuntimeDirectoryMode": "0755",
            "CapabilityBoundingSet": ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"],
            "PrivateNetwork": True,
        },
    }


def _trim(plan: Plan, host: Host, name: str, target: BackupTarget, failing: Attrs) -> Attrs:
    """Clients cannot delete, so this host removes old snapshots each week."""
    unit, path = f"{target_unit(name)}-prune", target.path.rstrip("/")
    jobs = [j for j in plan.backup.jobs if j.target == name and j.server]
    calls = "".join(f"{shlex.join(_call(j, path, target.password))} || bad=yes\n" for j in jobs)
    service: Attrs = {
        "description": "Remove old snapshots of the backups of other hosts",
        "path": [Pkg("jq"), Pkg("restic")],
        "script": Script.of(
            *(". ", Raw(f"./{SCRIPT[0]}"), f"\nbad=\n{calls}"),
            '[ -z "$bad" ]\n',
        ),
        **waiting(host, [path]),
        **failing,
        "serviceConfig": {
            **sandbox(),
            "Type": "oneshot",
            "User": "restic",
            "CacheDirectory": unit,
            "Environment": f"RESTIC_CACHE_DIR=/var/cache/{unit}",
            "PrivateNetwork": True,
            "ReadWritePaths": [for_systemd(path)],
        },
    }
    timer: Attrs = {
        "wantedBy": ["timers.target"],
        "timerConfig": {"OnCalendar": "Sun *-*-* 10:00:00", "Persistent": True},
    }
    return merge(attrs(f"systemd.services.{unit}", service), attrs(f"systemd.timers.{unit}", timer))


def _call(job: Job, path: str, existing: ServiceSecretRef | None) -> list[str]:
    password = login_names(job.target, job.host)[2]
    file = secret_path("restic", password, "derived", "file")
    if existing is not None:
        file = referred_path(existing, "restic", password)
    return ["trim", f"{path}/{job.host}/{job.name}", file, str(BACKUP_DAYS), *_kept(job.keep)]


def _kept(keep: Keep) -> Iterator[str]:
    for period, count in keep.model_dump().items():
        if count:
            yield f"--keep-{period}={count}"
