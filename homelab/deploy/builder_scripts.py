"""The text of the scripts for a machine that builds a system for another one, and for the store
that gets it: any machine with Nix, also one that has nothing of homelab. `homelab.install` uses
their library for its own scripts.

Each text is for the standard input of `homelab.deploy.scripts.shell`. A secret in it is passed on
by builtins of the shell only, so no process has it in its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from homelab.deploy.scripts import AT_ONCE, lend_function
from homelab.deploy.shell import assigned, files_function


def at_once(
    body: str, names: Mapping[str, str], extra: str = "", *, arguments: Sequence[str] = ()
) -> str:
    """A script with the library of `standalone.sh` and these variables. It reads nothing else."""
    return f"{AT_ONCE}{_library()}\n{assigned(names, arguments)}{extra}\n{body}"


def with_rest(body: str, names: Mapping[str, str]) -> str:
    """The same for a script whose body reads bytes after this text."""
    return f"{_library()}\n{assigned(names)}\n{body}"


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

    `options` are for Nix; `netrc` has passwords of binary caches, for as long as the script runs.
    `place` is the directory of the cache that keeps the results. `instead` is what a person can do
    where there is no Nix. With `dry`, lines `note TEXT` come first: what will be built and fetched.
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
    return with_rest(_part("import"), {"STORE": store})


def _text(
    part: str, names: Mapping[str, str], extra: str = "", *, arguments: Sequence[str] = ()
) -> str:
    return at_once(_part(part), names, extra, arguments=arguments)


@cache
def _library() -> str:
    return _part("standalone") + lend_function()


@cache
def _part(name: str) -> str:
    return (resources.files("homelab.deploy") / "builder" / f"{name}.sh").read_text("utf-8")
