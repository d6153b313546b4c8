"""One line in `services` adds every part of a service, and removing the line removes them."""

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
    ("name", "service", "backup", "gated"),
    [
        ("navidrome", {"host": "aurora"}, "homelab.backup.jobs.navidrome = {", True),
        ("miniflux", {"host": "aurora"}, 'postgresql = [ "miniflux" ];', False),
        (
            "jellyfin",
            {"host": "workstation", "auth": "forward"},
            "homelab.backup.jobs.jellyfin = {",
            True,
        ),
    ],
)
@pytest.mark.requirement("S0-10", "S0-31", "S0-45", "S0-50")
def test_one_line_adds_probe_tile_job_and_rule_and_takes_them_away(
    name: str, service: dict[str, str], backup: str, gated: bool
) -> None:
    with_it = build.render(household(REST, {"services": {name: service}}))
    without = build.render(household(REST))
    assert f'name = "{name}";' in with_it["pi"]["monitoring.nix"]
    assert f"https://{name}.home.example.org" in with_it["aurora"]["dashboard.nix"]
    assert backup in with_it[service["host"]]["backup.nix"]
    rule = f'domain = [ "{name}.home.example.org" ];'
    assert (rule in with_it["pi"]["identity.nix"]) is gated
    left = [
        (host, path)
        for host, files in without.items()
        for path, text in files.items()
        if name in text or name in path
    ]
    assert left == []
