"""`homelab vm`: a host of the stack as a virtual machine that reaches nothing."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest

from homelab.install.vm import KEY
from homelab.ops.install.stand_ins import made_up
from homelab.ops.install.vm import run_vm
from homelab.ops.project.stack import Stack, open_stack
from homelab.problems import HomelabError, UsageError
from homelab.secrets.sops_file import parse_sops_file
from tests.build import SHIPPED

NIX = """\
#!/bin/bash
echo "$*" >>"$LOG"
while [ "$1" != --out-link ]; do shift; done
mkdir -p "$2/bin"
printf '#!/bin/sh\\necho "disk $NIX_DISK_IMAGE" >>"$LOG"\\nexit 7\\n' >"$2/bin/run-aurora-vm"
chmod +x "$2/bin/run-aurora-vm"
"""


@pytest.fixture(scope="module")
def stack() -> Stack:
    return open_stack(SHIPPED, "home")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Calls of Nix, on a machine of the host's platform."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "nix").write_text(NIX)
    (tools / "nix").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    return tmp_path / "log"


def run(stack: Stack, name: str = "aurora", *, start: bool = True) -> tuple[int, list[str]]:
    said: list[str] = []
    code = run_vm(stack, name, said.append, memory_mib=2048, ssh_port=2200, start=start)
    return code, said


def test_it_is_built_from_the_files_of_the_host_and_started(
    stack: Stack, log: Path, tmp_path: Path
) -> None:
    code, said = run(stack)
    top = tmp_path / "state/homelab/vms/home"
    assert code == 7
    calls = log.read_text().splitlines()
    wanted = f"path:{top}/aurora#nixosConfigurations.aurora-vm.config.system.build.vm"
    assert calls[0].endswith(wanted)
    assert calls[1] == f"disk {top}/aurora.qcow2"
    real = dict(stack.releases["aurora"].files)
    for name in ("default.nix", "services/immich.nix", "release-id.nix"):
        assert (top / "aurora" / name).read_text() == real[name]
    assert any(line.startswith("log in: ssh -p 2200 ") for line in said)
    assert any(line.startswith("immich: ssh -p 2200 ") for line in said)


def test_it_reaches_nothing_and_only_this_machine_reaches_it(
    stack: Stack, log: Path, tmp_path: Path
) -> None:
    run(stack, start=False)
    text = (tmp_path / "state/homelab/vms/home/aurora/vm.nix").read_text()
    assert "virtualisation.restrictNetwork = true;" in text
    ports = text.partition("forwardPorts = [")[2].partition("];")[0]
    assert re.findall(r"address = (.*);", ports) == ['"127.0.0.1"']


def test_no_secret_of_the_host_is_in_it(stack: Stack, log: Path, tmp_path: Path) -> None:
    run(stack, start=False)
    top = tmp_path / "state/homelab/vms/home/aurora"
    before = str(dict(stack.releases["aurora"].files)["secrets.yaml"])
    after = (top / "secrets.yaml").read_text()
    theirs, ours = parse_sops_file("a", before), parse_sops_file("b", after)
    assert not theirs.recipients & ours.recipients
    keys = {s.key for s in stack.plan.secrets.stored_on("aurora")}
    assert {k: ours.kinds.get(k) for k in keys} == dict.fromkeys(keys, "str")
    sent = {s.name for s in stack.plan.secrets.on("aurora") if s.is_sent}
    assert {p.name for p in (top / "vm/sent").iterdir()} == sent
    assert "PRIVATE KEY" in (top / KEY).read_text()


def test_the_stand_ins_have_the_form_of_the_secrets(stack: Stack) -> None:
    made = made_up(stack.plan, stack.plan.hosts["aurora"])
    by_name = {s.name: s for s in stack.plan.secrets.on("aurora")}
    for name, text in made.sent.items():
        if by_name[name].form == "env" and by_name[name].source == "derived":
            assert [line.partition("=")[0] for line in text.splitlines()] == [
                variable for variable, _ in by_name[name].env
            ]


def test_a_second_build_without_a_change_writes_the_same_system(
    stack: Stack, log: Path, tmp_path: Path
) -> None:
    top = tmp_path / "state/homelab/vms/home/aurora"
    run(stack, start=False)
    before = (top / "vm.nix").read_text(), (top / "flake.nix").read_text()
    run(stack, start=False)
    assert ((top / "vm.nix").read_text(), (top / "flake.nix").read_text()) == before


def test_without_nix_there_is_a_way_out(
    stack: Stack, log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(HomelabError, match=r"nix is not on PATH.*homelab lab up"):
        run(stack)


def test_an_error_of_nix_ends_it(stack: Stack, log: Path, tmp_path: Path) -> None:
    (tmp_path / "tools/nix").write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(HomelabError, match="Nix exited with 3"):
        run(stack)


def test_a_host_of_another_platform_is_refused(stack: Stack, log: Path) -> None:
    with pytest.raises(HomelabError, match="pi is aarch64-linux"):
        run(stack, "pi")
    assert not log.exists()


def test_an_unknown_host_is_a_wrong_call(stack: Stack, log: Path) -> None:
    with pytest.raises(UsageError, match='there is no NixOS host "aurara"'):
        run(stack, "aurara")
