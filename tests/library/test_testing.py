"""`homelab.testing`: every example of its guide is a test that passes."""

from __future__ import annotations

import asyncio
import inspect
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from homelab.config.document import read_document
from homelab.config.load import load_stack_config
from homelab.lab.hosts import LabHosts
from homelab.problems import InvalidStackError
from homelab.starter.files import pulumi_template
from homelab.testing import changed, changed_files, merged, stack, stack_text, write_stack
from homelab.testing.recorded import Recorded, Resource
from tests import build

pytest_plugins = ["pytester"]
GUIDE = (build.ROOT / "docs/guide/testing.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
SLOW = "Rehearsal"


def passes(example: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    names: dict[str, Callable[..., None]] = {}
    exec(example, names)
    tests = [function for name, function in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test(**dict.fromkeys(inspect.signature(test).parameters, project.parent))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(build.SHIPPED, tmp_path / "home", ignore=shutil.ignore_patterns(".homelab"))
    return tmp_path / "home"


@pytest.mark.parametrize("example", [e for e in EXAMPLES if SLOW not in e])
def test_an_example_of_the_guide_passes(
    example: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes(example, project, monkeypatch)


@pytest.mark.lab
@pytest.mark.parametrize("example", [e for e in EXAMPLES if SLOW in e])
def test_the_rehearsal_of_the_guide_passes(
    example: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes(example, project, monkeypatch)


def test_none_removes_an_existing_key_and_is_null_for_a_missing_one() -> None:
    base = {"a": {"b": 1, "c": [1]}, "d": 2}
    assert changed(base, {"a": {"b": None}}, {"d": None}) == {"a": {"c": [1]}}
    assert changed(base, {"new": {"x": None}})["new"] == {"x": None}
    assert changed(base, {"nothing": None}) == base


def test_changes_are_merged_so_that_the_result_is_a_change() -> None:
    both = merged({"a": {"b": 1}}, {"a": {"b": None, "c": [2]}}, {"a": {"c": [3]}})
    assert both == {"a": {"b": None, "c": [3]}}
    assert changed({"a": {"b": 0}}, both) == {"a": {"c": [3]}}


def test_arguments_are_not_modified() -> None:
    base, change = {"a": {"b": [1]}}, {"a": {"c": {"d": 1}}}
    made = changed(base, change, {"a": {"c": {"d": 2}}})
    assert (base, change) == ({"a": {"b": [1]}}, {"a": {"c": {"d": 1}}})
    made["a"]["b"].append(2)  # type: ignore[index]
    assert base == {"a": {"b": [1]}}


def test_a_file_a_dictionary_and_a_config_are_the_same_stack(project: Path) -> None:
    file = stack(project / "Pulumi.home.yaml")
    for source in (file.document.values, file.config):
        other = stack(source, directory=project, name="home")
        assert other.config == file.config
        assert other.plan.routes == file.plan.routes
        assert changed_files(file.files, other.files) == {}


def test_a_written_stack_reads_back_equal(project: Path) -> None:
    home = stack(project / "Pulumi.home.yaml")
    path = write_stack(project, "again", home.document.values)
    assert load_stack_config(read_document(path)) == home.config
    assert path.read_text(encoding="utf-8") == stack_text(home.document.values)


def test_a_stack_with_an_error_has_problems_and_no_files(project: Path) -> None:
    wrong = stack(project / "Pulumi.home.yaml", {"services": {"immich": {"host": "nobody"}}})
    assert wrong.problems("host-known")
    assert len(wrong.errors) >= 1
    with pytest.raises(InvalidStackError, match="nobody"):
        _ = wrong.files
    assert "nobody" in wrong.register().error


def test_a_mocked_run_and_a_lab_leave_no_event_loop_open(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python closes an open loop whenever its memory is freed, and may print a traceback."""
    made: list[asyncio.AbstractEventLoop] = []
    make = asyncio.new_event_loop

    def counted() -> asyncio.AbstractEventLoop:
        made.append(make())
        return made[-1]

    monkeypatch.setattr(asyncio, "new_event_loop", counted)
    assert stack(project / "Pulumi.home.yaml").register(preview=True).error == ""
    mocked = len(made)
    assert mocked > 1, "the mocks answer in threads of their own"
    lab = LabHosts(project / "lab", {"pi": ["192.168.1.2"]})
    assert len(made) == mocked
    with lab:
        assert len(made) == mocked + 1
    assert [loop for loop in made if not loop.is_closed()] == []


def test_the_tests_of_a_new_homelab_show_no_deprecation_of_the_sdk(
    pytester: pytest.Pytester,
) -> None:
    settings = pulumi_template("homelab")["pyproject.toml"].partition("[tool.pytest")
    pytester.makepyprojecttoml("[tool.pytest" + settings[2])
    (pytester.path / "tests").mkdir()
    (pytester.path / "tests/test_it.py").write_text(
        "from pulumi_command.remote import CopyFile\n"
        "def test_it():\n"
        "    try:\n"
        "        CopyFile('x', connection={'host': 'x'}, local_path='x', remote_path='x')\n"
        "    except Exception:\n"
        "        pass\n"
    )
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1, warnings=0)


def test_a_resource_that_is_not_there_is_named_with_those_that_are() -> None:
    def made(name: str, type_: str = "homelab:hosts:Host", *, custom: bool = False) -> Resource:
        return Resource(
            type_, name, "", custom=custom, inputs={}, secrets=set(), needs=set(), provider="",
            ignored=[], hidden=[], secret_outputs=[], retained=False,
        )  # fmt: skip

    recorded = Recorded(
        [made("pi-files"), made("pi"), made("pi"), made("pi", "x:Own", custom=True)]
    )
    assert recorded["pi"].type == "x:Own"
    with pytest.raises(KeyError, match='no resource "pi-file"; did you mean "pi-files"'):
        recorded["pi-file"]
    recorded.resources.append(made("pi", "x:Other", custom=True))
    with pytest.raises(KeyError, match='several resources are called "pi"'):
        recorded["pi"]
    with pytest.raises(KeyError, match="the run ended early: no key"):
        Recorded(error="no key")["pi"]
