"""A field of a text that has no value for its service is an error, and not an empty text."""

from __future__ import annotations

import pytest

from homelab.catalog.references import FIELDS
from homelab.services.templates import fields
from tests import build
from tests.household import Changes

EXTERNAL: Changes = {
    "identity": {
        "host": "pi",
        "provider": "external",
        "issuer": "https://id.example.org",
        "client": {"client_id": "home", "client_secret": {"sops": "oidc/secret"}},
    }
}
IDENTITY: Changes = {"identity": {"host": "pi", "users": {"sops": "authelia/users"}}}
STACKS = {"alone": {}, "with a provider": IDENTITY, "with an external provider": EXTERNAL}
EXEMPT = {"backup": {"skip": "a test"}, "monitor": {"skip": "a test"}, "tile": {"skip": "a test"}}
IMAGE = f"ghcr.io/example/app:1@sha256:{'0' * 64}"


def written(text: str, place: str) -> Changes:
    """A service on nas with this text at a place of it."""
    made: dict[str, dict[str, object]] = {
        "options": {"options": {"environment.etc.x.text": {"$text": text}}},
        "a list": {"options": {"environment.etc.x.list": [{"$last": [{"$text": text}]}]}},
        "unit": {"unit": {"package": "hello", "command": ["hello", text]}},
        "container": {
            "container": {"image": IMAGE, "port": 80, "environment": {"X": text}},
            "port": 8077,
        },
    }
    catalog = {"service": "node-exporter"} if place in ("options", "a list") else EXEMPT
    return {"services": {"app": {"host": "nas", "routes": [], **catalog, **made[place]}}}


@pytest.mark.parametrize(
    "stack", [n if n == "alone" else pytest.param(n, marks=pytest.mark.long) for n in STACKS]
)
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_without_a_value_is_an_error_wherever_it_is_written(field: str, stack: str) -> None:
    for place in ("options", "a list", "unit", "container"):
        changes = {**STACKS[stack], **written(f"is {{{field}}}", place)}
        plan = build.plan(changes)
        (service,) = (s for s in plan.services if s.name == "app")
        empty = fields(plan, service)[field] in ("", 0, ())
        found = [p for p in build.problems(changes) if "has no value" in p.what]
        assert bool(found) is empty or field in ("url", "urls"), (place, found)
        assert all(p.severity == "error" and f"{{{field}}}" in p.what for p in found)
        assert all("leave the field out" in p.way_out or "add " in p.way_out for p in found)
