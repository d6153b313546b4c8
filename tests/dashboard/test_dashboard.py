"""The dashboard has a tile for every route, in the order of the stack config."""

from __future__ import annotations

import pytest

from homelab.dashboard.model import DashboardPlan
from tests import build
from tests.household import Changes, household

PAGE: Changes = {
    "services": {
        "homepage": {"host": "aurora", "name": "home"},
        "vaultwarden": {"host": "aurora", "name": "vault"},
        "jellyfin": {"host": "workstation", "name": "media"},
    }
}


def dashboard(*changes: Changes) -> DashboardPlan:
    plan = build.plan(household(PAGE, *changes)).dashboard
    assert plan is not None
    return plan


@pytest.mark.requirement("S0-50")
def test_without_a_dashboard_there_are_no_tiles() -> None:
    assert build.plan(household(PAGE, {"services": {"homepage": None}})).dashboard is None


@pytest.mark.requirement("S0-50")
def test_groups_come_in_the_declared_order() -> None:
    groups = ["Network", "Personal", "Media", "Tools", "AI", "Monitoring"]
    names = [name for name, _ in dashboard({"dashboard": {"groups": groups}}).groups]
    assert names == [g for g in groups if g in names]
    assert names.index("Personal") < names.index("Media")


@pytest.mark.requirement("S0-50")
def test_a_tile_leads_to_its_route() -> None:
    """It links to the public name, if there is one."""
    published: Changes = {"services": {"vaultwarden": {"publish": "tunnel"}}}
    plan = build.plan(household(PAGE, published))
    assert plan.dashboard is not None
    tiles = {t.source: t for _, group in plan.dashboard.groups for t in group}
    routes = {r.source: r for r in plan.routes if r.source in tiles}
    assert {s: t.url for s, t in tiles.items()} == {s: r.url for s, r in routes.items()}
    assert tiles["services.vaultwarden"].url == "https://vault-home.example.org"
    assert tiles["services.vaultwarden"].probe == "https://vault.home.example.org/alive"


@pytest.mark.requirement("S0-50")
def test_a_skipped_tile_is_listed_with_its_reason() -> None:
    hidden: Changes = {"services": {"jellyfin": {"tile": {"skip": "children look here"}}}}
    plan = dashboard(hidden)
    assert ("jellyfin", "children look here") in plan.skipped
    assert "Jellyfin" not in [t.title for _, tiles in plan.groups for t in tiles]


@pytest.mark.requirement("S0-50")
def test_a_tile_in_an_unknown_group_is_an_error() -> None:
    odd: Changes = {"services": {"jellyfin": {"tile": {"group": "Meda"}}}}
    (problem,) = build.found(household(PAGE, odd), "dashboard-group-known")
    assert problem.where == "services.jellyfin.tile.group"
    assert 'did you mean "Media"?' in problem.way_out
    assert build.found(household(PAGE), "dashboard-group-known") == []


@pytest.mark.requirement("S0-50")
def test_a_group_that_only_the_catalog_names_comes_after_the_stated_ones() -> None:
    few: Changes = {"dashboard": {"groups": ["Personal", "Media"]}}
    with_n8n: Changes = {"services": {"n8n": {"host": "aurora"}}}
    assert [name for name, _ in dashboard(few, with_n8n).groups][:3] == [
        *("Personal", "Media", "Automation"),
    ]
    assert build.found(household(PAGE, few, with_n8n), "dashboard-group-known") == []
    odd: Changes = {"services": {"jellyfin": {"tile": {"group": "Automatoin"}}}}
    (problem,) = build.found(household(PAGE, few, with_n8n, odd), "dashboard-group-known")
    assert 'did you mean "Automation"?' in problem.way_out


@pytest.mark.requirement("S0-50")
def test_homepage_accepts_only_its_own_names() -> None:
    """From 25.05 on it refuses an unknown Host header."""
    text = build.render(household(PAGE))["aurora"]["dashboard.nix"]
    assert "home.home.example.org,127.0.0.1:8082,192.168.1.10:8082" in text
    assert (
        """\
            {
              Vaultwarden = {
                description = "Password vault for every browser and phone";
                href = "https://vault.home.example.org";
                icon = "vaultwarden";
                siteMonitor = "https://vault.home.example.org/alive";
              };
            }
"""
        in text
    )
    old: Changes = {"nixpkgs": {"default": {"release": "24.11"}}}
    assert "allowedHosts" not in build.render(household(PAGE, old))["aurora"]["dashboard.nix"]


def test_on_the_host_of_the_resolver_it_resolves_internal_names() -> None:
    """That host uses other resolvers, which do not know internal names."""
    here: Changes = {"services": {"homepage": {"host": "pi"}}}
    link: Changes = {"title": "Elsewhere", "url": "https://example.com", "group": "Network"}
    made = build.render(household(PAGE, here, {"dashboard": {"links": [link]}}))
    text = made["pi"]["dashboard.nix"]
    hosts = text[text.index("networking.hosts") :]
    assert '"vault.home.example.org"' in hosts
    assert '"media.home.example.org"' in hosts
    assert '"example.com"' not in hosts
    assert "networking.hosts" not in build.render(household(PAGE))["aurora"]["dashboard.nix"]
    alone = build.render({"services": {"homepage": {"host": "pi"}}})["pi"]["dashboard.nix"]
    assert "networking.hosts" not in alone, "nothing is asked"


