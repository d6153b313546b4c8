"""The *arr services have the same facts, apart from their names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from homelab.catalog import ENTRIES
from tests import build
from tests.household import Changes
from tests.programs.rendered import settings

pytestmark = pytest.mark.requirement("S4-18")
MEDIA = {"films": {"host": "nas", "path": "/mnt/films", "tier": "re-derivable"}}
NAMES = {
    "sonarr": {"PORT": "8989", "CONFIG": "/var/lib/sonarr/.config/NzbDrone", "STATE": "series"},
    "radarr": {"PORT": "7878", "CONFIG": "/var/lib/radarr/.config/Radarr", "STATE": "films"},
}
"""What has another value in each, by a name that stands for it."""


def rendered(name: str) -> str:
    """The files of a service, with names in place of what differs."""
    service = {"host": "nas", "datasets": {"media": "films", "downloads": "films"}}
    files = build.render({"services": {name: service}, "datasets": MEDIA})["nas"]
    text = "\n".join(files[f] for f in (f"services/{name}.nix", "hardening.nix", "storage.nix"))
    for stands, value in NAMES[name].items():
        text = text.replace(value, stands)
    text = text.replace(f"/var/lib/{name}", "CONFIG").replace("CONFIG/.config/Radarr", "CONFIG")
    return text.replace(name.capitalize(), "Arr").replace(name, "arr").replace("films", "STATE")


def test_sonarr_and_radarr_are_equal_with_their_names_swapped() -> None:
    assert rendered("sonarr") == rendered("radarr")


@pytest.mark.parametrize("name", ["radarr", "lidarr"])
def test_their_entries_have_the_same_keys_and_rules(name: str) -> None:
    one, other = ENTRIES["sonarr"], ENTRIES[name]
    for field in ("since", "database", "health", "hardening", "sign_in"):
        assert getattr(one, field, None) == getattr(other, field, None), field
    assert set(one.options) == {o.replace(name, "sonarr") for o in other.options}


def test_bazarr_is_a_service_of_the_catalog_with_the_same_parts() -> None:
    changes: Changes = {
        "services": {"bazarr": {"host": "nas", "datasets": {"media": "films"}}},
        "datasets": MEDIA,
    }
    plan = build.plan(changes)
    (unit,) = [u for u in plan.hardening if u.service == "bazarr"]
    assert dict(unit.settings)["BindPaths"] == ["/mnt/films"]
    assert dict(unit.settings)["UMask"] == "0002"
    assert [r.internal for r in plan.routes_of("bazarr")] == ["bazarr.home.example.org"]


@pytest.mark.parametrize("directory", ["lib/sonarr", "./sonarr", "/var/lib/../sonarr"])
def test_a_state_directory_is_an_absolute_path(directory: str) -> None:
    with pytest.raises(Exception, match=r"services\.sonarr\.state"):
        build.plan({"services": {"sonarr": {"host": "nas", "state": [directory]}}})


OLD_INI = """\
__version__ = 19
[misc]
host = 127.0.0.1
port = 8080
complete_dir = /mnt/done
host_whitelist = nas
[servers]
[[news]]
host = news.example.org
port = 563
"""


@pytest.mark.parametrize("before", ["", OLD_INI], ids=["new", "old"])
def test_sabnzbd_listens_as_the_plan_says_where_its_module_has_no_options(
    before: str, tmp_path: Path
) -> None:
    """On loopback and by the name of its host alone, the proxy would get no answer."""
    changes: Changes = {"services": {"sabnzbd": {"host": "nas", "port": 8085}}}
    found = dict(settings(build.plan(changes), "systemd.services", tmp_path))["nas"]
    assert isinstance(found, dict)
    ini = tmp_path / "sabnzbd.ini"
    if before:
        ini.write_text(before)
    script, env = found["sabnzbd"]["preStart"], {**os.environ, "SABNZBD_INI": str(ini)}
    for _ in range(2):
        subprocess.run(["bash", "-eu", "-c", script], check=True, env=env)
    text = ini.read_text()
    misc = text.partition("[misc]\n")[2].partition("[servers]")[0].splitlines()
    name = "sabnzbd.home.example.org"
    wanted = ["host = 0.0.0.0", "port = 8085", f"host_whitelist = {name}", "inet_exposure = 4"]
    assert sorted(misc) == sorted([*wanted, *(["complete_dir = /mnt/done"] if before else [])])
    assert text.partition("[servers]")[2] == before.partition("[servers]")[2]
    assert before or not ini.stat().st_mode & 0o077


def test_the_data_of_sabnzbd_lies_beside_the_file_that_an_option_names() -> None:
    """Also the file that gets the port, and that its API key is read from."""
    option = {"services.sabnzbd.configFile": "/srv/usenet/sab.ini"}
    changes: Changes = {"services": {"sabnzbd": {"host": "nas", "options": option}}}
    (service,) = build.plan(changes).instances("sabnzbd")
    entry, key = service.entry, service.entry.api_key
    assert service.state == ("/srv/usenet",)
    assert entry.exclude == ("/srv/usenet/Downloads", "/srv/usenet/logs")
    assert [d.source for d in entry.dumps] == ["/srv/usenet/admin/history1.db"]
    assert key is not None
    assert key.file == "/srv/usenet/sab.ini"
    text = build.render(changes)["nas"]["services/sabnzbd.nix"]
    assert "environment.SABNZBD_INI = config.services.sabnzbd.configFile;" in text


def test_sabnzbd_reads_its_settings_also_on_a_host_that_was_older() -> None:
    """With a state_version before 26.05, the file of the module's default would replace them."""
    changes: Changes = {
        "nixpkgs": {"default": {"release": "26.05"}},
        "hosts": {"nas": {"state_version": "25.05"}},
        "services": {"sabnzbd": {"host": "nas"}},
    }
    text = build.render(changes)["nas"]["services/sabnzbd.nix"]
    assert "configFile = null;" in text
    assert "SABNZBD_INI" not in text


@pytest.mark.parametrize("auth", ["native", "forward"])
def test_sabnzbd_without_a_password_may_not_meet_the_internet(auth: str) -> None:
    """Until its pages have one, it lets everybody in who reaches it."""
    public = {"publish": "tunnel", "auth": auth, "public": "from everywhere"}
    changes: Changes = {
        "cloudflare": {"tunnel": {"host": "nas"}},
        "site": {"exposure": "mixed"},
        "services": {"sabnzbd": {"host": "nas", **public}},
    }
    assert bool(build.found(changes, "first-account")) is (auth == "native")


@pytest.mark.parametrize("vendor", ["amd", "intel", "nvidia"])
def test_plex_transcodes_on_the_gpu_that_it_is_given(vendor: str) -> None:
    gpu = {"vendor": vendor, **({"architecture": "ada"} if vendor == "nvidia" else {})}
    changes: Changes = {"hosts": {"nas": {"gpu": gpu}}, "services": {"plex": {"host": "nas"}}}
    assert "accelerationDevices = [ ];" in build.render(changes)["nas"]["services/plex.nix"]
    changes = build.changed(changes, {"services": {"plex": {"gpu": vendor}}})
    text = build.render(changes)["nas"]["services/plex.nix"]
    assert 'accelerationDevices = [ "*" ];' in text
    assert '"render"' in text
    assert not [p for p in build.problems(changes) if p.check == "gpu-useful"]
