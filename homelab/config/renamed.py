"""Keys of the stack config that have another name now."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from homelab.config.hosts import NixosHost

RENAMED: Mapping[type[BaseModel], Mapping[str, str]] = {NixosHost: {"asleep": "offline"}}
"""The new name of each old key, by the model that has it."""


def new_name(model: type[BaseModel] | None, key: str) -> str:
    """The name that a key of a model has now; empty if the key was not renamed."""
    if model is None:
        return ""
    return next((keys.get(key, "") for m, keys in RENAMED.items() if issubclass(model, m)), "")
