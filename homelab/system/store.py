"""The Nix store of a host: garbage collection, the build directory, and binary caches."""

from __future__ import annotations

from homelab.config.host_options import NETRC
from homelab.hardening.paths import for_systemd, for_tmpfiles
from homelab.nix import Attrs, Comment, Nix, attrs, merge
from homelab.secret_paths import referred_path
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


def cache_flags(host: Host) -> list[str]:
    """Flags of nixos-rebuild with the binary caches, for a build before the host knows them."""
    found = host.config.nix.substituters
    if not found:
        return []
    urls = " ".join(dict.fromkeys(cache.url for cache in found))
    keys = " ".join(dict.fromkeys(cache.key for cache in found))
    options = {
        "extra-substituters": urls,
        "extra-trusted-public-keys": keys,
        "connect-timeout": "5",
        "fallback": "true",
    }
    return [word for name, value in options.items() for word in ("--option", name, value)]


def netrc_of(host: Host) -> str:
    """The file on the host with the passwords of its binary caches; empty without one."""
    netrc = host.config.nix.netrc
    return "" if netrc is None else referred_path(netrc, *NETRC)


def caches(host: Host) -> Attrs:
    """The binary caches of the host. A host whose cache is off builds by itself."""
    config = host.config.nix
    if not config.substituters:
        return {}
    urls: list[Nix] = [cache.url for cache in config.substituters]
    keys: list[Nix] = [*dict.fromkeys(cache.key for cache in config.substituters)]
    settings: Attrs = {
        "substituters": urls,
        "trusted-public-keys": keys,
        "connect-timeout": 5,
        "fallback": True,
    }
    if config.netrc is not None:
        settings["netrc-file"] = netrc_of(host)
    return attrs("nix.settings", settings)
