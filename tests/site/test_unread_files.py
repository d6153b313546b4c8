"""Whatever file of a stack cannot be read, one line says which, why and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from homelab.cli import app
from homelab.ops.project.pages import write_pages
from homelab.ops.project.stack import check_stack
from homelab.ops.starter.dev_shells import write_shells
from homelab.problems import InvalidStackError, Problem
from tests import stackdir
from tests.closed import close

STACK = f"Pulumi.{stackdir.NAME}.yaml"
PLACES = (
    *(STACK, "homelab.lock.yaml", "locks/nixos-25.11.lock", "hosts/nas/hardware.nix"),
    *("hosts/nas/disks.nix", "secrets/nas.yaml", "secrets/deploy.yaml", "services/own.yaml"),
    *("homelab.other.lock.yaml", "more/default.nix", "more/part.nix"),
)
DIRECTORIES = ("hosts", "hosts/nas", "secrets", "locks", "services", "more")
_TMPFS = 'fileSystems."/" = { device = "none"; fsType = "tmpfs"; }; '
_TMPFS += 'fileSystems."/persist" = { device = "/dev/sda1"; fsType = "ext4"; };'
_PERSISTENT = {"persistence": {"root": "/persist"}}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    changes = {
        "hosts": {"nas": {"modules": ["hosts/nas/disks.nix", "more"], **_PERSISTENT}},
        "services": {"jellyfin": {"host": "nas", "secrets": {"k": {"ref": {"sops": "a/b"}}}}},
    }
    top = stackdir.write_stack(tmp_path / "stack", changes)
    for file, text in {
        "homelab.lock.yaml": "services: {}\n",
        "homelab.other.lock.yaml": "services: {}\n",
        "services/own.yaml": "category: media\n",
        "hosts/nas/hardware.nix": "{ }\n",
        "hosts/nas/disks.nix": "{ " + _TMPFS + " }\n",
        "more/default.nix": "{ imports = [ ./part.nix ]; }\n",
        "more/part.nix": "{ }\n",
    }.items():
        (top / file).parent.mkdir(exist_ok=True)
        (top / file).write_text(text)
    return top


def a_directory(path: Path, _: pytest.MonkeyPatch) -> None:
    path.unlink()
    path.mkdir()
    (path / "x").write_text("")


def a_link_to_itself(path: Path, _: pytest.MonkeyPatch) -> None:
    path.unlink()
    path.symlink_to(path.name)


def a_link_to_nothing(path: Path, _: pytest.MonkeyPatch) -> None:
    path.unlink()
    path.symlink_to("elsewhere")


WAYS: dict[Callable[[Path, pytest.MonkeyPatch], None], tuple[str, str]] = {
    close: ("permission denied", "chmod u+rX"),
    a_link_to_itself: ("it is a symbolic link that leads back to itself", "replace the link"),
    a_link_to_nothing: ("what it leads to is not there", "replace the link"),
}


def problems_of(place: Path) -> list[Problem]:
    try:
        return [*check_stack(place, stackdir.NAME)[1]]
    except InvalidStackError as error:
        return [*error.problems]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("file", PLACES)
def test_a_file_that_cannot_be_read_is_one_error_with_a_way_out(
    place: Path,
    file: str,
    way: Callable[[Path, pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if file == "homelab.other.lock.yaml":
        stack = (place / STACK).read_text()
        (place / "Pulumi.other.yaml").write_text(stack)
        file_of_another = True
    else:
        file_of_another = False
    before = {str(p) for p in problems_of(place)}
    way(place / file, monkeypatch)
    found = [p for p in problems_of(place) if str(p) not in before and p.severity == "error"]
    if file_of_another and not found:
        return  # only the other stack needs it
    (problem,) = found
    why, way_out = WAYS[way]
    assert f"cannot be read: {why}" in problem.what or why in problem.what
    assert file in f"{problem.where} {problem.what}"
    assert way_out in problem.way_out


@pytest.mark.parametrize("name", DIRECTORIES)
def test_a_directory_that_cannot_be_entered_is_one_error(
    place: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {str(p) for p in problems_of(place)}
    close(place / name, monkeypatch)
    found = [p for p in problems_of(place) if str(p) not in before and p.severity == "error"]
    (problem,) = found
    assert f"{name} cannot be read: permission denied" in f"{problem.where} {problem.what}".replace(
        ": cannot", " cannot"
    )
    assert problem.way_out.endswith(f"chmod u+rX {name}")


@pytest.mark.parametrize("file", [f for f in PLACES if "other" not in f and "more" not in f])
def test_a_directory_in_place_of_a_file_is_an_error_that_names_it(
    place: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {str(p) for p in problems_of(place)}
    a_directory(place / file, monkeypatch)
    found = [p for p in problems_of(place) if str(p) not in before and p.severity == "error"]
    assert any(file in f"{p.where} {p.what}" for p in found)


def test_a_missing_module_has_no_consequences(place: Path) -> None:
    """What it sets is not known, so nothing is said about the root file system."""
    (place / "hosts/nas/disks.nix").unlink()
    errors = [p for p in problems_of(place) if p.severity == "error"]
    assert [p.what for p in errors if p.where.startswith("hosts.nas")] == [
        "there is no hosts/nas/disks.nix"
    ]


def test_no_command_ends_in_a_traceback_for_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also for a file that no reader expects to be closed."""

    def fails() -> None:
        raise PermissionError(13, "Permission denied", "docs/home")

    monkeypatch.setattr(app, "app", fails)
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        "error: docs/home: this cannot be used: permission denied; fix its permissions or its "
        "disk, and run it again\n"
    )


