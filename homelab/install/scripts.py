"""The text of the scripts that `homelab install` runs on the target, from the `.sh` files here.

Each text is for the standard input of `homelab.deploy.scripts.shell`. A secret in it is passed on
by builtins of the shell only, so no process has it in its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from homelab.deploy.scripts import lend_function
from homelab.deploy.shell import assigned, files_function

_AT_ONCE = '# shellcheck shell=bash\neval "$(cat)"\n'
"""The first line of a text that reads nothing else. See `homelab.deploy.scripts`."""


def look_script() -> str:
    """Describe the target: `name`, tab, value in base64."""
    return _AT_ONCE + _part("look")


def hardware_script() -> str:
    """Print the target's hardware module, without file systems."""
    return _text("hardware", {})


def stage_script(files: Mapping[str, str | bytes]) -> str:
    """Write the first system's tree to the target's memory."""
    return _text("stage", {}, files_function("files", "flake/", files))


def build_script(host: str, *, options: Sequence[str] = (), netrc: str = "") -> str:
    """Evaluate the staged system, and build disko's script. Touches no disk.

    `options` are for Nix; `netrc` has passwords of binary caches, for as long as the script runs.
    """
    return _text("build", {"HOST": host, "NETRC_TEXT": netrc}, arguments=options)


def disks_script(mark: str, *, script: str = "", passphrase: str = "", times: int = 0) -> str:
    """ERASE the disks with disko's script, and mount the new file systems, unless a run before has
    done that with the same mark. The passphrase is typed `times` times.

    `script` is its path in the target's store; empty for the one that `build_script` built.
    """
    names = {
        "MARK": mark,
        "SCRIPT": script,
        "PASSPHRASE": passphrase,
        "TIMES": str(times),
    }
    return _text("disks", names)


def builder_script(
    host: str,
    platform: str | None,
    files: Mapping[str, str | bytes],
    *,
    options: Sequence[str] = (),
    netrc: str = "",
    place: str = "homelab-install",
    instead: str = "build on the machine itself (--build target)",
    dry: bool = False,
) -> str:
    """Build disko's script for this platform and the system on another machine: a line `disks PATH`
    and a line `system PATH`. Without a platform, the system alone.

    `options` and `netrc` are as in `build_script`. `place` is the directory of the cache that keeps
    the results. `instead` is what a person can do where there is no Nix. With `dry`, lines `note
    TEXT` come first: what will be built and fetched.
    """
    names = {"DO": "build", "HOST": host, "PLATFORM": platform or "", "PLACE": place}
    names |= {"INSTEAD": instead, "DRY_RUN": "yes" if dry else ""}
    if netrc:
        names["NETRC_TEXT"] = netrc
    body = files_function("files", "flake/", files)
    return _text("builder", names, body, arguments=options)


def closure_script(path: str) -> str:
    """List a store path and everything that it needs, on the machine that built it."""
    return _text("builder", {"DO": "closure", "WHAT": path})


def export_script(paths: Sequence[str]) -> str:
    """Write store paths as `nix-store --import` reads them."""
    return _text("builder", {"DO": "export", "WHAT": "\n".join(paths)})


def missing_script(store: str, paths: Sequence[str]) -> str:
    """List those of the store paths that the target lacks in `store`, as in `import_script`."""
    return _text("missing", {"STORE": store, "PATHS": "\n".join(paths)})


def import_script(store: str) -> str:
    """Read store paths, as `nix-store --export` writes them, after this text. `store` is the
    directory whose store gets them: empty for the target's own.
    """
    # Not at once: the rest of standard input is for nix-store.
    return f"{_shared()}\n{assigned({'STORE': store})}\n{_part('import')}"


def system_script(
    host: str,
    mark: str,
    key: str,
    public: str,
    *,
    place: str = "",
    system: str = "",
    options: Sequence[str] = (),
    netrc: str = "",
) -> str:
    """Put the host key in place, and install the system: the staged one, or a path of the new
    store. `place` is the directory below which persisted files are; empty for the root itself.
    `options` and `netrc` are as in `build_script`, for the staged system.
    """
    names = {
        "HOST": host,
        "MARK": mark,
        "HOST_KEY": key,
        "HOST_KEY_PUBLIC": public,
        "PLACE": place,
        "SYSTEM": system,
        "NETRC_TEXT": netrc,
    }
    return _text("system", names, arguments=options)


def restart_script(mark: str) -> str:
    """Unmount the new file systems, and restart into the new system."""
    return _text("restart", {"MARK": mark})


def kexec_script(url: str = "") -> str:
    """Start an installer from a kexec tarball: that at a URL, or the bytes after this text."""
    return f"{_shared()}\n{assigned({'URL': url})}\n{_part('kexec')}"


def _text(
    part: str, names: Mapping[str, str], extra: str = "", *, arguments: Sequence[str] = ()
) -> str:
    return f"{_AT_ONCE}{_shared()}\n{assigned(names, arguments)}{extra}\n{_part(part)}"


def _shared() -> str:
    return _part("shared") + lend_function()


@cache
def _part(name: str) -> str:
    return (resources.files("homelab.install") / f"{name}.sh").read_text("utf-8")
