"""Stand-ins for the secrets of a host: right in form, and of no worth."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

from homelab.config.host_options import VARIABLE, WIFI
from homelab.install.vm import StandIns, placed_in
from homelab.ops.secrets.derive import derive_secret
from homelab.ops.secrets.new_file import Tree, sealed_text
from homelab.ops.secrets.sshkeys import private_half, public_half
from homelab.plan import Plan
from homelab.secret_paths import FOR_USERS, secret_name
from homelab.secrets.age import age_recipient
from homelab.secrets.model import Secret
from homelab.system.model import Host

_MASTER = base64.b64encode(hashlib.sha256(b"homelab vm: no secret").digest()).decode()
_VALUE = "stand-in"
_LOCKED = "!"
"""A password hash that no password has."""


def made_up(plan: Plan, host: Host) -> StandIns:
    """Stand-ins for the secrets of a host: right in form, and of no worth."""
    # Always the same, as everything else about it that need not change.
    recipient = age_recipient(public_half(_MASTER).removeprefix("restrict "))
    by_key = {s.key: _stored(s) for s in plan.secrets.stored_on(host.name)}
    stored = {
        place: sealed_text(_tree(by_key, keys), [recipient], datetime.now(UTC))
        for place, keys in placed_in(plan, host).items()
    }
    sent = {
        s.name: derive_secret(_MASTER, s) if s.source == "derived" else f"{_VALUE}\n"
        for s in plan.secrets.on(host.name)
        if s.is_sent
    }
    return StandIns(stored, private_half(_MASTER), sent)


def stand_in(secret: Secret) -> str:
    """The content of one secret's file on its host."""
    if secret.source == "derived":
        return derive_secret(_MASTER, secret)
    if secret.form == "env":
        return "".join(f"{name}={text.replace('{value}', _VALUE)}\n" for name, text in secret.env)
    return _stored(secret)


def _stored(secret: Secret) -> str:
    if secret.name == secret_name(*WIFI):
        return f"{VARIABLE}={_VALUE}"
    return _LOCKED if secret.path.startswith(FOR_USERS) else _VALUE


def _tree(values: dict[str, str], keys: list[str]) -> Tree:
    whole: dict[str, object] = {}
    for key in keys:
        *above, last = key.split("/")
        here = whole
        for part in above:
            inner = here.setdefault(part, {})
            assert isinstance(inner, dict)
            here = inner
        here[last] = values[key]
    return whole  # type: ignore[return-value]
