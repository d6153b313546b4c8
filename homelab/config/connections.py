"""Facts of connections between services: API keys, and what a service learns about another one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, model_validator

from homelab.config.base import AbsolutePath, Model, Str
from homelab.config.fact_parts import Many, UnitPattern
from homelab.config.types import OptionPath, RequestPath, Variable

PARTS = ("base", "folder", "host", "key", "port", "url")
"""What `$callee` and `$caller` name of a service."""


def _known(value: JsonValue) -> JsonValue:
    """Refuses a reference to something that a connection does not know."""
    if isinstance(value, list):
        for item in value:
            _known(item)
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.startswith("$") and key not in ("$callee", "$caller", "$folder"):
                raise ValueError(f"there is no reference {key}; write $callee, $caller or $folder")
            if key.startswith("$") and len(value) > 1:
                raise ValueError(f"{key} stands alone; leave the other keys out")
            if key in ("$callee", "$caller") and inner not in PARTS:
                raise ValueError(f"{key} has no such part; write one of {', '.join(PARTS)}")
            _known(inner)
    return value


def _text(value: JsonValue) -> JsonValue:
    """Refuses what is no text of a variable."""
    is_reference = isinstance(value, dict) and all(key.startswith("$") for key in value)
    if not (isinstance(value, str | int | float) or (is_reference and value)):
        raise ValueError("a variable is a text, a number or one reference: {$callee: url}")
    return value


Value = Annotated[JsonValue, AfterValidator(_known)]
Values = dict[Str, Value]
"""Values of an API. They may refer to the plan: `{$callee: url}`, `{$caller: url}`,
`{$folder: media}`."""


class ApiKey(Model):
    """How an app takes the key of its API when it starts: from its environment, or from a file that
    it writes itself.
    """

    env: dict[Variable, Str] = Field(default_factory=dict)
    """Variables with their text, in which `{value}` is the key: `{SONARR__AUTH__APIKEY:
    "{value}"}`."""
    file: AbsolutePath | Literal[""] = ""
    """File of the app that contains the key. homelab writes the key into it before each start, and
    leaves everything else in it unchanged."""
    format: Literal["ini", "json", "deluge", "nzbget", "qbittorrent"] = "ini"
    """Language of the file. In the settings of Deluge, NZBGet and qBittorrent the key becomes the
    password of an account: in Deluge the only one, in NZBGet `RestrictedUsername` with the name
    `homelab`, in qBittorrent the only one, with the name `admin`."""
    at: Annotated[Str, Field(pattern=r"^([A-Za-z0-9_]+\.)?[A-Za-z0-9_]+$|^$")] = ""
    """Place of the key in the file. INI: `misc.api_key`, its section and its name. JSON: `APIKey`.
    The other languages have one place."""
    unit: UnitPattern | Literal[""] = ""
    """Unit of the app that reads the key. Default: its main unit."""
    replaced_by: OptionPath | Literal[""] = ""
    """Option with which the module rewrites the file at each start, without the key."""
    base: OptionPath | Literal[""] = ""
    """Option with the path below which the app has its pages and its API. Case does not matter."""

    @model_validator(mode="after")
    def _one_way(self) -> ApiKey:
        if bool(self.env) == bool(self.file):
            raise ValueError("an app takes its key in one way; write env: {…}, or file: and at:")
        if self.file and self.format not in ("ini", "json"):
            if self.at:
                raise ValueError(f"the settings of {self.format} have one place; leave at out")
        elif self.file and (("." in self.at) != (self.format == "ini") or not self.at):
            raise ValueError(
                "at is not the place of a key in such a file; write section.name for format: ini, "
                "and name for format: json"
            )
        return self


class ApiObject(Model):
    """An object in the API of an app: homelab creates it, and changes it when it differs."""

    path: RequestPath
    """Path of the list that it is in: `/api/v3/downloadclient`. GET returns the list, POST adds an
    object, PUT on its id changes it."""
    identified_by: Literal["name", "path"] = "name"
    """Key that identifies the object in its list. `name`: the name of the service with ` (homelab)`
    behind it, so that objects of other people stay unchanged. `path`: its path in `body`."""
    body: Values = Field(default_factory=dict)
    """Keys of the object with their values. Other keys keep the value that they have."""
    initial: Values = Field(default_factory=dict)
    """Further keys of a new object, which people may change on the pages of the app."""
    fields: Values = Field(default_factory=dict)
    """Values of its list `fields`, by name."""
    initial_fields: Values = Field(default_factory=dict)
    """Further values of the list `fields` of a new object."""
    tags: Many[Str] = ()
    """Labels of tags, which are created where they are missing."""
    omits: Many[Str] = ()
    """Keys that GET shows and that PUT refuses: `[id]`."""


def about_itself(objects: tuple[ApiObject, ...]) -> tuple[ApiObject, ...]:
    """Refuses objects of a service itself that name another service."""
    for made in objects:
        for values in (made.body, made.initial, made.fields, made.initial_fields):
            if any(isinstance(value, dict) and "$callee" in value for value in values.values()):
                raise ValueError("there is no other service here; write $caller or $folder")
    return objects


class ConnectionFact(Model):
    """What a service learns about another one that it connects to."""

    calls_back: bool = False
    """The other service calls this one, too."""
    objects: Many[ApiObject] = ()
    """Objects in its own API that describe the other service."""
    env: dict[Variable, Annotated[Value, AfterValidator(_text)]] = Field(default_factory=dict)
    """Variables of its unit: `{$callee: host}`, `{$callee: port}` or a text."""
    secret_env: dict[Variable, Str] = Field(default_factory=dict)
    """Variables of its unit with the key of the other service, `{value}`, in their text."""
