"""Our Cloudflare resources register the same as the provider's own package."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, get_type_hints

import pulumi
import pytest
from google.protobuf.json_format import MessageToDict
from pulumi import _types
from pulumi.runtime import mocks, settings
from pulumi.runtime.stack import run_in_stack

from homelab.components import cloudflare_resources as ours
from homelab.components.cloudflare_args import AccessApplicationArgs
from homelab.components.cloudflare_resources import CloudflareResource


@cache
def sdk() -> Any:
    """The provider's package. Its import takes a second, so it is not part of the collection."""
    import pulumi_cloudflare

    return pulumi_cloudflare


TYPES = {c.__name__: c for c in CloudflareResource.__subclasses__()}
WHO = [
    {"email": {"email": "kim@example.org"}},
    {"email_domain": {"domain": "example.org"}},
    {"group": {"id": "g"}},
    {"service_token": {"token_id": "t"}},
]
SAID: dict[str, dict[str, Any]] = {
    "ApiToken": {
        "name": "n",
        "policies": [{"effect": "allow", "permission_groups": [{"id": "p"}], "resources": "{}"}],
        "condition": {"request_ip": {"ins": ["203.0.113.7/32"]}},
        "expires_on": "2027-01-01T00:00:00Z",
    },
    "DnsRecord": {
        "zone_id": "z",
        "name": "n",
        "type": "CNAME",
        "ttl": 1,
        "content": "c",
        "data": {"flags": 0, "tag": "issue", "value": "v"},
        "proxied": True,
        "comment": "c",
    },
    "ZeroTrustTunnelCloudflared": {
        "account_id": "a",
        "name": "n",
        "config_src": "local",
        "tunnel_secret": "s",
    },
    "ZeroTrustAccessGroup": {"account_id": "a", "name": "n", "includes": WHO},
    "ZeroTrustAccessPolicy": {
        "account_id": "a",
        "name": "n",
        "decision": "allow",
        "includes": WHO,
        "session_duration": "24h",
    },
    "ZeroTrustAccessApplication": {
        "account_id": "a",
        "name": "n",
        "type": "self_hosted",
        "session_duration": "24h",
        "app_launcher_visible": True,
        "auto_redirect_to_identity": False,
        "http_only_cookie_attribute": True,
        "policies": [{"id": "p", "precedence": 1}],
        "domain": "d",
        "destinations": [{"type": "public", "uri": "u"}],
    },
    "ZeroTrustAccessIdentityProvider": {
        "account_id": "a",
        "name": "n",
        "type": "onetimepin",
        "config": {},
    },
    "ZeroTrustAccessServiceToken": {"account_id": "a", "name": "n", "duration": "720h"},
    "NotificationPolicy": {
        "account_id": "a",
        "name": "n",
        "alert_type": "t",
        "enabled": True,
        "mechanisms": {"emails": [{"id": "kim@example.org"}]},
        "filters": {"new_statuses": ["s"], "tunnel_ids": ["t"]},
    },
    "PagesProject": {"account_id": "a", "name": "n", "production_branch": "main"},
    "PagesDomain": {"account_id": "a", "project_name": "p", "name": "n"},
    "R2Bucket": {"account_id": "a", "name": "n", "location": "weur"},
}
"""Every argument of each type, and every field in it."""
OF_INPUT = {"Output": pulumi.Output, "T": type(None)}
"""Types that the SDK's input types refer to by name."""
PLACE = {"sourcePosition", "stackTrace", "parentStackTraceHandle"}
"""Source positions, which are not compared."""


def registered(program: Callable[[], object]) -> list[dict[str, Any]]:
    """The requests of the program to the engine, except for the stack."""
    requests: list[dict[str, Any]] = []

    class Nothing(mocks.Mocks):
        def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
            raise AssertionError(args.token)

        def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
            return "id", dict(args.inputs)

    class Monitor(mocks.MockMonitor):
        def RegisterResource(self, request: Any) -> Any:
            if request.type != "pulumi:pulumi:Stack":
                requests.append({k: v for k, v in MessageToDict(request).items() if k not in PLACE})
            return super().RegisterResource(request)

    def go() -> None:
        settings.set_root_resource(None)  # type: ignore[arg-type]
        mocks.set_mocks(Nothing(), preview=False, monitor=Monitor(Nothing()))
        settings.set_root_resource(None)  # type: ignore[arg-type]
        loop.run_until_complete(run_in_stack(program))  # type: ignore[arg-type]

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        contextvars.copy_context().run(go)
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    return requests


def every_field(shape: Any, value: Any) -> bool:
    """Whether a value sets each field of a TypedDict, at every depth."""
    parts = getattr(shape, "__args__", ())
    if not hasattr(shape, "__total__"):
        return all(every_field(part, value) for part in parts)
    # Members of a list together.
    whole: dict[str, Any] = {}
    for one in value if isinstance(value, list) else [value]:
        whole |= one
    hints = get_type_hints(shape, localns=OF_INPUT)
    return whole.keys() == hints.keys() and all(
        every_field(hint, whole[key]) for key, hint in hints.items()
    )


def test_an_unset_field_is_found_at_every_depth() -> None:
    less = {**SAID["ZeroTrustAccessApplication"], "destinations": [{"type": "public"}]}
    assert not every_field(AccessApplicationArgs, less)


@pytest.mark.long
@pytest.mark.parametrize("name", TYPES)
def test_a_type_registers_as_the_providers_package_registers_it(name: str) -> None:
    (own,) = registered(lambda: TYPES[name]("it", SAID[name]))
    (whole,) = registered(lambda: getattr(sdk(), name)("it", **SAID[name]))
    assert own == whole


@pytest.mark.parametrize("name", TYPES)
def test_every_argument_of_a_type_is_compared(name: str) -> None:
    args = TYPES[name].__orig_bases__[0].__args__[0]  # type: ignore[attr-defined]
    assert every_field(args, SAID[name])


@pytest.mark.long
@pytest.mark.parametrize("name", TYPES)
def test_the_outputs_that_we_read_exist(name: str) -> None:
    known = _types.resource_py_to_pulumi_names(getattr(sdk(), name))
    type_ = TYPES[name]
    read = inspect.get_annotations(type_)
    assert read.keys() <= known.keys()
    for output in read:
        assert type_.translate_output_property(None, known[output]) == output  # type: ignore[arg-type]


@pytest.mark.long
@pytest.mark.parametrize("token", ["secret", None])
def test_the_provider_registers_as_its_package_registers_it(token: str | None) -> None:
    kept = pulumi.ResourceOptions(ignore_changes=["apiToken"])
    (own,) = registered(lambda: ours.Provider("it", token, kept))
    (whole,) = registered(lambda: sdk().Provider("it", api_token=token, opts=kept))
    assert own == whole


@pytest.mark.long
def test_the_version_is_that_of_the_installed_package() -> None:
    assert ours.plugin_version() == sdk()._utilities.get_version()
