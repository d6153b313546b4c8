"""What an entry knows of its module becomes a file, a refusal or a warning."""

from __future__ import annotations

import pytest

from homelab.testing import merged
from tests import build
from tests.household import Changes

TUNNEL: Changes = {"cloudflare": {"tunnel": {"host": "pi"}}, "site": {"exposure": "mixed"}}
FILES: Changes = {
    "datasets": {
        "files": {
            "host": "nas",
            "path": "/mnt/data/files",
            "mount": "/mnt/data",
            "tier": "user",
            "group": "family",
        }
    },
    "services": {"nextcloud": {"host": "nas", "datasets": {"files": "files"}}},
}
RADIO = {"services.openthread-border-router.radio.device": "/dev/ttyACM0"}


def _on(release: str, **services: object) -> Changes:
    return {"nixpkgs": {"default": {"release": release}}, "services": services}


def _checked(changes: Changes, check: str) -> list[str]:
    return [str(p) for p in build.found(changes, check)]


@pytest.mark.requirement("S0-54")
def test_every_unit_of_nextcloud_waits_for_the_disk_of_its_files() -> None:
    """Its setup would install it anew on an empty directory, against the old database."""
    text = build.render(FILES)["nas"]["storage.nix"]
    for unit in ("cron", "setup", "update-db"):
        said = text.split(f"systemd.services.nextcloud-{unit} = {{")[1].split("};")[0]
        assert 'unitConfig.RequiresMountsFor = [ "/mnt/data" ];' in said
    assert "nextcloud-update-plugins" not in text


@pytest.mark.requirement("S0-54")
def test_workers_have_their_datasets_group_by_their_user() -> None:
    """PHP's workers ask for the groups of the user, not for those of the unit."""
    text = build.render(FILES)["nas"]["storage.nix"]
    assert 'users.users.nextcloud.extraGroups = [ "family" ];' in text


@pytest.mark.requirement("S0-11")
def test_sabnzbd_is_told_its_port_where_its_module_has_an_option() -> None:
    """And what is typed on its pages lasts."""
    text = build.render(_on("26.05", sabnzbd={"host": "nas", "port": 8090}))["nas"]
    said = text["services/sabnzbd.nix"]
    assert "allowConfigWrite = true;" in said
    assert "port = 8090;" in said
    assert 'host_whitelist = "sabnzbd.home.example.org";' in said
    before = build.render(_on("25.11", sabnzbd={"host": "nas"}))["nas"]["services/sabnzbd.nix"]
    assert "settings" not in before


@pytest.mark.requirement("S0-11")
def test_jackett_is_told_its_port() -> None:
    text = build.render(_on("25.11", jackett={"host": "nas", "port": 9000}))["nas"]
    assert "services.jackett" in text["services/jackett.nix"]
    assert "port = 9000;" in text["services/jackett.nix"]


LATER = {"extends": "jackett", "ports": {"web": {"port": 8080, "movable_since": "26.05"}}}
"""Facts of an app whose module has the option since a later release."""


@pytest.mark.parametrize(
    ("service", "release", "words"),
    [
        ("jellyfin", "25.11", "no option of its module changes the port of jellyfin from 8096;"),
        ("later", "25.11", "changes the port of later from 8080 before NixOS 26.05;"),
    ],
)
@pytest.mark.requirement("S0-11")
def test_a_port_that_no_option_moves_is_refused(service: str, release: str, words: str) -> None:
    """The proxy would follow, and the app would stay."""
    changes = {
        **_on(release, **{service: {"host": "nas", "port": 9000}}),
        "catalog": {"later": LATER} if service == "later" else {},
    }
    (problem,) = _checked(changes, "port-fixed")
    assert problem.startswith(f"services.{service}.port: ")
    assert words in problem
    assert build.plan(changes).services
    newer = {**_on("26.05", later={"host": "nas", "port": 9000}), "catalog": {"later": LATER}}
    assert not _checked(newer, "port-fixed")


@pytest.mark.requirement("S0-11")
def test_a_port_that_stays_is_the_modules_own_whatever_was_remembered() -> None:
    """The plan says where the app listens."""
    plan = build.plan(_on("25.11", jellyfin={"host": "nas", "port": 9000}))
    (jellyfin,) = [s for s in plan.services if s.name == "jellyfin"]
    assert jellyfin.port == 8096


