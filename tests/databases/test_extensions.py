"""The script that creates and updates extensions, with a real server."""

from __future__ import annotations

import os
import subprocess
from importlib import resources

import pytest

from tests.backup.restores import cluster_at

SCRIPT = str(resources.files("homelab.databases") / "extensions.sh")


def as_postgres(words: list[str], socket: str) -> str:
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*user, *words],
        env={**os.environ, "PGHOST": socket},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip() + done.stderr.strip()


def sql(socket: str, text: str) -> str:
    words = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", "pad", "-c", text]
    return as_postgres(words, socket)


OLD = """
CREATE EXTENSION hstore VERSION '1.4';
CREATE ACCESS METHOD tree TYPE INDEX HANDLER hashhandler;
ALTER EXTENSION hstore ADD ACCESS METHOD tree;
CREATE OPERATOR CLASS tree_ops DEFAULT FOR TYPE int4 USING tree AS OPERATOR 1 =,
  FUNCTION 1 hashint4(int4);
CREATE TABLE "T" (a int4);
CREATE INDEX "Its" ON "T" USING tree (a);
CREATE INDEX other ON "T" (a);
"""
"""An extension of an older version, with an index that only it can read, and one that it cannot."""
FILE = "SELECT relfilenode FROM pg_class WHERE relname = '{}'"


@pytest.mark.lab
def test_extensions_are_created_then_updated_and_their_indexes_rebuilt() -> None:
    with cluster_at("pad") as socket:
        version = "SELECT extversion FROM pg_extension WHERE extname = 'hstore'"
        newest = "SELECT default_version FROM pg_available_extensions WHERE name = 'hstore'"
        sql(socket, OLD)
        its, other = sql(socket, FILE.format("Its")), sql(socket, FILE.format("other"))
        script = ["bash", SCRIPT, "pad", "uuid-ossp", "+hstore"]
        assert not as_postgres(script, socket)
        rebuilt = sql(socket, FILE.format("Its"))
        assert rebuilt != its
        assert sql(socket, FILE.format("other")) == other
        assert sql(socket, version) == sql(socket, newest)
        assert sql(socket, "SELECT 1 FROM pg_extension WHERE extname = 'uuid-ossp'") == "1"
        # Without an update it rebuilds nothing, and says nothing.
        assert not as_postgres(script, socket)
        assert sql(socket, FILE.format("Its")) == rebuilt
