"""Pages and directories of the owner that contradict the stack are warnings with their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.ops.project.pages import write_pages
from homelab.ops.project.stack import check_stack, open_stack
from tests import stackdir

JELLYFIN = {"services": {"jellyfin": {"host": "nas"}}}


def told(directory: Path) -> list[str]:
    _, problems = check_stack(directory, stackdir.NAME)
    ours = ("doc-coherence", "routing-coherence", "host-folder")
    return [f"{p.where} {p.check}" for p in problems if p.check in ours]


@pytest.mark.requirement("S0-61")
def test_a_running_host_or_service_that_a_page_calls_planned_is_told(tmp_path: Path) -> None:
    stackdir.write_stack(tmp_path, JELLYFIN)
    page = tmp_path / "docs/hosts.md"
    page.parent.mkdir()
    page.write_text(
        "# Hosts\n\nnas (planned): files\n| `jellyfin` | deferred |\n- **pi**: retired\n"
        "The planned nas, and nas-two (planned).\nturtle (planned)\n```\nnas (planned)\n```\n"
    )
    assert told(tmp_path) == [
        "docs/hosts.md:3 doc-coherence",
        "docs/hosts.md:4 doc-coherence",
        "docs/hosts.md:5 doc-coherence",
    ]
    page.write_text(
        "# Hosts\n\nnas: files\nnas is planned to get a disk.\n- nas: retired the old disk\n"
    )
    assert told(tmp_path) == []


@pytest.mark.requirement("S0-61")
def test_a_problem_outside_of_the_stack_file_names_its_own_file_and_line(tmp_path: Path) -> None:
    stackdir.write_stack(tmp_path, JELLYFIN)
    (tmp_path / "README.md").write_text("nas (planned)\n[gone](docs/gone.md)\n")
    (tmp_path / "hosts/attic").mkdir(parents=True)
    (tmp_path / "hosts/attic/hardware.nix").write_text("{ }\n")
    _, problems = check_stack(tmp_path, stackdir.NAME)
    write_pages(tmp_path, stackdir.NAME, open_stack(tmp_path, stackdir.NAME).plan)
    (page,) = (tmp_path / "docs").rglob("ports.md")
    page.write_text(f"{page.read_text()}more\n")
    _, more = check_stack(tmp_path, stackdir.NAME)
    ours = {
        "doc-coherence": ("README.md:1: this says", "README.md", 1),
        "routing-coherence": ("README.md:2: there is no docs/gone.md", "README.md", 2),
        "host-folder": ("hosts/attic: no stack has", "", 0),
        "docs-stale": (f"{page.relative_to(tmp_path)}: this page is not", "", 0),
    }
    found = {p.check: p for p in (*problems, *more)}
    for check, (said, file, line) in ours.items():
        assert str(found[check]).startswith(said)
        assert (found[check].file, found[check].line) == (file, line)
    stack = f"Pulumi.{stackdir.NAME}.yaml"
    within = [p for p in more if p.check not in ours]
    assert within
    assert all(p.file == stack and str(p).startswith(f"{stack}:") for p in within if p.line)


@pytest.mark.requirement("S0-61")
def test_a_host_that_is_planned_may_be_called_so(tmp_path: Path) -> None:
    attic = {"platform": "x86_64-linux", "state_version": "25.11", "state": "planned"}
    stackdir.write_stack(tmp_path, {"hosts": {"attic": attic}})
    (tmp_path / "README.md").write_text("attic (planned)\n")
    assert told(tmp_path) == []


@pytest.mark.requirement("S0-61")
def test_a_link_to_a_page_that_is_not_there_is_told(tmp_path: Path) -> None:
    stackdir.write_stack(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.md").write_text("[b](b.md#x) [c](../README.md) [d](https://x.y/z.md)\n")
    (tmp_path / "README.md").write_text("[a](docs/a.md)\n[gone](docs/gone.md) `[x](y.md)`\n")
    assert told(tmp_path) == [
        "README.md:2 routing-coherence",
        "docs/a.md:1 routing-coherence",
    ]


@pytest.mark.requirement("S0-70")
def test_the_directory_of_a_host_that_no_stack_has_is_told(tmp_path: Path) -> None:
    stackdir.write_stack(tmp_path)
    ghost, shared = tmp_path / "hosts/ghost", tmp_path / "hosts/shared"
    for place in (ghost, shared):
        place.mkdir()
    (ghost / "hardware.nix").write_text("{ }\n")
    (shared / "fonts.nix").write_text("{ }\n")
    assert told(tmp_path) == ["hosts/ghost host-folder"]
    (ghost / "hardware.nix").unlink()
    assert told(tmp_path) == []
