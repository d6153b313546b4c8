"""Which containers are databases: their files are copied only as a dump."""

from __future__ import annotations

import pytest

from homelab.services.databases import database_at, database_in

MONGO = (
    *("library/mongo", "mongo", "bitnami/mongodb", "percona/percona-server-mongodb"),
    *("mongodb/mongodb-community-server", "mongodb/mongodb-enterprise-server"),
)


@pytest.mark.parametrize("image", MONGO)
def test_mongodb_is_known_by_its_image(image: str) -> None:
    assert database_in(f"docker.io/{image}:8@sha256:0") in ("mongo", "mongodb")


@pytest.mark.parametrize("image", ["rogerfar/rdtclient", "library/mongo-express", "a/mongoose"])
def test_an_app_is_no_database(image: str) -> None:
    """Many an app keeps its SQLite in /data/db, as MongoDB does."""
    assert database_in(f"docker.io/{image}:8@sha256:0") == ""
    assert database_at("/data/db") == ""
