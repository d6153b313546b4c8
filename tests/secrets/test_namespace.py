"""Stacks that share a master key share no secret that is derived from it."""

from __future__ import annotations

import asyncio

from homelab.components.secret_resolver import SecretResolver
from homelab.ops.secrets.derive import derive, derive_secret
from tests import build

MASTER = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
STACK = {"services": {"miniflux": {"host": "pi"}, "vaultwarden": {"host": "nas"}}}


def purposes(namespace: str | None) -> dict[tuple[str, str], str]:
    secrets = {} if namespace is None else {"secrets": {"namespace": namespace}}
    plan = build.plan({**STACK, **secrets})
    return {(s.host, s.name): s.purpose for s in plan.secrets.secrets if s.source == "derived"}


def test_a_namespace_takes_part_in_every_purpose() -> None:
    plain, cabin = purposes(None), purposes("cabin")
    assert plain.keys() == cabin.keys()
    assert plain
    assert {key: f"cabin:{purpose}" for key, purpose in plain.items()} == cabin
    # So none is another stack's, whatever either is called.
    assert not [p for p in plain.values() if ":" in p]
    assert not set(cabin.values()) & set(purposes("cabi").values())


def test_without_a_namespace_the_values_are_what_they_were() -> None:
    """A changed purpose would rotate every password in silence; this value was written down."""
    plan = build.plan(STACK)
    [secret] = [s for s in plan.secrets.on("pi") if s.name == "miniflux-admin"]
    assert secret.purpose == "miniflux/admin"
    assert derive_secret(MASTER, secret) == EXPECTED


def test_what_belongs_to_no_host_is_set_apart_too() -> None:
    """A tunnel's secret, and the key of the digests that tell that a secret changed."""

    async def value(namespace: str | None) -> str | None:
        return await SecretResolver({}, MASTER, namespace).derived_for("tunnel/x").future()

    plain, cabin = (asyncio.run(value(namespace)) for namespace in (None, "cabin"))
    assert plain == derive(MASTER, "tunnel/x")
    assert cabin == derive(MASTER, "cabin:tunnel/x")


EXPECTED = "ADMIN_USERNAME=sam\nADMIN_PASSWORD=5TwnDFdrmWI5Wk2TGtT766MjfYZ1a_j90FhIhgk4T5D\n"
