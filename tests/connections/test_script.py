"""The script that tells a service of others by its API, against stand-ins of the apps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import build
from tests.connections.homes import BOTH, MEDIA, Unit, service, unit
from tests.connections.standin import App, running

pytestmark = pytest.mark.long
CLIENTS, FOLDERS = "/api/v3/downloadclient", "/api/v3/rootfolder"
STACK = {
    **MEDIA,
    "services": {
        "sonarr": service(datasets=BOTH, connects=["sabnzbd"]),
        "sabnzbd": service(datasets={"downloads": "media"}),
        "prowlarr": service(connects=["sonarr", "flaresolverr"]),
        "flaresolverr": {"host": "nas"},
    },
}


class Home:
    """Stand-ins of the apps, and the units that connect them."""

    def __init__(self, stack: ExitStack, directory: Path) -> None:
        self.apps = {
            name: stack.enter_context(running(App(f"key+of/{name}\"'\\")))
            for name in ("sonarr", "sabnzbd", "prowlarr", "flaresolverr")
        }
        self.plan = build.plan(STACK)
        self.directory = directory

    def unit(self, name: str) -> Unit:
        return unit(self.plan, "nas", name, self.apps, self.directory / name)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with ExitStack() as stack:
        yield Home(stack, tmp_path)


@pytest.mark.requirement("S3-04")
def test_the_first_run_adds_each_object(home: Home) -> None:
    ran = home.unit("sonarr").run()
    sonarr = home.apps["sonarr"]
    assert ran.status == 0, ran.journal
    assert sonarr.changes == [("POST", CLIENTS), ("POST", FOLDERS)]
    (client,) = sonarr.there(CLIENTS)
    assert client["name"] == "sabnzbd (homelab)"
    assert client["implementation"] == "Sabnzbd"
    assert client["enable"] is True
    assert sonarr.field(CLIENTS, "sabnzbd (homelab)", "port") == home.apps["sabnzbd"].port
    assert sonarr.field(CLIENTS, "sabnzbd (homelab)", "apiKey") == home.apps["sabnzbd"].key
    assert sonarr.field(CLIENTS, "sabnzbd (homelab)", "tvCategory") == "tv"
    assert sonarr.there(FOLDERS) == [{"path": "/mnt/media/tv", "id": 1}]


@pytest.mark.requirement("S3-04")
def test_the_second_run_changes_nothing(home: Home) -> None:
    unit_ = home.unit("sonarr")
    unit_.run()
    home.apps["sonarr"].changes.clear()
    again = unit_.run()
    assert again.status == 0
    assert home.apps["sonarr"].changes == []
    assert again.journal == ""


def test_a_changed_port_is_changed_in_the_app_and_nothing_else(home: Home) -> None:
    home.unit("sonarr").run()
    sonarr = home.apps["sonarr"]
    (client,) = sonarr.there(CLIENTS)
    client["priority"] = 7  # The owner's setting.
    client["fields"] = [
        {**f, "value": "series"} if f["name"] == "tvCategory" else f
        for f in [*client["fields"], {"name": "password", "value": "the owner's"}]  # type: ignore[misc]
    ]
    sonarr.changes.clear()
    with running(App(home.apps["sabnzbd"].key)) as moved:
        home.apps["sabnzbd"] = moved
        ran = home.unit("sonarr").run()
    assert ran.status == 0, ran.journal
    assert sonarr.changes == [("PUT", f"{CLIENTS}/1")]
    (client,) = sonarr.there(CLIENTS)
    name = "sabnzbd (homelab)"
    assert sonarr.field(CLIENTS, name, "port") == moved.port
    assert sonarr.field(CLIENTS, name, "apiKey") == home.apps["sabnzbd"].key
    assert sonarr.field(CLIENTS, name, "tvCategory") == "series"
    assert sonarr.field(CLIENTS, name, "password") == "the owner's"
    assert client["priority"] == 7


def test_a_rotated_key_reaches_the_app_although_it_hides_keys(home: Home) -> None:
    unit_ = home.unit("sonarr")
    unit_.run()
    unit_.keys = {**unit_.keys, "sabnzbd": "another"}
    unit_.run()
    assert home.apps["sonarr"].field(CLIENTS, "sabnzbd (homelab)", "apiKey") == "another"


def test_objects_of_others_stay_and_earlier_ones_of_homelab_go(home: Home) -> None:
    sonarr = home.apps["sonarr"]
    theirs = {"id": 5, "name": "SABnzbd", "implementation": "Sabnzbd", "fields": []}
    sonarr.there(CLIENTS).extend(
        [dict(theirs), {"id": 6, "name": "transmission (homelab)", "fields": []}]
    )
    assert home.unit("sonarr").run().status == 0
    assert theirs in sonarr.there(CLIENTS)
    assert [o["name"] for o in sonarr.there(CLIENTS)] == ["SABnzbd", "sabnzbd (homelab)"]


@pytest.mark.requirement("S3-04")
def test_prowlarr_gets_the_apps_and_the_tag_of_its_proxy(home: Home) -> None:
    unit_ = home.unit("prowlarr")
    ran = unit_.run()
    prowlarr = home.apps["prowlarr"]
    assert ran.status == 0, ran.journal
    apps, name = "/api/v1/applications", "sonarr (homelab)"
    assert prowlarr.field(apps, name, "baseUrl") == f"http://127.0.0.1:{home.apps['sonarr'].port}"
    assert prowlarr.field(apps, name, "prowlarrUrl") == f"http://127.0.0.1:{prowlarr.port}"
    assert prowlarr.field(apps, name, "apiKey") == home.apps["sonarr"].key
    assert prowlarr.there("/api/v1/tag") == [{"label": "flaresolverr", "id": 1}]
    (proxy,) = prowlarr.there("/api/v1/indexerproxy")
    assert proxy["tags"] == [1]
    prowlarr.changes.clear()
    assert unit_.run().journal == ""
    assert prowlarr.changes == []


def test_an_app_that_does_not_answer_fails_the_unit_which_systemd_repeats(home: Home) -> None:
    unit_ = home.unit("sonarr")
    text = unit_.data
    text["waits"] = ["http://127.0.0.1:9/ping"]
    ran = unit_.run()
    assert ran.status == 1
    assert "http://127.0.0.1:9/ping does not answer" in ran.journal
    assert home.apps["sonarr"].changes == []


def test_a_refused_object_is_a_failure_with_the_reason_of_the_app(home: Home) -> None:
    sonarr = home.apps["sonarr"]
    sonarr.refuses = f"Unable to connect with {home.apps['sabnzbd'].key}"
    ran = home.unit("sonarr").run()
    assert ran.status == 1
    assert "status 400: Unable to connect with …" in ran.journal
    sonarr.refuses = ""
    assert home.unit("sonarr").run().status == 0


def test_a_wrong_key_is_a_failure_that_says_so(home: Home) -> None:
    unit_ = home.unit("sonarr")
    unit_.keys = {**unit_.keys, "sonarr": "old"}
    ran = unit_.run()
    assert ran.status == 1
    assert "refuses its API key" in ran.journal


def test_an_app_that_nobody_has_set_up_is_asked_later(home: Home) -> None:
    home.apps["sonarr"].is_set_up = False
    ran = home.unit("sonarr").run()
    assert ran.status == 0
    assert "nobody has set it up" in ran.journal


@pytest.mark.requirement("S3-04")
def test_no_key_is_in_an_argument_or_in_the_journal(home: Home) -> None:
    """Every program that the script starts is recorded with its arguments."""
    unit_ = home.unit("prowlarr")
    record = home.directory / "arguments"
    bin_ = unit_.directory / "bin"
    bin_.mkdir()
    programs = ("awk", "cat", "chmod", "curl", "head", "jq", "mktemp", "mv", "rm", "sha256sum")
    for program in programs:
        wrapper = bin_ / program
        wrapper.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$0 $*" >>{record}\nexec /usr/bin/{program} "$@"\n'
        )
        wrapper.chmod(0o755)
    home.apps["prowlarr"].refuses = f"no: {home.apps['sonarr'].key}"
    journal = unit_.run().journal
    home.apps["prowlarr"].refuses = ""
    journal += unit_.run().journal
    arguments = record.read_text()
    assert "curl" in arguments
    assert "jq" in arguments
    for app in home.apps.values():
        assert app.key not in arguments + journal
        assert app.key.replace("\\", "\\\\") not in arguments + journal
    assert not list(unit_.directory.glob("tmp.*"))


SEERR = {
    **MEDIA,
    "nixpkgs": {"default": {"release": "26.05"}},
    "services": {
        "seerr": service(connects=["sonarr"]),
        "sonarr": service(datasets=BOTH, connects=["jackett"]),
        "jackett": service(),
        "bazarr": service(datasets={"media": "media"}, connects=["sonarr"]),
    },
}
SERVERS, INDEXERS = "/api/v1/settings/sonarr", "/api/v3/indexer"


@pytest.mark.requirement("S3-04")
def test_seerr_is_told_of_sonarr_once_it_is_set_up(tmp_path: Path) -> None:
    """Its PUT refuses the id that its GET shows, and people keep their profile."""
    with ExitStack() as stack:
        apps = {
            "seerr": stack.enter_context(running(App("seerr's", plain=True))),
            "sonarr": stack.enter_context(running(App("sonarr's"))),
        }
        apps["seerr"].is_set_up = False
        unit_ = unit(build.plan(SEERR), "nas", "seerr", apps, tmp_path / "seerr")
        first = unit_.run()
        assert (first.status, apps["seerr"].there(SERVERS)) == (0, [])
        assert "nobody has set it up" in first.journal
        apps["seerr"].is_set_up = True
        assert unit_.run().status == 0
        (server,) = apps["seerr"].there(SERVERS)
        assert server["name"] == "sonarr (homelab)"
        assert (server["hostname"], server["port"]) == ("127.0.0.1", apps["sonarr"].port)
        assert server["apiKey"] == "sonarr's"
        assert server["activeDirectory"] == "/mnt/media/tv"
        apps["seerr"].changes.clear()
        assert unit_.run().status == 0
        assert apps["seerr"].changes == []
        server |= {"port": 1, "activeProfileId": 6}
        assert unit_.run().status == 0
        (server,) = apps["seerr"].there(SERVERS)
        assert (server["port"], server["activeProfileId"]) == (apps["sonarr"].port, 6)


@pytest.mark.requirement("S3-04")
def test_sonarr_searches_the_trackers_of_jackett(tmp_path: Path) -> None:
    with ExitStack() as stack:
        apps = {
            "sonarr": stack.enter_context(running(App("sonarr's"))),
            "jackett": stack.enter_context(running(App("jackett's"))),
        }
        ran = unit(build.plan(SEERR), "nas", "sonarr", apps, tmp_path / "sonarr").run()
        assert ran.status == 0, ran.journal
        name = "jackett (homelab)"
        url = f"http://127.0.0.1:{apps['jackett'].port}"
        assert apps["sonarr"].field(INDEXERS, name, "baseUrl") == url
        assert apps["sonarr"].field(INDEXERS, name, "apiKey") == "jackett's"
    files = build.render(SEERR)["nas"]
    assert (
        "json /var/lib/jackett/.config/Jackett/ServerConfig.json APIKey" in files["connections.nix"]
    )


@pytest.mark.requirement("S3-04")
def test_bazarr_starts_with_the_address_and_the_key_of_sonarr() -> None:
    text = build.render(SEERR)["nas"]["connections.nix"]
    assert "DYNACONF_sonarr__port = 8989;" in text or 'DYNACONF_sonarr__port = "8989";' in text
    assert 'DYNACONF_general__use_sonarr = "@bool true";' in text
    secrets = {s.name: s for s in build.plan(SEERR).secrets.secrets}
    assert secrets["bazarr-connects-sonarr"].env == (("DYNACONF_sonarr__apikey", "@str {value}"),)
    assert secrets["bazarr-api-key"].env == (("DYNACONF_auth__apikey", "@str {value}"),)
