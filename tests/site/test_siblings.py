"""What stands beside a word that leaves nothing to say is refused, field by field: no combination
of `skip` with a sibling, and no field of another kind of target, is accepted and ignored.
"""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import BaseModel

from homelab.config.backup_targets import BackupTarget
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes
from tests.site.test_every_field import MODELS

SKIPS = [(m, f) for m in MODELS if "skip" in m.model_fields for f in m.model_fields if f != "skip"]
VALUES: dict[str, object] = {
    "include": ["/var/lib/x"],
    "exclude": ["/var/lib/x/cache"],
    "targets": ["b2"],
    "tier": "service",
    "at": "02:15",
    "before": ["true"],
    "after": ["true"],
    "no_after": "nothing has to end it",
    "no_maintenance": "people use it at night",
    "dump": [{"postgresql": "x"}],
    "live": "it writes whole files alone",
    "path": "/up",
    "interval": "5m",
    "group": "Tools",
    "title": "X",
    "icon": "x",
    "description": "X",
    "widget": {"type": "x"},
}
"""A value for each field beside a `skip`."""
SECTIONS = {
    "CustomBackup": "backup",
    "PartsBackup": "backup",
    "ServiceBackup": "backup",
    "ServiceMonitor": "monitor",
    "ServiceTile": "tile",
}
CONTAINER: Changes = {"image": f"docker.io/a/b:1@sha256:{'0' * 64}", "port": 80}
B2 = {"kind": "b2", "path": "bucket/restic", "credentials": {"sops": "restic/b2"}}


def beside(model: type[BaseModel], **said: object) -> dict[str, Any]:
    """A service with this backup, monitor or tile."""
    own: dict[str, object] = {"host": "nas", SECTIONS[model.__name__]: said}
    kinds: dict[str, dict[str, object]] = {
        "CustomBackup": {"container": CONTAINER},
        "PartsBackup": {"containers": {"x": CONTAINER}},
    }
    own.update(kinds.get(model.__name__, {"service": "jellyfin"}))
    return {"services": {"x": own}, "backup": {"targets": {"b2": B2}}}


def refused(changes: dict[str, Any]) -> list[str]:
    """Problems of a stack, from the loader or the checks."""
    try:
        return [p.what + p.way_out for p in build.problems(changes) if p.severity == "error"]
    except InvalidStackError as error:
        return [p.what + p.way_out for p in error.problems]


@pytest.mark.parametrize(("model", "field"), SKIPS, ids=lambda v: getattr(v, "__name__", v))
def test_a_field_beside_skip_is_refused(model: type[BaseModel], field: str) -> None:
    skip = {"skip": "nothing of it is of use"}
    alone = refused(beside(model, **skip))
    both = refused(beside(model, **skip, **{field: VALUES[field]}))
    new = [text for text in both if text not in alone]
    assert any((field in text and "out" in text) or "keep one" in text for text in new), both


KINDS = get_args(BackupTarget.model_fields["kind"].annotation)
WHOLE: dict[str, Changes] = {
    "local": {"host": "nas", "path": "/mnt/x/restic"},
    "sftp": {"host": "nas", "path": "/mnt/x/restic"},
    "b2": {"path": "bucket/restic", "credentials": {"sops": "restic/b2"}},
    "s3": {"path": "host/bucket", "credentials": {"sops": "restic/s3"}},
    "rclone": {"path": "drive:restic", "credentials": {"sops": "restic/rclone"}},
    "rest": {"path": "https://backup.example.net/x"},
}
SERVED: Changes = {"host": "nas", "path": "/mnt/x/restic"}
"""A rest target on a host of the stack."""
FIELDS: dict[str, object] = {
    "host": "nas",
    "port": 8001,
    "append_only": True,
    "bucket": "vault",
    "user": "keeper",
    "credentials": {"sops": "restic/other"},
    "check_weeks": 4,
    "upload": "2 MB",
    "password": {"sops": "restic/password"},
    "repositories": {"nas": "/old:x"},
}
READ = {
    *(("local", "host"), ("sftp", "host"), ("sftp", "user"), ("b2", "credentials")),
    *(("s3", "credentials"), ("rest", "credentials"), ("rclone", "credentials")),
    *(("rest", "append_only"), ("served", "append_only"), ("served", "host"), ("served", "port")),
    *((kind, "password") for kind in (*KINDS, "served")),
    *((kind, "repositories") for kind in KINDS if kind != "sftp"),
    *((kind, "check_weeks") for kind in (*KINDS, "served")),
    *((kind, "upload") for kind in (*KINDS, "served") if kind != "local"),
}
"""Which of a target's fields its kind reads, beside kind and path; `bucket` of s3 in place of
credentials."""


def test_the_table_covers_each_kind_of_target_and_each_field() -> None:
    assert set(WHOLE) == set(KINDS)
    assert {*FIELDS, "kind", "path"} == set(BackupTarget.model_fields)


@pytest.mark.parametrize("kind", [*KINDS, "served"])
@pytest.mark.parametrize("field", FIELDS)
def test_a_target_accepts_only_the_fields_of_its_kind(kind: str, field: str) -> None:
    of_kind = {"kind": "rest", **SERVED} if kind == "served" else {"kind": kind, **WHOLE[kind]}
    said = {**of_kind, field: FIELDS[field]}
    changes = {"backup": {"targets": {"x": said}}}
    if (kind, field) in READ:
        build.stack_config(changes)
        return
    with pytest.raises(InvalidStackError, match=r"leave|bucket is for|must be absolute"):
        build.stack_config(changes)


@pytest.mark.parametrize(("field", "value"), [("access", False), ("public", "anyone may")])
def test_a_field_about_access_needs_a_published_route(field: str, value: object) -> None:
    route = {"name": "music", "auth": "native", "audience": "family", field: value}
    inside: dict[str, Any] = {"services": {"navidrome": {"host": "nas", "routes": [route]}}}
    (problem,) = build.found(inside, "access-internal")
    assert problem.where == f"services.navidrome.routes[0].{field}"
    inside["services"]["navidrome"]["routes"] = [{**route, "publish": "tunnel"}]
    assert not build.found(inside, "access-internal")
