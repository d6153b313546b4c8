"""The repository that `homelab init` makes: its hook, its workflows, its flake, its template."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from homelab.starter.files import pulumi_template
from tests import build
from tests.starter.conftest import BASE, Call

GIT = shutil.which("git")


def git(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", *words],
        capture_output=True,
        text=True,
        check=check,
        env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"},
    )


@pytest.fixture
def checked(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new repository, and a `homelab` and a `uv` on PATH that say what they are asked."""
    asked = tmp_path / "asked"
    for name in ("uv", "homelab"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>{asked}\nexit "${{REFUSES:-0}}"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert call("init", *BASE).code == 0
    return asked


@pytest.mark.skipif(GIT is None, reason="git is not on PATH")
@pytest.mark.requirement("S0-64")
def test_a_commit_is_checked(checked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git("config", "core.hooksPath").stdout == ".githooks\n"
    git("add", "-A")
    git("commit", "-m", "first")
    assert checked.read_text() == "uv run --quiet homelab check\n"
    Path("more").write_text("x")
    git("add", "-A")
    monkeypatch.setenv("REFUSES", "1")
    assert git("commit", "-m", "second", check=False).returncode == 1
    assert git("log", "--format=%s").stdout == "first\n"


@pytest.mark.skipif(GIT is None, reason="git is not on PATH")
@pytest.mark.requirement("S0-64")
def test_a_commit_of_prose_alone_does_not_check_the_stack(checked: Path) -> None:
    git("add", "-A")
    git("commit", "-m", "first")
    checked.unlink()
    Path("README.md").write_text("about it\n")
    Path(".github/workflows/more.yaml").write_text("name: more\n")
    git("add", "-A")
    git("commit", "-m", "second")
    assert not checked.exists()
    for number, change in enumerate(
        (lambda: Path("x.nix").write_text("{ }\n"), Path("x.nix").unlink)
    ):
        change()
        git("add", "-A")
        git("commit", "-m", f"change {number}")
        assert checked.exists(), "a stack may lack what it names"
        checked.unlink()


@pytest.mark.skipif(GIT is None, reason="git is not on PATH")
@pytest.mark.requirement("S0-64")
def test_a_machine_without_homelab_commits_with_a_warning_and_without_secrets(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("init", *BASE).code == 0
    bare = tmp_path / "bare"
    bare.mkdir()
    for tool in ("bash", "env", "git", "grep"):
        found = shutil.which(tool)
        assert found is not None
        bare.joinpath(tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(bare))
    git("add", "-A")
    said = git("commit", "-m", "first")
    assert "warning: the stack is not checked, because homelab is not on PATH" in said.stderr
    Path("key").write_text("AGE-SECRET-KEY-1QQQQQQQQ\n")
    git("add", "-f", "key")
    assert git("commit", "-m", "second", check=False).returncode == 1


@pytest.mark.skipif(GIT is None, reason="git is not on PATH")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("keys.md", "AGE-SECRET-KEY-1QQQQQQQQ\n"),
        ("secrets/server.yaml", "authelia:\n    users: plain\n"),
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in (
                ("a b/id ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\n"),
                ("ca.txt", "x\n-----BEGIN PRIVATE KEY-----\n"),
                ("secrets/new.yaml", "mac: mine\n"),
            )
        ),
    ],
)
def test_a_secret_in_plain_text_is_not_committed(checked: Path, name: str, text: str) -> None:
    git("add", "-A")
    git("commit", "-m", "first")
    checked.unlink()
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(text)
    git("add", "-f", name)
    # Only what is staged counts.
    Path(name).write_text("harmless\n")
    said = git("commit", "-m", "second", check=False)
    assert said.returncode == 1
    assert Path(name).name in said.stderr
    assert "plain" not in said.stderr
    assert "QQQQ" not in said.stderr
    assert not checked.exists(), "the stack is checked although the commit is refused"


