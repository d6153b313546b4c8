"""The key of a service's API, which homelab sets for a service with a connection."""

from __future__ import annotations

from homelab.catalog.model import Entry
from homelab.config.fact_parts import SecretFact, referred
from homelab.config.service_base import ServiceConfig
from homelab.config.services import secrets_of

API_KEY = "api-key"
"""Name of the secret with the key."""


def with_api_key(entry: Entry, config: ServiceConfig) -> Entry:
    """The entry with the secret of its API key, derived unless the stack config has a reference.

    An entry without `api_key` stays as it is.
    """
    facts = entry.api_key
    if facts is None:
        return entry
    stated = secrets_of(config).get(API_KEY)
    ref = stated.ref if stated is not None else None
    fact = SecretFact(
        form="env" if facts.env else "file",
        env=facts.env,
        owner="root" if facts.env else entry.user or "root",
    )
    return entry.model_copy(update={"secrets": {**entry.secrets, API_KEY: referred(fact, ref)}})
