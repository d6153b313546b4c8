"""Keys of the stack config that have another name now."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from homelab.config.backup import BackupConfig
from homelab.config.base import by_model
from homelab.config.fact_parts import SecretFact, SignIn
from homelab.config.facts import ServiceFacts
from homelab.config.hosts import NixosHost
from homelab.config.unit import Unit

RENAMED: Mapping[type[BaseModel], Mapping[str, str]] = {
    NixosHost: {"asleep": "offline"},
    ServiceFacts: {
        "asks_one_of": "requires_one_of",
        "gives": "provides",
        "keeps": "persist",
        "old_hosts": "state_version_changes",
        "reads": "consumes",
        "workers": "switches_user",
    },
    SecretFact: {"seals": "encrypts"},
    SignIn: {"powers": "admin_options"},
}
"""The new name of each old key, by the model that has it."""

MOVED: Mapping[type[BaseModel], Mapping[str, str]] = {
    BackupConfig: {
        "skip": "write it at each service that is not backed up: homelab:services: {NAME: {backup: "
        "{skip: why}}}",
    },
    Unit: {
        "databases": "write it beside unit: databases: [postgresql]",
        "extensions": "write it beside unit: databases: {postgresql: {extensions: […]}}",
    },
}
"""The way out for each key that has another place now, by the model that had it."""


def new_place(model: type[BaseModel] | None, key: str) -> str | None:
    """The way out for a key that has another place now; None for any other key."""
    return by_model(MOVED, model, key)


def new_name(model: type[BaseModel] | None, key: str) -> str | None:
    """The name that a key of a model has now; None if the key was not renamed."""
    return by_model(RENAMED, model, key)
