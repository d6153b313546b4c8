"""restic accepts repository, excludes and retention of each backup."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.programs.rendered import ALL, planned, settings
from tests.tools.programs import at


def backups(name: str, directory: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, options) of every backup of a stack."""
    for _, found in settings(planned(name), "services.restic.backups", directory):
        yield from found.items()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment for an empty repository, to which no test adds a snapshot."""
    home = tmp_path_factory.mktemp("restic")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "RESTIC_PASSWORD": "x",
        "RESTIC_REPOSITORY": str(home / "repository"),
    }
    subprocess.run([at("restic"), "--quiet", "init"], env=env, check=True)
    return env


@pytest.mark.parametrize(
    "name", [n if n == "cabin" else pytest.param(n, marks=pytest.mark.long) for n in ALL]
)
@pytest.mark.requirement("S0-53")
def test_restic_accepts_every_backup(
    name: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """Excludes are read as a list, and retention as a policy."""
    restic = at("restic")

    def asked(*words: str) -> None:
        line = [restic, "--quiet", *words]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), words

    left_out: set[tuple[str, ...]] = set()
    kept: set[tuple[str, ...]] = set()
    for _, said in backups(name, tmp_path):
        left_out.add(tuple(said.get("exclude", [])))
        kept.add(tuple(shlex.split(" ".join(said["pruneOpts"]))))
    here = tmp_path / "here"
    here.mkdir()
    for number, patterns in enumerate(sorted(left_out)):
        file = tmp_path / f"exclude-{number}"
        file.write_text("\n".join(patterns), encoding="utf-8")
        asked("backup", "--dry-run", f"--exclude-file={file}", str(here))
    # A job with commands around it prunes later, with the same options.
    for options in sorted(kept - {()}):
        asked("forget", "--prune", *options)


OVER_SSH = [n for n in ALL if any(job.ssh_key for job in planned(n).backup.jobs)]


@pytest.mark.parametrize("name", OVER_SSH)
def test_another_host_is_contacted_with_the_backups_own_key(name: str, tmp_path: Path) -> None:
    """restic splits the command as intended. The ssh here is a stub that prints its arguments."""
    restic = at("restic")
    heard = tmp_path / "heard"
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {heard}\nexit 1\n', encoding="utf-8")
    ssh.chmod(0o755)
    env = {"PATH": f"{ssh.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    env["RESTIC_PASSWORD"] = "x"
    for _, said in backups(name, tmp_path):
        if not said["repository"].startswith("sftp:"):
            continue
        options = shlex.split(" ".join(f"-o {o}" for o in said["extraOptions"]))
        line = [restic, "--repo", said["repository"], *options, "snapshots"]
        done = subprocess.run(line, env=env, capture_output=True, text=True, check=False)
        assert done.returncode, "nobody answers"
        if "option sftp.args is not known" in done.stderr:
            pytest.skip("Debian's restic is older than the option that NixOS' knows")
        words = heard.read_text().splitlines()
        key = words[words.index("-i") + 1]
        assert key.startswith("/run/homelab/secrets/restic-"), words
        user, _, address = said["repository"].removeprefix("sftp:").partition("@")
        assert address.partition(":")[0] in words
        assert words[words.index("-l") + 1] == user
        assert "IdentitiesOnly=yes" in words
