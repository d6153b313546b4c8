"""The owner's pages say what the stack says, and `homelab check` notices pages that do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from homelab.cli.app import app
from homelab.ops.project.stack import check_stack
from homelab.pages.exceptions import exceptions
from homelab.pages.markdown import table
from homelab.pages.plan import MARK, pages
from homelab.render import modules_of
from tests import build, stackdir
from tests.docs.pictures import stacks

pytestmark = pytest.mark.requirement("S0-61", "S0-78")


def _run(top: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "-C", str(top)])


@pytest.mark.parametrize(("top", "name"), stacks(), ids=lambda v: getattr(v, "name", v))
def test_every_host_name_port_job_and_secret_is_on_its_page(top: Path, name: str) -> None:
    plan, _ = check_stack(top, name)
    written = pages(plan)
    assert all(text.startswith(MARK) for text in written.values())
    assert all(f"\n| {host} |" in written["hosts.md"] for host in plan.hosts)
    assert all(r.internal in written["names.md"] for r in plan.routes)
    assert all(f"| {p.port}/{p.protocol} |" in written["ports.md"] for p in plan.ports)
    assert all(f"\n| {j.name} | {j.host} |" in written["backups.md"] for j in plan.backup.jobs)
    assert all(f"\n| {service} |" in written["backups.md"] for service, _ in plan.backup.skipped)
    assert all(f"\n| {s.name} | {s.host} |" in written["secrets.md"] for s in plan.secrets.secrets)


@pytest.mark.requirement("S4-38")
def test_every_module_of_a_host_has_one_line() -> None:
    plan = build.plan({"services": {"jellyfin": {"host": "nas"}}})
    page = pages(plan)["hosts.md"]
    listed = page.partition("## Files of nas\n")[2].partition("## ")[0]
    for module in modules_of(plan, plan.hosts["nas"]):
        (line,) = [row for row in listed.splitlines() if row.startswith(f"| {module.file} |")]
        assert len(line.split("|")[2].strip()) > 10, line


def test_every_reason_of_the_stack_is_an_exception() -> None:
    skip = {"jellyfin": {"host": "nas", "backup": {"skip": "films can be ripped again"}}}
    stack = build.plan({"services": skip}).stack
    assert ("services.jellyfin.backup.skip", "films can be ripped again") in exceptions(stack)


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_any_text_stays_in_its_cell(cells: list[str]) -> None:
    lines = table(["x"] * len(cells), [cells], "").splitlines()
    assert len(lines) == 3
    bare = lines[2].replace("\\\\", "").replace("\\|", "")
    assert bare.count("|") == len(cells) + 1


def test_pages_are_written_once_and_only_what_changed_again(tmp_path: Path) -> None:
    stackdir.write_stack(tmp_path)
    assert "docs/small/hosts.md written" in _run(tmp_path, "docs").stdout
    assert "nothing changed" in _run(tmp_path, "docs").stdout
    assert "docs-stale" not in _run(tmp_path, "check").stdout


def test_a_change_makes_the_pages_that_it_changes_stale(tmp_path: Path) -> None:
    stackdir.write_stack(tmp_path)
    _run(tmp_path, "docs")
    stackdir.write_stack(tmp_path, {"services": {"jellyfin": {"host": "nas"}}})
    done = _run(tmp_path, "check")
    assert done.exit_code == 0
    assert "docs/small/ports.md: this page is not what the stack says" in done.stdout
    assert "docs/small/README.md" not in done.stdout
    assert "run: homelab docs -s small" in done.stdout
    assert _run(tmp_path, "docs").exit_code == 0
    assert "docs-stale" not in _run(tmp_path, "check").stdout


def test_a_page_of_the_owner_is_not_replaced(tmp_path: Path) -> None:
    stackdir.write_stack(tmp_path)
    own = tmp_path / "docs/small/ports.md"
    own.parent.mkdir(parents=True)
    own.write_text("# My ports\n")
    done = _run(tmp_path, "docs")
    assert "homelab did not write this file" in str(done.exception)
    assert [p.name for p in own.parent.iterdir()] == ["ports.md"]
    assert own.read_text() == "# My ports\n"
    assert "docs-stale" not in _run(tmp_path, "check").stdout
