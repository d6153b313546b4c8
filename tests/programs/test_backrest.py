"""Backrest itself reads the configuration that a host makes, and shows the snapshots of its jobs.

It needs `backrest` in PATH; without it, the tests of the script run alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.proxy.rig import free_ports

SCRIPT = Path(__file__).parents[2] / "homelab" / "backup" / "backrest.sh"
NEEDED = ("restic", "jq", "mkpasswd", "curl", "bash")
pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, NEEDED)), reason=f"needs {', '.join(NEEDED)}"
)
needs_backrest = pytest.mark.skipif(shutil.which("backrest") is None, reason="needs backrest")

WRAPPER = """#!/bin/sh
echo "$*" >>{log}
export RESTIC_REPOSITORY={repository} RESTIC_PASSWORD_FILE={password}
export RESTIC_CACHE_DIR={cache}
exec {restic} "$@"
"""


class Rig:
    """A host with two jobs on one disk, of which one has a backup: a copy of `disk`."""

    def __init__(self, top: Path, disk: Path | None = None, data: Path | None = None) -> None:
        self.top = top
        self.data = data or top / "data"
        self.config = top / "state" / "config.json"
        self.port = free_ports(1)[0]
        (top / "bin").mkdir()
        (top / "password").write_text("the password of the pages")
        (top / "restic-password").write_text("the password of the repositories")
        repositories = []
        for job in ("wiki", "photos"):
            repository = top / "target" / job
            repositories.append({"id": f"{job}-usb", "uri": str(repository), "target": "usb"})
            wrapper = top / "bin" / f"restic-{job}-usb"
            wrapper.write_text(
                WRAPPER.format(
                    log=top / "asked",
                    repository=repository,
                    password=top / "restic-password",
                    cache=top / "cache",
                    restic=shutil.which("restic"),
                )
            )
            wrapper.chmod(0o755)
        (top / "repositories.json").write_text(json.dumps(repositories))
        restic = top / "bin" / "backrest-restic"
        restic.write_text(f'#!/bin/sh\nexec bash {SCRIPT} restic "$@"\n')
        restic.chmod(0o755)
        if disk is not None:
            shutil.copytree(disk, top / "target")
        else:
            self.data.mkdir()
            (self.data / "page.txt").write_text("a page")
            self.save("wiki")

    def save(self, job: str) -> None:
        """A first or further backup of a job."""
        run = [str(self.top / "bin" / f"restic-{job}-usb")]
        if not (self.top / "target" / job / "config").exists():
            subprocess.run([*run, "init"], check=True, capture_output=True)
        subprocess.run([*run, "backup", self.data], check=True, capture_output=True)

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "PATH": f"{self.top / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.top / "restored"),
            "HOMELAB_REPOSITORIES": str(self.top / "repositories.json"),
            "HOMELAB_RESTIC": shutil.which("restic") or "",
            "BACKREST_CONFIG": str(self.config),
            "BACKREST_DATA": str(self.top / "state" / "data"),
            "BACKREST_INSTANCE": "aurora",
            "BACKREST_PASSWORD_FILE": str(self.top / "password"),
            "BACKREST_ADDRESS": f"127.0.0.1:{self.port}",
            "BACKREST_PORT": f"127.0.0.1:{self.port}",
            "BACKREST_RESTIC_COMMAND": str(self.top / "bin" / "backrest-restic"),
            "XDG_CACHE_HOME": str(self.top / "cache"),
        }

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(SCRIPT), *words],
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def configure(self, *words: str) -> str:
        done = self.run("configure", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def read(self) -> dict[str, list[dict[str, object]]]:
        found: dict[str, list[dict[str, object]]] = json.loads(self.config.read_text())
        return found

    def ask(
        self, method: str, body: object, user: str = "homelab:the password of the pages"
    ) -> str:
        address = f"http://127.0.0.1:{self.port}/v1.Backrest/{method}"
        done = subprocess.run(
            ["curl", "-s", "-f", "-u", user, "--json", json.dumps(body), address],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.stdout if done.returncode == 0 else ""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    """The host that made the backup: restic needs seconds for a repository, and a copy is one."""
    return Rig(tmp_path_factory.mktemp("first"))


@pytest.fixture
def rig(first: Rig, tmp_path: Path) -> Rig:
    """A host whose job `wiki` has a backup."""
    return Rig(tmp_path, first.top / "target", first.data)


@pytest.fixture
def pages(rig: Rig) -> Iterator[Rig]:
    """The same host with Backrest, started as the unit starts it."""
    rig.configure()
    with (rig.top / "log").open("w") as log:
        program = subprocess.Popen(["backrest"], env=rig.environment, stdout=log, stderr=log)
        try:
            done = rig.run("index")
            assert done.returncode == 0, done.stderr + (rig.top / "log").read_text()
            assert done.stderr == ""
            yield rig
        finally:
            program.terminate()
            program.wait(timeout=20)


def operations(rig: Rig, kind: str) -> list[dict[str, object]]:
    """Operations of one kind that have ended well, of the repository of the wiki."""
    body = {"selector": {"repoGuid": rig.read()["repos"][0]["guid"]}}
    for _ in range(60):
        found = json.loads(rig.ask("GetOperations", body) or "{}").get("operations", [])
        done = [o for o in found if kind in o and o["status"] == "STATUS_SUCCESS"]
        if done:
            return done
        time.sleep(0.5)
    raise AssertionError(f"no {kind}: {found} {(rig.top / 'log').read_text()}")


@pytest.mark.long
def test_a_repository_is_shown_once_it_has_a_backup(rig: Rig) -> None:
    assert rig.configure() == "changed\n"
    assert [repo["id"] for repo in rig.read()["repos"]] == ["wiki-usb"]
    rig.save("photos")
    assert rig.configure() == "changed\n"
    assert [repo["id"] for repo in rig.read()["repos"]] == ["photos-usb", "wiki-usb"]


def test_no_password_is_in_the_configuration(rig: Rig) -> None:
    rig.configure()
    text = rig.config.read_text()
    assert "the password of" not in text
    assert rig.config.stat().st_mode & 0o777 == 0o600


@pytest.mark.long
def test_nothing_is_written_while_nothing_has_changed(rig: Rig) -> None:
    rig.configure()
    before = rig.config.read_bytes()
    assert rig.configure() == ""
    assert rig.configure("anew") == ""
    assert rig.config.read_bytes() == before


@pytest.mark.long
def test_what_people_added_on_the_pages_stays(rig: Rig) -> None:
    """Users, the key of its own, hooks and repositories that are not of a job."""
    rig.configure()
    config = json.loads(rig.config.read_text())
    config["modno"] = 7
    config["sync"] = {"identity": {"keyid": "abc"}}
    config["auth"]["users"].append({"name": "kim", "passwordBcrypt": "eA=="})
    config["repos"][0]["hooks"] = [{"actionGotify": {"baseUrl": "http://localhost"}}]
    config["repos"].append({"id": "own", "uri": "/own", "guid": "0" * 64})
    config["plans"] = [
        {"id": "mine", "repo": "own", "paths": ["/x"]},
        {"id": "lost", "repo": "gone", "paths": ["/x"]},
    ]
    config["auth"]["disabled"] = True
    rig.config.write_text(json.dumps(config))
    rig.save("photos")
    rig.configure()
    after = json.loads(rig.config.read_text())
    assert after["modno"] == 8
    assert after["sync"] == config["sync"]
    assert {user["name"] for user in after["auth"]["users"]} == {"homelab", "kim"}
    assert after["auth"]["disabled"] is False
    repos = {repo["id"]: repo for repo in after["repos"]}
    assert set(repos) == {"own", "photos-usb", "wiki-usb"}
    assert repos["wiki-usb"]["hooks"] == config["repos"][0]["hooks"]
    assert [plan["id"] for plan in after["plans"]] == ["mine"]


@pytest.mark.long
def test_a_job_that_has_left_the_stack_is_no_longer_shown(rig: Rig) -> None:
    rig.configure()
    (rig.top / "repositories.json").write_text("[]")
    rig.configure()
    assert rig.read()["repos"] == []


@pytest.mark.long
def test_a_target_that_does_not_answer_keeps_what_was_shown(rig: Rig) -> None:
    rig.configure()
    shutil.move(rig.top / "target", rig.top / "gone")
    rig.configure("anew")
    assert [repo["id"] for repo in rig.read()["repos"]] == ["wiki-usb"]


@pytest.mark.parametrize(
    "command", ["backup", "forget", "prune", "init", "unlock", "tag", "rewrite", "key", "-o"]
)
def test_backrest_changes_no_repository(rig: Rig, command: str) -> None:
    done = rig.run("restic", command, HOMELAB_REPOSITORY="wiki-usb")
    assert done.returncode == 1
    assert "homelab makes, keeps and removes snapshots" in done.stderr


def test_a_command_reaches_the_restic_of_its_job(rig: Rig) -> None:
    """Without a lock, and without the option that the job has itself."""
    words = ("restic", "snapshots", "--json", "-o", "sftp.args=-oBatchMode=yes")
    done = rig.run(*words, HOMELAB_REPOSITORY="wiki-usb")
    assert len(json.loads(done.stdout)) == 1
    assert (rig.top / "asked").read_text().splitlines()[-1] == "snapshots --json --no-lock"
    assert "belongs to no backup job" in rig.run("restic", "snapshots").stderr


@needs_backrest
def test_backrest_shows_the_snapshots_and_their_files(pages: Rig) -> None:
    found = operations(pages, "operationIndexSnapshot")
    assert len(found) == 1
    snapshot = found[0]["snapshotId"]
    files = json.loads(
        pages.ask(
            "ListSnapshotFiles",
            {
                "repoId": "wiki-usb",
                "repoGuid": pages.read()["repos"][0]["guid"],
                "snapshotId": snapshot,
                "path": str(pages.data),
            },
        )
    )
    assert any(entry["name"] == "page.txt" for entry in files["entries"])


@needs_backrest
def test_backrest_restores_a_directory_of_a_snapshot(pages: Rig) -> None:
    version = subprocess.run(["restic", "version"], capture_output=True, text=True, check=True)
    if tuple(map(int, version.stdout.split()[1].split(".")))[:2] < (0, 17):
        pytest.skip("Backrest restores with restic 0.17 and later")
    snapshot = operations(pages, "operationIndexSnapshot")[0]["snapshotId"]
    target = pages.top / "restored" / "now"
    pages.ask(
        "Restore",
        {
            "repoId": "wiki-usb",
            "planId": "_unassociated_",
            "snapshotId": snapshot,
            "path": str(pages.data),
            "target": str(target),
        },
    )
    operations(pages, "operationRestore")
    restored = [path.read_text() for path in target.rglob("page.txt")]
    assert restored == ["a page"]


@needs_backrest
def test_backrest_checks_a_repository_and_cannot_prune_it(pages: Rig) -> None:
    pages.ask("DoRepoTask", {"repoId": "wiki-usb", "task": "TASK_CHECK"})
    operations(pages, "operationCheck")
    pages.ask("DoRepoTask", {"repoId": "wiki-usb", "task": "TASK_PRUNE"})
    time.sleep(2)
    assert not any(
        line.startswith(("prune", "forget", "unlock", "init"))
        for line in (pages.top / "asked").read_text().splitlines()[2:]
    )
    assert (pages.top / "target" / "wiki" / "config").exists()


@needs_backrest
def test_its_pages_ask_for_the_password(pages: Rig) -> None:
    assert not pages.ask("GetConfig", {}, user="homelab:another")
    assert json.loads(pages.ask("GetConfig", {}))["instance"] == "aurora"
