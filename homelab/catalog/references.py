"""References to values of the plan, in the options of services: `{$port: web}`."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from homelab.config.oidc import ENDPOINTS

REFERENCES = {
    "$secret": "secrets",
    "$port": "ports",
    "$dataset": "datasets",
    "$folder": "datasets",
    "$device": "devices",
    "$package": "packages",
    "$packages": "packages of a set",
    "$config": "options",
    "$text": "fields",
    "$last": "items",
    "$force": "references to text",
    "$service": "services",
    "$urls": "kinds of name",
    "$fqdns": "kinds of name",
    "$mail": "parts of the mail relay",
}
"""Every reference, and what it names."""
TEXT_REFERENCES = ("$service", "$text", "$port", "$mail")
"""References that become a text, also inside a container."""
FIELDS = (
    *("port", "bind", "name", "url", "fqdn", "domain", "zone", "timezone", "issuer"),
    *("discovery", "client", "scopes", "proxy", "ssh", "urls", "fqdns"),
    *ENDPOINTS,
)
"""Fields of `$text`."""
NAMES = ("all", "internal", "public")
"""What `$urls` and `$fqdns` take: the names in the homelab, those on the internet, or all."""
LIST_REFERENCES = ("$urls", "$fqdns")
"""References that become a list of texts."""
MAIL_PARTS = ("host", "port", "user", "sender", "mailbox", "domain")
"""Parts of the mail relay that `$mail` names; `mailbox` and `domain` are those of the
sender. Or it takes a value for each of `ENCRYPTIONS`."""
ENCRYPTIONS = ("tls", "starttls", "none")
"""Values of `mail.encryption`."""
LISTS = ("urls", "fqdns", "scopes")
"""Fields of `$text` that are lists. Their separator follows a colon: `{urls: }`; default: a comma.
"""
_INDEXED = re.compile(r"(dataset|device|mail|secret)\[([a-z0-9-]+)\]")
_LINK = re.compile(r"service\[([a-z0-9-]+)(?::([a-z0-9-]+))?\](?:\.([a-z]+))?")
_DATABASE = re.compile(r"database\[([a-z0-9-]+)\]\.([a-z]+)")
DATABASE_FIELDS = ("host", "port", "name", "user")
"""Parts of a database that `{database[postgresql].host}` names."""
WEB = "web"
"""Name of the port that a link leads to by default."""
LINK_FIELDS = ("url", "scheme", "host", "port")
"""Parts of a link's address."""


@dataclass(frozen=True)
class LinkTarget:
    """What a `$service` names: a service, one of its ports, and the part of the address."""

    name: str
    port: str = WEB
    field: str = "url"

    @classmethod
    def of(cls, named: object) -> LinkTarget | None:
        """The target that `{$service: …}` names: a service's name, or `{name: …, port: …,
        field: …}`; None for anything else.
        """
        if isinstance(named, str):
            return cls(named)
        if not isinstance(named, Mapping) or not isinstance(named.get("name"), str):
            return None
        texts = all(isinstance(v, str) for v in named.values())
        if not texts or set(named) - {"name", "port", "field"}:
            return None
        target = cls(**named)
        return target if target.field in LINK_FIELDS else None


@dataclass(frozen=True)
class Field:
    """A field of a `$text`: `{url}`, or with a name `{dataset[music]}`, `{secret[admin]}`."""

    written: str
    """The text between its braces."""

    @property
    def indexed(self) -> tuple[str, str] | None:
        """Its kind and its name, as of `{dataset[music]}`; None for any other field."""
        found = _INDEXED.fullmatch(self.written)
        return (found[1], found[2]) if found else None

    @property
    def link(self) -> LinkTarget | None:
        """The service that it names, as of `{service[db:grpc].host}`; None for any other field."""
        found = _LINK.fullmatch(self.written)
        if found is None or found[3] not in (None, *LINK_FIELDS):
            return None
        return LinkTarget(found[1], found[2] or WEB, found[3] or "url")

    @property
    def database(self) -> str | None:
        """The kind of database that it names, as of `{database[postgresql].host}`; None for any
        other field.
        """
        found = _DATABASE.fullmatch(self.written)
        return found[1] if found is not None and found[2] in DATABASE_FIELDS else None

    @property
    def is_known(self) -> bool:
        """Whether `$text` has this field, for some name if it takes one."""
        known = self.written in FIELDS or self.written.partition(":")[0] in LISTS
        named = (self.indexed, self.link, self.database)
        return known or any(one is not None for one in named)


def reference(value: object) -> tuple[str, object] | None:
    """The reference that an object with one `$` key is, with what it names, if it is one."""
    if isinstance(value, Mapping) and len(value) == 1:
        word, named = next(iter(value.items()))
        if str(word).startswith("$"):
            return str(word), named
    return None


def references(value: object) -> Iterator[tuple[str, object]]:
    """Every reference in an option's value, also inside `$last`, `$force` and `$mail`."""
    found = reference(value)
    if found is not None:
        yield found
    if found is not None and found[0] not in ("$last", "$force", "$mail"):
        return
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def roles_of(value: object) -> list[str]:
    """The roles of the datasets that an option's value contains."""
    roles = []
    for word, named in references(value):
        if word == "$dataset":
            roles.append(str(named))
        elif word == "$text":
            indexed = [field.indexed for field in fields_of(str(named))]
            roles += [name for kind, name in filter(None, indexed) if kind == "dataset"]
    return roles


def links_in(value: object) -> Iterator[LinkTarget]:
    """The services that a value refers to. What cannot be read names none; checks report it."""
    for word, named in references(value):
        if word == "$service":
            target = LinkTarget.of(named)
            if target is not None:
                yield target
        elif word == "$text" and isinstance(named, str):
            try:
                found = fields_of(named)
            except ValueError:
                continue
            yield from (f.link for f in found if f.link is not None)


def fields_of(text: str) -> list[Field]:
    """The fields of a `$text`. Raises ValueError for a brace that is not closed."""
    return [
        Field(name + (f"!{how}" if how else "") + (f":{spec}" if spec else ""))
        for _, name, spec, how in string.Formatter().parse(text)
        if name is not None
    ]
