"""The text of the scripts that `homelab install` runs on the target, from the `.sh` files here.

Each text is for the standard input of `homelab.deploy.scripts.shell`. A secret in it is passed on
by builtins of the shell only, so no process has it in its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from homelab.deploy.builder_scripts import at_once, with_rest
from homelab.deploy.scripts import AT_ONCE
from homelab.deploy.shell import files_function


def look_script() -> str:
    """Describe the target: `name`, tab, value in base64."""
    return AT_ONCE + _part("look")


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
    return with_rest(_part("kexec"), {"URL": url})


@cache
def _part(name: str) -> str:
    return (resources.files("homelab.install") / f"{name}.sh").read_text("utf-8")


def _text(
    part: str, names: Mapping[str, str], extra: str = "", *, arguments: Sequence[str] = ()
) -> str:
    return at_once(_part(part), names, extra, arguments=arguments)
