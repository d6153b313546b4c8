"""What is listed in several places is the same in all of them."""

from __future__ import annotations

from typing import get_args

import pytest

from homelab.catalog import ENTRIES
from homelab.config.identity import Provider
from homelab.config.network import Entry
from homelab.config.service_base import KIND_KEYS
from homelab.config.services import KINDS, AnyService
from tests import build

PROXIES = get_args(Entry.model_fields["proxy"].annotation)


def test_every_kind_of_service_is_in_each_list() -> None:
    union, *_ = get_args(AnyService)
    tags = {get_args(member)[1].tag: get_args(member)[0] for member in get_args(union)}
    assert tags == KINDS
    assert {*KIND_KEYS, "catalog"} == KINDS.keys()


@pytest.mark.parametrize("name", [*PROXIES, *get_args(Provider)])
def test_what_a_section_places_is_in_the_catalog(name: str) -> None:
    assert name in ENTRIES or name == "external"


@pytest.mark.parametrize("proxy", PROXIES)
def test_every_reverse_proxy_runs_on_the_entry_host(proxy: str) -> None:
    plan = build.plan({"network": {"entry": {"proxy": proxy}}})
    entry = plan.stack.network.entry.host
    assert {443, 80} <= {use.port for use in plan.ports_on(entry) if use.owner == proxy}
    files = build.render({"network": {"entry": {"proxy": proxy}}})[entry]
    assert f"services.{proxy}" in files["proxy.nix"]
