"""Files and secrets in a script arrive unchanged, and only at their paths."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy
from homelab.deploy.shell import ScriptError
from tests.deploy.conftest import Machine

SCRIPTS = Path(scripts.__file__).with_name("scripts")

# Text that is special in shells, here-documents and Nix, and any other text.
AWKWARD = ["END", "END\n", "BASE64", "$(id)", "`id`", "${x}", "''", "'", '"', "\\", "\r\n", "\x01"]
AWKWARD += ["\x7f", "\n\n", "\t", "-n", "%s", "\0", "é", "\U0001d6fc", "!", " ", "EOF\n", "\x1b[0m"]
text = st.lists(st.one_of(st.sampled_from(AWKWARD), st.text())).map("".join)
content = st.one_of(text, st.binary())
word = st.from_regex(r"[A-Za-z0-9._+@=,~ -]{1,12}", fullmatch=True).filter(
    lambda name: name not in (".", "..")
)
# Directories and files differ in their last letter, so that no path is the parent of another.
path = st.builds(
    lambda folders, name: "/".join([*(f"{f}d" for f in folders), f"{name}f"]),
    st.lists(word, max_size=2),
    word,
)
# Each example is a process, so it has many files, and there are few examples.
several = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def files_below(directory: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()
    }


def as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


@several
@given(tree=st.dictionaries(path, content, max_size=15))
def test_any_tree_of_text_and_bytes_arrives_exactly(
    shared_machine: Machine, tree: dict[str, str | bytes]
) -> None:
    release = shared_machine.new_release()
    shared_machine.succeed(scripts.stage_script(release, tree))
    found = files_below(shared_machine.state / "releases" / release / "flake")
    assert found == {name: as_bytes(value) for name, value in tree.items()}


@several
@given(secrets=st.dictionaries(path, text, max_size=12))
def test_any_secret_arrives_exactly_and_only_root_reads_it(
    shared_machine: Machine, secrets: dict[str, str]
) -> None:
    release = shared_machine.new_release()
    shared_machine.succeed(scripts.secrets_script(release, secrets))
    live = shared_machine.state / "secrets" / release
    assert files_below(live.resolve()) == {name: v.encode() for name, v in secrets.items()}
    assert {(live / name).stat().st_mode & 0o777 for name in secrets} <= {0o400}
    assert live.stat().st_mode & 0o777 == 0o700


@settings(several, max_examples=60)
@given(share=st.floats(0, 1))
def test_a_truncated_script_does_nothing(shared_machine: Machine, share: float) -> None:
    release = shared_machine.new_release()
    script = scripts.stage_script(release, {"a/b.nix": "{ }\n", "c": "no newline", "d": b"\xff"})
    # A fraction, because the release id can have more digits.
    end = round(share * (len(script) - len("main </dev/null\n")))
    shared_machine.run(script[:end])
    assert not (shared_machine.state / "releases" / release).exists()


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "a/",
        "./a",
        ".",
        "",
        "a\nb",
        "a\0b",
        "$(id)",
        "~/../a",
    ],
)
def test_a_path_that_leaves_the_release_is_refused(name: str) -> None:
    with pytest.raises(ScriptError):
        scripts.stage_script("r1", {name: ""})
    with pytest.raises(ScriptError):
        scripts.secrets_script("r1", {name: ""})


def test_a_file_that_is_also_a_directory_is_refused() -> None:
    with pytest.raises(ScriptError, match="is a file too"):
        scripts.stage_script("r1", {"a": "", "a/b": ""})


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "-x", "a b", "$(id)", "a" * 65, "é"])
def test_a_name_that_is_no_directory_name_is_refused(name: str) -> None:
    with pytest.raises(ScriptError):
        scripts.build_script(name, DeployPolicy("pi"))
    with pytest.raises(ScriptError):
        scripts.build_script("r1", DeployPolicy(name))


def test_text_that_cannot_be_written_is_refused_without_showing_it() -> None:
    with pytest.raises(ScriptError) as error:
        scripts.secrets_script("r1", {"token": "hunter2\ud800"})
    assert "hunter2" not in str(error.value)


def test_the_order_of_files_does_not_matter() -> None:
    tree = {"b": "2\n", "a/c": "1\n", "a/b": b"\0"}
    backwards = dict(reversed(tree.items()))
    assert scripts.stage_script("r", tree) == scripts.stage_script("r", backwards)
    assert scripts.secrets_script("r", {"a": "1", "b": "2"}) == scripts.secrets_script(
        "r", {"b": "2", "a": "1"}
    )


def test_another_user_than_root_becomes_root_without_a_password() -> None:
    assert scripts.shell() == "bash -euo pipefail -s"
    assert scripts.shell("sam") == "sudo -n bash -euo pipefail -s"


ALL = {
    "stage": scripts.stage_script("r", {"a/b": "x\n", "c": "y", "d": b"\xff", "e": ""}),
    "secrets": scripts.secrets_script("r", {"a/b": "it's", "c": "\r"}),
    "build": scripts.build_script("r", DeployPolicy("pi"), ["--option", "builders", "a b"]),
    "activate": scripts.activate_script(
        "r",
        "n",
        DeployPolicy("pi"),
        secrets_version="v",
        paths=["lan"],
        activation_seconds=1,
        confirm_seconds=1,
    ),
    "confirm": scripts.confirm_script("n", ["sshd.service"], seal=True),
    "rollback": scripts.rollback_script("n"),
    "status": scripts.status_script("r", log_lines=3),
}


@pytest.mark.parametrize(
    "name", [n if n == "stage" else pytest.param(n, marks=pytest.mark.long) for n in sorted(ALL)]
)
def test_shellcheck_finds_nothing_in_a_whole_script(name: str) -> None:
    # SC2016: the detached scripts travel in single quotes, on purpose unexpanded.
    found = subprocess.run(
        [shellcheck(), "--norc", "--exclude=SC2016", "-f", "gcc", "-"],
        input=ALL[name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""


@pytest.mark.long
def test_shellcheck_finds_nothing_in_the_files() -> None:
    files = sorted(SCRIPTS.glob("*.sh"))
    assert files
    found = subprocess.run(
        [shellcheck(), *files], cwd=SCRIPTS, capture_output=True, text=True, check=False
    )
    assert found.stdout == ""


def shellcheck() -> str:
    found = shutil.which("shellcheck")
    if found is None:
        pytest.skip("no shellcheck here")
    return found


@pytest.mark.parametrize(
    "newer",
    [
        *(r"\bmapfile\b", r"\breadarray\b", r"declare -A", r"local -n", r"\$\{\w+(,,|\^\^|@)"),
        *(r"&>>", r"\|&", r"EPOCH", r"printf '%\(", r"\bmv -\w*T", r"\bln -\w*T", r"wait -n"),
    ],
)
def test_bash_3_2_and_bsd_tools_are_enough(newer: str) -> None:
    for file in SCRIPTS.glob("*.sh"):
        assert not re.search(newer, file.read_text()), file.name
