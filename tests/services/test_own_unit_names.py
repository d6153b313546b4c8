"""Which units an owner's facts may name: none of the system and of homelab itself."""

from __future__ import annotations

from pathlib import Path

from homelab.services.unit_checks import is_of_system
from tests.programs.rendered import ALL, planned, settings


def test_every_unit_of_homelab_is_known_as_one_of_the_system(tmp_path: Path) -> None:
    """Otherwise the facts of a service could change it."""
    found = {
        unit
        for name in ALL
        for _, systemd in settings(planned(name), "systemd", tmp_path)
        for kind in ("services", "timers", "sockets", "paths")
        for unit in systemd.get(kind, ())
        # A service of the example is called that, and has a unit of a flake.
        if unit.startswith("homelab-") and unit != "homelab-ssh-mcp"
    }
    assert len(found) > 10
    assert [unit for unit in sorted(found) if not is_of_system(unit)] == []


def test_a_unit_of_a_flake_may_start_with_our_name() -> None:
    assert not is_of_system("homelab-ssh-mcp")
    assert is_of_system("homelab-rollback-7")
    assert is_of_system("homelab-secrets-jellyfin")
