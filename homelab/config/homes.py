"""`homelab:homes`: the shell, the editors and Git of a person, the same on every machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, model_validator

from homelab.config.base import Email, Model, Name, Str, pattern
from homelab.config.unit import Package
from homelab.nested import scalars

Alias = Annotated[
    Str,
    pattern(
        r"[A-Za-z0-9_.][A-Za-z0-9_.,:@%+-]*",
        "this is not the name of an alias; write one word without quotes, $ and /",
    ),
]
GitAlias = Annotated[
    Str,
    pattern(
        r"[A-Za-z][A-Za-z0-9-]*", "this is not the name of an alias in Git; write letters, digits -"
    ),
]
GitSection = Annotated[
    Str,
    pattern(r"[A-Za-z][A-Za-z0-9-]*", "this is not a section of Git; write it as pull or init"),
]
_GIT_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
CodeExtension = Annotated[
    Str,
    pattern(
        r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+",
        "this is not an extension; write publisher.name: jnoortheen.nix-ide",
    ),
]
"""An extension of VS Code by its id, as nixpkgs has it below `vscode-extensions`."""
_Line = Annotated[Str, Field(min_length=1, pattern=r"^[^\x00-\x1f]+$")]
_Command = Annotated[Str, Field(min_length=1)]


def _without_null(value: JsonValue) -> JsonValue:
    """A value of a language without null: INI and TOML leave out what is not set."""
    if any(inner is None for inner in scalars(value)):
        raise ValueError("a setting without a value is left out; remove it")
    return value


NotNull = Annotated[JsonValue, AfterValidator(_without_null)]


class HomeBash(Model):
    """Bash."""

    history: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Commands that it remembers, in memory and in `~/.bash_history`."""
    init: _Command | None = None
    """Lines at the end of `~/.bashrc`, for shells in which somebody types."""


class HomePrompt(Model):
    """The prompt: starship."""

    settings: dict[Str, NotNull] = Field(default_factory=dict)
    """`starship.toml`: `{add_newline: false, hostname: {ssh_only: false}}`."""


class HomeTmux(Model):
    """tmux."""

    prefix: Annotated[Str, Field(pattern=r"^[CM]-([A-Za-z0-9]|Space)$")] | None = None
    """Key before each command: `C-a`. Default: `C-b`."""
    keys: Literal["emacs", "vi"] | None = None
    """Keys for moving about in text. Default: `emacs`."""
    mouse: bool = False
    """Whether the mouse selects panes and scrolls."""
    history: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Lines that each pane remembers. Default: 2000."""
    config: _Command | None = None
    """Further lines of `tmux.conf`."""


class HomeGit(Model):
    """Git."""

    name: _Line | None = None
    """Author of commits."""
    email: Email | None = None
    """The author's address."""
    aliases: dict[GitAlias, _Command] = Field(default_factory=dict)
    """Further commands: `{st: status -sb}`. One that begins with `!` is a command of the shell."""
    settings: dict[GitSection, dict[Str, NotNull]] = Field(default_factory=dict)
    """Further settings by section: `{init: {defaultBranch: main}, pull: {rebase: true}}`. The name
    in quotes of a section stands between: `{url: {"git@github.com:": {insteadOf: "gh:"}}}`."""

    @model_validator(mode="after")
    def _said_once(self) -> HomeGit:
        # Git compares sections, variables and aliases without case, and names in quotes with it.
        written: dict[str, str] = {}
        for setting, place in self._places():
            if setting in written:
                raise ValueError(
                    f"{written[setting]} and {place} are one setting, as Git ignores case here; "
                    "write one of them"
                )
            written[setting] = place
        for key in ("name", "email"):
            if getattr(self, key) is not None and (there := written.get(f"user.{key}")):
                raise ValueError(f"{key} and {there} are one setting; write {key}")
        for section in self.settings:
            if section.lower() == "alias":
                raise ValueError(f"settings.{section} is written as aliases: {{st: status}}")
        return self

    def _places(self) -> Iterator[tuple[str, str]]:
        """Each setting as Git compares it, and its place here."""
        for alias in self.aliases:
            yield f"alias.{alias.lower()}", f"aliases.{alias}"
        for section, values in self.settings.items():
            for name, value in values.items():
                place = f"settings.{section}.{name}"
                if isinstance(value, dict):
                    for variable in value:
                        one = f"{section.lower()}.{name}.{variable.lower()}"
                        yield one, f"{place}.{variable}"
                else:
                    yield f"{section.lower()}.{name.lower()}", place

    @model_validator(mode="after")
    def _git_reads_it(self) -> HomeGit:
        for section, values in self.settings.items():
            for name, value in values.items():
                inner = value if isinstance(value, dict) else {name: value}
                if isinstance(value, dict) and re.search(r'["\\\x00-\x1f]', name):
                    raise ValueError(
                        f"settings.{section} has a name with a quote, a backslash or a line break; "
                        "write it without"
                    )
                for variable, text in inner.items():
                    if not _GIT_VARIABLE.fullmatch(variable) or isinstance(text, dict | float):
                        raise ValueError(
                            f"settings.{section} has a line that Git cannot read; write names of "
                            "letters, digits and -, and text, numbers, true or false"
                        )
        return self


class HomeMicro(Model):
    """The editor micro."""

    settings: dict[Str, JsonValue] = Field(default_factory=dict)
    """Its `settings.json`: `{tabsize: 2, colorscheme: simple}`."""


class HomeVscode(Model):
    """Visual Studio Code, on a machine with a desktop. Its licence is unfree, and homelab allows
    it, with the extensions that are named here.
    """

    extensions: list[CodeExtension] = Field(default_factory=list)
    """Extensions of nixpkgs by id: `[jnoortheen.nix-ide]`."""
    settings: dict[Str, JsonValue] = Field(default_factory=dict)
    """Its `settings.json`: `{editor.formatOnSave: true}`."""


class HomeConfig(Model):
    """The home of the owner or of a member, by home-manager. It is the same on every machine, and
    the person's own module, `home:`, overrides single values.
    """

    hosts: list[Name] | None = None
    """Hosts where the person has it. Default: for the owner the hosts with `home`, for a member the
    hosts of their account."""
    packages: list[Package] = Field(default_factory=list)
    """Packages of nixpkgs: `[ripgrep, jq]`."""
    aliases: dict[Alias, _Command] = Field(default_factory=dict)
    """Abbreviations in Bash, and on a Mac in zsh: `{ll: ls -l}`. home-manager then writes
    `~/.bashrc`."""
    bash: HomeBash | None = None
    """Bash. `{}` lets home-manager write `~/.bashrc` with its defaults."""
    prompt: HomePrompt | None = None
    """A prompt by starship, in Bash and in zsh. `{}` takes its defaults."""
    tmux: HomeTmux | None = None
    git: HomeGit | None = None
    micro: HomeMicro | None = None
    vscode: HomeVscode | None = None

    @model_validator(mode="after")
    def _has_something(self) -> HomeConfig:
        said = (getattr(self, field) for field in type(self).model_fields if field != "hosts")
        if all(value in (None, [], {}) for value in said):
            raise ValueError("this home has nothing in it; write git: {name: …}, or leave it out")
        return self
