"""What the stack says of a home, as options of home-manager's programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from homelab.config.homes import HomeConfig
from homelab.nix import Attrs, Before, Lines, Module, Nix, Pkg, attrs, merge
from homelab.system.model import Host

DIRECTORY = "homes"
"""Where the modules of homes are in a host's tree. home-manager imports them, not NixOS."""
GIT_SETTINGS_SINCE = "25.11"
"""First release of home-manager with `programs.git.settings`; before, it had `userName`,
`userEmail`, `aliases` and `extraConfig`."""
PROFILES_SINCE = "25.05"
"""First release with `programs.vscode.profiles`; before, the options of the only profile were those
of the program."""
KEYS: Mapping[str, str] = {
    "home.packages": "packages",
    "programs.bash": "bash",
    "programs.bash.shellAliases": "aliases",
    "programs.git": "git",
    "programs.micro": "micro",
    "programs.starship": "prompt",
    "programs.tmux": "tmux",
    "programs.vscode": "vscode",
    "programs.zsh": "aliases",
}
"""The key below `homes.<user>` that sets an option and those below it."""


def file_of(user: str) -> str:
    """The file of a user's home in a host's tree."""
    return f"{DIRECTORY}/{user}.nix"


def key_of(option: str) -> str:
    """The key below `homes.<user>` that sets an option of home-manager; empty if none does."""
    found = [above for above in KEYS if option == above or option.startswith(f"{above}.")]
    return KEYS[max(found, key=len)] if found else ""


def home_module(host: Host, user: str, home: HomeConfig) -> Module:
    """The module of a home, which home-manager reads on every kind of machine. The person's own
    module overrides what is in it.
    """
    return Module(
        file_of(user),
        f"The home of {user}: what the stack says of their shell, editors and Git",
        derived=merge(*_options(host, home)),
    )


def unfree(host: Host) -> set[str]:
    """Names (`pname`) of the unfree packages that the homes of a host may have."""
    names: set[str] = set()
    for _, home in host.homes:
        if home.vscode is not None:
            names.add("vscode")
            names |= {f"vscode-extension-{e.replace('.', '-')}" for e in home.vscode.extensions}
    return names


def _options(host: Host, home: HomeConfig) -> Iterator[Attrs]:
    if home.packages:
        yield attrs("home.packages", [Pkg(name) for name in home.packages])
    yield from _shells(host, home)
    if home.tmux is not None:
        yield attrs("programs.tmux", _tmux(home))
    if home.git is not None:
        yield attrs("programs.git", _git(host, home))
    if home.micro is not None:
        yield _program("micro", _settings(home.micro.settings))
    if home.vscode is not None:
        listed: list[Nix] = [Pkg(f"vscode-extensions.{e}") for e in home.vscode.extensions]
        said: Attrs = {"extensions": listed} if listed else {}
        said |= _settings(home.vscode.settings, "userSettings")
        if said and host.release >= PROFILES_SINCE:
            said = {"profiles": {"default": said}}
        yield _program("vscode", said)


def _shells(host: Host, home: HomeConfig) -> Iterator[Attrs]:
    """Bash, and zsh on a Mac, where it is the shell that people get. Each shell has the aliases of
    its own: those of `home.shellAliases` would contradict the person's module.
    """
    shells = ["bash"] if home.bash is not None else []
    if home.aliases or home.prompt is not None:
        shells += ["zsh"] if host.config.platform.endswith("-darwin") else ["bash"]
    aliases: Attrs = {"shellAliases": {**home.aliases}} if home.aliases else {}
    for shell in dict.fromkeys(shells):
        yield _program(shell, aliases)
    if home.bash is not None:
        said: Attrs = {}
        if home.bash.history is not None:
            said |= {"historySize": home.bash.history, "historyFileSize": home.bash.history}
        if home.bash.init is not None:
            said |= {"initExtra": _lines(home.bash.init)}
        yield attrs("programs.bash", said)
    if home.prompt is not None:
        yield _program("starship", _settings(home.prompt.settings))


def _tmux(home: HomeConfig) -> Attrs:
    tmux = home.tmux
    assert tmux is not None
    said = {
        "prefix": tmux.prefix,
        "keyMode": tmux.keys,
        "mouse": tmux.mouse or None,
        "historyLimit": tmux.history,
        "extraConfig": _lines(tmux.config) if tmux.config is not None else None,
    }
    return {"enable": True, **{key: value for key, value in said.items() if value is not None}}


def _git(host: Host, home: HomeConfig) -> Attrs:
    git = home.git
    assert git is not None
    user = {k: v for k, v in (("name", git.name), ("email", git.email)) if v is not None}
    settings = cast("Attrs", git.settings)
    if host.release >= GIT_SETTINGS_SINCE:
        alias: Attrs = {"alias": {**git.aliases}} if git.aliases else {}
        whole = merge(settings, {"user": {**user}} if user else {}, alias)
        return {"enable": True, **({"settings": whole} if whole else {})}
    return {
        "enable": True,
        **({"userName": git.name} if git.name is not None else {}),
        **({"userEmail": git.email} if git.email is not None else {}),
        **({"aliases": {**git.aliases}} if git.aliases else {}),
        **({"extraConfig": settings} if settings else {}),
    }


def _program(name: str, said: Attrs) -> Attrs:
    return attrs(f"programs.{name}", {"enable": True, **said})


def _settings(said: Mapping[str, object], option: str = "settings") -> Attrs:
    return {option: cast("Attrs", dict(said))} if said else {}


def _lines(text: str) -> Nix:
    """Lines before those of the person's own module, which have the last word."""
    return Before(Lines(text if text.endswith("\n") else f"{text}\n"))
