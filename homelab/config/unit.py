"""The kind `unit` of a service: a package and a command that become a systemd unit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from homelab.config.base import AbsolutePath, Model, Name, Str, pattern
from homelab.config.containers import TemplateBase, content_fits
from homelab.config.fact_parts import PackageName
from homelab.config.service_parts import FlakeAttribute
from homelab.config.types import Calendar, UserName, Variable

_ATTRIBUTE = r"[A-Za-z_][A-Za-z0-9_'-]*"
Package = Annotated[
    Str,
    pattern(
        rf"{_ATTRIBUTE}(\.{_ATTRIBUTE})*",
        "this is not the attribute path of a package; write its path below pkgs: darkhttpd, or "
        "python3Packages.mkdocs",
    ),
]
"""Attribute path of a package below `pkgs`."""
Restart = Literal["always", "on-failure", "never"]

ADMINISTRATORS = ("root", "postgres", "mysql")
"""Users who administer a database server."""


class FlakePackage(Model):
    """A package of a flake of `homelab:flakes`."""

    flake: Name
    """Input that has the package."""
    package: FlakeAttribute = "default"
    """Attribute under the flake's `packages.<system>`."""


class UnitTemplate(TemplateBase):
    """A file with secrets, which the host writes when the unit starts."""

    format: Literal["json", "text", "toml", "yaml"]
    """Its language. Secrets are quoted by the rules of the language; `text` refuses a secret with a
    line break."""

    @model_validator(mode="after")
    def _fits(self) -> UnitTemplate:
        content_fits(self.format, self.content)
        return self


class Unit(Model):
    """A program of a package, run by systemd."""

    package: Package | FlakePackage
    """Package with the program: `darkhttpd`, or `{flake: INPUT, package: NAME}`."""
    command: Annotated[list[Str], Field(min_length=1)]
    """Program and arguments, one item each; no shell reads them. The first item is a program of the
    package, an absolute path, or `{package}/…`. Items are templates with the fields of `$text` and
    `{package}`: `[darkhttpd, /srv/www, --addr, "{bind}", --port, "{port}"]`."""
    environment: dict[Variable, Str] = Field(default_factory=dict)
    """Environment variables. Values are templates, as in `command`."""
    templates: dict[Name, UnitTemplate] = Field(default_factory=dict)
    """Files with secrets, written on the host when the unit starts and removed when it stops. Only
    the unit reads them. `{templates}` in `command` and `environment` is their directory: `[agate,
    --config, "{templates}/config"]`."""
    path: list[Package] = Field(default_factory=list)
    """Packages with further programs that it starts: `[git]`."""
    unfree: list[PackageName] = Field(default_factory=list)
    """Names (`pname`) of its packages with an unfree licence."""
    user: UserName | None = None
    """System user that it runs as; homelab creates it. Default: a dynamic user of systemd, whose
    state is below /var/lib/private. A database on its own host has the name of the user, so another
    user is an error until the database is renamed: `database-moved`."""
    writes: list[Name] = Field(default_factory=list)
    """Roles in `datasets` whose dataset it writes. It reads the others only."""
    working_directory: AbsolutePath | None = None
    """Default: `/`."""
    restart: Restart = "on-failure"
    """When systemd starts it again. A program that a health check reports is started again without
    limit, and so is any program without `monitoring.ntfy`. Any other one fails after twelve times
    in ten minutes, which sends an alert."""
    after: list[Name] = Field(default_factory=list)
    """Services of its host that start before it."""
    schedule: Calendar | None = None
    """Run it at these times, as a job that ends, and not all the time: `"*-*-* 04:00"`. A time that
    passes while the host is off is made up for."""

    @model_validator(mode="after")
    def _starts_with_a_program(self) -> Unit:
        program = self.command[0]
        is_path = program == "{package}" or program.startswith(("/", "{package}/"))
        if not program.strip() or (not is_path and any(c in program for c in "/{}")):
            raise ValueError(
                "command starts with a program: write the name of one in the package, an absolute "
                "path, or {package}/…"
            )
        if "$" in program:
            raise ValueError("systemd runs no program whose name contains $; rename the program")
        return self

    @model_validator(mode="after")
    def _has_one_path(self) -> Unit:
        if "PATH" in self.environment:
            raise ValueError("environment.PATH would have no effect; write path: with the packages")
        return self

    @model_validator(mode="after")
    def _a_job_ends(self) -> Unit:
        if self.schedule is not None and "restart" in self.model_fields_set:
            raise ValueError("with schedule it runs again at its next time; leave restart out")
        return self