@pytest.mark.parametrize("release", ["25.11", "26.05"])
@pytest.mark.parametrize("service", ["radarr", "sabnzbd", "sonarr"])
@pytest.mark.requirement("S0-54")
def test_what_one_files_the_others_of_its_group_may_change(service: str, release: str) -> None:
    """Also where nixpkgs says a mask of its own, as Sonarr's and Radarr's do since 26.05."""
    text = build.render(_on(release, **{service: {"host": "nas"}}))["nas"]["hardening.nix"]
    said = text.split(f"homelab.hardening.units.{service} =")[1].split("UMask = ")[1]
    own = release == "26.05" and service != "sabnzbd"
    assert said.startswith('lib.mkForce "0002";' if own else '"0002";')


GPU = {"hosts": {"nas": {"gpu": {"vendor": "intel"}}}}


@pytest.mark.requirement("S0-52")
def test_graphics_for_an_app_that_has_no_use_for_them_are_refused() -> None:
    """With what it could use, if anything."""
    vault = {**GPU, "services": {"vaultwarden": {"host": "nas", "gpu": "intel"}}}
    (problem,) = _checked(vault, "gpu-useful")
    assert "Vaultwarden cannot use intel graphics; leave gpu out" in problem
    ollama = {**GPU, "services": {"ollama": {"host": "nas", "gpu": "intel"}}}
    assert "write gpu: amd or nvidia" in _checked(ollama, "gpu-useful")[0]
    immich = {**GPU, "services": {"immich": {"host": "nas", "gpu": "intel"}}}
    assert not _checked(immich, "gpu-useful")


@pytest.mark.requirement("S0-52")
def test_immich_may_open_the_graphics_that_it_is_given() -> None:
    """Its module closes all devices by itself."""
    files = build.render({**GPU, "services": {"immich": {"host": "nas", "gpu": "intel"}}})["nas"]
    assert "accelerationDevices = null;" in files["services/immich.nix"]
    assert "extraGroups = [" in files["services/immich.nix"]
    plain = build.render({"services": {"immich": {"host": "nas"}}})["nas"]["services/immich.nix"]
    assert "accelerationDevices" not in plain


@pytest.mark.requirement("S0-52")
def test_immich_without_its_machine_learning_has_no_unit_and_no_port_of_it() -> None:
    """A unit that only has a sandbox would be a unit without a program."""
    off = {"services.immich.machine-learning.enable": False}
    files = build.render({"services": {"immich": {"host": "nas", "options": off}}})["nas"]
    assert "units.immich-server" in files["hardening.nix"]
    assert "immich-machine-learning" not in "".join(files.values())
    assert "3003" not in files["facts.nix"]
    plain = build.render({"services": {"immich": {"host": "nas"}}})["nas"]
    assert "units.immich-machine-learning" in plain["hardening.nix"]
    assert "3003" in plain["facts.nix"]


@pytest.mark.requirement("S0-52")
@pytest.mark.parametrize(
    ("vendor", "preset", "driver"),
    [
        ("intel", "preset-vaapi", 'vaapiDriver = "iHD";'),
        ("amd", "preset-vaapi", 'vaapiDriver = "radeonsi";'),
        ("nvidia", "preset-nvidia", ""),
    ],
)
def test_frigate_decodes_videos_on_the_gpu_that_it_is_given(
    vendor: str, preset: str, driver: str
) -> None:
    gpu = {"vendor": vendor, **({"architecture": "ada"} if vendor == "nvidia" else {})}
    frigate = {"host": "nas", "gpu": vendor, "options": {"services.frigate.settings.cameras": {}}}
    files = build.render({"hosts": {"nas": {"gpu": gpu}}, "services": {"frigate": frigate}})["nas"]
    assert f'hwaccel_args = "{preset}";' in files["services/frigate.nix"]
    assert driver in files["services/frigate.nix"]


