"""Hard links: the mounts of a unit's sandbox, and the check that says where links do not work."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import build

LINK = """
import os, sys
root, first, other, binds = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
for path in binds:
    os.makedirs(f"{root}/seen{path}", exist_ok=True)
    done = os.spawnlp(os.P_WAIT, "mount", "mount", "--bind", f"{root}/disk{path}", f"{root}/seen{path}")
    assert done == 0, path
open(f"{root}/seen{first}/file", "w").close()
try:
    os.link(f"{root}/seen{first}/file", f"{root}/seen{other}/file")
except OSError as error:
    sys.exit(error.errno)
"""


def dataset(path: str, mount: str | None = None) -> dict[str, object]:
    """A dataset of the media group."""
    made = {"host": "nas", "path": path, "tier": "re-derivable", "group": "media"}
    return {**made, "mount": mount} if mount else {**made}


def media(first: dict[str, object], other: dict[str, object] | None = None) -> dict[str, object]:
    """A stack in which Sonarr has one or two datasets."""
    sonarr = {"downloads": "first", "media": "other" if other else "first"}
    return {
        "datasets": {"first": first, **({"other": other} if other else {})},
        "services": {"sonarr": {"host": "nas", "audience": "operator", "datasets": sonarr}},
    }


def sandbox(changes: dict[str, object]) -> list[str]:
    """The directories that Sonarr's sandbox mounts, each as a mount of its own."""
    unit = next(u for u in build.plan(changes).hardening if u.unit == "sonarr")
    settings = dict(unit.settings)
    paths = (settings.get(name, []) for name in ("BindPaths", "ReadWritePaths"))
    return [str(path) for part in paths for path in part if "/var/lib" not in str(path)]  # type: ignore[union-attr]


LAYOUTS = {
    "one dataset": media(dataset("/mnt/media")),
    "two of one disk": media(
        dataset("/mnt/media/downloads", "/mnt/media"), dataset("/mnt/media/tv", "/mnt/media")
    ),
    "two of one disk outside /mnt": media(
        dataset("/data/downloads", "/data"), dataset("/data/tv", "/data")
    ),
    "one in the other": media(dataset("/mnt/media"), dataset("/mnt/media/tv", "/mnt/media")),
    "two without a mount point": media(dataset("/mnt/media/downloads"), dataset("/mnt/media/tv")),
    "one without a mount point": media(
        dataset("/mnt/media/downloads", "/mnt/media"), dataset("/mnt/media/tv")
    ),
    "two of the root disk": media(dataset("/srv/downloads", "/"), dataset("/srv/tv", "/")),
    "far apart on the root disk": media(dataset("/srv/downloads", "/"), dataset("/data/tv", "/")),
}


@pytest.mark.requirement("S0-53")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_check_finds_the_sandboxes_in_which_a_link_fails(layout: str, tmp_path: Path) -> None:
    """The mounts of the sandbox are made in a mount namespace, and a link is tried in it."""
    if shutil.which("unshare") is None or sys.platform != "linux":
        pytest.skip("no namespaces here")
    changes = LAYOUTS[layout]
    plan = build.plan(changes)
    sonarr = plan.service("sonarr")
    assert sonarr is not None
    paths = {d.name: d.path for d in plan.datasets}
    downloads, library = (paths[sonarr.datasets[role]] for role in ("downloads", "media"))
    for path in (downloads, library):
        (tmp_path / "disk" / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    library = library if library != downloads else f"{library}/tv"
    (tmp_path / "disk" / library.lstrip("/")).mkdir(parents=True, exist_ok=True)
    command = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", LINK]
    if os.geteuid() == 0:
        command[1:3] = []
    done = subprocess.run(
        [*command, str(tmp_path), downloads, library, *sandbox(changes)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "unshare" in done.stderr:
        pytest.skip(f"no namespaces here: {done.stderr}")
    assert done.returncode in (0, errno.EXDEV), done.stderr
    assert bool(build.found(changes, "hardlink-same-fs")) == (done.returncode == errno.EXDEV)


@pytest.mark.requirement("S0-53")
def test_two_file_systems_are_both_named() -> None:
    changes = media(
        dataset("/mnt/fast/downloads", "/mnt/fast"), dataset("/mnt/media", "/mnt/media")
    )
    (problem,) = build.found(changes, "hardlink-same-fs")
    assert problem.severity == "error"
    assert problem.where == "services.sonarr.datasets"
    assert "first (/mnt/fast/downloads) and other (/mnt/media) are on two file systems" in str(
        problem
    )


@pytest.mark.parametrize(
    "paths", [("/srv/a", "/mnt/b"), ("/srv/a", "/srv/b"), ("/var/lib/a", "/var/lib/b")]
)
def test_the_common_directory_of_two_datasets_is_not_one_of_the_system(
    paths: tuple[str, str],
) -> None:
    """A mount of it would let the unit write everything below."""
    changes = media(*(dataset(path, "/") for path in paths))
    unit = next(u for u in build.plan(changes).hardening if u.unit == "sonarr")
    settings = dict(unit.settings)
    bound = [p for n in ("BindPaths", "ReadWritePaths") for p in settings.get(n, [])]  # type: ignore[union-attr]
    assert set(bound) - {"/var/lib/sonarr", "/var/lib/sonarr/.config/NzbDrone"} == set(paths)
