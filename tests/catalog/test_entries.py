"""The catalog's facts agree with each other and with the rows that they serve."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping

import pytest

from homelab.catalog import ENTRIES, find
from homelab.catalog.kit import flaws
from homelab.catalog.model import Entry
from homelab.catalog.options import lacks, options_of
from homelab.catalog.reference import catalog_page
from homelab.catalog.references import FIELDS
from homelab.config.fact_dumps import Dump
from homelab.config.facts import OwnFacts
from homelab.proxy.registry import PROXIES
from homelab.services.checks import OTHER_NAMES
from homelab.services.own import own_entry
from homelab.services.templates import fields
from tests import build
from tests.tools.walk import walk

WANTED = (
    "adguardhome authelia blocky caddy cloudflared gatus homepage immich jellyfin miniflux navidrome nginx"
    " ollama tailscale traefik vaultwarden"
)
each = walk("entry", ENTRIES.values())


def test_every_service_of_the_home_stack_has_an_entry() -> None:
    """One file per service, found by its name."""
    assert set(WANTED.split()) <= set(ENTRIES)
    assert find("jellyfin") is ENTRIES["jellyfin"]
    assert find("jellyfinn") is None


@each
@pytest.mark.requirement("S0-37", "S0-35", "S0-32", "S0-11")
def test_the_facts_of_an_entry_agree_with_each_other(entry: Entry) -> None:
    """References, state, dumps and the web port: the rules that an owner's facts are held to."""
    assert list(flaws(entry, ("25.05", "25.11", "26.05"))) == []


@each
@pytest.mark.requirement("S0-50", "S0-45")
def test_it_can_be_shown_and_watched(entry: Entry) -> None:
    """A tile has a group that the dashboard knows; a probe has a path."""
    assert entry.title
    assert entry.icon
    assert entry.summary
    assert str(entry.homepage).startswith("https://")
    assert entry.monitor in ("http", "tcp") or "web" not in entry.ports or not entry.page


def test_infrastructure_is_configured_by_other_rooms() -> None:
    """An entry of the homelab's own machinery holds facts and no options."""
    machinery = {n for n, e in ENTRIES.items() if e.infrastructure}
    assert machinery == {
        *(
            "adguardhome",
            "authelia",
            "blocky",
            "cloudflared",
            "gatus",
            "homepage",
            "oauth2-proxy",
            "openldap",
            "pocket-id",
            "samba",
            "tailscale",
        ),
        *PROXIES,
    }
    assert not any(e.options for e in ENTRIES.values() if e.infrastructure)


@pytest.mark.requirement("S0-26")
def test_subsonic_apps_pass_the_gate_of_navidrome_and_it_believes_the_proxy_alone() -> None:
    """Browsers sign in at the gate; /rest is for apps, /share for people without an account."""
    entry = ENTRIES["navidrome"]
    assert entry.sign_in.kinds[0] == "forward"
    assert set(entry.sign_in.exempt) == {"/rest/*", "/share/*"}
    settings = entry.options["services.navidrome.settings"]
    assert isinstance(settings, Mapping)
    assert settings["ReverseProxyWhitelist"] == {"$text": "{proxy}/32"}


@pytest.mark.requirement("S0-52")
def test_a_graphics_card_changes_the_package_and_the_licences_it_needs() -> None:
    """CUDA is a package of its own, with unfree parts that are named one by one."""
    entry = ENTRIES["ollama"]
    assert "services.ollama.package" not in options_of(entry, "25.11")
    with_cuda = options_of(entry, "25.11", "nvidia")
    assert with_cuda["services.ollama.package"] == {"$package": "ollama-cuda"}
    assert with_cuda["services.ollama.acceleration"] == "cuda"
    assert "libcublas" in entry.unfree_gpu["nvidia"]


@pytest.mark.requirement("S0-71")
def test_an_option_that_a_release_lacks_is_left_out() -> None:
    """The catalog knows which names hold for which release."""
    entry = ENTRIES["ollama"]
    assert "services.ollama.acceleration" not in options_of(entry, "26.05", "nvidia")
    assert lacks(entry, "services.ollama.acceleration", "26.05") == "is gone since 26.05"
    assert lacks(entry, "services.ollama.syncModels", "25.05") == "came with 25.11"
    jellyfin = ENTRIES["jellyfin"]
    assert lacks(jellyfin, "services.jellyfin.hardwareAcceleration.enable", "25.11")
    assert not lacks(jellyfin, "services.jellyfin.enable", "25.11")


def test_the_reference_page_tells_of_every_service() -> None:
    """One line in the table and a section each; no placeholder is left in it."""
    page = catalog_page(ENTRIES)
    for name, entry in ENTRIES.items():
        assert f"\n## {name}\n" in page
        assert f"| NixOS {entry.since} |" in page
    assert not re.search(r"\{[a-z_]*\}", page)
    assert page == catalog_page(dict(reversed(list(ENTRIES.items()))))


def test_the_file_of_an_entry_is_read_when_the_entry_is_asked_for() -> None:
    """A command reads the entries of its stack, not the whole catalog."""
    program = (
        "from homelab.catalog import ENTRIES, find\n"
        "assert 'grafana' in ENTRIES and len(ENTRIES) > 80\n"
        "assert find.cache_info().currsize == 0\n"
        "find('grafana')\n"
        "assert find.cache_info().currsize == 1\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_field_of_a_text_is_filled() -> None:
    """The list of fields, which facts are held to, is that of the plan."""
    plan = build.plan({"services": {"grafana": {"host": "pi"}}})
    (service,) = (s for s in plan.services if s.name == "grafana")
    assert tuple(fields(plan, service)) == FIELDS


def test_facts_of_an_owner_may_name_options_in_quotes() -> None:
    """Names are kept without quotes, and are not read as paths a second time."""
    facts = OwnFacts.model_validate({"state_at": {'services.forum."a = b".x': "/var/lib/forum"}})
    assert own_entry("forum", facts).state_at == {"services.forum.a = b.x": "/var/lib/forum"}


def test_a_moved_database_needs_no_valid_path_to_be_planned() -> None:
    """A check reports the option; the plan of the rest goes on."""
    moved = Dump.of("sqlite", "/var/lib/forum/forum.db").at("/srv/a;b")
    assert (moved.kind, moved.source) == ("sqlite", "/srv/a;b")


def test_an_app_that_people_know_by_another_name_is_an_entry() -> None:
    """An entry of that name would be found by itself."""
    assert {*OTHER_NAMES.values()} <= ENTRIES.keys()
    assert not OTHER_NAMES.keys() & ENTRIES.keys()
