"""Stand-in for Cloudflare: keeps what it is given, and refuses what Cloudflare refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from homelab.lab.provider import Created, Diff, Properties, RefusedError, Value
from homelab.lab.standins.cloudflare_rules import problems, refuse
from homelab.lab.standins.cloudflare_shapes import (
    APP,
    GROUP,
    LOGIN,
    POLICY,
    PROGRAM,
    PROJECT,
    SHAPES,
    TOKEN,
    TUNNEL,
)
from homelab.lab.standins.records import MADE_AT, Record, Records, Stored, hex_id, items, uuid_id

_SECRETS: Final = {
    TOKEN: frozenset({"value"}),
    TUNNEL: frozenset({"tunnelSecret"}),
    PROGRAM: frozenset({"clientSecret"}),
}
_UUIDS: Final = (TUNNEL, POLICY, APP, GROUP, LOGIN, PROGRAM)


class CloudflareProvider:
    """The resource types of the `cloudflare` package that homelab uses; others are refused by
    name.
    """

    package = "cloudflare"

    def __init__(self, file: Path) -> None:
        """Keep records in `file`; secrets are not among them."""
        self._records = Records(file)

    def check(self, type_: str, inputs: Properties) -> list[str]:
        """Wrong names, wrong types, and properties that exclude each other."""
        if type_ not in SHAPES:
            return [f"the lab has no {type_}; it has {', '.join(sorted(SHAPES))}"]
        return SHAPES[type_].problems(inputs) or list(problems(type_, inputs))

    def diff(self, type_: str, old: Properties, new: Properties) -> Diff:
        """Any property that changed."""
        return SHAPES[type_].diff(old, new)

    def create(self, type_: str, name: str, inputs: Properties) -> Created:
        """Create a record, unless it conflicts with another."""
        with self._records.change() as stored:
            return self._put(stored, _new_id(stored, type_, name), type_, inputs)

    def update(self, type_: str, id_: str, old_outputs: Properties, inputs: Properties) -> Created:
        """Update the record."""
        with self._records.change() as stored:
            if id_ not in stored:
                raise RefusedError(f"404 Not Found: {type_.rpartition(':')[2]} {id_}")
            return self._put(stored, id_, type_, inputs)

    def delete(self, type_: str, id_: str, outputs: Properties) -> None:
        """Delete the record. A missing record is no error; a record in use is refused."""
        with self._records.change() as stored:
            if any(id_ in _used(r) for r in stored.values()):
                kind = type_.rpartition(":")[2]
                raise RefusedError(f"409 Conflict: {kind} {id_} is used by something else")
            stored.pop(id_, None)

    def invoke(self, token: str, args: Properties) -> Properties:
        """Refuse: homelab calls no function of Cloudflare."""
        raise RefusedError(f"the lab has no function {token}")

    def _put(self, stored: Stored, id_: str, type_: str, inputs: Properties) -> Created:
        refuse(type_, inputs, [r for k, r in stored.items() if k != id_])
        made: dict[str, Value] = {**inputs, "createdOn": MADE_AT, "modifiedOn": MADE_AT}
        if type_ == TOKEN:
            made |= {"value": (hex_id("value", id_) * 2)[:40], "status": "active"}
        elif type_ == TUNNEL:
            made |= {"accountTag": inputs["accountId"], "status": "inactive"}
        elif type_ == APP:
            made["aud"] = hex_id("aud", id_) * 2
        elif type_ == PROGRAM:
            made |= {"clientId": f"{hex_id('client', id_)}.access"}
            made |= {"clientSecret": hex_id("secret", id_)}
        elif type_ == PROJECT:
            made["subdomain"] = f"{inputs['name']}.pages.dev"
        hidden = _SECRETS.get(type_, frozenset())
        kept = {k: v for k, v in inputs.items() if k not in hidden}
        record = Record(type=type_, props=kept)
        for other in _used(record):
            if other not in stored:
                what = "access policy" if type_ == APP else "group or service token"
                raise RefusedError(f"400 Bad Request: there is no {what} {other}")
        stored[id_] = record
        return Created(id_, made, hidden)


def _new_id(stored: Stored, type_: str, name: str) -> str:
    """A free id, in the format that Cloudflare uses for this type."""
    make, turn = (uuid_id if type_ in _UUIDS else hex_id), 0
    while (id_ := make(type_, name, str(turn))) in stored:
        turn += 1
    return id_


def _used(record: Record) -> Iterator[str]:
    """Ids of the records that a record uses. They cannot be deleted before it."""
    for policy in items(record["props"].get("policies")) if record["type"] == APP else ():
        if isinstance(policy, dict):
            yield str(policy.get("id"))
    for rule in items(record["props"].get("includes")) if record["type"] == POLICY else ():
        for selector, key in (("group", "id"), ("serviceToken", "tokenId")):
            chosen = rule.get(selector) if isinstance(rule, dict) else None
            if isinstance(chosen, dict):
                yield str(chosen.get(key))
