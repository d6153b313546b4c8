"""Upkeep of a host: watchdog, boot partition, garbage collection."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.problems import InvalidStackError, Problem
from homelab.render import modules_of
from homelab.system.upkeep_checks import check_build_dirs
from tests import build
from tests.household import Changes
from tests.tools.options import check_module
from tests.tools.programs import formatted

CACHE = {
    "url": "https://attic.example.org/main",
    "key": "main:9SZt/6plBU7jjQzz90J7O011I13hmJvOMYouxNqExNQ=",
}
PI: Changes = {"profile": "raspberry-pi-4", "watchdog": {}}


def nas(**config: object) -> Changes:
    """The smallest homelab with these fields of its NAS."""
    return {"hosts": {"nas": config}}


def released(release: str, **config: object) -> Changes:
    return {"nixpkgs": {"default": {"release": release}}, **nas(**config)}


def files(changes: Changes) -> dict[str, str]:
    return build.render(changes)["nas"]


def found(check: str, **config: object) -> list[Problem]:
    return build.found(nas(**config), check)


@pytest.mark.parametrize("release", ["24.05", "25.05", "25.11"])
@pytest.mark.requirement("S1-26", "S1-30", "S4-06")
def test_every_option_exists_and_is_as_nixfmt_has_it(release: str, tmp_path: Path) -> None:
    nix = {
        "build_dir": "/var/nix-build",
        "gc": {"dates": "daily", "keep": "7d"},
        "substituters": [CACHE],
        "netrc": {"sops": "nix/netrc"},
    }
    changes = released(release, watchdog={"module": "iTCO_wdt"}, nix=nix)
    made = build.plan(changes)
    wanted = [
        m for m in modules_of(made, made.hosts["nas"]) if m.file in ("nix.nix", "watchdog.nix")
    ]
    assert len(wanted) == 2
    assert [p for m in wanted for p in check_module(m)] == []
    texts = files(changes)
    assert formatted(tmp_path, [texts["nix.nix"], texts["watchdog.nix"]]) == []


# --- the watchdog ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("release", "lines"),
    [
        (
            "25.11",
            (
                "systemd.settings.Manager = {",
                'RuntimeWatchdogSec = "300s";',
                'RebootWatchdogSec = "360s";',
            ),
        ),
        (
            "25.05",
            ("systemd.watchdog = {", 'runtimeTime = "300s";', 'rebootTime = "360s";'),
        ),
    ],
)
@pytest.mark.requirement("S1-26")
def test_the_watchdog_uses_the_option_of_the_release(release: str, lines: tuple[str, ...]) -> None:
    """The exact values, under the option name of the pinned release."""
    text = files(released(release, **PI))["watchdog.nix"]
    assert 'boot.kernelModules = [ "bcm2835_wdt" ];' in text
    assert all(line in text for line in lines)


@pytest.mark.requirement("S1-26")
def test_the_watchdogs_kernel_module_comes_from_the_stack() -> None:
    assert "iTCO_wdt" in files(nas(watchdog={"module": "iTCO_wdt"}))["watchdog.nix"]
    assert "kernelModules" not in files(nas(watchdog={}))["watchdog.nix"]
    assert "watchdog.nix" not in files({})


@pytest.mark.requirement("S1-26")
def test_the_reboot_timeout_is_at_least_the_runtime_timeout() -> None:
    (problem,) = found("watchdog-order", watchdog={"runtime": "5min", "reboot": "90s"})
    assert problem.where == "hosts.nas.watchdog.reboot"
    assert "write 5min or more" in problem.way_out
    assert found("watchdog-order", watchdog={"runtime": "5min", "reboot": "300s"}) == []


# --- the boot partition ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("boot", "says", "way_out", "severity"),
    [
        (
            {"esp_mib": 96, "limit": 10},
            "(10 + 1) x 15 = 165 MiB, more than 96 x 0.85 = 81.6 MiB",
            "write limit: 4",
            "error",
        ),
        (
            {"esp_mib": 96, "generation_mib": 15, "limit": 5},
            "(5 + 1) x 15 = 90 MiB, more than 96 x 0.85 = 81.6 MiB",
            "write limit: 4",
            "warning",
        ),
        (
            {"esp_mib": 96},
            "no limit says how many generations to keep on 96 MiB",
            "limit: 4",
            "error",
        ),
        ({"esp_mib": 1024}, "no limit says how many generations", "limit: 10", "error"),
        (
            {"esp_mib": 96, "generation_mib": 40, "limit": 2},
            "(2 + 1) x 40 = 120 MiB",
            "142 MiB hold two",
            "error",
        ),
    ],
)
@pytest.mark.requirement("S4-05")
def test_too_many_generations_for_the_boot_partition_are_reported(
    boot: Changes, says: str, way_out: str, severity: str
) -> None:
    """The message shows the calculation and the highest limit that fits."""
    (problem,) = found("boot-capacity", boot=boot)
    assert says in problem.what
    assert way_out in problem.way_out
    assert problem.severity == severity


@pytest.mark.parametrize(
    "boot", [{}, {"limit": 50}, {"esp_mib": 96, "limit": 4}, {"esp_mib": 512, "limit": 10}]
)
@pytest.mark.requirement("S4-05")
def test_generations_that_fit_pass(boot: Changes) -> None:
    assert found("boot-capacity", boot=boot) == []


# --- the store -------------------------------------------------------------------------------


@pytest.mark.requirement("S4-06")
def test_garbage_is_collected_as_the_stack_says() -> None:
    """By default weekly, and generations older than thirty days."""
    text = files({})["nix.nix"]
    assert 'dates = "weekly";' in text
    assert 'options = "--delete-older-than 30d";' in text
    text = files(nas(nix={"gc": {"dates": "daily", "keep": "7d"}}))["nix.nix"]
    assert 'dates = "daily";' in text
    assert 'options = "--delete-older-than 7d";' in text
    with pytest.raises(InvalidStackError, match="keep"):
        build.stack_config(nas(nix={"gc": {"keep": "7 days"}}))


@pytest.mark.parametrize(
    ("gc", "warned"),
    [
        ({"dates": "weekly", "keep": "14d"}, True),
        ({"dates": "daily", "keep": "14d"}, True),
        ({"dates": "weekly", "keep": "7d"}, True),
        ({}, True),
        ({"dates": "daily", "keep": "7d"}, False),
        ({"dates": "03:30", "keep": "3d"}, False),
    ],
)
@pytest.mark.requirement("S4-06")
def test_a_small_boot_partition_needs_daily_garbage_collection(gc: Changes, warned: bool) -> None:
    small = found("gc-enabled", boot={"esp_mib": 96, "limit": 4}, nix={"gc": gc})
    assert [p.severity for p in small] == ["warning"] * warned
    assert all("gc: {dates: daily, keep: 7d}" in p.way_out for p in small)
    assert found("gc-enabled", boot={"esp_mib": 1024, "limit": 10}, nix={"gc": gc}) == []


@pytest.mark.parametrize(
    ("release", "line"),
    [
        ("25.11", 'build-dir = "/var/nix-build";'),
        ("24.11", 'build-dir = "/var/nix-build";'),
        ("24.05", 'environment.TMPDIR = "/var/nix-build";'),
    ],
)
@pytest.mark.requirement("S1-30")
def test_the_build_directory_waits_for_its_disk(release: str, line: str) -> None:
    """The option of the release, the directory, and the order of mounts."""
    text = files(released(release, nix={"build_dir": "/var/nix-build"}))["nix.nix"]
    assert line in text
    assert 'RequiresMountsFor = [ "/var/nix-build" ];' in text
    assert 'systemd.tmpfiles.settings."10-nix-builds"."/var/nix-build".d = {' in text
    assert "build-dir" not in files({})["nix.nix"]
    assert "RequiresMountsFor" not in files({})["nix.nix"]


@pytest.mark.requirement("S1-16", "S1-18", "S0-08")
def test_nix_asks_the_caches_of_the_host_with_its_passwords() -> None:
    """The passwords are a secret of the host that root reads, and never in the store."""
    changes = nas(nix={"substituters": [CACHE], "netrc": {"sops": "nix/netrc"}})
    text = files(changes)["nix.nix"]
    assert f'substituters = [ "{CACHE["url"]}" ];' in text
    assert f'trusted-public-keys = [ "{CACHE["key"]}" ];' in text
    assert 'netrc-file = "/run/secrets/nix-netrc";' in text
    # Without its cache a host builds by itself, and does not wait long.
    assert "fallback = true;" in text
    assert "connect-timeout = 5;" in text
    (secret,) = [s for s in build.plan(changes).secrets.on("nas") if s.name == "nix-netrc"]
    assert (secret.source, secret.key, secret.owner, secret.mode) == (
        *("stored", "nix/netrc", "root"),
        "0400",
    )
    assert "substituters" not in files({})["nix.nix"]


@pytest.mark.parametrize(
    ("nix", "says"),
    [
        ({"substituters": [{"url": CACHE["url"]}]}, "key"),
        ({"substituters": [{**CACHE, "key": CACHE["key"].rstrip("=")}]}, "NAME:KEY"),
        ({"substituters": [{**CACHE, "key": CACHE["key"].partition(":")[2]}]}, "NAME:KEY"),
        ({"substituters": [CACHE, {**CACHE, "url": f"{CACHE['url']}/"}]}, "twice"),
        ({"netrc": {"sops": "nix/netrc"}}, "only substituters read netrc"),
    ],
)
@pytest.mark.requirement("S1-16", "S1-18")
def test_a_cache_without_its_key_is_refused(nix: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidStackError, match=says):
        build.plan(nas(nix=nix))


DATASET: Changes = {"path": "/mnt/data/files", "mount": "/mnt/data", "tier": "user"}


@pytest.mark.parametrize(
    ("path", "host", "hardware", "says", "way_out"),
    [
        (
            "/mnt/data/nix-build",
            None,
            "",
            "no dataset and no file system of nas",
            "below one of: /var, as /var/nix-build",
        ),
        ("/mnt/data/nix-build", "pi", "", "is on a disk of pi", "a directory of nas"),
        ("/mnt/data/files", "nas", "", "is the dataset files", "/mnt/data/nix-build"),
        ("/tmp/nix-build", None, "", "anyone may write", "/var/nix-build"),
        ("/mnt/other/nix", "nas", "", "no dataset and no file system", "/mnt/data"),
        ("/mnt/data/nix-build", "nas", "", "", ""),
        ("/mnt/data/nix-build", None, 'fileSystems."/mnt/data" = { };', "", ""),
        ("/mnt/data/x", None, 'fileSystems = {\n  "/mnt/data" = {\n };\n};', "", ""),
        ("/var/nix-build", None, "", "", ""),
    ],
)
@pytest.mark.requirement("S1-30")
def test_a_build_directory_needs_a_mounted_disk(
    path: str, host: str | None, hardware: str, says: str, way_out: str
) -> None:
    """A path without a dataset on it is an error."""
    datasets: Changes = {"datasets": {"files": {"host": host, **DATASET}}} if host else {}
    made = build.plan({**nas(nix={"build_dir": path}), **datasets})
    sources = {**build.sources(made), "hosts/nas/hardware.nix": build.HARDWARE + hardware}
    problems = list(check_build_dirs(made, sources))
    assert len(problems) == bool(says)
    for problem in problems:
        assert problem.where == "hosts.nas.nix.build_dir"
        assert problem.check == "build-dir-mounted"
        assert says in problem.what
        assert way_out in problem.way_out
