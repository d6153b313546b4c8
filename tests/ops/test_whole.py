"""Files of the owner are written whole, or stay as they were."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from homelab.ops.whole import write_files
from homelab.problems import HomelabError


def test_a_text_that_is_there_stays_whole_if_it_cannot_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full: the text is in a file of its own before it takes the place."""
    stack = tmp_path / "Pulumi.home.yaml"
    stack.write_text("config: {}\n", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HomelabError, match=r"No space left on device.*; free some"):
        write_files(tmp_path, {stack.name: "config: {homelab:site: {}}\n"}, "free some")
    assert [p.name for p in tmp_path.iterdir()] == [stack.name]
    assert stack.read_text(encoding="utf-8") == "config: {}\n"


def test_files_are_written_with_their_directories(tmp_path: Path) -> None:
    write_files(tmp_path, {"hosts/nas/a.nix": "{ }\n", "hosts/nas/key": b"\xff"}, "")
    assert (tmp_path / "hosts/nas/a.nix").read_text(encoding="utf-8") == "{ }\n"
    assert (tmp_path / "hosts/nas/key").read_bytes() == b"\xff"
