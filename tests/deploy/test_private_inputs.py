"""Private flakes that the deployer fetches and sends to the host that builds."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from homelab.deploy import scripts
from homelab.deploy.before_build import before_build
from homelab.deploy.closures import closure_spec
from homelab.deploy.model import Release
from homelab.deploy.policy import DeployPolicy
from homelab.deploy.private_inputs import PrivateInput, private_inputs
from homelab.nix.store_path import source_path
from homelab.offline.bundle import Bundle, bundle_text
from homelab.ops import evaluate
from homelab.ops.deploy import before, inputs, offline
from homelab.ops.machine import here
from homelab.ops.machine.host import HostLink, HostPath
from homelab.ops.project.stack import open_stack
from homelab.problems import HomelabError
from tests import build, stackdir
from tests.components.test_program import OFFLINE, home
from tests.deploy.conftest import Machine
from tests.ops.conftest import LAN, PIN, flake
from tests.tools.programs import need

pytestmark = pytest.mark.requirement("S0-66")

HASH = "sha256-dzM2neVRIw1kOh8aRzXR4P3JidTdfSUKhERzyDEPQME="
PATH = "/nix/store/7l6iyh8ifj540szlwzqgpj0yd24i6ssd-source"
"""What Nix 2.8 locked and stored for the repository of `repository`."""
REV = "c27642fcffeaa8ff9f957ad706af154b567b017e"
URL = "ssh://git@forge.example.org/sam/mine.git"

STORE = """#!/usr/bin/env bash
case $1 in
  --restore) mkdir "$2" && cat >"$2/nar" ;;
  --add-fixed) cp "${@: -1}/nar" "$HOMELAB_ROOT/added" && cat "$HOMELAB_ROOT/makes" ;;
  --check-validity) shift 2 && for path; do [ -e "$HOMELAB_ROOT$path" ] || echo "$path"; done ;;
  --realise) ln -sfn "$HOMELAB_ROOT$2" "$4" ;;
esac
"""
"""Nix's store, with what it makes of an archive in a file."""


def node(**more: object) -> dict[str, object]:
    return {
        "locked": {"type": "git", "url": URL, "rev": REV, "narHash": HASH, "ref": "main"} | more
    }


def lock(**nodes: object) -> str:
    root = {name: name for name in nodes if not name.startswith("inner")}
    whole = {"nodes": {"root": {"inputs": root}, **nodes}, "root": "root", "version": 7}
    return json.dumps(whole)


def source(repository: Path, rev: str, nar_hash: str = HASH, **more: str) -> inputs.InputSpec:
    given = {"name": "mine", "url": f"file://{repository}", "ref": "", "rev": rev, **more}
    return inputs.InputSpec(**given, nar_hash=nar_hash, path=source_path(nar_hash))


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, str]:
    """A repository with a link and an executable, and its commit."""
    place = tmp_path / "mine"
    (place / "d").mkdir(parents=True)
    (place / "flake.nix").write_text("{outputs = _: { answer = 42; };}\n")
    (place / "d/l").symlink_to("../flake.nix")
    (place / "d/run").write_text("x\n")
    (place / "d/run").chmod(0o755)
    who = ["-c", "user.name=sam", "-c", "user.email=sam@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "one"]):
        subprocess.run(["git", *words], cwd=place, check=True)
    told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=place, check=True, capture_output=True)
    return place, told.stdout.decode().strip()


