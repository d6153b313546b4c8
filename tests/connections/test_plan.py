"""What follows from `connects` in the plan: keys, `uses`, addresses and directories."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from homelab.config.connections import ApiKey, ApiObject, ConnectionFact
from homelab.config.facts import ServiceFacts
from homelab.secrets.rotation import rotatable
from homelab.testing.changes import changed
from tests import build
from tests.connections.homes import BOTH, MEDIA, file_of, service
from tests.site.ways_out.stacks import both

HERE = {
    **MEDIA,
    "services": {
        "sonarr": service(datasets=BOTH, connects=["sabnzbd"]),
        "sabnzbd": service(datasets={"downloads": "media"}),
        "radarr": service(datasets=BOTH),
    },
}
THERE = {
    "services": {
        "sonarr": service(),
        "prowlarr": {"host": "pi", "connects": ["sonarr"]},
    }
}


def keys(changes: dict[str, object]) -> dict[str, tuple[str, int]]:
    """The purpose and the epoch of each secret with an API key."""
    secrets = build.plan(changes).secrets.secrets
    return {s.name: (s.purpose, s.epoch) for s in secrets if s.purpose.endswith("/api-key")}


def wanted(changes: dict[str, object], host: str, name: str) -> list[dict[str, object]]:
    """The objects in the file of a service's connections."""
    data = json.loads(file_of(build.plan(changes), host, f"lib/connections-{name}.json"))
    return list(data["wanted"])


def fields(changes: dict[str, object], host: str, name: str) -> dict[str, object]:
    """The fields of the first object."""
    found = wanted(changes, host, name)[0]["fields"]
    assert isinstance(found, dict)
    return found


@pytest.mark.requirement("S3-04")
def test_the_key_of_a_service_is_the_same_wherever_it_is() -> None:
    assert keys(HERE) == {
        "sabnzbd-api-key": ("sabnzbd/api-key", 1),
        "sonarr-api-key": ("sonarr/api-key", 1),
        "sonarr-key-sabnzbd": ("sabnzbd/api-key", 1),
        "sonarr-key-sonarr": ("sonarr/api-key", 1),
    }


def test_the_key_of_a_service_without_connections_stays_as_it_is() -> None:
    assert not [name for name in keys(HERE) if "radarr" in name]
    assert "radarr" not in file_of(build.plan(HERE), "nas", "connections.nix")


def test_one_epoch_rotates_a_key_and_its_copies() -> None:
    rotated = {**HERE, "secrets": {"epochs": {"sabnzbd.api-key": 2}}}
    assert keys(rotated)["sabnzbd-api-key"][1] == keys(rotated)["sonarr-key-sabnzbd"][1] == 2
    assert keys(rotated)["sonarr-api-key"][1] == 1
    assert set(rotatable(build.plan(HERE))) >= {"sabnzbd.api-key", "sonarr.api-key"}
    assert not [key for key in rotatable(build.plan(HERE)) if ".key-" in key]


def test_a_stored_key_replaces_the_derived_one() -> None:
    stored = {"api-key": {"ref": {"sops": "media/sabnzbd"}}}
    changes = both(HERE, {"services": {"sabnzbd": {"secrets": stored}}})
    secrets = {s.name: s for s in build.plan(changes).secrets.secrets}
    for name in ("sabnzbd-api-key", "sonarr-key-sabnzbd"):
        assert (secrets[name].source, secrets[name].key) == ("stored", "media/sabnzbd")
    assert not [p for p in build.problems(changes) if "api-key" in p.where]


@pytest.mark.requirement("S3-04")
def test_services_of_two_hosts_reach_each_other_as_by_uses() -> None:
    plan = build.plan(THERE)
    sonarr, prowlarr = plan.service("sonarr"), plan.service("prowlarr")
    assert sonarr is not None
    assert prowlarr is not None
    assert sonarr.callers == ("pi",)
    # Sonarr searches at the address of Prowlarr.
    assert prowlarr.callers == ("nas",)
    there = fields(THERE, "pi", "prowlarr")
    nas, pi = (plan.hosts[n].config.address for n in ("nas", "pi"))
    assert there["baseUrl"] == f"http://{nas.lan}:{sonarr.port}"
    assert there["prowlarrUrl"] == f"http://{pi.lan}:{prowlarr.port}"
    assert there["apiKey"] == {"$key": "sonarr"}


