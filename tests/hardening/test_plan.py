"""Sandboxes: the baseline, the exceptions of a service, and the data that each unit sees."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from homelab.catalog import ENTRIES
from homelab.cli.app import app
from homelab.hardening.baseline import BASELINE, NAMES
from homelab.hardening.model import UnitHardening
from homelab.hardening.paths import for_systemd
from homelab.hardening.report import exemptions, scores
from tests import build

Changes = dict[str, object]

DATA: Changes = {
    "media": {"host": "nas", "path": "/mnt/media", "tier": "user"},
    "photos": {"host": "nas", "path": "/mnt/photos", "tier": "irreplaceable"},
    "elsewhere": {"host": "nas", "path": "/data/elsewhere", "tier": "user"},
}


def _custom(**more: object) -> Changes:
    return {
        "flakes": {"app": {"url": "github:a/b"}},
        "services": {
            "app": {
                "host": "nas",
                "port": 4000,
                "flake": {"input": "app", "unit": "app"},
                "state": ["/var/lib/app"],
                **more,
            }
        },
    }


def _unit(changes: Changes, unit: str) -> UnitHardening:
    return next(u for u in build.plan(changes).hardening if u.unit == unit)


def _settings(changes: Changes, unit: str) -> dict[str, object]:
    return dict(_unit(changes, unit).settings)


@pytest.mark.requirement("S4-19")
def test_every_unit_has_the_baseline_and_may_write_its_state() -> None:
    """The five keys, and ReadWritePaths with the state directory."""
    settings = _settings(_custom(), "app")
    assert settings["NoNewPrivileges"] is True
    assert settings["PrivateTmp"] is True
    assert settings["ProtectSystem"] == "strict"
    assert settings["ProtectHome"] is True
    assert settings["RestrictAddressFamilies"] == "AF_UNIX AF_INET AF_INET6"
    assert settings["ReadWritePaths"] == ["/var/lib/app"]
    assert {p.setting for p in BASELINE} <= set(settings)


@pytest.mark.requirement("S0-55")
def test_each_unit_of_a_service_has_a_sandbox() -> None:
    """Settings for one unit do nothing for the next."""
    changes: Changes = {"services": {"immich": {"host": "nas"}}}
    units = {u.unit for u in build.plan(changes).hardening if u.service == "immich"}
    assert units == {"immich-server", "immich-machine-learning"}
    server = _settings(changes, "immich-server")
    assert server["ReadWritePaths"] == ["/var/lib/immich"]
    assert "ReadWritePaths" not in _settings(changes, "immich-machine-learning")


@pytest.mark.requirement("S0-55")
def test_a_service_sees_the_datasets_it_uses_and_no_other() -> None:
    """/mnt and /srv are empty except for binds; a dataset elsewhere is emptied too."""
    changes: Changes = {
        "services": {"jellyfin": {"host": "nas", "datasets": {"media": "media"}}},
        "datasets": DATA,
    }
    settings = _settings(changes, "jellyfin")
    assert settings["BindReadOnlyPaths"] == ["/mnt/media"]
    assert "BindPaths" not in settings
    assert settings["TemporaryFileSystem"] == ["/data/elsewhere:ro", "/mnt:ro", "/srv:ro"]


@pytest.mark.requirement("S0-55")
def test_a_dataset_is_written_only_by_a_service_that_writes_it() -> None:
    """It is read-only, unless the service stores its own data there."""
    changes: Changes = {
        "services": {"immich": {"host": "nas", "datasets": {"photos": "photos"}}},
        "datasets": DATA,
    }
    assert _settings(changes, "immich-server")["BindPaths"] == ["/mnt/photos"]
    assert "BindPaths" not in _settings(changes, "immich-machine-learning")


def test_a_dataset_inside_another_that_is_used_stays_hidden() -> None:
    """A bind includes everything below it, except datasets of other services."""
    changes: Changes = {
        "services": {"jellyfin": {"host": "nas", "datasets": {"media": "media"}}},
        "datasets": {
            "media": {"host": "nas", "path": "/mnt/media", "tier": "user"},
            "secret": {"host": "nas", "path": "/mnt/media/secret", "tier": "user"},
        },
    }
    hidden = _settings(changes, "jellyfin")["TemporaryFileSystem"]
    assert hidden == ["/mnt:ro", "/mnt/media/secret:ro", "/srv:ro"]


def test_a_dataset_around_one_that_is_used_is_hidden_and_the_used_one_bound() -> None:
    """Also outside /mnt."""
    changes: Changes = {
        "services": {"jellyfin": {"host": "nas", "datasets": {"media": "media"}}},
        "datasets": {
            "all": {"host": "nas", "path": "/data", "tier": "user"},
            "media": {"host": "nas", "path": "/data/media", "tier": "user"},
        },
    }
    settings = _settings(changes, "jellyfin")
    assert settings["TemporaryFileSystem"] == ["/data:ro", "/mnt:ro", "/srv:ro"]
    assert settings["BindReadOnlyPaths"] == ["/data/media"]


def test_for_a_strict_module_only_data_is_hidden() -> None:
    """The sandbox never weakens nixpkgs, and repeats nothing of it."""
    settings = _settings({"services": {"vaultwarden": {"host": "nas"}}}, "vaultwarden")
    assert settings == {"TemporaryFileSystem": ["/mnt:ro", "/srv:ro"]}


def test_a_module_with_its_own_root_directory_gets_only_its_datasets() -> None:
    """Nothing must be hidden there, and everything must be bound."""
    changes: Changes = {
        "services": {"navidrome": {"host": "nas", "datasets": {"music": "media"}}},
        "datasets": DATA,
    }
    assert _settings(changes, "navidrome") == {"BindReadOnlyPaths": ["/mnt/media"]}


def test_services_keep_executable_memory_and_netlink_if_they_need_them() -> None:
    """Trap 8: Node and .NET need executable memory and AF_NETLINK; others get neither."""
    jellyfin = _unit({"services": {"jellyfin": {"host": "nas"}}}, "jellyfin")
    settings = dict(jellyfin.settings)
    assert "MemoryDenyWriteExecute" not in settings
    assert settings["RestrictAddressFamilies"] == "AF_UNIX AF_INET AF_INET6 AF_NETLINK"
    assert {w for w, _ in jellyfin.exceptions} == {
        "memory-deny-write-execute",
        "restrict-address-families",
    }
    assert _settings(_custom(), "app")["MemoryDenyWriteExecute"] is True


@pytest.mark.requirement("S0-52")
def test_only_a_service_with_graphics_hardware_sees_devices_and_only_those() -> None:
    """Others keep PrivateDevices; the host's own list of devices comes first."""
    plain = _settings({"services": {"jellyfin": {"host": "nas"}}}, "jellyfin")
    assert plain["PrivateDevices"] is True
    changes: Changes = {
        "hosts": {"nas": {"gpu": {"vendor": "intel"}}},
        "services": {"jellyfin": {"host": "nas", "gpu": "intel"}},
    }
    unit = _unit(changes, "jellyfin")
    settings = dict(unit.settings)
    assert "PrivateDevices" not in settings
    assert settings["DevicePolicy"] == "closed"
    assert settings["DeviceAllow"] == ["char-drm rw"]
    assert "DeviceAllow" in unit.forced
    changes["hosts"] = {"nas": {"gpu": {"vendor": "intel", "devices": ["/dev/dri/renderD128"]}}}
    assert _settings(changes, "jellyfin")["DeviceAllow"] == ["/dev/dri/renderD128 rw"]


