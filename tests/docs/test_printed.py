"""The guide shows the real output of commands for the shipped stacks."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from homelab.cli.app import app
from tests.docs.test_docs import FENCE, ROOT, text_of

GUIDE = ROOT / "docs/guide"


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "tests/shipped", tmp_path / "stack"))


def printed(directory: Path, line: str) -> str:
    command, *options = line.split()
    result = CliRunner(env={"COLUMNS": "400"}).invoke(
        app, [command, "-C", str(directory), *options]
    )
    return result.output


def block_of(page: str, command: str) -> list[str]:
    """The lines below a command on the page."""
    bodies = [body for _, body in FENCE.findall(text_of(GUIDE / page)) if f"$ {command}\n" in body]
    assert bodies, command
    return bodies[0].partition(f"$ {command}\n")[2].partition("\n$ ")[0].splitlines()


def edit(path: Path, old: str, new: str) -> None:
    text = text_of(path)
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("edits", "marks"),
    [
        (
            [
                ("gpu: {vendor: nvidia, open", "gpu: {vendr: nvidia, open"),
                ('release: "25.11"', "release: 25.11"),
                ("timezone: Europe/Oslo", "timezone: 2024-01-01"),
            ],
            ("gpu.vend", "nixpkgs.default.release", "site.timezone: this is a date"),
        ),
        ([("immich: {host: aurora", "immich: {host: aurara")], ("aurara",)),
        ([("vaultwarden: {host: aurora", "vaultwarden: {host: workstation")], ("move-stateful",)),
    ],
    ids=["keys and types", "a host that is not there", "a moved service"],
)
def test_errors_on_the_stack_page_are_what_check_prints(
    stack: Path, edits: list[tuple[str, str]], marks: tuple[str, ...]
) -> None:
    shown = re.findall(
        r"^error: Pulumi\.home\.yaml:\d+: .*$", text_of(GUIDE / "stack.md"), re.MULTILINE
    )
    for old, new in edits:
        edit(stack / "Pulumi.home.yaml", old, new)
    lines = printed(stack, "check -s home").splitlines()
    for mark in marks:
        expected = [line for line in shown if mark in line]
        assert expected, mark
        for line in expected:
            fragment, elided = line.removesuffix("…"), line.endswith("…")
            assert [p for p in lines if p == line or (elided and p.startswith(fragment))], line


@pytest.mark.parametrize(
    ("page", "command", "directory"),
    [
        ("names-and-access.md", "reach music", "tests/shipped"),
        ("tailnet.md", "show --policy -s cabin", "tests/shipped"),
        ("backups.md", "show --json", "tests/shipped"),
    ],
)
def test_a_page_shows_what_a_command_prints(page: str, command: str, directory: str) -> None:
    lines = printed(ROOT / directory, command).splitlines()
    for line in block_of(page, f"homelab {command}"):
        assert line.strip() == "…" or line in lines, line


def test_the_lan_page_shows_how_the_example_reaches_an_app() -> None:
    _, body = next(f for f in FENCE.findall(text_of(GUIDE / "lan.md")) if f[0] == "text")
    assert body in printed(ROOT / "examples/lan", "reach")


def test_the_proxy_page_shows_lines_of_the_home_stack() -> None:
    made = text_of(ROOT / "tests/golden/home/pi/proxy.nix")
    body = next(b for _, b in FENCE.findall(text_of(GUIDE / "proxy.md")) if "forward_auth" in b)
    for line in body.splitlines():
        assert line.strip().partition("…")[0] in made, line