@pytest.mark.skipif(GIT is None, reason="git is not on PATH")
@pytest.mark.parametrize("is_there", [False, True], ids=["new", "there"])
def test_the_last_step_of_init_is_the_commit_that_diff_needs(call: Call, is_there: bool) -> None:
    if is_there:
        git("init", "-q")
    out = call("init", *BASE).out.splitlines()
    assert out[-1] == "  git add . && git commit -m 'A new homelab'"
    assert "nothing is committed yet; run git add -A && git commit" in call("diff").err
    git("add", "-A")
    git("commit", "--no-verify", "-m", "first")
    assert call("diff").out == "no generated file differs\n"


@pytest.mark.skipif(GIT is None, reason="git is not on PATH")
def test_a_repository_that_is_there_keeps_its_hooks(call: Call) -> None:
    git("init", "-q")
    git("config", "core.hooksPath", "mine")
    assert call("init", *BASE).code == 0
    assert git("config", "core.hooksPath").stdout == "mine\n"


@pytest.mark.requirement("S0-65")
def test_workflows_run_the_same_commands_without_secrets(call: Call) -> None:
    assert call("init", *BASE).code == 0
    steps = []
    for place in (".github", ".forgejo"):
        text = Path(place, "workflows/check.yaml").read_text()
        assert "secrets." not in text
        jobs = yaml.safe_load(text)["jobs"]
        steps.append([step["run"] for step in jobs["check"]["steps"] if "run" in step])
    assert steps[0] == steps[1] == [
        "uv run homelab check", "uv run pytest", "uv run homelab lab up"
    ]  # fmt: skip


@pytest.mark.skipif(shutil.which("nix-instantiate") is None, reason="Nix is not on PATH")
@pytest.mark.requirement("S0-63", "S4-30")
def test_the_flake_has_the_tests_of_critical_services_among_its_checks(call: Call) -> None:
    assert call("init", *BASE).code == 0
    Path("vm-tests/home").mkdir(parents=True)
    Path("vm-tests/home/default.nix").write_text(
        "{ inputs, pkgs }: { vault = pkgs.made inputs.nixpkgs.name; }"
    )
    expression = """
      let
        pkgs = { made = name: "a test with ${name}"; };
        nixpkgs = {
          name = "ours";
          lib.genAttrs = names: f: builtins.listToAttrs (map (name: { inherit name; value = f name; }) names);
          legacyPackages.x86_64-linux = pkgs;
        };
        outputs = (import ./flake.nix).outputs { self = "/src"; inherit nixpkgs; };
      in { inherit (outputs.checks.x86_64-linux) vault; all = builtins.attrNames outputs.checks.x86_64-linux; }
    """
    done = subprocess.run(
        ["nix-instantiate", "--eval", "--strict", "--json", "--expr", expression],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # A flake gives itself and all inputs; here they are those that the call names.
    found = json.loads(done.stdout)
    assert found == {"vault": "a test with ours", "all": ["format", "secrets", "vault"]}


@pytest.mark.skipif(shutil.which("nix-instantiate") is None, reason="Nix is not on PATH")
@pytest.mark.requirement("S0-63")
def test_the_flake_has_a_shell_checks_and_a_formatter_for_each_system(call: Call) -> None:
    assert call("init", *BASE).code == 0
    expression = """
      let
        pkgs = { mkShell = x: x; lib.makeLibraryPath = _: "libs"; runCommand = n: _: text: text; }
          // builtins.listToAttrs (map (name: { inherit name; value = name; }) [ "age" "git"
            "nixfmt" "nixfmt-tree" "openssh" "pulumi-bin" "python3" "sops" "uv" "zlib" ])
          // { stdenv.cc.cc.lib = "lib"; };
        nixpkgs = {
          lib.genAttrs = names: f: builtins.listToAttrs (map (name: { inherit name; value = f name; }) names);
          legacyPackages = nixpkgs.lib.genAttrs [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ] (_: pkgs);
        };
      in (import ./flake.nix).outputs { self = "/src"; inherit nixpkgs; }
    """
    done = subprocess.run(
        ["nix-instantiate", "--eval", "--strict", "--json", "--expr", expression],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert set(made) == {"devShells", "formatter", "checks"}
    assert len({len(made[name]) for name in made}) == 1
    assert "sops" in made["devShells"]["aarch64-linux"]["default"]["packages"]
    assert set(made["checks"]["x86_64-linux"]) == {"format", "secrets"}
    # `nix fmt` gives the formatter no files, and nixfmt alone then reads its standard input.
    assert set(made["formatter"].values()) == {"nixfmt-tree"}


@pytest.mark.skipif(shutil.which("nixfmt") is None, reason="nixfmt is not on PATH")
@pytest.mark.requirement("S0-63")
def test_the_format_check_passes_a_new_homelab_and_what_a_machine_wrote(
    call: Call, tmp_path: Path
) -> None:
    assert call("init", *BASE).code == 0
    text = Path("flake.nix").read_text()
    script = text.partition('runCommand "format"')[2].partition("''")[2].partition("''")[0]

    def check() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace("${self}", str(Path.cwd()))],
            capture_output=True, text=True, check=False, env={**os.environ, "out": str(tmp_path / "out")},
        )  # fmt: skip

    assert check().returncode == 0, check().stderr
    # As nixos-generate-config and an owner without nixfmt write.
    other = "{ lib, ... }:\n{ imports =\n    [ ];\n}\n"
    Path("hosts/server/hardware.nix").write_text(other)
    Path("hosts/nas/nixos/modules").mkdir(parents=True)
    Path("hosts/nas/nixos/modules/web.nix").write_text(other)
    assert check().returncode == 0, check().stderr
    Path("hosts/server/mine.nix").write_text(other)
    said = check()
    assert said.returncode == 1
    assert "mine.nix" in said.stderr
    assert "to format them: nix fmt" in said.stderr


