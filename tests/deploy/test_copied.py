"""Systems that another machine evaluates and builds, and that are copied to their host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from homelab.deploy import scripts
from homelab.deploy.closures import closure_spec
from homelab.deploy.model import Release
from homelab.deploy.policy import DeployPolicy
from homelab.ops.deploy import closure, offline, send
from homelab.ops.machine import here
from homelab.ops.machine.host import HostLink, HostPath
from homelab.problems import HomelabError, InvalidStackError
from tests import build
from tests.components.test_program import OFFLINE, home
from tests.deploy.conftest import Machine
from tests.ops.conftest import LAN, PIN, Stack, flake, served_by

pytestmark = pytest.mark.requirement("S0-66")

NAS = "192.168.1.9"


def tree(release: str) -> dict[str, str]:
    return {**flake(release), "release-id.nix": f'[ "{release}" ]\n'}


def spec(release: str, source: str, *, dry: bool = False) -> dict[str, object]:
    plan = build.plan({"hosts": {"pi": {"build": {"copy_from": source}}}})
    made = Release(release, "pi", tuple(tree(release).items()))
    found = closure_spec(
        plan.hosts["pi"],
        plan.hosts,
        made,
        ["--option", "fallback", "true"],
        dry=dry,
        stack=plan.stack,
    )
    assert found is not None
    if "paths" in found:
        found["paths"] = [{"name": "lan", "address": NAS}]
    return found


@pytest.fixture
def stack(tmp_path: Path) -> object:
    with served_by(tmp_path) as made:
        yield made


def sent(stack: Stack, release: str, source: str, *, dry: bool = False) -> int:
    """What `pi-build` does."""
    stack.said = []
    text = {
        "host": "pi",
        "paths": [{"name": "lan", "address": LAN}],
        "host_key": PIN,
        "script": scripts.build_script(release, DeployPolicy("pi"), copied=True),
        "closure": spec(release, source, dry=dry),
        "stack": "home",
    }
    return send.run(json.dumps(text), output=stack.said.append, report=stack.said.append)


def called(stack: Stack, host: str, command: str) -> list[list[str]]:
    found = [line["arguments"] for line in stack.lab.log(host) if line["command"] == command]
    return [[str(word) for word in words] for words in found if isinstance(words, list)]


@pytest.mark.lab
def test_a_host_gets_a_system_that_another_host_built(stack: Stack) -> None:
    """It evaluates and builds nothing itself, and the switch is the same."""
    stack.remote(scripts.stage_script("r1", tree("r1")))
    stack.remote(scripts.secrets_script("r1", {"token": "s3cret"}))
    assert sent(stack, "r1", "nas", dry=True) == 0, stack.report
    assert not called(stack, "pi", "nixos-rebuild")
    assert not called(stack, "pi", "nix")
    foreseen, built = called(stack, "nas", "nix")
    assert "--dry-run" in foreseen
    assert built[-4:-1] == ["--option", "fallback", "true"]
    assert built[-1].endswith('#nixosConfigurations."pi".config.system.build.toplevel')
    assert "pi: nas builds release r1" in stack.said
    assert "nas: this derivation will be built" in stack.said
    assert "pi: copying 1 store paths from nas" in stack.said
    assert stack.switch("r1") == 0, stack.report
    assert (stack.running(), stack.boots(), stack.committed()) == ("r1", "r1", "r1")


@pytest.mark.lab
def test_a_release_that_is_there_is_neither_built_nor_copied_again(stack: Stack) -> None:
    stack.remote(scripts.stage_script("r1", tree("r1")))
    assert sent(stack, "r1", "nas") == 0, stack.report
    before = len(stack.lab.log("nas"))
    assert sent(stack, "r1", "nas") == 0, stack.report
    assert len(stack.lab.log("nas")) == before
    assert any(line.startswith("built ") for line in stack.report.splitlines())


@pytest.mark.lab
def test_a_build_that_fails_elsewhere_leaves_the_host_as_it_was(stack: Stack) -> None:
    stack.remote(scripts.stage_script("r1", tree("r1")))
    stack.lab.inject_fault("nas", "build-fails")
    assert sent(stack, "r1", "nas") == 1
    assert "nas: nix: error: builder for 'pi' failed" in stack.report
    assert not (stack.state / "releases/r1/result").exists()
    stack.lab.clear_faults("nas")
    stack.lab.inject_fault("nas", "unreachable")
    assert sent(stack, "r1", "nas") == 1
    assert "nas over lan" in stack.report


@pytest.mark.lab
def test_a_rehearsal_builds_nothing_on_the_deployer(stack: Stack) -> None:
    """The stand-in of the host builds, so no real Nix runs."""
    stack.remote(scripts.stage_script("r1", tree("r1")))
    assert sent(stack, "r1", "deployer") == 0, stack.report
    assert called(stack, "pi", "nix")
    assert not called(stack, "nas", "nix")


@pytest.mark.lab
def test_a_host_that_sleeps_is_woken_and_gets_the_system(stack: Stack) -> None:
    stack.lab.inject_fault("pi", "offline")
    text = {
        **json.loads(stack.spec("r1", secrets_version="v")),
        "payload": {
            "stage": scripts.stage_script("r1", tree("r1")),
            "secrets": {"token": "s3cret"},
            "build": scripts.build_script("r1", DeployPolicy("pi"), copied=True),
            "closure": spec("r1", "nas"),
        },
        "offline": {
            "host": "nas",
            "paths": [{"name": "lan", "address": NAS}],
            "host_key": PIN,
            "wake": "wake-pi",
            "wake_seconds": 5,
        },
    }
    assert offline.run(json.dumps(text), report=stack.said.append) == 0, stack.report
    assert stack.committed() == "r1"
    assert not called(stack, "pi", "nix")


@pytest.fixture
def deployer(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """The deployer is this machine, with the host's stand-ins in place of Nix."""
    for name, value in machine.environment.items():
        monkeypatch.setenv(name, value)
    key = tmp_path / "host_key.pub"
    key.write_text(f"{PIN}\n")
    monkeypatch.setattr(here, "PUBLIC_KEY", key)
    monkeypatch.setattr(here, "user", lambda: "root")
    return machine