@pytest.mark.requirement("S0-46", "S0-52")
def test_graphics_open_the_sandbox_of_a_module_that_has_no_devices() -> None:
    """Without a GPU the module's own sandbox stays as it is."""
    key = {"services.beszel.agent.environment.KEY": f"{build.KEY}"}
    changes: Changes = {
        "nixpkgs": {"default": {"release": "26.05"}},
        "hosts": {"nas": {"gpu": {"vendor": "nvidia", "open": True}}},
        "services": {"beszel-agent": {"host": "nas", "options": key}},
    }
    assert dict(_unit(changes, "beszel-agent").settings) == {}
    changes["services"]["beszel-agent"]["gpu"] = "nvidia"
    unit = _unit(changes, "beszel-agent")
    assert dict(unit.settings)["PrivateDevices"] is False
    assert dict(unit.settings)["DeviceAllow"] == ["char-drm rw", "char-nvidia* rw"]
    assert {"PrivateDevices", "DeviceAllow"} <= {*unit.forced}


GRAPHICS = [(name, vendor) for name, e in ENTRIES.items() for vendor in e.options_gpu]


@pytest.mark.parametrize(("name", "vendor"), GRAPHICS)
def test_devices_that_the_stack_names_are_all_that_any_of_these_services_opens(
    name: str, vendor: str
) -> None:
    """Also if the module of nixpkgs lists devices."""
    gpu = {"vendor": vendor, "devices": ["/dev/dri/renderD129"]}
    gpu |= {"open": True} if vendor == "nvidia" else {}
    changes: Changes = {
        "hosts": {"nas": {"gpu": gpu}},
        "services": {name: {"host": "nas", "gpu": vendor}},
    }
    units = [u for u in build.plan(changes).hardening if u.service == name]
    assert units
    for unit in units:
        assert dict(unit.settings)["DeviceAllow"] == ["/dev/dri/renderD129 rw"]
        assert "DeviceAllow" in unit.forced


