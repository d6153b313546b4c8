"""The kind `static` of a service: a web site of files, from a directory or built on its host."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from homelab.config.base import AbsolutePath, Model, Name, Port, Str, pattern
from homelab.config.types import Calendar, Variable
from homelab.config.unit import Package

_DATASET = re.compile(r"\{dataset\[([a-z0-9-]+)\]\}")
_PATH: TypeAdapter[str] = TypeAdapter(AbsolutePath)
_PART = r"(?!\.{1,2}(/|\Z))[A-Za-z0-9_.@+-]+"

Repository = Annotated[
    Str,
    pattern(
        r"https?://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~+-]+)+/?",
        "this is not the address of a git repository; write https://example.org/me/site.git, and "
        "build.token for one that is private",
    ),
]
"""Address of a git repository, without a user or a password."""
Commit = Annotated[
    Str,
    pattern(
        r"[0-9a-f]{40}",
        "this is not a commit; write its 40 hexadecimal digits, as git rev-parse HEAD prints them, "
        "or branch: main",
    ),
]
"""A commit of a git repository. It names the content, so a host builds nothing else."""
Branch = Annotated[
    Str,
    pattern(
        rf"{_PART}(/{_PART})*",
        "this is not the name of a branch; write main",
    ),
]
"""A branch of a git repository."""
Below = Annotated[
    Str,
    pattern(
        rf"{_PART}(/{_PART})*|\.",
        "this is not a path inside the site; write it without a slash at its start and without "
        "..: dist, or 404.html",
    ),
]
"""A relative path of letters, digits and any of _ . @ + -."""


def _directory(value: str) -> str:
    rest = _DATASET.sub("/dataset", value, count=1) if _DATASET.match(value) else value
    try:
        _PATH.validate_python(rest)
    except ValidationError as error:
        # The message of the path itself, with its way out.
        reason = error.errors()[0].get("ctx", {}).get("error")
        raise ValueError(str(reason or error.errors()[0]["msg"])) from None
    return value


Directory = Annotated[Str, AfterValidator(_directory)]
"""An absolute path, which may start with a dataset: `{dataset[docs]}/public`."""


def role_of(directory: str) -> str:
    """The role of the dataset that a directory is in; empty for a plain path."""
    found = _DATASET.match(directory)
    return found[1] if found else ""


class Webhook(Model):
    """A call of a git server that starts a build. A call without the right signature is refused."""

    secret: Name
    """Secret in `secrets` that signs the calls, as entered at GitHub, Forgejo or Gitea."""
    port: Port
    """Port that takes the calls on the host of the site. A route with `port: hook` leads to it."""


class SiteBuild(Model):
    """A site that its host builds, from a git repository or from a directory."""

    repository: Repository | None = None
    """Address of the git repository: `https://example.org/me/site.git`. Instead of `source`."""
    rev: Commit | None = None
    """Commit of the repository, in full. A switch of the host with another commit builds that one.
    """
    branch: Branch | None = None
    """Branch of the repository, instead of `rev`: each run of the build takes its newest commit."""
    source: Directory | None = None
    """Directory of the host with the sources: `/srv/notes`, or a dataset of `datasets`:
    `"{dataset[notes]}"`. The build works on a copy."""
    run: list[Annotated[list[Str], Field(min_length=1)]] = Field(default_factory=list)
    """Commands of the build in their order, each a list of the program and its arguments, in the
    root of the sources. No shell reads them. Items are templates with the fields of `$text`:
    `[[bun, install, --frozen-lockfile], [bun, run, build]]`."""
    packages: list[Package] = Field(default_factory=list)
    """Packages with the programs that it runs: `[bun]`. git and coreutils are there."""
    environment: dict[Variable, Str] = Field(default_factory=dict)
    """Environment variables of the build. Values are templates, as in `run`."""
    output: Below
    """Directory with the finished site, below the root of the sources: `dist`. `.` is that root."""
    token: Name | None = None
    """Secret in `secrets` with which git reads a private repository: an access token."""
    schedule: Calendar | None = None
    """Times of further builds: `hourly`. Without a change of the sources nothing is built. With
    `branch` or `source`."""
    watch: list[AbsolutePath] = Field(default_factory=list)
    """Files and directories of the host, a change of which starts a build. Of a directory, its
    entries count. With `branch` or `source`."""
    webhook: Webhook | None = None
    """A webhook that starts a build: `{secret: hook, port: 9095}`. One build runs at a time, and
    one waits at most. With `branch` or `source`."""
    again: Str = ""
    """Change this text to build the same sources again, for example after a secret has changed."""

    @model_validator(mode="after")
    def _has_one_source(self) -> SiteBuild:
        if (self.repository is None) == (self.source is None):
            raise ValueError(
                "a build has one source; write repository: with its address, or source: with a "
                "directory"
            )
        if self.repository is not None and (self.rev is None) == (self.branch is None):
            raise ValueError(
                "a repository needs the commit to build; write rev: with all of its digits, or "
                "branch: main for the newest one"
            )
        for key in ("rev", "branch", "token"):
            if self.repository is None and getattr(self, key) is not None:
                raise ValueError(f"a directory has no {key}; leave it out, or write repository:")
        for key in ("schedule", "watch", "webhook"):
            if self.rev is not None and getattr(self, key):
                raise ValueError(
                    f"rev is always the same commit, so {key} would build nothing; leave {key} "
                    "out, or write branch: main instead of rev"
                )
        return self

    @model_validator(mode="after")
    def _has_programs(self) -> SiteBuild:
        for index, command in enumerate(self.run):
            if not command[0].strip():
                raise ValueError(f"run[{index}] starts with a program; write its name first")
        if "PATH" in self.environment:
            raise ValueError(
                "environment.PATH would have no effect; write packages: with the programs"
            )
        return self


class Static(Model):
    """A web site of files."""

    directory: Directory | None = None
    """Directory with the files, which every user may read: `/srv/www`, or a dataset of `datasets`:
    `"{dataset[docs]}/public"`. Instead of `build`."""
    build: SiteBuild | None = None
    """How its host builds the site. Instead of `directory`."""
    package: Package | None = None
    """Package of nixpkgs that is the site: `it-tools`. Instead of `directory`."""
    path: Below | None = None
    """Directory of the package with the site: `lib`. Default: the package itself."""
    fallback: Below | None = None
    """File of the site that answers, with status 200, for every path without a file: `index.html`,
    for a site that routes in the browser. Default: status 404, with the site's `404.html` if there
    is one."""

    @property
    def source(self) -> str:
        """The directory of the host that it is served from, or built from; empty for none."""
        return self.directory or (self.build.source if self.build else None) or ""

    @model_validator(mode="after")
    def _has_one_source(self) -> Static:
        sources = (self.directory, self.build, self.package)
        if sum(source is not None for source in sources) != 1:
            raise ValueError(
                "a site has one source; write directory: with its files, build: with its "
                "repository, or package: with its name in nixpkgs"
            )
        if self.path is not None and self.package is None:
            raise ValueError("path is a directory of a package; leave it out, or write package:")
        return self
