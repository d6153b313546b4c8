"""`deploy.require_clean_git` and `deploy.require_confirm`: what stops an `up`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from homelab.components.program import CONFIRM, refuse_unconfirmed, refuse_warnings
from homelab.ops.project.git import git_state
from homelab.ops.project.stack import Stack, open_stack
from homelab.problems import HomelabError, InvalidStackError
from tests import stackdir
from tests.tools.programs import at


def _git(directory: Path, *words: str) -> None:
    identity = ("-c", "user.name=Sam", "-c", "user.email=sam@example.org")
    subprocess.run([at("git"), *identity, *words], cwd=directory, check=True, capture_output=True)


def _stack(tmp_path: Path, **deploy: object) -> Path:
    return stackdir.write_stack(tmp_path / "lab", {"deploy": deploy})


def _committed(tmp_path: Path, **deploy: object) -> Path:
    directory = _stack(tmp_path, **deploy)
    _git(directory, "init", "-q")
    _git(directory, "add", "-A")
    _git(directory, "commit", "-qm", "all")
    return directory


def _opened(directory: Path) -> Stack:
    return open_stack(directory, stackdir.NAME)


def _refused(directory: Path) -> str:
    try:
        refuse_warnings(_opened(directory))
    except InvalidStackError as error:
        return "\n".join(str(p) for p in error.problems if p.check == "git-clean")
    return ""


@pytest.mark.requirement("S0-68")
def test_an_up_is_refused_until_every_change_is_committed(tmp_path: Path) -> None:
    directory = _committed(tmp_path, require_clean_git=True)
    assert _refused(directory) == ""
    (directory / "hosts/nas/new module.nix").write_text("{ }\n", encoding="utf-8")
    assert "not committed: hosts/nas/new module.nix; commit them" in _refused(directory)
    _git(directory, "add", "-A")
    assert "new module.nix" in _refused(directory)
    _git(directory, "commit", "-qm", "the module")
    assert _refused(directory) == ""


OWN = "hosts/nas/extra.nix"
SECRETS = "secrets/deploy.yaml"
TEXT = "{ }\n"


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A stack in a directory of a repository. A module of it is a link to a file beside it."""
    changes = {"deploy": {"require_clean_git": True}, "hosts": {"nas": {"modules": [OWN]}}}
    directory = stackdir.write_stack(tmp_path / "lab", changes)
    (tmp_path / "common").mkdir()
    (tmp_path / "common/shared.nix").write_text(TEXT, encoding="utf-8")
    (directory / OWN).symlink_to("../../../common/shared.nix")
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-qm", "all")
    assert _refused(directory) == ""
    return directory


@pytest.mark.requirement("S0-68")
def test_a_file_elsewhere_in_the_repository_counts_if_the_stack_reads_it(shared: Path) -> None:
    (shared.parent / "common/other.nix").write_text(TEXT, encoding="utf-8")
    assert _refused(shared) == ""
    (shared.parent / "common/shared.nix").write_text("{ a = 1; }\n", encoding="utf-8")
    assert "not committed: common/shared.nix; commit" in _refused(shared)
    _git(shared, "commit", "-qam", "it")
    (shared / "note").write_text("x", encoding="utf-8")
    assert "not committed: lab/note; commit" in _refused(shared)


def test_a_file_that_git_ignores_counts_if_the_stack_reads_it(shared: Path) -> None:
    (shared / ".gitignore").write_text("new.nix\n*.log\n", encoding="utf-8")
    (shared / "x.log").write_text("x", encoding="utf-8")
    (shared / OWN).unlink()
    (shared / OWN).write_text("{ imports = [ ./new.nix ]; }\n", encoding="utf-8")
    (shared / "hosts/nas/new.nix").write_text(TEXT, encoding="utf-8")
    _git(shared, "add", "-A")
    _git(shared, "commit", "-qm", "it")
    said = _refused(shared)
    assert "read by the stack, and ignored by Git: lab/hosts/nas/new.nix; remove the line" in said
    assert "x.log" not in said
    _git(shared, "add", "-f", "hosts/nas/new.nix")
    _git(shared, "commit", "-qm", "by force")
    assert _refused(shared) == ""


def test_a_secrets_file_through_a_link_counts_wherever_it_is(
    shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (shared / SECRETS).rename(other / "deploy.yaml")
    (shared / SECRETS).symlink_to(other / "deploy.yaml")
    _git(shared, "add", "-A")
    _git(shared, "commit", "-qm", "a link")
    assert "read by the stack, and in no Git repository: " in _refused(shared)
    _git(other, "init", "-q")
    assert f"not committed: ../{other.name}/deploy.yaml; commit" in _refused(shared)
    _git(other, "add", "-A")
    _git(other, "commit", "-qm", "secrets")
    assert _refused(shared) == ""


def test_a_preview_and_a_check_only_warn(tmp_path: Path) -> None:
    directory = _committed(tmp_path, require_clean_git=True)
    (directory / "note.txt").write_text("x", encoding="utf-8")
    found = [p for p in _opened(directory).warnings if p.check == "git-clean"]
    assert [p.severity for p in found] == ["warning"]


def test_a_directory_outside_of_git_is_refused(tmp_path: Path) -> None:
    assert "not a git repository" in _refused(_stack(tmp_path, require_clean_git=True))


def test_git_is_not_asked_without_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = _stack(tmp_path)
    monkeypatch.setenv("PATH", "")
    assert _refused(directory) == ""


def test_git_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_state(tmp_path).failure == "git is not on PATH"


def test_a_name_with_a_line_break_stays_on_one_line(tmp_path: Path) -> None:
    directory = _committed(tmp_path)
    (directory / "a\nb").write_text("", encoding="utf-8")
    assert git_state(directory).changed == ("'a\\nb'",)


@pytest.mark.requirement("S0-68")
def test_a_stack_that_asks_for_confirmation_is_deployed_by_its_name_only(tmp_path: Path) -> None:
    stack = _opened(_stack(tmp_path, require_confirm=True))
    with pytest.raises(HomelabError, match=f"{CONFIRM}={stackdir.NAME} pulumi up"):
        refuse_unconfirmed(stack, {})
    with pytest.raises(HomelabError, match='is "cabin"'):
        refuse_unconfirmed(stack, {CONFIRM: "cabin"})
    refuse_unconfirmed(stack, {CONFIRM: stackdir.NAME})


def test_a_stack_that_asks_for_nothing_is_deployed(tmp_path: Path) -> None:
    refuse_unconfirmed(_opened(_stack(tmp_path)), {})