@pytest.mark.requirement("S3-09", "T15")
def test_a_relaxation_overrides_nixpkgs_and_keeps_its_reason() -> None:
    """Forced, and in the list of exceptions."""
    relax = {"memory-deny-write-execute": "runs a script engine"}
    changes: Changes = {"services": {"vaultwarden": {"host": "nas", "harden": {"relax": relax}}}}
    unit = _unit(changes, "vaultwarden")
    assert dict(unit.settings)["MemoryDenyWriteExecute"] is False
    assert unit.forced == ("MemoryDenyWriteExecute",)
    assert ("memory-deny-write-execute", "runs a script engine") in unit.exceptions


def test_every_part_of_the_baseline_can_be_relaxed() -> None:
    """Each name has an effect on a service with the baseline."""
    for name in NAMES:
        whole = _unit(_custom(), "app")
        unit = _unit(_custom(harden={"relax": {name: "cannot bear it"}}), "app")
        assert unit.settings != whole.settings, name
        assert (name, "cannot bear it") in unit.exceptions


def test_directories_of_the_stack_are_bound_where_they_are_hidden() -> None:
    """Below /mnt and in homes by a bind, elsewhere by ReadWritePaths."""
    harden = {
        "read_write": ["/mnt/scratch", "/var/spool/app"],
        "read_only": ["/srv/fonts", "/home/sam/notes", "/etc/app"],
    }
    unit = _unit(_custom(harden=harden), "app")
    settings = dict(unit.settings)
    assert settings["BindPaths"] == ["/mnt/scratch"]
    assert settings["BindReadOnlyPaths"] == ["/home/sam/notes", "/srv/fonts"]
    assert settings["ReadWritePaths"] == ["/var/lib/app", "/var/spool/app"]
    assert settings["ProtectHome"] == "tmpfs"
    assert unit.forced == ("ProtectHome",)


def test_state_in_a_hidden_place_is_bound() -> None:
    """Otherwise the service could not read its own data."""
    settings = _settings(_custom(state=["/srv/app"]), "app")
    assert settings["BindPaths"] == ["/srv/app"]
    assert "ReadWritePaths" not in settings


@pytest.mark.requirement("S4-20")
def test_an_exempt_unit_has_no_sandbox_and_is_in_the_report() -> None:
    """The reason is the owner's, or the catalog's."""
    unit = _unit(_custom(harden={"exempt": "rebuilt next month"}), "app")
    assert unit.settings == ()
    assert unit.exceptions == (("everything", "rebuilt next month"),)


@pytest.mark.requirement("S4-20")
def test_the_report_lists_every_exception_and_the_lowest_score_first() -> None:
    """Sorted by score."""
    changes: Changes = {
        **_custom(harden={"exempt": "rebuilt next month"}),
        "tailnet": None,
    }
    changes["services"] = {**changes["services"], "jellyfin": {"host": "nas"}}  # type: ignore[dict-item]
    hardening = build.plan(changes).hardening
    ranked = scores(hardening)
    assert (ranked[0].unit, ranked[0].percent) == ("app", 0)
    assert [s.percent for s in ranked] == sorted(s.percent for s in ranked)
    assert ("app", "everything") in {(e.unit, e.what) for e in exemptions(hardening)}
    assert all(e.why for e in exemptions(hardening))


@pytest.mark.requirement("S4-20")
def test_the_command_shows_scores_and_reasons() -> None:
    done = CliRunner().invoke(app, ["security", "-C", str(build.SHIPPED), "-s", "home", "--json"])
    told = json.loads(done.stdout)
    assert list(told["hosts"].values()) == sorted(told["hosts"].values())
    assert {u["host"] for u in told["units"]} == {*told["hosts"]}
    weak = {(u["host"], u["unit"]) for u in told["units"] if u["score"] < 100}
    assert weak <= {(e["host"], e["unit"]) for e in told["exceptions"]}
    assert {"place": "services.draw.backup.skip", "why": "drawings stay in the browser"} in (
        told["decisions"]
    )
    one = CliRunner().invoke(app, ["security", "pi", "-C", str(build.SHIPPED), "-s", "home"])
    assert "authelia" in one.stdout
    assert "immich-server" not in one.stdout


@given(st.text(st.characters(exclude_characters="\0\n"), min_size=1))
def test_any_path_is_one_word_of_a_unit_file(name: str) -> None:
    """Blanks, colons, quotes and percent signs do not split it or expand."""
    word = for_systemd(f"/{name}")
    if word.startswith('"'):
        word = word[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    else:
        assert not set(" \t:\"'\\") & set(word)
    assert word.replace("%%", "%") == f"/{name}"
