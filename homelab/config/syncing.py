"""Datasets that Syncthing synchronises with other devices."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from homelab.config.base import Model, Name, Str, pattern

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BLOCK = 14


def _checked(value: str) -> str:
    """Each 14 characters of an id end with a check character (Luhn mod 32), which finds a typo."""
    letters = value.replace("-", "")
    for start in range(0, len(letters), _BLOCK):
        block = letters[start : start + _BLOCK]
        total, factor = 0, 1
        for letter in block[:-1]:
            product = factor * _ALPHABET.index(letter)
            factor = 3 - factor
            total += product // 32 + product % 32
        if _ALPHABET[-total % 32] != block[-1]:
            raise ValueError(
                "this is not the id of a Syncthing device: a check character does not fit; copy it "
                "from Actions, Show ID"
            )
    return value


DeviceId = Annotated[
    Str,
    pattern(
        r"([A-Z2-7]{7}-){7}[A-Z2-7]{7}",
        "this is not the id of a Syncthing device; copy it from Actions, Show ID: eight groups of "
        "seven characters",
    ),
    AfterValidator(_checked),
]

Versions = Literal["none", "trashcan", "simple", "staggered"]


class Syncing(Model):
    """A dataset as a folder of Syncthing."""

    devices: Annotated[dict[Name, DeviceId], Field(min_length=1)]
    """Devices that share the folder, each with its id: `{phone: ABCDEFG-…}`. Each must accept the
    folder once."""
    folder: Name | None = None
    """Id of the folder, which is the same on all devices. Default: the dataset's name."""
    direction: Literal["both", "send", "receive"] = "both"
    """Whether this host sends and receives changes, or does one alone."""
    versions: Versions = "trashcan"
    """What happens to a file that another device changes or deletes: `trashcan` keeps the last
    version in `.stversions`, `simple` five, and `staggered` fewer of each older time. none: it is
    gone."""
    keep_days: Annotated[int, Field(ge=0, le=3650)] = 30
    """Days for which old versions are kept. 0: for ever."""

    @model_validator(mode="after")
    def _kept(self) -> Syncing:
        if self.versions == "none" and "keep_days" in self.model_fields_set:
            raise ValueError("versions is none, so nothing is kept; leave keep_days out")
        return self
