"""What the machine that builds a first system gets for its build, and what is left of it."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from homelab.config.base import SecretRef
from homelab.nix.nar import nar
from homelab.nix.store_path import source_path
from homelab.ops.deploy import before, inputs
from homelab.ops.install import builder as building
from homelab.ops.install import lending
from homelab.ops.machine.host import HostLink, HostPath
from homelab.ops.secrets.lookup import SecretUnavailableError
from homelab.problems import HomelabError
from tests.install.machine import COMMANDS
from tests.install.test_elsewhere import NIX, NIX_STORE

pytestmark = [pytest.mark.requirement("S0-41"), pytest.mark.requirement("S0-66")]

PASSWORDS = "machine attic.example.org password s3cret"
OTHERS = "machine other.example.org password theirs"
KEY = f"main:{'A' * 43}="
CACHES = {
    "substituters": [{"url": "https://attic.example.org/main", "key": KEY}],
    "netrc": {"op": "op://homelab/attic/netrc"},
}
OPTIONS = (
    f"--option extra-substituters https://attic.example.org/main "
    f"--option extra-trusted-public-keys {KEY} --option connect-timeout 5 --option fallback true"
)
SEES = """
place=$(printf '%s\\n' "$@" | sed -n '/netrc-file/{n;p}')
[ -z "$place" ] || { stat -c %a "$place"; cat "$place"; } >>"$SEEN"
"""
"""A program of Nix writes down the passwords that it is given."""


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The passwords, as sops would decrypt them."""
    monkeypatch.setattr(before, "resolve", lambda ref, directory, file: PASSWORDS)


def with_caches(make: Any, **nas: Any) -> Any:
    home = make({"hosts": {"nas": {"nix": CACHES, **nas}}})
    home.seen = home.machine.directory / "seen"
    home.seen.touch()
    for name in ("nix", "nixos-install"):
        own = f"SEEN={home.seen}\n"
        shown = f'[[ " $* " != *" show-config"* ]] || echo "netrc-file = {home.top}/own-netrc"\n'
        home.machine.command(name, own + (shown if name == "nix" else "") + SEES + COMMANDS[name])
    return home


def remains(home: Any) -> list[Path]:
    """Files of the machine with a password, and directories that were to hold one."""
    places = [home.machine.root, home.machine.disk]
    found = [path for place in places if place.exists() for path in place.rglob("*")]
    return [
        path
        for path in found
        if path.name.startswith("homelab-netrc.")
        or (path.is_file() and b"s3cret" in path.read_bytes())
    ]


def test_the_installer_builds_with_the_caches_of_the_host(make: Any, known: None) -> None:
    """With its own passwords too, and it never has them in an argument."""
    home = with_caches(make)
    (home.top / "own-netrc").write_text(f"{OTHERS}\n")
    full = home.machine.directory / "full"
    full.touch()
    with pytest.raises(HomelabError, match="no space left"):
        home.install()
    assert remains(home) == [], "a build that fails leaves nothing either"
    calls = [c for n in ("nix", "nixos-install") for c in home.machine.called(n)]
    calls = [call for call in calls if "show-config" not in call]
    assert [OPTIONS in call for call in calls] == [True, True, True]
    assert home.seen.read_text() == f"600\n{PASSWORDS}\n{OTHERS}\n" * 3
    full.unlink()
    home.install()
    assert remains(home) == []
    assert not any("s3cret" in text for text in (*home.machine.calls(), *home.said))
    # The tree of the system has none.
    assert not any("s3cret" in text for text in home.machine.scripts if "put flake.nix" in text)


@pytest.mark.long
def test_a_host_without_caches_is_built_as_before(make: Any) -> None:
    home = make()
    home.install()
    assert not any("--option" in call for call in home.machine.calls())
    assert not any("show-config" in call for call in home.machine.calls())


