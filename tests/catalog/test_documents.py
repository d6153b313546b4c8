"""Entries for documents and personal apps: closed registration, databases, sign-in, their own Nginx."""

from __future__ import annotations

import pytest

from homelab.proxy.registry import PROXIES
from tests import build
from tests.build import service_file
from tests.household import Changes

TARGETS: Changes = {
    "targets": {"b2": {"kind": "b2", "path": "bucket/restic", "credentials": {"sops": "restic/b2"}}}
}


NGINX = [
    ("baikal", 8088),
    ("bookstack", 8089),
    ("firefly-iii", 8087),
    ("freshrss", 8085),
    ("grocy", 8086),
]
CLOSED = [
    ("forgejo", "service.DISABLE_REGISTRATION = true;"),
    ("gitea", "service.DISABLE_REGISTRATION = true;"),
    ("hedgedoc", "allowEmailRegister = false;"),
    ("homebox", 'HBOX_OPTIONS_ALLOW_REGISTRATION = "false";'),
    ("karakeep", 'DISABLE_SIGNUPS = "true";'),
    ("linkwarden", "enableRegistration = false;"),
    ("mealie", 'ALLOW_SIGNUP = "false";'),
    ("paperless", "PAPERLESS_ACCOUNT_ALLOW_SIGNUPS = false;"),
    ("vikunja", "enableregistration = false;"),
]


@pytest.mark.parametrize(("name", "line"), CLOSED, ids=[n for n, _ in CLOSED])
def test_a_visitor_cannot_make_an_account(name: str, line: str) -> None:
    assert line in service_file(name)


def test_freshrss_keeps_everybodys_feeds_in_a_database_that_is_dumped() -> None:
    """With SQLite each person has a file whose name no backup knows."""
    plan = build.plan({"services": {"freshrss": {"host": "pi"}}, "backup": TARGETS})
    (job,) = [j for j in plan.backup.jobs if j.name == "freshrss"]
    assert "/var/backup/postgresql/freshrss.sql.gz" in job.paths
    text = service_file("freshrss")
    assert 'type = "pgsql";' in text
    assert 'ensureDatabases = [ "freshrss" ];' in text


@pytest.mark.parametrize("name", ["freshrss", "wiki-js"])
@pytest.mark.parametrize(
    ("release", "unit"), [("25.05", "postgresql.service"), ("25.11", "postgresql.target")]
)
def test_an_app_starts_after_the_database_that_its_entry_makes(
    name: str, release: str, unit: str
) -> None:
    changes: Changes = {
        "nixpkgs": {"default": {"release": release}},
        "services": {name: {"host": "pi"}},
    }
    text = build.render(changes)["pi"][f"services/{name}.nix"]
    assert f'after = [ "{unit}" ];' in text
    assert f'requires = [ "{unit}" ];' in text


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize(("name", "port"), NGINX)
def test_an_nginx_of_its_own_stays_clear_of_the_proxy(name: str, port: int, proxy: str) -> None:
    changes: Changes = {
        "services": {name: {"host": "pi"}},
        "network": {"entry": {"proxy": proxy}},
    }
    files = build.render(changes)["pi"]
    listen = files[f"services/{name}.nix"].split("listen = [")[1]
    assert 'addr = "127.0.0.1";' in listen
    assert f"port = {port};" in listen
    assert f"127.0.0.1:{port}" in files["proxy.nix"]
    assert not build.found(changes, "port-unique")


def test_paperless_believes_an_identity_header_only_behind_the_auth_proxy() -> None:
    """Another visitor could send the header."""
    assert "PAPERLESS_ENABLE_HTTP_REMOTE_USER" not in service_file("paperless")
    assert "PAPERLESS_ENABLE_HTTP_REMOTE_USER = true;" in service_file("paperless", auth="forward")


def test_karakeep_makes_accounts_only_for_those_that_the_provider_signs_in() -> None:
    text = service_file("karakeep", auth="oidc")
    assert 'DISABLE_SIGNUPS = "false";' in text
    assert 'DISABLE_PASSWORD_AUTH = "true";' in text


