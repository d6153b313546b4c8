"""The script that gives a role its further databases, with the real PostgreSQL."""

from __future__ import annotations

import os
import subprocess
from importlib import resources

import pytest

from tests.backup.restores import cluster_at

SCRIPT = str(resources.files("homelab.databases") / "owner.sh")


@pytest.mark.lab
def test_a_role_owns_its_further_databases_and_makes_tables_in_them() -> None:
    with cluster_at("sonarr-log") as socket:
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

        def run(*words: str, at: str = "postgres") -> str:
            done = subprocess.run(
                [
                    *user,
                    "psql",
                    "-Xq",
                    "-At",
                    "-v",
                    "ON_ERROR_STOP=1",
                    "-h",
                    socket,
                    "-d",
                    at,
                    *words,
                ],
                cwd="/",
                capture_output=True,
                text=True,
                check=True,
            )
            return done.stdout.strip()

        run("-c", 'CREATE USER "sonarr"')
        for _ in range(2):
            subprocess.run(
                [*user, "bash", SCRIPT, "sonarr", "sonarr-log"],
                env={**os.environ, "PGHOST": socket},
                cwd="/",
                check=True,
            )
        owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'sonarr-log'"
        assert run("-c", owner) == "sonarr"
        run("-c", 'SET ROLE "sonarr"', "-c", "CREATE TABLE lines (id int)", at="sonarr-log")
