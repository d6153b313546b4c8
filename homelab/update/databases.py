"""Upgrades of the databases that services of a host share."""

from __future__ import annotations

from collections.abc import Mapping

from homelab.config.fact_parts import Upgrade

_UPGRADES: Mapping[str, tuple[Upgrade, ...]] = {
    "postgresql": (
        Upgrade(
            what="a new major version does not read the files of the old one",
            way_out=(
                "keep the old one with services.postgresql.package until you have copied the "
                "databases with pg_upgrade, as the NixOS manual describes, or restored their dumps"
            ),
            source="https://nixos.org/manual/nixos/stable/#module-services-postgres-upgrading",
        ),
    ),
    "mysql": (
        Upgrade(
            what="MariaDB changes its system tables, and an older version does not start on them",
            way_out="make a backup first; a rollback needs the dumps: homelab restore",
            source="https://mariadb.com/kb/en/upgrading/",
        ),
    ),
}


def upgrades_of(database: str) -> tuple[Upgrade, ...]:
    """What a new version of a database needs."""
    return _UPGRADES.get(database, ())
