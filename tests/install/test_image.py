"""`homelab bootstrap --build`: the image of a new machine, where Nix is."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.ops.install.image import build_image
from homelab.ops.project.stack import Stack, open_stack
from homelab.problems import HomelabError, UsageError
from tests import stackdir
from tests.install.test_card import attic

pytestmark = pytest.mark.requirement("S1-31")
NIX = """\
#!/bin/bash
echo "$*" >>"$LOG"
while [ "$1" != --out-link ]; do shift; done
mkdir -p "$2/sd-image"
touch "$2/sd-image/nixos-sd-image.img.zst"
"""


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "nix").write_text(NIX)
    (tools / "nix").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    top = stackdir.write_stack(tmp_path / "stack", attic())
    return open_stack(top, stackdir.NAME)


def test_the_image_is_built_from_the_rendered_files(stack: Stack, tmp_path: Path) -> None:
    out = tmp_path / "out"
    image = build_image(stack, "attic", out, lambda _: None)
    assert image == out / "attic.image/sd-image/nixos-sd-image.img.zst"
    wanted = f"path:{out}/attic#nixosConfigurations.attic-bootstrap.config.system.build.sdImage"
    assert (tmp_path / "log").read_text().strip().endswith(wanted)
    assert (out / "attic/lib/card.sh").exists()


def test_a_host_without_an_image_is_a_wrong_call(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='no host "nas" that starts from an image'):
        build_image(stack, "nas", tmp_path / "out", lambda _: None)


def test_without_nix_there_is_a_way_out(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HomelabError, match="homelab bootstrap attic prints the command"):
        build_image(stack, "attic", tmp_path / "out", lambda _: None)


def test_another_program_called_nix_is_named(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "tools/nix").write_text("#!/bin/sh\n")
    with pytest.raises(HomelabError, match="has no image"):
        build_image(stack, "attic", tmp_path / "out", lambda _: None)