@pytest.mark.requirement("S3-06")
def test_a_link_is_a_tile_without_a_check() -> None:
    """A link has no route."""
    link: Changes = {
        "title": "Cloudflare",
        "url": "https://dash.cloudflare.com",
        "group": "Network",
    }
    plan = dashboard({"dashboard": {"links": [link]}})
    (tile,) = [t for _, tiles in plan.groups for t in tiles if t.title == "Cloudflare"]
    assert (tile.url, tile.probe) == ("https://dash.cloudflare.com", "")
    odd: Changes = {"dashboard": {"links": [{**link, "group": "Netwrk"}]}}
    (problem,) = build.found(household(PAGE, odd), "dashboard-group-known")
    assert problem.where == "dashboard.links[0].group"
    assert '"Network"' in problem.way_out


@pytest.mark.requirement("S0-45")
def test_without_a_resolver_in_the_stack_a_tile_calls_the_app_itself() -> None:
    """Its name would resolve to Access, which answers for every app."""
    here: Changes = {"services": {"homepage": {"host": "pi"}, "vaultwarden": {"host": "pi"}}}
    alone = household(PAGE, here)
    alone["network"] = {"entry": {"host": "pi"}, "dns": {"host": None, "server": "none"}}
    plan = build.plan(alone).dashboard
    assert plan is not None
    (tile,) = [t for _, tiles in plan.groups for t in tiles if t.title == "Vaultwarden"]
    assert tile.probe == "http://127.0.0.1:8222/alive"


GLANCE: Changes = {"services": {"homepage": None, "glance": {"host": "aurora", "port": 8086}}}


@pytest.mark.requirement("S0-50")
def test_glance_shows_the_same_links_in_the_same_order() -> None:
    """Each has the address of its route; a service without a tile has none."""
    hidden: Changes = {"services": {"jellyfin": {"tile": {"skip": "children look here"}}}}
    groups = {"dashboard": {"groups": ["Tools", "Personal", "Media"], "title": "Us"}}
    text = build.render(household(PAGE, GLANCE, hidden, groups))["aurora"]["dashboard.nix"]
    shown = dashboard(GLANCE, hidden, groups)
    assert shown.service == "glance"
    assert 'name = "Us";' in text
    titles = [f'title = "{name}";' for name, _ in shown.groups]
    assert [text.index(t) for t in titles] == sorted(text.index(t) for t in titles)
    for _, tiles in shown.groups:
        for tile in tiles:
            assert f'url = "{tile.url}";' in text
    assert "Jellyfin" not in text
    assert 'icon = "di:vaultwarden";' in text


@pytest.mark.requirement("S0-50")
def test_pages_of_the_owner_take_the_place_of_the_derived_one() -> None:
    own: Changes = {"services": {"glance": {"options": {"services.glance.settings.pages": []}}}}
    assert build.plan(household(PAGE, GLANCE, own)).dashboard is None


WIDGET: Changes = {
    "services": {
        "homepage": {"secrets": {"vault": {"env": "HOMEPAGE_VAR_VAULT"}}},
        "vaultwarden": {
            "tile": {
                "widget": {
                    "type": "customapi",
                    "headers": {"Authorization": {"$secret": "vault"}},
                    "mappings": [{"field": "items", "label": "Items"}],
                }
            }
        },
    }
}


@pytest.mark.requirement("S3-07")
def test_a_widget_has_the_name_of_a_variable_and_never_the_secret() -> None:
    files = build.render(household(PAGE, WIDGET))["aurora"]
    assert 'Authorization = "{{HOMEPAGE_VAR_VAULT}}";' in files["dashboard.nix"]
    assert "/run/homelab/secrets/homepage-vault" in files["services/homepage.nix"]
    # On its own host the app is asked without the reverse proxy and its sign-in.
    routes = build.plan(household(PAGE, WIDGET)).routes
    (upstream,) = [r.upstream for r in routes if r.service == "vaultwarden"]
    assert f'url = "{upstream}";' in files["dashboard.nix"]


@pytest.mark.requirement("S3-07")
def test_an_app_on_another_host_is_asked_at_its_name_unless_the_widget_says_where() -> None:
    jellyfin: Changes = {"services": {"jellyfin": {"tile": {"widget": {"type": "jellyfin"}}}}}
    text = build.render(household(PAGE, jellyfin))["aurora"]["dashboard.nix"]
    assert 'url = "https://media.home.example.org";' in text
    stated: Changes = {"services": {"jellyfin": {"tile": {"widget": {"url": "http://10.0.0.7"}}}}}
    text = build.render(household(PAGE, jellyfin, stated))["aurora"]["dashboard.nix"]
    assert 'url = "http://10.0.0.7";' in text


@pytest.mark.parametrize(
    "field",
    [
        {"key": "abc"},
        {"clientSecret": "abc"},
        {"authToken": "abc"},
        {"password": 12345},
        {"headers": {"Authorization": "Bearer abc"}},
        {"headers": {"X-API-Key": "abc"}},
    ],
)
def test_a_secret_of_a_widget_in_plain_text_is_an_error_also_in_a_header(
    field: dict[str, object],
) -> None:
    stated: Changes = {"services": {"vaultwarden": {"tile": {"widget": field}}}}
    (problem,) = build.found(household(PAGE, WIDGET, stated), "tile-widget")
    assert "plain text" in problem.what


def test_other_fields_of_a_widget_hold_no_secret() -> None:
    field = {"username": "sam", "node": 3, "fields": ["key"], "headers": {"Accept": "text/html"}}
    stated: Changes = {"services": {"vaultwarden": {"tile": {"widget": field}}}}
    assert not build.found(household(PAGE, WIDGET, stated), "tile-widget")
