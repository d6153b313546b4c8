"""podman accepts the command line of every rendered container."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.programs.rendered import ALL, planned, settings
from tests.tools.programs import at, run


@pytest.fixture(scope="module")
def store() -> Iterator[tuple[str, ...]]:
    """An image store without images. Podman requires a short path."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        yield ("--root", f"{place}/root", "--runroot", f"{place}/run")


WITH_CONTAINERS = [
    n for n in ALL if list(settings(planned(n), "virtualisation.oci-containers.containers", Path()))
]


@pytest.mark.parametrize("name", WITH_CONTAINERS)
@pytest.mark.requirement("S0-33")
def test_podman_accepts_the_arguments_of_every_container(
    name: str, store: tuple[str, ...], tmp_path: Path
) -> None:
    """It parses every argument, and then looks for the image."""
    podman = at("podman")
    if os.geteuid():
        pytest.skip("podman of a plain user wants user namespaces")
    settings_file = tmp_path / "containers.conf"
    for _, found in settings(planned(name), "virtualisation", tmp_path):
        own = found.get("containers", {}).get("containersConf", {}).get("settings", {})
        settings_file.write_text(toml(own), encoding="utf-8")
        env = {**os.environ, "CONTAINERS_CONF": str(settings_file)}
        for container, said in found["oci-containers"]["containers"].items():
            files = said.get("environmentFiles", [])
            words = [f"--name={container}", "--pull=never"]
            words += [f"--env={k}={v}" for k, v in said.get("environment", {}).items()]
            words += [f"--publish={p}" for p in said.get("ports", [])]
            words += [f"--volume={v}" for v in said.get("volumes", [])]
            words += [f"--network={n}" for n in said.get("networks", [])]
            for file in files:
                here = tmp_path / Path(file).name
                here.write_text("A=b\n", encoding="utf-8")
                words.append(f"--env-file={here}")
            words += [*said.get("extraOptions", []), said["image"], *said.get("cmd", [])]
            line = [podman, *store, "create", *words]
            done = subprocess.run(line, env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 125, done.stderr
            last = done.stderr.strip().splitlines()[-1]
            assert last.endswith("image not known"), done.stderr


def toml(value: Mapping[str, Mapping[str, Any]]) -> str:
    """Tables of plain values."""
    return "".join(
        f"[{table}]\n" + "".join(f"{k} = {v!r}\n" for k, v in body.items())
        for table, body in value.items()
    )


@pytest.mark.parametrize("name", WITH_CONTAINERS)
def test_podman_accepts_the_arguments_of_image_removal(
    name: str, store: tuple[str, ...], tmp_path: Path
) -> None:
    """As in the module's unit."""
    podman = at("podman")
    if os.geteuid():
        pytest.skip("podman of a plain user wants user namespaces")
    for _, found in settings(planned(name), "virtualisation.podman.autoPrune", tmp_path):
        done = run(podman, *store, "system", "prune", "--force", *found["flags"])
        assert done.returncode == 0, done.stderr
