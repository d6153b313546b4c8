"""Types of unquoted YAML scalars, as Pulumi reads them.

Pulumi reads YAML with Go's yaml.v3, whose plain scalars differ from PyYAML's: `22:30`, `no` and
`on` are text, `0644` is 420, `25.10` is the number 25.1. `tests/site/test_document.py` has a table
that was recorded with the real engine.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TypeAlias

Value: TypeAlias = "None | bool | int | float | str | list[Value] | dict[str, Value]"


class Timestamp(str):
    """Text that YAML parses as a date: an error wherever text is expected."""

    __slots__ = ()


_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_INTEGER = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]([0-7]+)|0([0-7]+)|(0|[1-9][0-9]*))\Z"
)
_BITS = 64
_DATE = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:([Tt ])(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d+)?(Z|[-+]\d{2}:\d{2})?)?\Z"
)
_CONSTANTS: dict[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def scalar(text: str) -> Value:
    """The value of an unquoted scalar, by the rules of yaml.v3."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _DATE.match(text):
        return _timestamp(text)
    number = text.replace("_", "")
    whole = _integer(number)
    if whole is not None:
        return whole
    return _float(number, text) if _FLOAT.match(number) else text


def _integer(text: str) -> int | None:
    match = _INTEGER.match(text)
    if not match:
        return None
    sign, hexa, binary, octal, old_octal, decimal = match.groups()
    for digits, base in ((hexa, 16), (binary, 2), (octal, 8), (old_octal, 8), (decimal, 10)):
        # Python refuses to convert thousands of digits; Pulumi keeps no number above 64 bits.
        if digits is not None and len(digits.lstrip("0")) <= _BITS:
            number = int(sign + digits, base)
            return number if -(2**63) <= number < 2**64 else None
    return None


def _float(number: str, text: str) -> Value:
    """The number after a round trip through JSON, which writes 1.0 as 1."""
    value = float(number)
    if value in (float("inf"), float("-inf")):
        return text
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _timestamp(text: str) -> Value:
    match = _DATE.match(text)
    assert match is not None
    separator, fraction, zone = match[4], match[8] or "", match[9]
    if separator and (separator == " ") != (zone is None):
        return text
    try:
        year, month, day = (int(g) for g in match.groups()[:3])
        hour, minute, second = (int(g or 0) for g in match.groups()[4:7])
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return text
    ending = fraction[:10].rstrip("0").rstrip(".")
    ending += zone if zone not in (None, "+00:00", "-00:00") else "Z"
    return Timestamp(moment.replace(tzinfo=None).isoformat() + ending)
