"""The Nix store of a host: garbage collection and the build directory."""

from __future__ import annotations

from homelab.hardening.paths import for_systemd, for_tmpfiles
from homelab.nix import Attrs, Comment, attrs, merge
from homelab.system.model import Host

BUILD_DIR_SINCE = "24.11"
"""First release whose Nix (2.24) has the setting `build-dir`; before, the daemon asks `TMPDIR`."""


def garbage(host: Host) -> Attrs:
    """Automatic garbage collection."""
    gc = host.config.nix.gc
    return attrs(
        "nix.gc",
        {"automatic": True, "dates": gc.dates, "options": f"--delete-older-than {gc.keep}"},
    )


def builds(host: Host) -> Attrs:
    """The build directory, created before the daemon needs it."""
    path = host.config.nix.build_dir
    if path is None:
        return {}
    where = (
        attrs("nix.settings.build-dir", path)
        if host.release >= BUILD_DIR_SINCE
        else attrs("systemd.services.nix-daemon.environment.TMPDIR", path)
    )
    return merge(
        where,
        # Nix refuses a directory that other users can write.
        attrs(
            'systemd.tmpfiles.settings."10-nix-builds"',
            {for_tmpfiles(path): {"d": {"user": "root", "group": "root", "mode": "0755"}}},
        ),
        attrs(
            "systemd.services.nix-daemon.unitConfig.RequiresMountsFor",
            Comment(
                "Without its disk a build would fill the file system below the mount point.",
                [for_systemd(path)],
            ),
        ),
    )