@pytest.mark.requirement("S2-16")
def test_a_border_router_is_asked_for_its_radio() -> None:
    """Its module does not evaluate without one; by path or inside a set of options."""
    bare = _on("26.05", **{"openthread-border-router": {"host": "nas"}})
    (problem,) = _checked(bare, "service-needs")
    assert "needs a Thread radio, and has none" in problem
    assert "or set services.openthread-border-router.radio.url in its options" in problem
    assert not _checked(bare, "option-demanded")
    nested = {"services.openthread-border-router": {"radio": {"url": "spinel+hdlc+uart:///dev/x"}}}
    for options in (RADIO, nested):
        said = _on("26.05", **{"openthread-border-router": {"host": "nas", "options": options}})
        assert not _checked(said, "service-needs")


OLD = {"hosts": {"nas": {"state_version": "24.05"}}}


@pytest.mark.requirement("S0-32", "S0-35")
def test_a_vault_that_is_old_is_kept_where_it_lies() -> None:
    """The module leaves it where Bitwarden RS was."""
    changes: Changes = {
        **OLD,
        "services": {"vaultwarden": {"host": "nas"}},
        "backup": {
            "targets": {"b2": {"kind": "b2", "path": "b/restic", "credentials": {"sops": "x/y"}}}
        },
    }
    (job,) = [j for j in build.plan(changes).backup.jobs if j.name == "vaultwarden"]
    assert "/var/lib/bitwarden_rs" in job.paths
    assert all("/var/lib/vaultwarden" not in p for p in (*job.paths, *job.exclude))
    assert [d for d in job.dumps if "/var/lib/bitwarden_rs/db.sqlite3" in d]


@pytest.mark.requirement("S0-37")
def test_who_signs_for_a_dynamic_user_is_told_before_sops_nix_stops() -> None:
    """No secret at all would be placed on the host."""
    flake = {
        "host": "nas",
        "flake": {"input": "own", "unit": "own", "dynamic_user": True},
        "secrets": {"key": {"owner": "own", "ref": {"sops": "own/key"}}},
        "port": 8007,
        "state": ["/var/lib/private/own"],
    }
    changes: Changes = {"flakes": {"own": {"url": "github:a/b"}}, "services": {"own": flake}}
    (problem,) = _checked(changes, "secret-owner")
    assert "the user own does not exist when secrets are installed" in problem
    flake["secrets"] = {"key": {"ref": {"sops": "own/key"}}}
    assert not _checked(changes, "secret-owner")


@pytest.mark.requirement("S0-79")
def test_an_option_may_speak_of_any_unit_that_the_module_makes() -> None:
    """A misspelt one is named with all of them."""

    def said(unit: str) -> list[str]:
        option = {f"systemd.services.{unit}.serviceConfig.Nice": 10}
        changes = {"services": {"nextcloud": {"host": "nas", "options": option}}}
        return _checked(changes, "harden-unit-known")

    assert not said("nextcloud-cron")
    assert not said("nextcloud-update-plugins")
    (problem,) = said("nextcloud-crom")
    assert 'did you mean "nextcloud-cron"?' in problem


@pytest.mark.requirement("S0-54")
def test_what_writes_the_state_stops_while_it_is_carried_to_a_disk_that_stays() -> None:
    """Its jobs too, and not the unit that answers to people alone."""
    hosts = {"nas": {"persistence": {"root": "/persist"}}}
    made = build.render({"hosts": hosts, "services": {"nextcloud": {"host": "nas"}}})["nas"]
    (line,) = [
        line
        for line in made["impermanence.nix"].splitlines()
        if line.strip().startswith("carry /persist /var/lib/nextcloud ")
    ]
    for unit in ("phpfpm-nextcloud", "nextcloud-cron", "nextcloud-setup", "nextcloud-update-db"):
        assert f"{unit}.service" in line