def brought(release: str) -> list[str]:
    said: list[str] = []
    path = HostPath.model_validate({"name": "local", "address": LAN, "here": True})
    link = HostLink("pi", (path,), PIN, None)
    given = closure.ClosureSpec.model_validate_json(json.dumps(spec(release, "deployer")))
    asyncio.run(closure.bring_closure(given, link, "home", None, said.append))
    return said


def test_the_deployer_builds_with_its_own_nix(deployer: Machine) -> None:
    deployer.succeed(scripts.stage_script("r1", tree("r1")))
    assert "pi: this machine builds release r1" in brought("r1")
    kept = deployer.root / "root/.cache/homelab-builds/pi/system"
    assert kept.is_symlink(), "the deployer does not lose what it built"
    said = deployer.succeed(scripts.build_script("r1", DeployPolicy("pi"), copied=True))
    assert said.startswith("built ")


def test_without_nix_on_the_deployer_there_is_a_way_out(
    deployer: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deployer.succeed(scripts.stage_script("r1", tree("r1")))
    tools = tmp_path / "tools"
    tools.mkdir()
    for file in (*Path("/usr/bin").iterdir(), *Path("/bin").iterdir()):
        if not file.name.startswith("nix") and not (tools / file.name).exists():
            (tools / file.name).symlink_to(file)
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(HomelabError, match=r"no nix on the PATH here; .*build\.copy_from"):
        brought("r1")


def test_a_host_never_builds_what_it_should_have_got(deployer: Machine) -> None:
    deployer.succeed(scripts.stage_script("r1", tree("r1")))
    code, said = deployer.run(scripts.build_script("r1", DeployPolicy("pi"), copied=True))
    assert code == 1
    assert "was built elsewhere and is no longer here" in said
    code, said = deployer.run(scripts.receive_script("r1", "/nix/store/0-nixos-system-pi-r1"))
    assert code == 1
    assert "run pulumi up again" in said
    code, said = deployer.run(scripts.receive_script("r2", "/nix/store/0-nixos-system-pi-r2"))
    assert "is not staged here" in said


@pytest.mark.long
def test_the_build_of_such_a_host_is_a_command_of_the_deployer() -> None:
    run = home({"hosts": {"aurora": {"build": {"copy_from": "deployer"}}}})
    own = {r.name: r for r in run.of(":Command") if r.name.startswith("aurora-")}
    built = own["aurora-build"]
    assert built.type == "command:local:Command"
    assert own["aurora-files"].type == "command:remote:Command"
    given = json.loads(built.inputs["stdin"])
    assert "host" not in given["closure"]
    (component,) = [h for h in run.of(":Host") if h.name == "aurora"]
    assert component.inputs["builder"] == "deployer"
    usual = {r.name: r for r in home({}).of(":Command")}
    assert usual["aurora-build"].type == "command:remote:Command"


def test_the_spec_of_an_offline_host_has_the_builder() -> None:
    changes: Mapping[str, object] = {
        "hosts": {OFFLINE: {"build": {"copy_from": "aurora"}}},
    }
    (found,) = [r for r in home(changes).of(":Command") if r.name == f"{OFFLINE}-switch"]
    assert json.loads(found.inputs["stdin"])["payload"]["closure"]["host"] == "aurora"


def test_a_builder_of_another_platform_emulates_it_and_has_no_account() -> None:
    """Nobody logs in for it: homelab connects to both."""
    other = {"platform": "aarch64-linux"}
    text = build.render({"hosts": {"pi": {**other, "build": {"copy_from": "nas"}}}})["nas"]
    nix = "".join(body for body in text.values() if isinstance(body, str))
    assert 'boot.binfmt.emulatedSystems = [ "aarch64-linux" ];' in nix
    assert "nixbuild" not in nix
    assert "nixbuild" in "".join(
        build.render({"hosts": {"pi": {**other, "build": {"host": "nas"}}}})["nas"].values()
    )


def test_a_builder_switches_before_those_that_it_builds_for() -> None:
    first, *_ = build.plan({"hosts": {"pi": {"build": {"copy_from": "nas"}}}}).waves
    assert (first.hosts, first.why) == (("nas",), "they build for others")


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"copy_from": "nas", "host": "nas"}, "two ways to build"),
        ({"copy_from": "nas", "trusted": "mine"}, "leave trusted out"),
        ({"evaluate": "nas"}, "write copy_from"),
    ],
)
def test_what_does_not_go_together_is_refused(said: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidStackError) as refused:
        build.plan({"hosts": {"pi": {"build": said}}})
    assert says in str(refused.value)


def test_who_evaluates_needs_access_to_a_private_flake() -> None:
    def found(copy_from: str | None) -> list[str]:
        url = "git+ssh://git@git.example.org/mine?submodules=1"
        private = {"flakes": {"mine": {"url": url}}}
        pi = {"flakes": ["mine.nixosModules.x"], "build": {"copy_from": copy_from}}
        return [p.what for p in build.found({**private, "hosts": {"pi": pi}}, "flake-private")]

    assert found(None)[0].startswith("root of pi has to fetch")
    assert found("nas")[0].startswith("root of nas has to fetch")
    assert found("deployer") == []


def test_an_unknown_builder_is_named() -> None:
    (problem,) = build.found({"hosts": {"pi": {"build": {"copy_from": "nsa"}}}}, "host-known")
    assert problem.where == "hosts.pi.build.copy_from"
    assert "nas" in problem.way_out
