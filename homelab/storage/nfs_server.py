"""Exports of datasets: the kernel's NFS server, version 4 alone, for named hosts."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Iterator
from importlib import resources

from homelab.disks.waiting import optional_at
from homelab.hardening.baseline import sandbox
from homelab.hardening.paths import for_systemd
from homelab.nix import Attrs, Comment, Module, Nix, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.storage.exports import can_say, exported
from homelab.storage.nfs import NFS, Export, by_server
from homelab.system.model import Host
from homelab.system.numbers import NUMBERS

UNIT = "homelab-nfs"
_FILE = "lib/nfs-exports.sh"
_OWN = (resources.files("homelab.storage") / "nfs-exports.sh").read_text(encoding="utf-8")
SHELL = f"{NUMBERS}\n{_OWN}"
"""The functions of the unit that writes the exports."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`nfs-server.nix`, on a host with a dataset that another host mounts."""
    exports = by_server(plan).get(host.name, ())
    if not exports or not host.is_nixos:
        return
    # While an optional disk is absent, its exports are not there and the others work.
    always = {e.mount or e.path for e in exports if optional_at(host, e.path) is None}
    mounts: list[Nix] = [for_systemd(m) for m in sorted(always)]
    server: Attrs = {"unitConfig": {"RequiresMountsFor": mounts}} if mounts else {}
    yield Module(
        "nfs-server.nix",
        "Datasets that other hosts mount over NFS, by the addresses of these hosts",
        derived=merge(
            attrs("services.nfs.server.enable", True),
            attrs(
                "services.nfs.settings.nfsd",
                Comment(
                    "One port, and no rpcbind, mountd or lockd for clients.",
                    {"port": NFS, "udp": False, "vers3": False, "vers4.0": False},
                ),
            ),
            attrs('environment.etc."exports.d/homelab.exports".source', "/run/homelab-nfs/exports"),
            attrs("systemd.services.nfs-server", server) if server else {},
            attrs(f"systemd.services.{UNIT}", _writer(exports)),
        ),
        extra=((_FILE, SHELL),),
    )


def _writer(exports: tuple[Export, ...]) -> Attrs:
    # A line that ends with a quote would make the printer write the script as one line.
    calls = [shlex.join(("exported", line_of(e), *_names(e))) for e in exports]
    return {
        "description": "Write the exports with the numbers that users and groups have here",
        "before": ["nfs-mountd.service", "nfs-server.service"],
        "requiredBy": ["nfs-server.service"],
        "script": Script.of(
            ". ", Raw(f"./{_FILE}"), "\n" + "\n".join(("begun", *calls, "ended")) + "\n"
        ),
        "serviceConfig": {
            "PrivateNetwork": True,
            "RemainAfterExit": True,
            "RuntimeDirectory": "homelab-nfs",
            "Type": "oneshot",
            **sandbox(),
        },
    }


def _names(export: Export) -> tuple[str, str]:
    """The user and group that a client acts as. It never acts as root."""
    return (
        "nobody" if export.owner == "root" else export.owner,
        "nogroup" if export.group == "root" else export.group,
    )


def line_of(export: Export) -> str:
    """The line of exports(5), with `@uid@` and `@gid@` for the numbers on the host."""
    options = ["ro" if export.read_only else "rw", "sync", "no_subtree_check"]
    # A path of its own identifies it: ZFS, btrfs subvolumes and mergerfs have no UUID for NFS.
    options.append(f"fsid={uuid.uuid5(uuid.NAMESPACE_URL, f'dataset:{export.dataset}')}")
    if export.mount not in ("", "/") and can_say(export.mount):
        options.append(f"mp={export.mount}")
    options += (
        ["all_squash", "anonuid=@uid@", "anongid=@gid@"] if export.squash else ["root_squash"]
    )
    return exported(export.path, export.way.caller, options)
