"""The catalog's facts agree with each other and with the rows that they serve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from homelab.catalog import ENTRIES, find
from homelab.catalog.model import (
    DatasetPath,
    Entry,
    Last,
    OptionValue,
    PortNumber,
    SecretPath,
    Template,
)
from homelab.catalog.options import lacks, options_of
from homelab.catalog.reference import catalog_page
from homelab.config.dashboard import DashboardConfig
from homelab.nix import Pkg

WANTED = (
    "adguardhome authelia blocky caddy cloudflared gatus homepage immich jellyfin miniflux navidrome nginx"
    " ollama tailscale traefik vaultwarden"
)
each = pytest.mark.parametrize("entry", ENTRIES.values(), ids=list(ENTRIES))


def _leaves(fact: OptionValue) -> Iterator[object]:
    if isinstance(fact, Mapping):
        for value in fact.values():
            yield from _leaves(value)
    elif isinstance(fact, Last):
        yield from _leaves(fact.items)
    elif isinstance(fact, list | tuple):
        for value in fact:
            yield from _leaves(value)
    else:
        yield fact


def _facts(entry: Entry) -> Iterator[object]:
    more = (*entry.options_since.values(), *entry.options_gpu.values(), entry.sign_in.forward)
    for options in (entry.options, *more):
        yield from _all(options)


def _all(options: Mapping[str, OptionValue]) -> Iterator[object]:
    for fact in options.values():
        yield from _leaves(fact)


def test_every_service_of_the_home_stack_has_an_entry() -> None:
    """One file per service, found by its name."""
    assert set(WANTED.split()) <= set(ENTRIES)
    assert find("jellyfin") is ENTRIES["jellyfin"]
    assert find("jellyfinn") is None


@each
def test_placeholders_name_what_the_entry_has(entry: Entry) -> None:
    """A secret, port or dataset that an option names is one of the entry's."""
    for fact in _facts(entry):
        match fact:
            case SecretPath(name):
                assert name in entry.secrets
            case PortNumber(name):
                assert name in entry.ports
            case DatasetPath(name):
                assert name in entry.datasets
            case Template(template, dataset):
                assert ("{dataset}" in template) == bool(dataset)
                assert not dataset or dataset in entry.datasets
    assert set(entry.writes_datasets) <= set(entry.datasets)


@each
@pytest.mark.requirement("S0-37")
def test_the_state_of_a_dynamic_user_lies_below_private(entry: Entry) -> None:
    """/var/lib/<name> is a symlink for such a unit, and restic would keep the link alone."""
    private = [p.startswith("/var/lib/private/") for p in entry.state]
    assert all(private) if entry.dynamic_user else not any(private)


@each
@pytest.mark.requirement("S0-35", "S0-32")
def test_what_is_kept_is_kept_honestly(entry: Entry) -> None:
    """State or a reason for none, and every database is dumped."""
    assert entry.state or entry.dumps or entry.stateless
    assert bool(entry.dumps) == (entry.database != "none")
    for path in (*entry.exclude, *(d.source for d in entry.dumps if d.kind != "postgresql")):
        assert any(path.startswith(f"{s}/") for s in entry.state)


@each
@pytest.mark.requirement("S0-37")
def test_what_a_dynamic_user_reads_is_handed_over_by_systemd(entry: Entry) -> None:
    """A file with an owner of its own cannot be read by a user that does not exist yet."""
    for secret in entry.secrets.values():
        assert not entry.dynamic_user or secret.owner == "root"


@each
@pytest.mark.requirement("S0-50", "S0-45")
def test_it_can_be_shown_and_watched(entry: Entry) -> None:
    """A tile has a group that the dashboard knows; a probe has a path."""
    assert entry.category in DashboardConfig().groups
    assert entry.icon
    assert entry.summary
    assert entry.homepage.startswith("https://")
    assert entry.health.startswith("/")
    assert entry.monitor in ("http", "tcp") or "web" not in entry.ports or not entry.page
    assert entry.units


@pytest.mark.parametrize("release", ["25.05", "25.11", "26.05"])
@each
@pytest.mark.requirement("S0-11")
def test_the_web_port_and_address_are_set_by_an_option_or_cannot_be(
    entry: Entry, release: str
) -> None:
    """What the port registry says has to reach the app, or the registry must not say it."""
    web = entry.ports.get("web")
    if web is None or entry.infrastructure or release < entry.since:
        return
    said = list(_all(options_of(entry, release)))
    port = PortNumber() in said or any(
        isinstance(f, Template) and "{port}" in f.template for f in said
    )
    bind = any(isinstance(f, Template) and "{bind}" in f.template for f in said)
    moves = entry.moves_port(release)
    assert (port, bind) == (moves, moves and web.bindable)


def test_infrastructure_is_configured_by_other_rooms() -> None:
    """An entry of the homelab's own machinery holds facts and no options."""
    machinery = {n for n, e in ENTRIES.items() if e.infrastructure}
    assert machinery == {
        *(
            "adguardhome",
            "authelia",
            "blocky",
            "caddy",
            "cloudflared",
            "gatus",
            "homepage",
            "nginx",
            "oauth2-proxy",
            "openldap",
            "pocket-id",
            "samba",
            "tailscale",
            "traefik",
        )
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
    assert settings["ReverseProxyWhitelist"] == Template("{proxy}/32")


@pytest.mark.requirement("S0-52")
def test_a_graphics_card_changes_the_package_and_the_licences_it_needs() -> None:
    """CUDA is a package of its own, with unfree parts that are named one by one."""
    entry = ENTRIES["ollama"]
    assert "services.ollama.package" not in options_of(entry, "25.11")
    with_cuda = options_of(entry, "25.11", "nvidia")
    assert with_cuda["services.ollama.package"] == Pkg("ollama-cuda")
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
    assert "{" not in page
    assert page == catalog_page(dict(reversed(list(ENTRIES.items()))))