@pytest.fixture
def link(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> HostLink:
    """This machine as the host, with a stand-in for its store."""
    for name, value in machine.environment.items():
        monkeypatch.setenv(name, value)
    key = tmp_path / "host_key.pub"
    key.write_text(f"{PIN}\n")
    monkeypatch.setattr(here, "PUBLIC_KEY", key)
    monkeypatch.setattr(here, "user", lambda: "root")
    store = machine.commands / "nix-store"
    store.unlink()
    store.write_text(STORE)
    store.chmod(0o755)
    (machine.root / "makes").write_text(f"{PATH}\n")
    path = HostPath.model_validate({"name": "local", "address": LAN, "here": True})
    return HostLink("pi", (path,), PIN, None)


def test_the_lock_file_says_what_is_private_and_where_nix_looks_for_it() -> None:
    text = lock(
        mine={**node(), "inputs": {"deep": "inner", "nixpkgs": ["nixpkgs"]}},
        inner=node(url="ssh://git@forge.example.org/sam/inner"),
        open=node(url="https://forge.example.org/sam/open"),
        whole=node(submodules=True),
        nixpkgs={"locked": {"type": "github", "rev": REV, "narHash": HASH}},
    )
    assert [each.name for each in private_inputs(text)] == ["inner", "mine"]
    assert private_inputs(text)[1] == PrivateInput("mine", URL, "main", REV, HASH, PATH)
    assert private_inputs(text, {"mine"}) == (), "nothing else needs what only it needs"
    assert private_inputs("not a lock file") == ()


def test_the_archive_of_a_repository_is_the_one_that_nix_hashes(
    repository: tuple[Path, str],
) -> None:
    archive = inputs.fetched(source(*repository))
    assert archive.startswith(b"\x0d" + bytes(7) + b"nix-archive-1")
    assert b"42" in archive


def test_another_content_than_the_lock_file_says_is_never_sent(
    repository: tuple[Path, str],
) -> None:
    other = "sha256-" + "A" * 43 + "="
    with pytest.raises(HomelabError, match=f"has the hash {HASH}, and the lock file says {other}"):
        inputs.fetched(source(*repository, other))


def test_a_commit_that_no_branch_has_any_more_is_found_by_its_id(
    repository: tuple[Path, str],
) -> None:
    place, rev = repository
    for words in (
        ["config", "uploadpack.allowAnySHA1InWant", "true"],
        ["-c", "user.name=x", "-c", "user.email=x", "commit", "-q", "--amend", "-m", "two"],
    ):
        subprocess.run(["git", *words], cwd=place, check=True)
    assert inputs.fetched(source(place, rev))


def bring(spec: inputs.InputSpec, link: HostLink) -> list[str]:
    said: list[str] = []
    asyncio.run(inputs.bring_inputs([spec], link, said.append, release="r1"))
    return said


def test_a_host_gets_the_source_and_keeps_it_with_its_release(
    repository: tuple[Path, str], link: HostLink, machine: Machine
) -> None:
    machine.succeed(scripts.stage_script("r1", flake("r1")))
    spec = source(*repository)
    assert bring(spec, link) == ["pi: gets the private input mine, 1 KiB"]
    assert (machine.root / "added").read_bytes() == inputs.fetched(spec)
    kept = machine.state / "releases/r1" / PATH.rpartition("/")[2]
    assert kept.is_symlink()
    assert [*machine.state.glob(".source.*")] == []


def test_what_is_in_the_store_is_not_fetched_again(link: HostLink, machine: Machine) -> None:
    (machine.root / PATH[1:]).mkdir(parents=True)
    assert bring(source(Path("/nowhere"), REV), link) == []


def test_what_cannot_be_fetched_here_is_left_to_the_host(link: HostLink) -> None:
    (said,) = bring(source(Path("/nowhere"), REV), link)
    assert "file:///nowhere cannot be fetched here" in said
    assert said.endswith("it fetches the input itself, if it may")


def test_a_store_that_makes_another_path_of_it_stops_the_build(
    repository: tuple[Path, str], link: HostLink, machine: Machine
) -> None:
    (machine.root / "makes").write_text("/nix/store/0-source\n")
    with pytest.raises(HomelabError, match="not the source that the lock file names"):
        bring(source(*repository), link)


@pytest.mark.skipif(shutil.which("nix-store") is None, reason="Nix is not on PATH")
def test_nix_makes_the_same_path_of_it(repository: tuple[Path, str], tmp_path: Path) -> None:
    script = scripts.take_script(PATH, "", inputs.fetched(source(*repository)))
    environment = {"NIX_REMOTE": f"local?root={tmp_path}/store", "HOMELAB_ROOT": str(tmp_path)}
    # An ordinary user's tests have their store at another place, which paths depend on.
    words = ["env", "-u", "NIX_STORE_DIR", "-u", "NIX_STATE_DIR", "-u", "NIX_LOG_DIR"]
    words += [*(f"{k}={v}" for k, v in environment.items()), *scripts.shell().split()]
    done = subprocess.run(words, input=script.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / f"store{PATH}/d/run").read_text() == "x\n"


def test_a_host_that_evaluates_gets_it(
    repository: tuple[Path, str],
    link: HostLink,
    machine: Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`homelab eval --on`. The host of the test has no Nix that answers."""
    need("nix")
    top = stackdir.write_stack(tmp_path / "stack")
    file = top / "locks/nixos-25.11.lock"
    whole = json.loads(file.read_text())
    place, rev = repository
    whole["nodes"][whole["nodes"]["root"]["inputs"]["nixpkgs"]] |= node(
        url=f"file://{place}", rev=rev
    )
    file.write_text(json.dumps(whole))
    monkeypatch.setattr(evaluate, "link_to", lambda host, dial_map: link)
    said: list[str] = []
    opened = open_stack(top, stackdir.NAME)
    list(evaluate.evaluate(opened, ["nas"], on="pi", report=said.append))
    assert said[1:] == ["pi: gets the private input nixpkgs, 1 KiB"]
    assert (machine.root / "added").read_bytes() == inputs.fetched(source(*repository))


# --- where it belongs -------------------------------------------------------------------------


def release(text: str) -> Release:
    return Release("r1", "pi", (("flake.lock", text), ("flake.nix", "{ }\n")))


def test_the_machine_that_builds_gets_it() -> None:
    for source_host, at in ((None, "before"), ("nas", "closure"), ("deployer", "")):
        plan = build.plan({"hosts": {"pi": {"build": {"copy_from": source_host}}}})
        pi, made = plan.hosts["pi"], release(lock(mine=node()))
        own = before_build(plan.stack, pi, made)
        copied = closure_spec(pi, plan.hosts, made, [], dry=False, stack=plan.stack) or {}
        assert ("inputs" in own, "inputs" in copied) == (at == "before", at == "closure")


def test_a_flake_that_hosts_fetch_is_not_sent() -> None:
    mine = {"url": f"git+{URL}", "private": "a deploy key in /root/.ssh"}
    plan = build.plan({"flakes": {"mine": mine}})
    assert before_build(plan.stack, plan.hosts["pi"], release(lock(mine=node()))) == {}


def test_a_host_without_private_inputs_keeps_its_commands() -> None:
    run = home({})
    (built,) = [r for r in run.of(":Command") if r.name == "aurora-build"]
    assert built.type == "command:remote:Command"


# --- an offline host ---------------------------------------------------------------------------


def test_a_bundle_has_it_for_the_key_of_its_host_alone(
    repository: tuple[Path, str], tmp_path: Path
) -> None:
    key = tmp_path / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True
    )
    spec = source(*repository)
    sealed = offline.seal(
        scripts.take_script(spec.path, "", inputs.fetched(spec)),
        key.with_suffix(".pub").read_text(),
    )
    assert sealed.startswith("-----BEGIN AGE ENCRYPTED FILE-----")
    import pyrage

    text = pyrage.decrypt(sealed.encode(), [pyrage.ssh.Identity.from_buffer(key.read_bytes())])
    assert spec.path.encode() in text


def test_the_bundle_places_the_sources_and_then_the_secrets(tmp_path: Path) -> None:
    """A source that cannot be placed ends it. `pull.sh` calls the same function as before."""

    def ran(*sources: str) -> tuple[int, str]:
        text = bundle_text(bundle(tuple(f"{line}\n" for line in sources), "echo secrets\n"))
        age = tmp_path / "age"
        age.write_text("#!/bin/sh\nexec cat\n")
        age.chmod(0o755)
        done = subprocess.run(
            ["bash", "-c", 'eval "$(cat)"; secrets || exit 3'],
            input=text.encode(),
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            check=False,
        )
        return done.returncode, done.stdout.decode()

    assert ran() == (0, "secrets\n")
    assert ran("echo one", "echo two") == (0, "one\ntwo\nsecrets\n")
    assert ran("echo one", "exit 1", "echo two") == (3, "one\n")


def bundle(sources: tuple[str, ...], sealed: str) -> Bundle:
    return Bundle(
        host="pi",
        release="r1",
        secrets_version="v",
        policy=DeployPolicy("pi"),
        stage=":\n",
        build=":\n",
        sealed=sealed,
        inputs=sources,
        port=22,
        paths=("lan",),
        units=(),
        activation_seconds=1,
        confirm_seconds=1,
        settle=0,
        lock_seconds=1,
        made=1,
        since="2026-01-01T00:00:00Z",
        deployment_id="d1",
    )


# --- passwords of caches -------------------------------------------------------------------------

NETRC = "machine attic.example.org password s3cret"


def built(link: HostLink, place: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[str]]:
    said: list[str] = []
    given = {"netrc": {"place": str(place), "ref": {"sops": "nix/netrc"}, "file": "nas.yaml"}}
    monkeypatch.setattr(before, "resolve", lambda ref, directory, file: NETRC)
    script = scripts.build_script("r1", DeployPolicy("pi", netrc=str(place)))
    spec = before.BeforeSpec.model_validate(given)
    return asyncio.run(before.prepared(spec, link, script, said.append)), said


def test_the_first_build_has_the_passwords_of_its_caches(
    link: HostLink, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a file that goes with the build; no program gets them as an argument."""
    machine.succeed(scripts.stage_script("r1", flake("r1")))
    seen, rebuild = tmp_path / "seen", machine.commands / "nixos-rebuild"
    rebuild.unlink()
    rebuild.write_text(
        f'#!/usr/bin/env bash\n{{ echo "$*"; cat "${{@: -1}}"; stat -c %a "${{@: -1}}"; }} >{seen}\nexit 1\n'
    )
    script, _ = built(link, tmp_path / "netrc", monkeypatch)
    rebuild.chmod(0o755)
    machine.run(script)
    words, text, mode = seen.read_text().splitlines()
    assert "--option netrc-file " in words
    assert "s3cret" not in words
    assert (text, mode) == (NETRC, "600")
    assert [*(machine.root / "run").glob("homelab-netrc.*")] == []


def test_a_host_that_has_them_is_asked_and_not_sent_them(
    link: HostLink, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text(NETRC)
    script, said = built(link, tmp_path / "netrc", monkeypatch)
    assert "s3cret" not in script
    assert said == []


def test_the_state_has_the_place_of_the_passwords_and_not_the_passwords() -> None:
    key = f"main:{'A' * 43}="
    nix = {"substituters": [{"url": "https://attic.example.org/main", "key": key}]}
    nix |= {"netrc": {"sops": "restic/b2"}}
    run = home({"hosts": {"aurora": {"nix": nix}, OFFLINE: {"nix": nix}}})
    for name in ("aurora-build", f"{OFFLINE}-switch"):
        (command,) = [r for r in run.of(":Command") if r.name == name]
        assert "restic/b2" in str(command.inputs["stdin"])
