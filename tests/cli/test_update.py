"""`homelab update` with a stand-in for Nix: it locks, evaluates and lists what it is told."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from homelab.cli import app
from homelab.templates import raw
from tests import stackdir
from tests.cli.test_cli import Said
from tests.cli.test_eval import report

LOCK = "locks/nixos-25.11.lock"
NEWER = "1111111111111111111111111111111111111111"
HASH = "0ccnxa25whszw7mgbgyzdm4nqc0zwnm8"
NIX = """\
#!/bin/bash
# stand-in: `nix flake lock path:DIR`, `nix eval … path:DIR#attribute`
for last; do :; done
dir=${last#path:}; dir=${dir%%#*}
printf '%s\\n' "$*" >>{top}/calls
case "$*" in
*'flake lock'*)
  cp "$dir/flake.nix" "$dir/flake.lock" {top}/
  [ -e {top}/refuses ] && { cat {top}/refuses >&2; exit 1; }
  cat {top}/new.lock >"$dir/flake.lock"
  ;;
*)
  if grep -q {newer} "$dir/flake.lock"; then side=after; else side=before; fi
  if [ "$side" = after ] && grep -rqs HandleLid "$dir/own"; then side=fixed; fi
  cat {top}/$side.json
  ;;
esac
"""
STORE = "#!/bin/bash\ncat {top}/unbuilt >&2\n"


class Stand:
    """A stack, and stand-ins for nix and nix-store on PATH."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.stack = stackdir.write_stack(
            top / "stack",
            {"services": {"jellyfin": {"host": "nas"}, "miniflux": {"host": "nas"}}},
        )
        self.lock = self.stack / LOCK
        bin_ = top / "bin"
        bin_.mkdir()
        for name, text in (("nix", NIX), ("nix-store", STORE)):
            program = bin_ / name
            text = text.replace("{top}", str(top)).replace("{newer}", NEWER)
            program.write_text(text, encoding="utf-8")
            program.chmod(0o755)
        self.newer("nixpkgs")
        self.evaluates("before", "10.10.7", "16.4")
        self.evaluates("after", "10.11.2", "17.1")
        (top / "unbuilt").write_text(
            f"these 2 derivations will be built:\n  /nix/store/{HASH}-jellyfin-10.11.2.drv\n"
            f"  /nix/store/{HASH}-etc.drv\n",
            encoding="utf-8",
        )

    def newer(self, *names: str) -> None:
        """Let Nix lock other revisions of these inputs."""
        lock = json.loads(self.lock.read_text(encoding="utf-8"))
        for name in names:
            lock["nodes"][name]["locked"] |= {"rev": NEWER, "lastModified": 1_795_000_000}
        (self.top / "new.lock").write_text(json.dumps(lock), encoding="utf-8")

    def evaluates(self, side: str, jellyfin: str, postgresql: str, **more: object) -> None:
        options = {"jellyfin": jellyfin, "postgresql": postgresql, "miniflux": "2.2"}
        versions = {
            "packages": [["hello", jellyfin]],
            "parts": {"kernel": ["linux", "6.12"]},
            "options": [
                {"name": ["services", name, "package"], "package": [name, version]}
                for name, version in options.items()
            ],
        }
        text = json.dumps(report(versions=versions, **more))
        (self.top / f"{side}.json").write_text(text, encoding="utf-8")


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    made = Stand(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return made


@pytest.fixture
def call(stand: Stand, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str) -> Said:
        monkeypatch.chdir(stand.stack)
        monkeypatch.setattr(sys, "argv", ["homelab", *words])
        code: object = 0
        try:
            app.main()
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(int(str(code or 0)), out, err)

    return run


def test_an_update_is_shown_and_written_only_when_it_is_confirmed(call: Any, stand: Stand) -> None:
    before = stand.lock.read_text(encoding="utf-8")
    said = call("update", "--host", "nas")
    assert said.code == 0
    assert "nixpkgs  687f05a9184c 2026-05-18 -> 111111111111 2026-11-18" in said.out
    assert "  jellyfin 10.10.7 -> 10.11.2\n" in said.out
    assert "  postgresql (database) 16.4 -> 17.1  major\n" in said.out
    assert "  hello 10.10.7 -> 10.11.2\n" in said.out
    assert "step: nas: jellyfin: 10.10.7 -> 10.11.2: " in said.out
    assert "step: nas: postgresql (miniflux): 16.4 -> 17.1: " in said.out
    assert "nas: 1 package compiled, not fetched: jellyfin-10.11.2\n" in said.out
    assert "nothing was written" in said.err
    assert stand.lock.read_text(encoding="utf-8") == before
    said = call("update", "--host", "nas", "--yes")
    assert said.code == 0
    assert NEWER in stand.lock.read_text(encoding="utf-8")
    # The same again: nothing is newer, no host is evaluated, nothing is written.
    (stand.top / "calls").unlink()
    said = call("update", "--host", "nas", "--yes")
    assert "nothing is newer; nothing was written" in said.out
    assert "eval" not in (stand.top / "calls").read_text(encoding="utf-8")


def test_one_input_moves_and_the_others_stay_locked(call: Any, stand: Stand) -> None:
    call("update", "sops-nix", "--host", "nas")
    kept = json.loads((stand.top / "flake.lock").read_text(encoding="utf-8"))
    named = kept["nodes"]["root"]["inputs"]
    assert "nixpkgs" in named
    assert "sops-nix" not in named
    flake = (stand.top / "flake.nix").read_text(encoding="utf-8")
    assert "github:NixOS/nixpkgs/nixos-25.11" in flake
    # Inputs of the lock file that this stack does not name stay in it.
    assert "github:anerisgreat/eurovote" in flake
    said = call("update", "sopsnix", "--host", "nas")
    assert said.code == 2
    assert 'has no input "sopsnix"; did you mean "sops-nix"?' in said.err


def test_a_problem_that_the_update_causes_stops_it_and_an_old_one_does_not(
    call: Any, stand: Stand
) -> None:
    old = {"file": "/nix/store/x-source/nixos/modules/a.nix", "text": "the old problem"}
    new = {"file": "/nix/store/x-source/nixos/modules/b.nix", "text": "renamed to services.z"}
    stand.evaluates("before", "1", "16.4", assertions=[old])
    stand.evaluates("after", "1", "16.4", assertions=[old])
    said = call("update", "--host", "nas", "--yes")
    assert said.code == 0
    assert "the old problem" not in said.out
    stackdir.write_stack(
        stand.stack, {"services": {"jellyfin": {"host": "nas"}, "miniflux": {"host": "nas"}}}
    )
    stand.evaluates("after", "1", "16.4", assertions=[old, new])
    said = call("update", "--host", "nas", "--yes")
    assert said.code == 1
    assert "renamed to services.z" in said.out
    assert "the old problem" not in said.out
    assert "not written, because a host does not build with it" in said.err
    assert NEWER not in stand.lock.read_text(encoding="utf-8")
    said = call("update", "--host", "nas", "--yes", "--anyway")
    assert said.code == 0
    assert NEWER in stand.lock.read_text(encoding="utf-8")


def test_a_missing_lock_file_is_made(call: Any, stand: Stand) -> None:
    stand.lock.unlink()
    said = call("update", "--host", "nas", "--yes")
    assert said.code == 0, said.err
    assert "new -> 111111111111" in said.out
    assert "nas: packages could not be compared" in said.out
    assert NEWER in stand.lock.read_text(encoding="utf-8")
    assert call("check").code == 0


def test_another_release_changes_the_stack_file_and_keeps_its_comments(
    call: Any, stand: Stand
) -> None:
    file = stand.stack / "Pulumi.small.yaml"
    text = file.read_text(encoding="utf-8").replace(
        "  homelab:nixpkgs:", "  # pins\n  homelab:nixpkgs:"
    )
    file.write_text(text, encoding="utf-8")
    lock = (stand.top / "new.lock").read_text(encoding="utf-8")
    moved = lock.replace("nixos-25.11", "nixos-26.05").replace("release-25.11", "release-26.05")
    (stand.top / "new.lock").write_text(moved, encoding="utf-8")
    said = call("update", "--to", "26.05", "--yes")
    assert said.code == 0, said.out + said.err
    new = file.read_text(encoding="utf-8")
    assert "github:NixOS/nixpkgs/nixos-26.05" in (stand.top / "flake.nix").read_text("utf-8")
    assert "  # pins\n" in new
    quotes = str.maketrans("", "", "\"'")
    assert new.replace("26.05", "25.11").translate(quotes) == text.translate(quotes)
    assert call("check").code == 0
    said = call("update", "--to", "twenty")
    assert said.code == 2
    assert "write a release: 26.05" in said.err


def test_nix_that_cannot_lock_is_one_line(call: Any, stand: Stand) -> None:
    (stand.top / "refuses").write_text(
        "error: unable to download 'https://api.github.com'\n", "utf-8"
    )
    said = call("update", "--host", "nas")
    assert said.code == 1
    assert (
        said.err.strip()
        .splitlines()[-1]
        .startswith(
            f"error: {LOCK}: Nix on this computer cannot lock the inputs: unable to download"
        )
    )
    assert "check that this computer reaches them" in said.err
    refused = "could not set permissions on '/nix/var/nix/profiles/per-user' to 755"
    (stand.top / "refuses").write_text(f"error: {refused}\n", "utf-8")
    said = call("update", "--host", "nas")
    assert f"{refused}; repair Nix first" in said.err
    assert "reaches" not in said.err
    assert call("update", "--host", "nsa").code == 2


def beside(stand: Stand, flake: str) -> None:
    """Write the owner's `flake.nix`, and move the pin's lock file beside it."""
    (stand.stack / "flake.nix").write_text(flake, encoding="utf-8")
    stand.lock.rename(stand.stack / "flake.lock")
    file = stand.stack / "Pulumi.small.yaml"
    file.write_text(file.read_text("utf-8").replace(LOCK, "flake.lock"), encoding="utf-8")


def test_the_owners_own_flake_decides_which_inputs_there_are(call: Any, stand: Stand) -> None:
    flake = (
        '{ inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11"; '
        'inputs.sops-nix.url = "github:Mic92/sops-nix"; outputs = _: { }; }\n'
    )
    beside(stand, flake)
    said = call("update", "--host", "nas", "--yes")
    assert said.code == 0, said.err
    assert (stand.top / "flake.nix").read_text(encoding="utf-8") == flake
    assert NEWER in (stand.stack / "flake.lock").read_text(encoding="utf-8")


def test_json_has_every_change(call: Any) -> None:
    said = call("update", "--host", "nas", "--json")
    data = json.loads(said.out)
    assert data["pins"]["default"]["inputs"].keys() == {"nixpkgs"}
    assert {c["name"] for c in data["hosts"]["nas"]["changes"]} == {
        "jellyfin",
        "postgresql",
        "hello",
    }
    assert data["hosts"]["nas"]["compiled"] == ["jellyfin-10.11.2"]


def locks_unstable(stand: Stand) -> None:
    """Let Nix lock a further nixpkgs."""
    lock = json.loads(stand.lock.read_text(encoding="utf-8"))
    lock["nodes"]["unstable"] = {
        "locked": {
            "lastModified": 1,
            "owner": "NixOS",
            "repo": "nixpkgs",
            "rev": NEWER,
            "type": "github",
        },
        "original": {
            "owner": "NixOS",
            "ref": "nixos-unstable",
            "repo": "nixpkgs",
            "type": "github",
        },
    }
    lock["nodes"]["root"]["inputs"]["unstable"] = "unstable"
    (stand.top / "new.lock").write_text(json.dumps(lock), encoding="utf-8")


def test_a_package_is_pinned_to_another_nixpkgs_and_taken_back(call: Any, stand: Stand) -> None:
    file = stand.stack / "Pulumi.small.yaml"
    before = file.read_text(encoding="utf-8")
    locks_unstable(stand)
    said = call("pin", "jellyfin", "--from", "unstable")
    assert said.code == 0, said.err
    assert "unstable  new -> 111111111111" in said.out
    assert "jellyfin 10.10.7 -> 10.11.2" in said.out
    assert file.read_text(encoding="utf-8") == before
    # The other inputs stay as they are locked.
    kept = json.loads((stand.top / "flake.lock").read_text(encoding="utf-8"))
    assert "nixpkgs" in kept["nodes"]["root"]["inputs"]
    said = call("pin", "jellyfin", "--from", "unstable", "--yes")
    assert said.code == 0, said.err
    text = file.read_text(encoding="utf-8")
    assert "unstable: {packages: [jellyfin], url: github:NixOS/nixpkgs/nixos-unstable}" in text
    assert call("check").code == 0
    call("render", "--out", str(stand.top / "out"))
    module = (stand.top / "out/nas/packages.nix").read_text(encoding="utf-8")
    assert "import inputs.unstable" in module
    assert '"jellyfin"' in module
    assert call("pin", "jellyfin", "--from", "unstable").code == 2
    said = call("pin", "jellyfin", "--remove", "--yes")
    assert said.code == 0, said.err
    assert "packages: []" in file.read_text(encoding="utf-8")
    assert call("pin", "jellyfin", "--remove").code == 2
    assert call("pin", "jellyfin", "--from", "elsewhere").code == 2
    assert call("pin", "jelly fin", "--from", "unstable").code == 1


INIT = raw("homelab.starter", "templates/flake.nix")
UNSTABLE = '    unstable.url = "github:NixOS/nixpkgs/nixos-unstable";\n'


@pytest.mark.long
@pytest.mark.parametrize(
    "flake",
    [
        INIT,
        INIT.replace("25.11", "26.05"),
        INIT.replace("inputs = {", "inputs = {\n    x.url = 1;"),
    ],
    ids=["as written", "of another release", "with another input"],
)
def test_a_package_can_be_pinned_beside_the_flake_that_init_wrote(
    call: Any, stand: Stand, flake: str
) -> None:
    locks_unstable(stand)
    beside(stand, flake)
    said = call("pin", "jellyfin", "--from", "unstable")
    assert said.code == 0, said.err
    assert (stand.stack / "flake.nix").read_text("utf-8") == flake
    said = call("pin", "jellyfin", "--from", "unstable", "--yes")
    assert said.code == 0, said.err
    written = (stand.stack / "flake.nix").read_text("utf-8")
    assert written.replace(UNSTABLE, "", 1) == flake
    assert (stand.top / "flake.nix").read_text("utf-8") == written
    assert call("check").code == 0


OWN = '{ inputs = { nixpkgs.url = "x"; sops-nix.url = "y"; }; outputs = _: { }; }\n'


@pytest.mark.parametrize(
    ("words", "edit", "line"),
    [
        (
            ("pin", "jellyfin", "--from", "unstable", "--yes"),
            {},
            'inputs.unstable.url = "github:NixOS/nixpkgs/nixos-unstable";',
        ),
        (
            ("update", "--yes"),
            {"flakes": {"edge": {"url": "github:a/edge", "follows": {}, "packages": ["hello"]}}},
            'inputs.edge.url = "github:a/edge";',
        ),
    ],
    ids=["pin", "update"],
)
def test_an_own_flake_without_the_input_is_left_alone_and_the_line_is_named(
    call: Any, stand: Stand, words: tuple[str, ...], edit: dict[str, object], line: str
) -> None:
    stackdir.write_stack(stand.stack, {"services": {"jellyfin": {"host": "nas"}}, **edit})
    beside(stand, OWN)
    before = {p: p.read_bytes() for p in stand.stack.rglob("*") if p.is_file()}
    said = call(*words)
    assert said.code == 1
    lines = said.err.splitlines()
    assert "flake.nix: this flake does not have the input" in lines[-3]
    assert lines[-2:] == [line, "then run this again; nothing was changed"]
    assert {p: p.read_bytes() for p in stand.stack.rglob("*") if p.is_file()} == before
    assert not (stand.top / "calls").exists(), "Nix locked a flake without the input"
