"""Values between the SDK and the engine: plain data, secrets, references and unknown values.

The SDK marks a secret or a reference to a resource by a signature key in an ordinary struct. An
unknown value is a fixed text. Only this file knows these markers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from google.protobuf import struct_pb2

from homelab.lab.provider import UNKNOWN, Unknown, Value

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
_RESOURCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_REFUSED: Final = {
    "c44067f5952c0a294b673a41bacd8c17": "an asset",
    "0def7320c3a5731c473e5ecbe6d01bc7": "an archive",
}


class UnsupportedValueError(Exception):
    """A kind of value that the lab does not support."""


@dataclass(frozen=True)
class Secret:
    """A value that is never written or shown in plain text."""

    value: EngineValue


@dataclass(frozen=True)
class Reference:
    """A resource used as a value."""

    urn: str
    id: str | Unknown | None
    """None for a component. A component has no id."""


EngineValue = (
    str
    | float
    | bool
    | Unknown
    | Secret
    | Reference
    | list["EngineValue"]
    | dict[str, "EngineValue"]
    | None
)
EngineValues = dict[str, EngineValue]


def decode(struct: struct_pb2.Struct) -> EngineValues:
    """The values that the SDK sent. Keys with null are dropped, as in the real engine."""
    return {
        key: _decode(value)
        for key, value in struct.fields.items()
        if value.WhichOneof("kind") != "null_value"
    }


def _decode(value: struct_pb2.Value) -> EngineValue:
    match value.WhichOneof("kind"):
        case "bool_value":
            return bool(value.bool_value)
        case "number_value":
            number = float(value.number_value)
            return int(number) if number.is_integer() else number
        case "string_value":
            text = str(value.string_value)
            return UNKNOWN if text == _UNKNOWN else text
        case "list_value":
            return [_decode(item) for item in value.list_value.values]
        case "struct_value":
            return _decode_struct(value.struct_value.fields)
        case _:
            return None


def _decode_struct(fields: Mapping[str, struct_pb2.Value]) -> EngineValue:
    signature = fields[_SIGNATURE].string_value if _SIGNATURE in fields else ""
    if not signature:
        return {key: _decode(value) for key, value in fields.items()}
    if signature == _SECRET:
        return Secret(_decode(fields["value"]))
    if signature == _RESOURCE:
        id_ = _decode(fields["id"]) if "id" in fields else None
        known = id_ if isinstance(id_, str) else None
        return Reference(fields["urn"].string_value, UNKNOWN if id_ in ("", UNKNOWN) else known)
    if signature == _OUTPUT:
        inner = _decode(fields["value"]) if "value" in fields else UNKNOWN
        return Secret(inner) if "secret" in fields and fields["secret"].bool_value else inner
    raise UnsupportedValueError(_REFUSED.get(signature, "a value of an unknown kind"))


def encode(values: Mapping[str, EngineValue]) -> struct_pb2.Struct:
    """The same values for the SDK."""
    struct = struct_pb2.Struct()
    for key, value in values.items():
        _encode(value, struct.fields[key])
    return struct


def _encode(value: EngineValue, into: struct_pb2.Value) -> None:
    match value:
        case None:
            into.null_value = struct_pb2.NULL_VALUE
        case bool():
            into.bool_value = value
        case int() | float():
            into.number_value = value
        case str():
            into.string_value = value
        case Unknown():
            into.string_value = _UNKNOWN
        case list():
            into.list_value.SetInParent()
            for item in value:
                _encode(item, into.list_value.values.add())
        case dict():
            into.struct_value.SetInParent()
            for key, item in value.items():
                _encode(item, into.struct_value.fields[key])
        case Secret():
            _encode({_SIGNATURE: _SECRET, "value": value.value}, into)
        case Reference():
            marked: EngineValues = {_SIGNATURE: _RESOURCE, "urn": value.urn}
            if value.id is not None:
                marked["id"] = value.id
            _encode(marked, into)


def plain(value: EngineValue) -> Value:
    """The value as a provider sees it. A reference becomes its id, or its URN."""
    match value:
        case Secret():
            return plain(value.value)
        case Reference():
            return value.urn if value.id is None else value.id
        case list():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case _:
            return value


def plain_all(values: Mapping[str, EngineValue]) -> dict[str, Value]:
    """`plain` for every property."""
    return {key: plain(value) for key, value in values.items()}


def masked(value: EngineValue) -> Value:
    """The value as it may be shown: secrets as `[secret]`."""
    match value:
        case Secret():
            return "[secret]"
        case list():
            return [masked(item) for item in value]
        case dict():
            return {key: masked(item) for key, item in value.items()}
        case _:
            return plain(value)


def masked_all(values: Mapping[str, EngineValue]) -> dict[str, Value]:
    """`masked` for every property."""
    return {key: masked(value) for key, value in values.items()}


def holds(value: EngineValue, kind: type[Secret | Unknown]) -> bool:
    """Whether the value contains a secret (or an unknown)."""
    match value:
        case Secret():
            return kind is Secret or holds(value.value, kind)
        case Reference():
            return kind is Unknown and isinstance(value.id, Unknown)
        case list():
            return any(holds(item, kind) for item in value)
        case dict():
            return any(holds(item, kind) for item in value.values())
        case _:
            return isinstance(value, kind)


def dump(value: EngineValue, seal: Callable[[EngineValue], str]) -> Value:
    """JSON data with every secret encrypted."""
    match value:
        case Secret():
            return {_SIGNATURE: _SECRET, "ciphertext": seal(value.value)}
        case Reference():
            return {_SIGNATURE: _RESOURCE, "urn": value.urn, "id": plain(value.id)}
        case list():
            return [dump(item, seal) for item in value]
        case dict():
            return {key: dump(item, seal) for key, item in value.items()}
        case _:
            return value


def load(value: Value, unseal: Callable[[str], EngineValue]) -> EngineValue:
    """The inverse of `dump`."""
    if isinstance(value, list):
        return [load(item, unseal) for item in value]
    if not isinstance(value, dict):
        return value
    signature = value.get(_SIGNATURE)
    if signature == _SECRET:
        return Secret(unseal(str(value["ciphertext"])))
    if signature == _RESOURCE:
        id_ = value["id"]
        return Reference(str(value["urn"]), id_ if isinstance(id_, str) else None)
    return {key: load(item, unseal) for key, item in value.items()}


class Censor:
    """Removes known secrets from text of others, such as the output of a failed command."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._words: frozenset[str] = frozenset()
        self._plain: frozenset[str] = frozenset()

    def learn(self, value: EngineValue, *, secret: bool = False) -> None:
        """Remember every secret text in the value, and the longer lines of a long text.

        A provider may mark a whole object as secret, for example a connection with its address.
        Text that the program also passes in plain is not a secret.
        """
        with self._lock:
            self._plain |= frozenset(_plain_texts(value)) if not secret else frozenset()
        for text in _texts(value, secret=secret):
            lines = {line for line in (text, *text.splitlines()) if _is_specific(line)}
            with self._lock:
                self._words |= lines

    def __call__(self, text: str) -> str:
        """The text without secrets. Longest first, so that no end of a longer secret remains."""
        for word in sorted(self._words - self._plain, key=len, reverse=True):
            text = text.replace(word, "[secret]")
        return text


def _plain_texts(value: EngineValue) -> Iterator[str]:
    match value:
        case list():
            for item in value:
                yield from _plain_texts(item)
        case dict():
            for item in value.values():
                yield from _plain_texts(item)
        case str():
            yield value


_WHERE = frozenset({"host", "hostKey", "port", "user"})
"""Parts of a connection that identify its host and user."""


def _is_specific(text: str) -> bool:
    """Whether the text is specific enough to hide. A short word such as `root` occurs
    everywhere.
    """
    return len(text) > 3 and not (len(text) < 8 and text.isalpha())


def _texts(value: EngineValue, *, secret: bool) -> Iterator[str]:
    match value:
        case Secret():
            yield from _texts(value.value, secret=True)
        case list():
            for item in value:
                yield from _texts(item, secret=secret)
        case dict():
            for key, item in value.items():
                # Reports name the host of a connection, and the user must be able to read it.
                if not (secret and key in _WHERE):
                    yield from _texts(item, secret=secret)
        case str() if secret:
            yield value
