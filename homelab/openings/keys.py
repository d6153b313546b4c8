"""Keys with which somebody logs in whom the stack config does not name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.nix.source import Computed, Setting
from homelab.openings.model import Opening, View, is_set, rule, texts

_USER = "users.users.*"
_INITRD = "boot.initrd.network.ssh"


@rule(
    f"{_USER}.openssh.authorizedKeys.keyFiles",
    f"{_USER}.openssh.authorizedKeys.keys",
    f"{_INITRD}.authorizedKeyFiles",
    f"{_INITRD}.authorizedKeys",
)
def root_keys(setting: Setting, view: View) -> Iterator[Opening]:
    """Keys that let in somebody whom the stack config does not name: as root, as the owner, who
    becomes root by sudo, or before the system starts.
    """
    owner = view.plan.stack.site.owner
    user = "root" if setting.path[0] == "boot" else setting.path[2]
    if user not in ("*", *_powerful(view)):
        return
    who = "root" if user == "root" else f"{user}, who becomes root by sudo,"
    if user == "*":
        who = "a user whose name is computed, who may be root,"
    if setting.path[-1] in ("keyFiles", "authorizedKeyFiles"):
        more = is_set(setting.value)
    else:
        known = {" ".join(k.split()[:2]) for k in owner.ssh_keys}
        more = any(" ".join(t.split()[:2]) not in known for t in texts(setting.value))
    if more:
        yield Opening(
            "root-keys",
            f"{setting.name} lets in as {who} a key that site.owner does not name",
            "drop it, and write it to site.owner.ssh_keys, or say whose it is",
            "warning",
            acceptable=True,
        )


def _powerful(view: View) -> tuple[str, str, str]:
    """Users who are root, or become it by sudo."""
    return "root", view.plan.stack.site.owner.user, view.host.config.ssh.user


@rule("users", "users.users", _USER, f"{_USER}.openssh", f"{_USER}.openssh.authorizedKeys")
def unread(setting: Setting, view: View) -> Iterator[Opening]:
    """Accounts that only Nix computes: those that become root may get keys and passwords."""
    user = setting.path[2] if len(setting.path) > 2 else "*"
    # A forced set is reported as a whole.
    by_nix = isinstance(setting.value, Computed) and setting.forced is None
    if by_nix and user in ("*", *_powerful(view)):
        yield Opening(
            "root-keys",
            f"{setting.name} is computed as a whole, so it is not known who logs in with it",
            "write its options out; homelab eval asks Nix for what it computes",
            "warning",
            acceptable=True,
        )


_READ_BY_SSHD = re.compile(r"/root/\.ssh/authorized_keys|\bauthorized_keys\.d/")


@rule(
    *("systemd.tmpfiles.rules", "systemd.tmpfiles.settings.**", "system.activationScripts.**"),
    *("systemd.services.*.script", "systemd.services.*.preStart", "systemd.services.*.postStart"),
    *("systemd.services.*.serviceConfig.ExecStart", "boot.postBootCommands"),
    *("networking.localCommands", "system.userActivationScripts.**"),
)
def written_for_sshd(setting: Setting, view: View) -> Iterator[Opening]:
    """Files that sshd reads, written by a unit, at a start or at an activation."""
    if any(_READ_BY_SSHD.search(t) for t in (*setting.path, *texts(setting.value))):
        yield Opening(
            "root-keys",
            f"{setting.name} writes keys that sshd reads, and may let in as root whom site.owner "
            "does not name",
            "drop it, and write the keys to site.owner.ssh_keys",
            "warning",
            acceptable=True,
        )
