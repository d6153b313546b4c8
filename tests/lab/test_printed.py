"""README and the lab's page show what the lab prints for the shipped stack."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import build

pytestmark = pytest.mark.lab

PORT = (
    "navidrome: {host: aurora, name: music,",
    "navidrome: {host: aurora, port: 4600, name: music,",
)


def shown(page: str, words: str) -> list[str]:
    """The lines of the block that contains this text, without commands and omissions."""
    text = (build.ROOT / page).read_text(encoding="utf-8")
    (block,) = [b for b in re.findall(r"```console\n(.*?)```", text, re.DOTALL) if words in b]
    return [plain(line) for line in block.splitlines() if line.strip(" …") and line[0] != "$"]


def plain(line: str) -> str:
    """A line without release digests and times. A busy machine prints more times than an idle one."""
    return re.sub(r"\b[0-9a-f]{12}\b", "*", re.sub(r"\b\d+\.\d s\b", "", line)).rstrip()


def test_readme_and_guide_show_what_the_lab_prints(tmp_path: Path) -> None:
    place = shutil.copytree(build.SHIPPED, tmp_path / "home")

    def lab(verb: str) -> list[str]:
        command = [sys.executable, "-m", "homelab", "lab", verb, "-s", "home", "-C", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return [plain(line) for line in done.stdout.splitlines()]

    first, again = lab("up"), lab("up")
    assert [line for line in shown("README.md", "$ make lab") if line not in first] == []
    unchanged = re.findall(
        r"second run prints `(\d+ unchanged)`", (build.ROOT / "README.md").read_text()
    )
    assert [line.strip() for line in again if line.endswith(" unchanged")] == unchanged
    stack = place / "Pulumi.home.yaml"
    text = stack.read_text(encoding="utf-8")
    assert text.count(PORT[0]) == 1
    stack.write_text(text.replace(*PORT), encoding="utf-8")
    preview = lab("preview")
    assert [
        line for line in shown("docs/guide/lab.md", "aurora/services/") if line not in preview
    ] == []
    lab("destroy")
