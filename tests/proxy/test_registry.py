"""A new proxy is taken up by the tests, which say where they need a fact of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from homelab.catalog import ENTRIES
from homelab.config.network import ProxyName
from homelab.proxy.registry import PROXIES
from tests import build
from tests.evaluation import stacks
from tests.openings import careless
from tests.programs import test_proxies
from tests.proxy import running, tables
from tests.site import proxied

TESTS = Path(__file__).parents[1]
FACTS = {
    "COMMANDS of tests/proxy/running.py": running.COMMANDS,
    "READERS of tests/proxy/tables.py": tables.READERS,
    "READERS of tests/site/proxied.py": proxied.READERS,
    "ACCEPTED of tests/programs/test_proxies.py": test_proxies.ACCEPTED,
}
"""What tests know of each proxy by its name."""


def test_every_proxy_of_the_config_has_a_backend_and_an_entry_in_the_catalog() -> None:
    assert tuple(PROXIES) == get_args(ProxyName)
    for proxy in PROXIES:
        assert ENTRIES[proxy].infrastructure


@pytest.mark.parametrize("where", FACTS)
def test_a_new_proxy_has_its_facts(where: str) -> None:
    assert PROXIES.keys() == FACTS[where].keys(), f"a proxy lacks its entry in {where}"


def test_a_new_proxy_is_evaluated_by_nix() -> None:
    """As the entry of a stack of tests/evaluation/stacks.py."""
    plans = [build.plan(changes) for changes in stacks.STACKS.values()]
    assert {plan.stack.network.entry.proxy for plan in plans} == PROXIES.keys()


@pytest.mark.parametrize("proxy", PROXIES)
def test_careless_options_of_a_new_proxy_are_found(proxy: str) -> None:
    """In tests/openings/careless.py."""
    assert f"services.{proxy}" in Path(careless.__file__).read_text(encoding="utf-8")


def test_no_test_repeats_the_list_of_proxies() -> None:
    """A list of its own would leave a new proxy out."""
    name = f"({'|'.join(PROXIES)})[\"']"
    listed = re.compile(rf"[\"']{name},\s*[\"'](?!\1){name}")
    found = [
        str(path.relative_to(TESTS))
        for path in sorted(TESTS.rglob("*.py"))
        if listed.search(path.read_text(encoding="utf-8"))
    ]
    assert not found, "import PROXIES of homelab.proxy.registry"
