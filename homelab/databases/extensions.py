"""Extensions of PostgreSQL: of its own source, which nixpkgs builds with it, and of packages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

CONTRIB = frozenset(
    {
        "adminpack",
        "amcheck",
        "autoinc",
        "bloom",
        "btree_gin",
        "btree_gist",
        "citext",
        "cube",
        "dblink",
        "dict_int",
        "dict_xsyn",
        "earthdistance",
        "file_fdw",
        "fuzzystrmatch",
        "hstore",
        "insert_username",
        "intagg",
        "intarray",
        "isn",
        "lo",
        "ltree",
        "moddatetime",
        "old_snapshot",
        "pageinspect",
        "pg_buffercache",
        "pg_freespacemap",
        "pg_logicalinspect",
        "pg_prewarm",
        "pg_stat_statements",
        "pg_surgery",
        "pg_trgm",
        "pg_visibility",
        "pg_walinspect",
        "pgcrypto",
        "pgrowlocks",
        "pgstattuple",
        "plpgsql",
        "postgres_fdw",
        "refint",
        "seg",
        "sslinfo",
        "tablefunc",
        "tcn",
        "tsm_system_rows",
        "tsm_system_time",
        "unaccent",
        "uuid-ossp",
        "xml2",
    }
)
"""Extensions that every server has. Source: appendix F of the manual (versions 13 to 18), without
the transforms of Perl and Python, whose languages nixpkgs does not build by default.
"""


@dataclass(frozen=True)
class Package:
    """A package with an extension of PostgreSQL, in `postgresqlPackages` of nixpkgs."""

    attribute: str
    library: str = ""
    """Library that the server loads when it starts; empty for none."""
    is_rebuilt: bool = False
    """Whether its indexes are rebuilt after an update of the extension."""


PACKAGES: Mapping[str, Package] = MappingProxyType(
    {
        "vector": Package("pgvector"),
        # https://docs.immich.app/administration/postgres-standalone/#updating-vectorchord
        "vchord": Package("vectorchord", library="vchord.so", is_rebuilt=True),
    }
)
"""Extensions that homelab adds to the server of a service that names them."""
