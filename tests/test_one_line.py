"""One line in `services` is a whole service, and without the line there is nothing left of it."""

from __future__ import annotations

import pytest

from tests import build
from tests.household import Changes, household

REST: Changes = {
    "services": {
        "gatus": {"host": "pi"},
        "homepage": {"host": "aurora"},
        "vaultwarden": {"host": "aurora"},
    },
    "monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}},
}


@pytest.mark.parametrize(
    ("line", "host", "backup"),
    [
        ({"navidrome": {"host": "aurora"}}, "aurora", "navidrome-disk = {"),
        ({"miniflux": {"host": "aurora"}}, "aurora", "postgresqlBackup-miniflux"),
        ({"jellyfin": {"host": "workstation", "auth": "forward"}}, "workstation", "jellyfin-b2"),
    ],
)
def test_one_line_adds_probe_tile_job_and_rule_and_takes_them_away(
    line: Changes, host: str, backup: str
) -> None:
    """S0-10, S0-31, S0-45, S0-50."""
    (name,) = line
    with_it = build.render(household(REST, {"services": line}))
    without = build.render(household(REST))
    assert f'name = "{name}";' in with_it["pi"]["monitoring.nix"]
    assert f"https://{name}.home.example.org" in with_it["aurora"]["dashboard.nix"]
    assert backup in with_it[host]["backup.nix"]
    gated = "auth" in line[name] or name == "navidrome"
    assert (f'domain = [ "{name}.home.example.org" ];' in with_it["pi"]["identity.nix"]) is gated
    left = [
        (where, path)
        for where, files in without.items()
        for path, text in files.items()
        if name in text or name in path
    ]
    assert left == []
    untouched = {"pi": "identity.nix"} if not gated else {}
    for where, path in untouched.items():
        assert with_it[where][path] == without[where][path]