PAGES = (
    *("docs/small/README.md", "docs/small/hosts.md", "docs/notes/plan.md", "README.md"),
    *("dev-shells/small/default.nix", "Pulumi.other.yaml"),
)


@pytest.fixture
def with_pages(tmp_path: Path) -> Path:
    """A stack that passes every check, with pages and shells of homelab and of the owner."""
    shell = {"dev": {"shells": {"main": {"fragments": ["python"]}}}}
    top = stackdir.write_stack(tmp_path / "stack", shell)
    plan, problems = check_stack(top, stackdir.NAME)
    assert not [p for p in problems if p.severity == "error"]
    write_pages(top, stackdir.NAME, plan)
    write_shells(top, stackdir.NAME, plan)
    (top / "docs/notes").mkdir()
    for file in ("docs/notes/plan.md", "README.md"):
        (top / file).write_text("nas is planned\n")
    # Only the other stack has this host.
    (top / "Pulumi.other.yaml").write_text("config:\n  homelab:hosts:\n    box: {}\n")
    (top / "hosts/box").mkdir()
    (top / "hosts/box/hardware.nix").write_text("{ }\n")
    return top


@pytest.mark.parametrize("file", PAGES)
def test_a_page_that_cannot_be_read_is_one_error(
    with_pages: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (with_pages / file).is_file()
    assert not [p for p in problems_of(with_pages) if p.severity == "error"]
    close(with_pages / file, monkeypatch)
    found = problems_of(with_pages)
    (error,) = [p for p in found if p.severity == "error"]
    assert (error.where, error.what) == (file, "cannot be read: permission denied")
    assert error.way_out.endswith(f"chmod u+rX {file}")
    # Nothing is said that would follow from what is in it.
    assert not [p for p in found if p.check in ("host-folder", "docs-stale", "dev-shells-stale")]


@pytest.mark.parametrize("name", ["docs", "docs/small", "docs/notes"])
def test_pages_in_a_directory_that_cannot_be_entered_are_one_error(
    with_pages: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    close(with_pages / name, monkeypatch)
    (error,) = [p for p in problems_of(with_pages) if p.severity == "error"]
    assert (error.where, error.what) == (name, "cannot be read: permission denied")


def test_a_page_that_is_a_link_to_nothing_is_a_dead_link(with_pages: Path) -> None:
    (with_pages / "docs/notes/plan.md").unlink()
    (with_pages / "docs/notes/plan.md").symlink_to("gone.md")
    (found,) = [p for p in problems_of(with_pages) if p.check == "routing-coherence"]
    assert (found.where, found.severity) == ("docs/notes/plan.md", "warning")