def test_syncthing_keeps_the_devices_and_folders_that_are_made_on_its_pages() -> None:
    """Its module sends settings at each start, and removes by default what they do not name."""
    text = service_file("syncthing")
    assert "overrideDevices = false;" in text
    assert "overrideFolders = false;" in text


def test_the_dump_of_a_database_of_mysql_is_in_the_backup() -> None:
    """Its files change while they are copied."""
    plan = build.plan({"services": {"bookstack": {"host": "pi"}}, "backup": TARGETS})
    (job,) = [j for j in plan.backup.jobs if j.name == "bookstack"]
    assert "/var/backup/dumps/bookstack/mysql-bookstack.sql" in job.paths
    text = build.render({"services": {"bookstack": {"host": "pi"}}, "backup": TARGETS})["pi"]
    assert "/bin/mysqldump --single-transaction" in text["backup.nix"]
    assert "--databases bookstack" in text["backup.nix"]


@pytest.mark.parametrize("name", ["mysql", "postgresql"])
def test_an_option_that_moves_the_databases_of_the_host_is_refused(name: str) -> None:
    options = {f"services.{name}.dataDir": "/srv/db"}
    changes: Changes = {"services": {"bookstack": {"host": "pi", "options": options}}}
    (problem,) = build.found(changes, "option-state")
    assert problem.way_out.endswith(f"mount a disk at /var/lib/{name} instead")


def test_file_browser_shows_a_dataset_that_its_group_may_write() -> None:
    """Its module makes the directory for itself alone, in filebrowser.conf; systemd-tmpfiles keeps
    the first rule of a path by the name of the file, which is 10-datasets.conf.
    """
    files = {"host": "pi", "path": "/mnt/files", "tier": "user", "group": "family"}
    changes: Changes = {
        "services": {"filebrowser": {"host": "pi", "datasets": {"files": "files"}}},
        "datasets": {"files": files},
    }
    made = build.render(changes)["pi"]
    assert 'root = "/mnt/files";' in made["services/filebrowser.nix"]
    assert '"/mnt/files".d' in made["storage.nix"].split('tmpfiles.settings."10-datasets"')[1]


PAPERS: Changes = {
    "services": {
        "paperless": {"host": "pi", "datasets": {"documents": "papers", "consume": "scans"}}
    },
    "datasets": {
        "papers": {
            "host": "pi",
            "path": "/mnt/safe/papers",
            "mount": "/mnt/safe",
            "tier": "user",
            "owner": "paperless",
            "group": "paperless",
            "mode": "2750",
        },
        "scans": {"host": "pi", "path": "/srv/scans", "tier": "re-derivable", "group": "family"},
    },
}


def test_every_unit_of_paperless_works_with_its_documents_and_with_new_ones() -> None:
    """All four write there: the web server an upload, the consumer and the queue what they file,
    and the scheduler what it migrates.
    """
    made = build.render(PAPERS)["pi"]
    text = made["services/paperless.nix"]
    assert 'mediaDir = "/mnt/safe/papers";' in text
    assert 'consumptionDir = "/srv/scans";' in text
    plan = build.plan(PAPERS)
    units = plan.service("paperless").units
    assert len(units) == 4
    for unit in units:
        (sandbox,) = [u for u in plan.hardening if u.unit == unit]
        settings = dict(sandbox.settings)
        assert settings["BindPaths"] == ["/mnt/safe/papers", "/srv/scans"]
        assert settings["UMask"] == "0007"
        waits = made["storage.nix"].split(f"systemd.services.{unit} =")[1]
        assert '"family"' in waits.split("};")[0]
        assert 'RequiresMountsFor = [\n        "/mnt/safe"' in waits.split("};")[0]
    # The rules of datasets come before those of its module, which would make them its own.
    assert '"/srv/scans".d' in made["storage.nix"].split('tmpfiles.settings."10-datasets"')[1]


def test_paperless_without_datasets_keeps_its_directories() -> None:
    text = build.render({"services": {"paperless": {"host": "pi"}}})["pi"]["services/paperless.nix"]
    assert "mediaDir" not in text
    assert "consumptionDir" not in text