@pytest.mark.parametrize("name", ["forgejo", "gitea"])
def test_git_by_ssh_goes_to_the_host_of_the_repositories(name: str) -> None:
    """The name of the pages leads to the reverse proxy, which carries no SSH."""
    away = build.render({"services": {name: {"host": "nas", "name": "git"}}})
    assert 'SSH_DOMAIN = "git-ssh.home.example.org";' in away["nas"][f"services/{name}.nix"]
    assert '"git-ssh.home.example.org" = "192.168.1.3";' in away["pi"]["dns.nix"]
    assert "START_SSH_SERVER" not in away["nas"][f"services/{name}.nix"]
    here = build.render({"services": {name: {"host": "pi", "name": "git"}}})
    assert 'SSH_DOMAIN = "git.home.example.org";' in here["pi"][f"services/{name}.nix"]
    assert "git-ssh" not in here["pi"]["dns.nix"]
    alone = {
        "services": {name: {"host": "nas"}},
        "network": {"dns": {"server": "none", "host": None}},
    }
    assert 'SSH_DOMAIN = "192.168.1.3";' in build.render(alone)["nas"][f"services/{name}.nix"]


def test_a_port_for_ssh_is_one_that_listens() -> None:
    """What the firewall opens is what the server of the app listens on."""
    ssh = {"port": 2222, "scope": "lan", "why": "git over SSH"}
    made = build.render({"services": {"forgejo": {"host": "nas", "ports": {"ssh": ssh}}}})["nas"]
    text = " ".join(made["services/forgejo.nix"].split())
    assert "SSH_LISTEN_PORT = 2222; SSH_PORT = 2222; START_SSH_SERVER = true;" in text
    assert "dport { 22, 2222 } accept" in made["firewall.nix"]


@pytest.mark.parametrize("host", ["nas", "pi"])
def test_a_port_for_ssh_on_the_tailnet_alone_has_a_name_with_that_address(host: str) -> None:
    """At the address on the LAN, the firewall has the port closed."""
    ssh = {"port": 2222, "scope": "tailnet", "why": "git over SSH"}
    made = build.render(
        {"services": {"forgejo": {"host": host, "name": "git", "ports": {"ssh": ssh}}}}
    )
    address = build.plan().hosts[host].tailnet
    assert address.startswith("100.")
    assert f'"git-ssh.home.example.org" = "{address}";' in made["pi"]["dns.nix"]
    assert 'SSH_DOMAIN = "git-ssh.home.example.org";' in made[host]["services/forgejo.nix"]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"network": {"dns": {"names": {"git-ssh": "192.168.1.77"}}}}, "the device"),
        ({"services": {"navidrome": {"host": "nas", "name": "git-ssh"}}}, "a name of navidrome"),
        (
            {
                "services": {
                    "navidrome": {"host": "nas", "routes": [{"redirect_from": ["git-ssh"]}]}
                }
            },
            "a name of navidrome",
        ),
    ],
)
def test_the_name_for_ssh_is_no_name_of_anything_else(changes: Changes, what: str) -> None:
    """Git over SSH would go to the reverse proxy, or to a device."""
    forge = {"services": {"forgejo": {"host": "nas", "name": "git"}}}
    (problem,) = build.found(merged(forge, changes), "dns-name-unique")
    assert problem.where == "services.forgejo"
    assert f"the name for SSH of forgejo, and {what}" in problem.what


def test_the_container_of_a_forge_has_a_name_for_its_port() -> None:
    forge = {
        "host": "nas",
        "name": "git",
        "backup": {"skip": "a try"},
        "container": {
            "image": f"codeberg.org/forgejo/forgejo:11@sha256:{'0' * 64}",
            "port": 3000,
            "environment": {"FORGEJO__server__SSH_DOMAIN": "{ssh}"},
        },
        "ports": {"ssh": {"port": 2222, "inside": 22, "scope": "lan", "why": "git over SSH"}},
    }
    made = build.render({"services": {"forge": forge}})
    assert (
        'FORGEJO__server__SSH_DOMAIN = "git-ssh.home.example.org";'
        in (made["nas"]["services/forge.nix"])
    )
    assert '"git-ssh.home.example.org" = "192.168.1.3";' in made["pi"]["dns.nix"]


def test_an_app_whose_pages_open_further_ports_may_have_any() -> None:
    """Home Assistant's integrations listen on ports that no option names."""
    sonos = {"port": 1400, "scope": "lan", "why": "events of the speakers"}
    changes: Changes = {"services": {"home-assistant": {"host": "nas", "ports": {"sonos": sonos}}}}
    assert build.found(changes, "port-listens") == []
