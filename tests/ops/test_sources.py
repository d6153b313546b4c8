"""Only files of the project go to a host, and each is what the stack takes it for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from homelab.ops.project.sources import read_sources
from homelab.problems import HomelabError, Problem
from homelab.testing import merged
from tests import build, stackdir
from tests.household import Changes

PRIVATE = "private words of another directory"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"/>'
PAGE: Changes = {"services": {"homepage": {"host": "nas"}}}
PICTURES: Changes = {**PAGE, "dashboard": {"icons": "icons", "favicon": "home.svg"}}
EXTENDS: Changes = {"hosts": {"nas": {"extends": {"flake": "nas"}, "hardware": None}}}


def nas(**said: object) -> Changes:
    return {"hosts": {"nas": said}}


WAYS: dict[str, tuple[str, str, Changes]] = {
    # link in the project, place of the message, changes
    "an icon": ("icons/evil.svg", "dashboard.icons", PICTURES),
    "a favicon": ("home.svg", "dashboard.favicon", PICTURES),
    "a module": ("extra.nix", "hosts.nas.modules[0]", nas(modules=["extra.nix"])),
    "a file of a module": ("more/x.nix", "hosts.nas.modules[0]", nas(modules=["more"])),
    "the hardware": ("hosts/nas/hardware.nix", "hosts.nas.hardware", {}),
    "what a module reads": ("words.txt", "hosts.nas", nas(modules=["reads.nix"])),
    "a home": ("home/sam.nix", "hosts.nas.home", nas(home="home/sam.nix")),
    "a lock": ("locks/nixos-25.11.lock", "nixpkgs.default.lock", {}),
    "a flake": ("nas/secret.nix", "hosts.nas.extends.flake", EXTENDS),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory of a project, with another one beside it that holds a private file."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/private").write_text(PRIVATE)
    top = tmp_path / "project"
    for name in ("home.svg", "icons/plex.svg", "more/default.nix", "nas/flake.nix"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(SVG if name.endswith(".svg") else "{ }\n")
    (top / "reads.nix").write_text("{ x = builtins.readFile ./words.txt; }\n")
    return top


def read(project: Path, changes: Changes) -> tuple[dict[str, str | bytes], list[Problem]]:
    return read_sources(project, build.plan(stackdir.changed(changes)))


def told(problems: list[Problem]) -> list[Problem]:
    return [p for p in problems if "symbolic link" in p.what]


@pytest.mark.parametrize("name", WAYS)
def test_a_link_out_of_the_project_is_refused_wherever_the_stack_names_it(
    name: str, project: Path
) -> None:
    link, where, changes = WAYS[name]
    (project / link).parent.mkdir(parents=True, exist_ok=True)
    (project / link).unlink(missing_ok=True)
    (project / link).symlink_to("../" * (link.count("/") + 1) + "elsewhere/private")
    sources, problems = read(project, changes)
    (problem,) = told(problems)
    assert (problem.where, problem.check) == (where, "file-present")
    assert problem.what.startswith(f"{link} leads out of the stack's directory")
    assert str(project.parent / "elsewhere/private") in problem.what
    assert problem.way_out.startswith("remove the link")
    assert f"there is no {link}" not in [p.what for p in problems]
    assert link not in sources
    assert PRIVATE not in sources.values()


@pytest.mark.parametrize(
    ("name", "where", "changes"),
    [
        ("icons", "dashboard.icons", {**PAGE, "dashboard": {"icons": "icons"}}),
        ("more", "hosts.nas.modules[0]", nas(modules=["more"])),
        ("nas", "hosts.nas.extends.flake", EXTENDS),
    ],
)
def test_a_directory_elsewhere_is_one_message(
    name: str, where: str, changes: Changes, project: Path
) -> None:
    (project / name).rename(project.parent / "elsewhere" / name)
    (project / name).symlink_to(project.parent / "elsewhere" / name)
    sources, problems = read(project, changes)
    (problem,) = [p for p in problems if p.where == where]
    assert problem.what.startswith(f"{name} leads out")
    assert not [s for s in sources if s.startswith(name)]


def test_links_within_the_project_are_read_as_what_they_lead_to(project: Path) -> None:
    (project / "icons/tv.svg").symlink_to("plex.svg")
    (project / "again").symlink_to(project.resolve() / "more")
    sources, problems = read(project, merged(PICTURES, nas(modules=["again"])))
    assert (sources["icons/tv.svg"], sources["again/default.nix"]) == (SVG, "{ }\n")
    assert told(problems) == []


def test_a_project_that_is_reached_by_a_link_is_the_same_project(project: Path) -> None:
    there = project.parent / "by-link"
    there.symlink_to(project)
    sources, problems = read(there, PICTURES)
    assert "icons/plex.svg" in sources
    assert told(problems) == []


def test_what_tools_left_is_no_part_of_a_flake(project: Path) -> None:
    (project / "nas/.direnv").mkdir()
    (project / "nas/.direnv/env.rc").write_text("export TOKEN=private")
    for name in ("result", "result-man", ".pre-commit-config.yaml", ".direnv/flake-profile"):
        (project / "nas" / name).symlink_to("/nix/store/x-made")
    (project / "nas/.sops.yaml").write_text("keys: []\n")
    sources, problems = read(project, EXTENDS)
    found = [s for s in sources if s.startswith("nas/")]
    assert found == ["nas/.sops.yaml", "nas/flake.nix"]
    assert told(problems) == []


@pytest.mark.parametrize(
    ("top", "changes"), [("nas", EXTENDS), ("more", nas(modules=["more"])), ("icons", PICTURES)]
)
def test_a_linked_directory_is_read_as_what_it_leads_to_and_only_once(
    top: str, changes: Changes, project: Path
) -> None:
    """Also one that leads to a directory in which it is."""
    (project / "shared").mkdir()
    (project / "shared/x.svg").write_text(SVG)
    (project / top / "sub").symlink_to("../shared")
    (project / "shared/up").symlink_to(project / top)
    sources, problems = read(project, changes)
    assert sources[f"{top}/sub/x.svg"] == SVG
    assert not [s for s in sources if "/sub/up/" in s]
    assert told(problems) == []


def in_git(project: Path) -> None:
    """One repository that holds the directories of several stacks."""
    (project.parent / ".git").mkdir()
    (project.parent / ".git/config").write_text(PRIVATE)


@pytest.mark.parametrize("name", WAYS)
def test_stacks_of_one_git_repository_may_share_files_by_links(name: str, project: Path) -> None:
    in_git(project)
    link, _, changes = WAYS[name]
    (project / link).parent.mkdir(parents=True, exist_ok=True)
    (project / link).unlink(missing_ok=True)
    (project / link).symlink_to("../" * (link.count("/") + 1) + "elsewhere/private")
    sources, problems = read(project, changes)
    assert sources[link] == PRIVATE
    assert told(problems) == []


@pytest.mark.parametrize("target", ["../../.git/config", "../../../elsewhere"])
def test_a_link_out_of_the_repository_or_into_gits_own_files_is_refused(
    target: str, project: Path
) -> None:
    in_git(project)
    (project.parent.parent / "elsewhere").write_text(PRIVATE)
    (project / "more/x.nix").symlink_to(target)
    sources, problems = read(project, nas(modules=["more"]))
    (problem,) = told(problems)
    assert problem.what.startswith("more/x.nix leads out of the stack's Git repository")
    assert PRIVATE not in sources.values()


def test_a_file_that_two_places_name_is_one_message(project: Path) -> None:
    (project / "more/default.nix").write_text("{ imports = [ ./x.nix ]; }\n")
    (project / "more/x.nix").symlink_to("../../elsewhere/private")
    _, problems = read(project, nas(modules=["more", "more/default.nix"]))
    assert len(told(problems)) == 1


def test_a_directory_that_cannot_be_read_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(top: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(
        HomelabError, match=r"more: cannot be read: permission denied; let your user"
    ):
        read(project, nas(modules=["more"]))


def test_projects_may_share_a_sops_file_by_a_link(project: Path) -> None:
    secret: Changes = {"services": {"jellyfin": {"host": "nas"}}}
    stated = {"jellyfin": {"secrets": {"k": {"ref": {"sops": "a/b"}}}}}
    (project.parent / "elsewhere/nas.yaml").write_text("sops: {}\n")
    (project / "secrets").mkdir()
    (project / "secrets/nas.yaml").symlink_to("../../elsewhere/nas.yaml")
    sources, problems = read(project, merged(secret, {"services": stated}))
    assert sources["secrets/nas.yaml"] == "sops: {}\n"
    assert told(problems) == []


def file_for_directory(project: Path) -> Changes:
    (project / "flake.lock").write_text("{}\n")
    return {**PAGE, "dashboard": {"icons": "flake.lock"}}


def directory_for_file(project: Path) -> Changes:
    (project / "home.svg").unlink()
    (project / "home.svg").mkdir()
    (project / "home.svg/a.svg").write_text(SVG)
    return {**PAGE, "dashboard": {"favicon": "home.svg"}}


def directory_for_lock(project: Path) -> Changes:
    (project / "locks/nixos-25.11.lock").mkdir(parents=True)
    (project / "locks/nixos-25.11.lock/flake.lock").write_text("{}\n")
    return {}


@pytest.mark.parametrize(
    ("made", "where", "what", "way_out"),
    [
        (file_for_directory, "dashboard.icons", "flake.lock is a file", "name the directory"),
        (directory_for_file, "dashboard.favicon", "home.svg is a directory", "name a file in it"),
        (
            directory_for_lock,
            "nixpkgs.default.lock",
            "locks/nixos-25.11.lock is a directory",
            "name a file in it",
        ),
    ],
)
def test_a_file_is_no_directory_and_a_directory_no_file(
    made: Callable[[Path], Changes], where: str, what: str, way_out: str, project: Path
) -> None:
    _, problems = read(project, made(project))
    (problem,) = [p for p in problems if p.where == where]
    assert (problem.severity, problem.check, problem.what) == ("error", "file-present", what)
    assert problem.way_out.startswith(way_out)