@pytest.mark.long
def test_passwords_that_cannot_be_read_are_reported(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(ref: SecretRef, directory: Path, file: str) -> str:
        raise SecretUnavailableError(ref, "op is not on PATH", "install it")

    monkeypatch.setattr(before, "resolve", fails)
    home = with_caches(make)
    home.install()
    (said,) = [line for line in home.said if "without passwords" in line]
    assert said.startswith("nas: the build asks its caches without passwords: ")
    assert "op is not on PATH" in said
    assert home.seen.read_text() == ""


@pytest.mark.long
def test_a_build_here_has_them_and_the_target_does_not(
    make: Any, known: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = with_caches(make)
    tools, memory, seen = tmp_path / "tools", tmp_path / "memory", tmp_path / "seen"
    tools.mkdir()
    memory.mkdir()
    nix = NIX.replace("#!/bin/bash\n", '#!/bin/bash\n[[ " $* " != *" show-config"* ]] || exit 1\n')
    nix = nix.replace("while", f"{SEES}while", 1)
    for name, text in (("nix", nix), ("nix-store", NIX_STORE)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin:/usr/sbin:/sbin")
    for name, value in {
        "LOG": tmp_path / "log",
        "STORE": tmp_path / "store",
        "SEEN": seen,
        "XDG_RUNTIME_DIR": memory,
    }.items():
        monkeypatch.setenv(name, str(value))
    home.install(build="here")
    built = (tmp_path / "log").read_text().splitlines()
    assert [OPTIONS in line and f"netrc-file {memory}/" in line for line in built] == [True, True]
    assert seen.read_text().count(f"600\n{PASSWORDS}\n") == 2
    assert [*memory.iterdir()] == []
    assert not any("s3cret" in script for script in home.machine.scripts)
    assert home.seen.read_text() == ""


# --- private inputs ----------------------------------------------------------------------------

STORE = """
case $1 in
  --restore) mkdir "$2" && cat >"$2/nar"; exit ;;
  --add-fixed) cp "${@: -1}/nar" "$HOMELAB_ROOT/../added"; cat "$HOMELAB_ROOT/../makes"; exit ;;
esac
"""


def private_nixpkgs(home: Any, directory: Path) -> bytes:
    """Make the nixpkgs of the stack a repository of this machine; its archive."""
    place = directory / "fork"
    place.mkdir()
    (place / "flake.nix").write_text("{ outputs = _: { }; }\n")
    who = ["-c", "user.name=sam", "-c", "user.email=sam@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "one"]):
        subprocess.run(["git", *words], cwd=place, check=True)
    rev = inputs.git(place, "rev-parse", "HEAD").decode().strip()
    archive = nar(inputs._tree(place, rev))
    sri = f"sha256-{base64.b64encode(hashlib.sha256(archive).digest()).decode()}"
    lock = home.top / "locks/nixos-25.11.lock"
    whole = json.loads(lock.read_text())
    node = whole["nodes"][whole["nodes"]["root"]["inputs"]["nixpkgs"]]
    node["locked"] = {"type": "git", "url": f"file://{place}", "rev": rev, "narHash": sri}
    lock.write_text(json.dumps(whole))
    (home.machine.directory / "makes").write_text(f"{source_path(sri)}\n")
    home.machine.command("nix-store", STORE + COMMANDS["nix-store"])
    return archive


def test_the_installer_gets_private_inputs_before_it_evaluates(make: Any, tmp_path: Path) -> None:
    home = make()
    archive = private_nixpkgs(home, tmp_path)
    home.install()
    assert (home.machine.directory / "added").read_bytes() == archive
    assert "nas: gets the private input nixpkgs, 1 KiB" in home.said
    order = [call for call in home.machine.calls() if "--add-fixed" in call or " eval " in call]
    assert ["--add-fixed" in call for call in order] == [True, False]


@pytest.mark.long
def test_an_input_that_hosts_fetch_is_not_sent_and_told_of(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make()
    private_nixpkgs(home, tmp_path)
    monkeypatch.setattr(lending, "sent_inputs", lambda stack, tree: [])
    home.install()
    assert not (home.machine.directory / "added").exists()
    (said,) = [line for line in home.said if "private input" in line]
    assert said.startswith("nas: the installer fetches the private input nixpkgs itself")


@pytest.mark.long
def test_a_host_that_builds_gets_them(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the new machine, which only copies, does not."""
    home = make()
    archive = private_nixpkgs(home, tmp_path)
    machine = home.machine
    path = HostPath(name="lan", address="127.0.0.1", port=machine.port)
    monkeypatch.setattr(
        building, "link_to", lambda host, _: HostLink(host.name, (path,), machine.public, None)
    )
    machine.command("nix", "echo error: enough >&2; exit 1")
    with pytest.raises(HomelabError, match="pi: error: enough"):
        home.install(build="pi")
    assert (machine.directory / "added").read_bytes() == archive
    assert [line for line in home.said if "private input" in line] == [
        "pi: gets the private input nixpkgs, 1 KiB"
    ]
