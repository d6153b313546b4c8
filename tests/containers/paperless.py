"""A service with several containers, as tests use it."""

from __future__ import annotations

from homelab import testing
from tests.household import Changes

DIGEST = f"@sha256:{'0' * 64}"
PAPERLESS: Changes = {
    "host": "nas",
    "port": 8010,
    "audience": "family",
    "auth": "native",
    "containers": {
        "app": {
            "image": f"ghcr.io/paperless-ngx/paperless-ngx:2.14{DIGEST}",
            "port": 8000,
            "depends_on": ["db", "redis"],
            "environment": {"PAPERLESS_DBHOST": "db", "PAPERLESS_REDIS": "redis://redis:6379"},
            "mounts": [{"source": "/var/lib/paperless/data", "target": "/data"}],
            "datasets": {"papers": "/papers"},
            "secrets": {"key": "PAPERLESS_SECRET_KEY", "password": "PAPERLESS_DBPASS"},
            "templates": {
                "config": {
                    "format": "toml",
                    "content": {
                        "database": {"url": {"$text": "postgres://db:{value[password]}@db/p"}},
                        "key": {"$value": "key"},
                    },
                    "target": "/etc/paperless.toml",
                    "owner": 1000,
                },
            },
        },
        "db": {
            "image": f"docker.io/library/postgres:17{DIGEST}",
            "mounts": [
                {
                    "source": "/var/lib/paperless/db",
                    "target": "/var/lib/postgresql/data",
                    "owner": 999,
                    "group": 999,
                }
            ],
            "secrets": {"password": {"target": "/run/secrets/db", "owner": 999}},
            "environment": {"POSTGRES_PASSWORD_FILE": "/run/secrets/db"},
            "health": {"command": ["pg_isready", "-U", "paperless"]},
        },
        "redis": {"image": f"docker.io/library/redis:8{DIGEST}"},
    },
    "secrets": {"key": {}, "password": {"ref": {"sops": "paperless/password"}}},
    "backup": {"dump": {"postgresql": "paperless", "user": "paperless"}},
    "tile": {"group": "Documents"},
}
STACK: Changes = {
    "datasets": {"papers": {"host": "nas", "path": "/mnt/papers", "tier": "user"}},
    "backup": {
        "targets": {"b2": {"kind": "b2", "path": "b/r", "credentials": {"sops": "restic/b2"}}}
    },
    "services": {"paperless": PAPERLESS},
}


def stack(**changes: object) -> Changes:
    """The stack with changes to the service."""
    made: Changes = testing.changed(
        {"services": {"paperless": dict(PAPERLESS)}}, {"services": {"paperless": changes}}
    )
    return {**STACK, **made}
