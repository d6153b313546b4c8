"""An entry differs between releases where its module has another name or other options."""

from __future__ import annotations

import pytest

from homelab.catalog import find
from homelab.catalog.upstream import service_config
from homelab.services.model import Service
from tests import build
from tests.household import Changes, household


def _service(name: str, release: str, installed: str, **stated: object) -> Service:
    plan = build.plan(_stack(name, release, installed, **stated))
    found = plan.service(name)
    assert found is not None
    return found


def _stack(name: str, release: str, installed: str, **stated: object) -> Changes:
    return household(
        {
            "nixpkgs": {"default": {"release": release}},
            "hosts": {"nas": {"state_version": installed}},
            "services": {name: {"host": "nas", **stated}},
        }
    )


@pytest.mark.requirement("S0-71")
def test_seerr_keeps_its_state_when_its_module_gets_another_name() -> None:
    """The module of 26.05 uses the former directory on a host that had Jellyseerr."""
    before = _service("seerr", "25.11", "25.11")
    after = _service("seerr", "26.05", "25.11")
    assert (before.units, after.units) == (("jellyseerr",), ("seerr",))
    assert before.state == after.state == ("/var/lib/private/jellyseerr",)
    assert before.entry.dumps == after.entry.dumps
    assert before.entry.dumps[0].sqlite == "/var/lib/private/jellyseerr/config/db/db.sqlite3"
    new = _service("seerr", "26.05", "26.05")
    assert new.state == ("/var/lib/private/seerr",)


@pytest.mark.requirement("S0-71", "S0-55")
def test_seerr_has_the_options_and_the_sandbox_of_its_release() -> None:
    former = build.render(_stack("seerr", "25.11", "25.11"))["nas"]
    assert "services.jellyseerr = {" in former["services/seerr.nix"]
    assert "homelab.hardening.units.jellyseerr = {" in former["hardening.nix"]
    now = build.render(_stack("seerr", "26.05", "25.11"))["nas"]
    assert "services.seerr = {" in now["services/seerr.nix"]
    assert "jellyseerr" not in now["hardening.nix"]
    assert service_config("seerr", "jellyseerr", "25.11")["DynamicUser"].value is True
    assert not service_config("seerr", "jellyseerr", "26.05")


def test_facts_of_an_owner_extend_the_entry_of_the_release() -> None:
    """The icon is the owner's; the unit is that of the release."""
    for release, unit in (("25.11", "jellyseerr"), ("26.05", "seerr")):
        facts = {"extends": "seerr", "title": "Wishes"}
        found = _service("wishes", release, "25.11", module=facts)
        assert (found.entry.title, found.units) == ("Wishes", (unit,))


def test_an_entry_says_only_what_differs() -> None:
    entry = find("seerr")
    assert entry is not None
    former = entry.at("25.11")
    assert (former.since, former.title, former.connects) == (
        entry.since,
        entry.title,
        entry.connects,
    )
    assert former.at("25.11") is former
    assert entry.at("26.05") is entry
    assert entry.at("") is entry


KANIDM: Changes = {
    "services": {
        "kanidm": {
            "host": "aurora",
            "name": "idm",
            "options": {
                "services.kanidm.package": {"$package": "kanidmWithSecretProvisioning_1_8"}
            },
        },
        "miniflux": {"host": "pi", "name": "news", "auth": "oidc"},
    },
    "identity": {
        "provider": "external",
        "users": None,
        "issuer": "https://idm.home.example.org/oauth2/openid/{client}",
        "client": {"client_id": "homelab"},
        "kanidm": "aurora",
    },
}


@pytest.mark.parametrize(
    ("release", "server"),
    [("25.11", ("enableServer = true;", "serverSettings = {")), ("26.05", ("server = {",))],
)
@pytest.mark.requirement("S0-27", "S4-16")
def test_the_service_kanidm_is_the_provider_of_the_apps(
    release: str, server: tuple[str, ...]
) -> None:
    """The server of the catalog, and the clients that homelab creates in it."""
    pin: Changes = {"nixpkgs": {"default": {"release": release}}}
    changes = household(KANIDM, pin)
    files = build.render(changes)
    text = files["aurora"]["services/kanidm.nix"]
    for line in (*server, 'origin = "https://idm.home.example.org";'):
        assert line in text, line
    assert "services.kanidm.provision = {" in files["aurora"]["kanidm.nix"]
    news = files["pi"]["services/miniflux.nix"]
    assert 'ENDPOINT = "https://idm.home.example.org/oauth2/openid/news";' in news
    assert not build.found(changes, "identity-capability")


@pytest.mark.requirement("S0-27")
def test_the_proxy_reaches_kanidm_by_https() -> None:
    """It speaks nothing else, with a certificate that no authority signed."""
    text = build.render(household(KANIDM))["pi"]["proxy.nix"]
    after = text[text.index("reverse_proxy https://") :]
    assert ":8443 {" in after.splitlines()[0]
    assert "tls_insecure_skip_verify" in after[:300]


@pytest.mark.requirement("S0-35")
def test_kanidm_copies_its_database_itself() -> None:
    """The server locks it, so nothing else reads a consistent copy."""
    plan = build.plan(household(KANIDM))
    kanidm = plan.service("kanidm")
    assert kanidm is not None
    assert [d.builtin for d in kanidm.entry.dumps] == ["/var/lib/kanidm/backups"]
    assert "/var/lib/kanidm/kanidm.db" in kanidm.entry.exclude
