"""Facts of a service about its dumps: what is written before a backup, and how it is read back."""

from __future__ import annotations

import re
import string
from typing import Annotated

from pydantic import Field, model_validator

from homelab.config.base import (
    AbsolutePath,
    Model,
    Name,
    Str,
)
from homelab.config.fact_parts import Many, PackageName
from homelab.config.types import Variable

_PROGRAM_FIELDS = ("address", "directory", "port")


class DumpProgram(Model):
    """A program that dumps the database of a service while the service runs."""

    package: PackageName
    """Attribute of its package in nixpkgs: `influxdb2-cli`."""
    words: Annotated[Many[Str], Field(min_length=1)]
    """The program and its arguments: `[influx, backup, '{directory}']`. It writes the dump to
    standard output, or to the `{directory}`, which the dump then contains as a tar archive. Other
    fields: `{address}` and `{port}`, at which the service answers."""
    secrets: dict[Variable, Name] = Field(default_factory=dict)
    """Variables for the program, each with the secret of the service that it contains."""

    @model_validator(mode="after")
    def _is_readable(self) -> DumpProgram:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", self.words[0]):
            raise ValueError("the first word is the program; write its name without a directory")
        for word in self.words:
            fields = {
                name + (f"!{how}" if how else "") + (f":{spec}" if spec else "")
                for _, name, spec, how in string.Formatter().parse(word)
                if name is not None
            }
            if unknown := sorted(fields - {*_PROGRAM_FIELDS}):
                known = ", ".join(f"{{{f}}}" for f in _PROGRAM_FIELDS)
                raise ValueError(f"there is no field {{{unknown[0]}}}; write one of {known}")
        return self

    @property
    def fills_directory(self) -> bool:
        """Whether it writes to a directory, and not to standard output."""
        return any("{directory}" in word for word in self.words)


class Dump(Model):
    """A consistent copy of a database, made before a backup."""

    sqlite: AbsolutePath | None = None
    """Database file, copied with `VACUUM INTO`."""
    postgresql: Str | None = None
    """Database name, dumped with `services.postgresqlBackup`."""
    mysql: Str | None = None
    """Database name, dumped with `mysqldump`."""
    builtin: AbsolutePath | None = None
    """Directory in which the app itself puts its dumps."""
    command: DumpProgram | None = None
    """A program that dumps a database of another kind."""

    @model_validator(mode="after")
    def _one_kind(self) -> Dump:
        if len(self.model_fields_set) != 1:
            raise ValueError(
                f"a dump has one kind; write one of {', '.join(type(self).model_fields)}"
            )
        return self

    @property
    def kind(self) -> str:
        """The key that is set."""
        return next(iter(self.model_fields_set))

    @property
    def source(self) -> str:
        """Database file, database name, directory, or the name of the program."""
        return self.command.words[0] if self.command else str(getattr(self, self.kind))

    def at(self, source: str) -> Dump:
        """The same kind of dump of another file or directory; a program finds the database."""
        return self if self.command else Dump.of(self.kind, source)

    @classmethod
    def of(cls, kind: str, source: str) -> Dump:
        """A dump of a place that an option states; checks of options report an invalid one."""
        dump = cls.model_construct(_fields_set={kind})
        object.__setattr__(dump, kind, source)
        return dump
