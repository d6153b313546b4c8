"""What nixpkgs' own modules say, as data: it reads, it says where it is from, and it is asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from homelab.catalog import ENTRIES, upstream
from homelab.catalog.model import Entry
from homelab.catalog.upstream import read
from tests.tools.walk import walk

RELEASES = ("25.11", "26.05")
_TOP = Path(__file__).parents[2]

modules = walk("name", sorted(upstream.names()))


@modules
def test_the_facts_of_a_module_say_which_text_they_are_of(name: str) -> None:
    """A place in nixpkgs, and a commit or a word on which text was read; or a module of homelab."""
    facts = upstream.find(name)
    assert facts is not None
    own = facts.source.startswith("homelab/") and (_TOP / facts.source).is_file()
    assert own or facts.source.startswith("nixos/modules/")
    assert facts.releases
    for release in facts.releases.values():
        assert release.commit or release.note
        assert not release.commit or re.fullmatch("[0-9a-f]{40}", release.commit)


@modules
def test_a_module_has_units_and_both_releases(name: str) -> None:
    """Only what came later, or went, may leave a release out, and then the entry says so."""
    facts = upstream.find(name)
    assert facts is not None
    assert set(facts.releases) <= set(RELEASES)
    for release in RELEASES:
        named = [e for e in ENTRIES.values() if e.since <= release]
        here = [e for e in named if name in upstream.modules_of(e.at(release))]
        assert release in facts.releases or not here
    assert all(r.units for r in facts.releases.values())


@walk("entry", ENTRIES.values())
def test_every_entry_has_a_module_whose_facts_are_known(entry: Entry) -> None:
    """The link from the catalog to nixpkgs: by name, or by the names that the entry says."""
    for facts in (entry, *entry.before.values()):
        assert all(upstream.find(m) is not None for m in upstream.modules_of(facts))


def test_a_unit_is_asked_by_its_name_on_a_host() -> None:
    """A placeholder of a module's unit stands for the name that a configuration gives."""
    found = upstream.service_config("cloudflared", "cloudflared-tunnel-home", "25.11")
    assert found["DynamicUser"].value is True
    assert found["RuntimeDirectory"].value == ("cloudflared-tunnel-home",)
    unit = upstream.unit_of("authelia", "authelia-main", "25.11")
    assert unit is not None
    assert unit.state_directories == ("/var/lib/authelia-main",)
    assert not upstream.service_config("cloudflared", "cloudflared", "25.11")
    assert not upstream.service_config("nonesuch", "nonesuch", "25.11")


def test_an_entry_is_asked_through_its_modules() -> None:
    """Homepage's module is called otherwise."""
    assert upstream.service_config("homepage", "homepage-dashboard", "26.05")["UMask"].value == (
        "0077"
    )


def test_a_weaker_priority_is_told() -> None:
    """Ours at 900 outranks `mkDefault` and the package's own unit, and no plain definition."""
    node = upstream.service_config("node-exporter", "prometheus-node-exporter", "25.11")
    assert node["ProtectSystem"].priority == "default"
    assert node["NoNewPrivileges"].priority == "plain"
    caddy = upstream.service_config("caddy", "caddy", "25.11")
    assert caddy["ProtectSystem"].priority == "package"


def test_a_release_that_was_not_read_is_answered_by_the_nearest() -> None:
    """The last one before it, or else the first."""
    sonarr = upstream.find("sonarr")
    assert sonarr is not None
    assert upstream.release_of("sonarr", "25.05") is sonarr.releases["25.11"]
    assert upstream.release_of("sonarr", "26.11") is sonarr.releases["26.05"]
    assert upstream.release_of("openthread-border-router", "25.11") is not None
    assert upstream.release_of("nonesuch", "25.11") is None


def test_state_lies_where_systemd_puts_it() -> None:
    """Below private for a dynamic user; tmpfiles' directories as the module has them."""
    state = {n: upstream.release_of(n, "26.05") for n in ("prowlarr", "sonarr", "radarr")}
    assert {n: r.state for n, r in state.items() if r} == {
        "prowlarr": ("/var/lib/private/prowlarr",),
        "sonarr": ("/var/lib/sonarr",),
        "radarr": ("/var/lib/radarr/.config/Radarr",),
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"units": {"a": {"service": {}, "strange": 1}}},
        {"units": {"a": {"service": {"User": 1}}}},
        {"units": {"a": {"opens_state": "yes"}}},
        {"units": {}, "port": 1},
        {"units": {}, "users": {"a": {"uid": "x"}}},
        {"units": {}, "assertions": "no list"},
        {"units": []},
    ],
)
def test_what_is_no_fact_does_not_read(wrong: object) -> None:
    """A misspelt key would be a fact that nobody ever asks for."""
    with pytest.raises(ValueError, match=r"x 25\.11"):
        read._release("x 25.11", wrong)