def test_a_new_homelab_names_no_reference_that_it_does_not_have(call: Call) -> None:
    assert call("init", *BASE, "--library", LIBRARY).code == 0
    readme = Path("README.md").read_text()
    assert "The guide is `docs/guide` in https://example.org/homelab.git." in readme
    for command in ("homelab schema", "homelab check --list", "homelab --help"):
        assert command in readme
        assert call(*command.split()[1:]).code == 0
    texts = [p.read_text() for p in Path().rglob("*") if p.suffix in (".yaml", ".py", ".nix")]
    assert [text for text in texts if "docs/reference" in text] == []


TEMPLATE = build.ROOT / "pulumi-template"
LIBRARY = "homelab @ git+https://example.org/homelab.git"


def test_the_template_of_pulumi_is_made_from_the_same_texts() -> None:
    """To write it again: UPDATE_GOLDEN=1 pytest tests/starter -k template."""
    made = pulumi_template(LIBRARY)
    if os.environ.get("UPDATE_GOLDEN"):
        for name, text in made.items():
            (TEMPLATE / name).write_text(text)
    assert {p.name: p.read_text() for p in TEMPLATE.iterdir()} == made


def test_init_completes_a_project_of_the_template(call: Call) -> None:
    for path in TEMPLATE.iterdir():
        text = path.read_text().replace("${PROJECT}", "mine")
        Path(path.name).write_text(text)
    said = call("init", *BASE, "--into")
    assert said.code == 0, said.err
    assert call("check").code == 0
    assert LIBRARY in Path("pyproject.toml").read_text()


@pytest.mark.skipif(shutil.which("pulumi") is None, reason="pulumi is not on PATH")
def test_pulumi_makes_a_project_of_the_template(call: Call, tmp_path: Path) -> None:
    words = ["pulumi", "new", str(TEMPLATE), "--generate-only", "--yes", "--name", "mine"]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False,
        env={**os.environ, "PULUMI_BACKEND_URL": f"file://{tmp_path}", "PULUMI_SKIP_UPDATE_CHECK": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "uv run homelab init --into" in done.stdout
    assert call("init", *BASE, "--into").code == 0
    assert call("check").code == 0
