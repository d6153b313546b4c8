"""References to values of the plan, in the options of services: `{$port: web}`."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

REFERENCES = {
    "$secret": "secrets",
    "$port": "ports",
    "$dataset": "datasets",
    "$folder": "datasets",
    "$device": "devices",
    "$package": "packages",
    "$text": "fields",
    "$last": "items",
}
"""Every reference, and what it names."""
FIELDS = (
    *("port", "bind", "name", "url", "fqdn", "domain", "zone", "timezone", "issuer", "client"),
    *("discovery", "proxy"),
)
"""Fields of `$text`."""
_INDEXED = re.compile(r"(dataset|device|secret)\[([a-z0-9-]+)\]")


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
    def is_known(self) -> bool:
        """Whether `$text` has this field, for some name if it takes one."""
        return self.written in FIELDS or self.indexed is not None


def reference(value: object) -> tuple[str, object] | None:
    """The reference that an object with one `$` key is, with what it names, if it is one."""
    if isinstance(value, Mapping) and len(value) == 1:
        word, named = next(iter(value.items()))
        if str(word).startswith("$"):
            return str(word), named
    return None


def references(value: object) -> Iterator[tuple[str, object]]:
    """Every reference in an option's value, also in the items of a `$last`."""
    found = reference(value)
    if found is not None:
        yield found
    if found is not None and found[0] != "$last":
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


def fields_of(text: str) -> list[Field]:
    """The fields of a `$text`. Raises ValueError for a brace that is not closed."""
    return [
        Field(name + (f"!{how}" if how else "") + (f":{spec}" if spec else ""))
        for _, name, spec, how in string.Formatter().parse(text)
        if name is not None
    ]