def test_an_app_uses_its_directory_of_the_dataset_or_the_whole_dataset() -> None:
    assert wanted(HERE, "nas", "sonarr")[-1]["body"] == {"path": "/mnt/media/tv"}
    whole = changed(HERE, {"datasets": {"media": {"dirs": None}}})
    assert wanted(whole, "nas", "sonarr")[-1]["body"] == {"path": "/mnt/media"}
    none = changed(HERE, {"services": {"sonarr": {"datasets": None}}})
    assert [o["path"] for o in wanted(none, "nas", "sonarr")] == ["/api/v3/downloadclient"]


def test_a_directory_of_a_dataset_has_its_group_and_mode() -> None:
    text = file_of(build.plan(HERE), "nas", "storage.nix")
    assert '"/mnt/media/tv".d' in text
    assert text.count('mode = "2775";') == 4


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"$callee": "adress"}, "write one of base, folder, host, key, port, url"),
        ({"$service": "sonarr"}, r"write \$callee, \$caller or \$folder"),
        ({"$callee": "url", "name": "x"}, "stands alone"),
        ([{"inner": {"$caller": "x"}}], "write one of base, folder, host"),
    ],
)
def test_a_reference_that_a_connection_does_not_know_is_refused(value: object, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ApiObject.model_validate({"path": "/api", "body": {"a": value}})


@pytest.mark.parametrize("value", [["a"], {"b": "c"}, {}, None])
def test_a_variable_of_a_connection_is_a_text_a_number_or_a_reference(value: object) -> None:
    ConnectionFact.model_validate({"env": {"A": "text", "B": 1, "C": {"$callee": "url"}}})
    with pytest.raises(ValidationError):
        ConnectionFact.model_validate({"env": {"A": value}})


def test_an_object_of_a_service_itself_names_no_other_service() -> None:
    own = {"path": "/api", "body": {"path": {"$folder": "media"}, "url": {"$caller": "url"}}}
    ServiceFacts.model_validate({"own_objects": [own]})
    with pytest.raises(ValidationError, match="there is no other service here"):
        ServiceFacts.model_validate({"own_objects": [{**own, "body": {"a": {"$callee": "url"}}}]})


def clients(release: str = "25.11") -> dict[str, object]:
    """Each app with each download client of the catalog that has a password."""
    names = ["deluge", "nzbget", "qbittorrent"]
    return {
        **MEDIA,
        "nixpkgs": {"default": {"release": release}},
        "services": {
            **{n: service(datasets={"downloads": "media"}) for n in names},
            "sonarr": service(datasets=BOTH, connects=names),
            "prowlarr": service(connects=names),
        },
    }


@pytest.mark.requirement("S3-04")
def test_a_download_client_with_an_account_gets_a_password_that_the_apps_know() -> None:
    made = {o["body"]["name"]: o["fields"] for o in wanted(clients(), "nas", "sonarr")[:3]}  # type: ignore[index]
    assert {name: (f.get("username"), f["password"]) for name, f in made.items()} == {
        "deluge (homelab)": (None, {"$key": "deluge"}),
        "nzbget (homelab)": ("homelab", {"$key": "nzbget"}),
        "qbittorrent (homelab)": ("admin", {"$key": "qbittorrent"}),
    }
    assert keys(clients())["prowlarr-key-qbittorrent"] == ("qbittorrent/api-key", 1)


def test_the_unit_with_the_pages_writes_its_password_and_starts_again_with_another() -> None:
    plan = build.plan(clients())
    text = file_of(plan, "nas", "connections.nix")
    units = {s.name: s.units for s in plan.secrets.secrets if s.name.endswith("-api-key")}
    assert units["deluge-api-key"] == ("delugeweb.service",)
    assert units["qbittorrent-api-key"] == ("qbittorrent.service",)
    for unit, call in (
        ("delugeweb", "deluge /var/lib/deluge/.config/deluge/web.conf - "),
        ("nzbget", "nzbget /var/lib/nzbget/nzbget.conf - "),
        ("qbittorrent", "qbittorrent /var/lib/qBittorrent/qBittorrent/config/qBittorrent.conf - "),
    ):
        _, _, rest = text.partition(f"systemd.services.{unit} = ")
        assert call in rest.partition("};")[0], unit
    owners = {s.name: s.owner for s in plan.secrets.secrets if s.name.endswith("-api-key")}
    assert owners["qbittorrent-api-key"] == "qbittorrent"


def test_the_file_with_the_key_follows_the_state() -> None:
    moved = changed(
        clients(),
        {
            "services": {
                "qbittorrent": {"options": {"services.qbittorrent.profileDir": "/var/lib/torrents"}}
            }
        },
    )
    text = file_of(build.plan(moved), "nas", "connections.nix")
    assert "qbittorrent /var/lib/torrents/qBittorrent/config/qBittorrent.conf" in text


def test_the_settings_of_an_account_have_one_place() -> None:
    with pytest.raises(ValidationError, match="have one place; leave at out"):
        ApiKey.model_validate({"file": "/etc/a", "format": "deluge", "at": "pwd_sha1"})


def fetched(ref: dict[str, str]) -> dict[str, object]:
    """Keys of SABnzbd and Sonarr that are elsewhere, with a caller on each of two hosts."""
    key = {"api-key": {"ref": ref}}
    return {
        **MEDIA,
        "secrets": {"onepassword": {"token": {"sops": "onepassword/token"}}},
        "services": {
            "sonarr": service(datasets=BOTH, connects=["sabnzbd"], secrets=key),
            "sabnzbd": service(datasets={"downloads": "media"}, secrets=key),
            "bazarr": service(datasets={"media": "media"}, connects=["sonarr"]),
            "prowlarr": {"host": "pi", "connects": ["sonarr"]},
        },
    }


OP = {"op": "op://home/media/key"}


@pytest.mark.requirement("S2-03", "S3-04", "S3-08")
def test_each_caller_fetches_a_key_that_is_in_1password() -> None:
    plan = build.plan(fetched(OP))
    found = {(s.host, s.name): s for s in plan.secrets.secrets if s.source == "fetched"}
    assert {key for key, s in found.items() if s.key == "op://home/media/key"} == {
        ("nas", "bazarr-connects-sonarr"),
        ("nas", "sabnzbd-api-key"),
        ("nas", "sonarr-api-key"),
        ("nas", "sonarr-connections-key-sabnzbd"),
        ("nas", "sonarr-connections-key-sonarr"),
        ("pi", "prowlarr-connections-key-sonarr"),
    }
    # The host of another caller gets the token, too.
    assert {s.host for s in plan.secrets.secrets if s.name == "onepassword-token"} == {"nas", "pi"}
    assert not [p for p in build.problems(fetched(OP)) if "api-key" in p.where]


@pytest.mark.requirement("S2-03", "S3-04", "S3-08")
def test_only_the_connections_wait_for_the_keys_of_others() -> None:
    plan = build.plan(fetched(OP))
    secrets = file_of(plan, "nas", "fetched-secrets.nix")
    made = file_of(plan, "nas", "connections.nix")
    path = "/run/homelab/fetched/sonarr-connections/key-sabnzbd"
    assert f'"sabnzbd:{path}"' in made
    assert '"key-sabnzbd op://home/media/key"' in made
    for unit, group in (
        ("sonarr-connections", "sonarr-connections"),
        ("bazarr", "bazarr"),
        ("sonarr", "sonarr"),
    ):
        _, _, rest = secrets.partition(f"    systemd.services.{unit} = {{\n")
        body = rest.partition("\n    };")[0]
        assert f'requires = [ "homelab-secrets-{group}.service" ];' in body, unit
    assert secrets.count("place_file key-sabnzbd root 0400 op://home/media/key") == 1
    assert "homelab-secrets-prowlarr.service" not in file_of(plan, "pi", "fetched-secrets.nix")


def test_a_file_of_a_module_is_the_key_of_callers_on_its_host_alone() -> None:
    changes = fetched({"path": "/run/agenix/key"})
    assert [p.check for p in build.problems(changes) if "api-key" in p.where] == ["secret-known"]
    here = changed(changes, {"services": {"prowlarr": {"host": "nas"}}})
    assert not [p for p in build.problems(here) if "api-key" in p.where]
    text = file_of(build.plan(here), "nas", "connections.nix")
    assert '"sabnzbd:/run/agenix/key"' in text


def test_an_app_below_a_path_is_called_there() -> None:
    apps = {
        "sonarr": service(datasets=BOTH, connects=["sabnzbd"]),
        "sabnzbd": service(datasets={"downloads": "media"}),
        "bazarr": service(datasets={"media": "media"}, connects=["sonarr"]),
        "prowlarr": service(connects=["sonarr"]),
    }
    root: dict[str, object] = {**MEDIA, "services": apps}
    below = changed(
        root,
        {
            "services": {
                "sonarr": {"options": {"services.sonarr.settings.server.urlBase": "/sonarr"}},
                "prowlarr": {
                    "options": {"services.prowlarr.settings": {"server": {"urlbase": "p"}}}
                },
            }
        },
    )
    for stack, base, own in ((root, "", ""), (below, "/sonarr", "/p")):
        plan = build.plan(stack)
        told = fields(stack, "nas", "prowlarr")
        assert told["baseUrl"] == f"http://127.0.0.1:8989{base}"
        assert told["prowlarrUrl"] == f"http://127.0.0.1:9696{own}"
        data = json.loads(file_of(plan, "nas", "lib/connections-sonarr.json"))
        assert data["address"] == f"http://127.0.0.1:8989{base}"
        assert data["waits"][0] == f"http://127.0.0.1:8989{base}/ping"
        text = file_of(plan, "nas", "connections.nix")
        assert (f'DYNACONF_sonarr__base_url = "{base}";' in text) == bool(base)


NESTED: dict[str, object] = {
    "datasets": {
        name: {"host": "nas", "path": path, "tier": "re-derivable", "group": "media"}
        for name, path in (("media", "/mnt/media"), ("torrents", "/mnt/media/torrents"))
    },
    "services": {
        "qbittorrent": service(datasets={"downloads": "torrents"}),
        "sonarr": service(datasets={"media": "media"}, connects=["qbittorrent"]),
    },
}


def test_the_sandbox_hides_a_dataset_below_the_one_that_an_app_names() -> None:
    (unit,) = (u for u in build.plan(NESTED).units_on("nas") if u.unit == "sonarr")
    settings = dict(unit.settings)
    assert "/mnt/media/torrents:ro" in settings["TemporaryFileSystem"]  # type: ignore[operator]
    assert settings["BindPaths"] == ["/mnt/media"]
    (problem,) = build.found(NESTED, "downloads-shared")
    assert "the sandbox of sonarr hides, also below media" in problem.what
    named = {"media": "media", "downloads": "torrents"}
    mended = {"services": {"sonarr": {"datasets": named}}}
    assert build.found(both(NESTED, mended), "downloads-shared") == []


def test_a_dataset_that_is_not_in_the_stack_is_its_own_problem() -> None:
    wrong = {"services": {"sonarr": {"datasets": {"downloads": "nothing-has-this-name"}}}}
    found = build.found(both(NESTED, wrong), "dataset-host")
    assert [p.where for p in found] == ["services.sonarr.datasets.downloads"]


@pytest.mark.parametrize(
    ("harden", "seen"),
    [
        ({"read_write": ["/mnt/media/torrents"]}, True),
        ({"read_only": ["/mnt/media"]}, True),
        ({"relax": {"temporary-file-system": "it sorts files of others"}}, True),
        ({"exempt": "it sorts files of others"}, True),
        ({"read_only": ["/mnt/other"]}, False),
    ],
)
def test_an_app_that_its_sandbox_shows_the_downloads_sorts_them_in(
    harden: dict[str, object], seen: bool
) -> None:
    changes = both(NESTED, {"services": {"sonarr": {"harden": harden}}})
    assert (build.found(changes, "downloads-shared") == []) is seen


def test_an_app_on_a_host_whose_sandboxes_are_its_owners_sees_every_directory() -> None:
    parts = ["services", "secrets", "storage", "firewall"]
    changes = both(NESTED, {"hosts": {"nas": {"manage": parts}}})
    assert build.plan(changes).units_on("nas") == ()
    assert build.found(changes, "downloads-shared") == []
