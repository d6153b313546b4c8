"""What containers write on their host is backed up, or left out by name."""

from __future__ import annotations

import pytest

from tests import build

IMAGE = f"docker.io/a/b:1@sha256:{'0' * 64}"


def one(*sources: str, read_only: bool = False, **config: object) -> dict[str, object]:
    """A container that mounts these directories, beside the one that its state names."""
    mounts = [
        {"source": s, "target": f"/m{i}", **({"read_only": True} if read_only else {})}
        for i, s in enumerate(("/var/lib/app", *sources))
    ]
    container = {"image": IMAGE, "port": 80, "mounts": mounts}
    app = {"host": "nas", "state": ["/var/lib/app"], "container": container, **config}
    return {"services": {"app": app}}


@pytest.mark.requirement("S0-32")
@pytest.mark.parametrize("source", ["/var/lib/more", "/srv/more", "/home/sam/more"])
def test_a_directory_that_a_container_writes_is_backed_up_or_left_out_by_name(source: str) -> None:
    (problem,) = build.found(one(source), "backup-mount")
    assert problem.where == "services.app.container.mounts[1]"
    assert f"app writes {source}, and no backup contains it" in problem.what
    named = one(source, state=["/var/lib/app", source])
    assert not build.found(named, "backup-mount")
    assert not build.found(one(source, backup={"include": ["/var/lib/app"]}), "backup-mount")
    assert not build.found(one(source, backup={"skip": "it is a cache"}), "backup-mount")
    assert not build.found(one(source, read_only=True), "backup-mount")


@pytest.mark.requirement("S0-32")
@pytest.mark.parametrize("source", ["/var/cache/app", "/run/app", "/var/lib/app/inside"])
def test_a_mount_that_needs_no_backup_of_its_own_is_no_problem(source: str) -> None:
    assert not build.found(one(source), "backup-mount")


@pytest.mark.requirement("S0-32")
def test_a_mount_of_one_of_several_containers_outside_of_var_is_named_too() -> None:
    mounts = [{"source": "/var/lib/app", "target": "/a"}, {"source": "/srv/app", "target": "/b"}]
    parts = {"web": {"image": IMAGE, "port": 80, "mounts": mounts}}
    app = {"host": "nas", "port": 8090, "containers": parts}
    (problem,) = build.found({"services": {"app": app}}, "backup-mount")
    assert problem.where == "services.app.containers.web.mounts[1]"


@pytest.mark.requirement("S0-32")
def test_the_directory_of_a_database_that_is_dumped_needs_no_copy() -> None:
    mounts = [{"source": "/srv/db", "target": "/var/lib/postgresql/data"}]
    image = f"docker.io/library/postgres:17@sha256:{'0' * 64}"
    app = {
        "host": "nas",
        "port": 8090,
        "containers": {
            "web": {"image": IMAGE, "port": 80},
            "db": {"image": image, "mounts": mounts},
        },
        "backup": {"dump": {"postgresql": "app"}},
    }
    assert not build.found({"services": {"app": app}}, "backup-mount")
