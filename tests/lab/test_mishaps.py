"""Mishaps of a lab: two runs at once, a killed run, damaged files, a reused process id."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from homelab.cli.app import main
from homelab.lab.attached import run_attached
from homelab.lab.errors import DamagedError
from homelab.lab.held import end_unit, hold, is_held
from homelab.lab.host import LabHost, key_in
from homelab.lab.standins.records import Records
from homelab.lab.state import Store
from homelab.problems import HomelabError
from tests import stackdir
from tests.closed import close
from tests.lab.test_rehearsal import Lab

DAMAGE = (b"", b"{", b"[]", b"null", b'{"version": 9}', b"\xff\xfe\x00", b"[" * 5000, b'{"a": 1}')


@pytest.mark.parametrize("content", DAMAGE)
def test_a_damaged_file_of_a_lab_is_named_and_never_a_traceback(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(DamagedError, match=r"state\.json is damaged .*lab destroy"):
        Store(tmp_path).read()
    (tmp_path / "cloud.json").write_bytes(content)
    with pytest.raises(DamagedError, match=r"cloud\.json is damaged"):
        Records(tmp_path / "cloud.json").read()
    (tmp_path / "host_key").write_bytes(content)
    with pytest.raises(DamagedError, match="host_key is damaged"):
        key_in(tmp_path / "host_key")
    (tmp_path / "faults.json").write_bytes(content)
    if content not in {b'{"version": 9}', b'{"a": 1}'}:
        with pytest.raises(DamagedError, match=r"faults\.json is damaged"):
            LabHost("pi", (), tmp_path).faults()


def test_a_lock_is_held_until_its_process_ends(tmp_path: Path) -> None:
    path = tmp_path / "serving"
    held = hold(path)
    assert not held.was_left
    assert is_held(path)
    with pytest.raises(HomelabError, match=f"process {os.getpid()}"):
        hold(path)
    held.let_go()
    assert not is_held(path)
    again = hold(path)
    assert not again.was_left, "nobody was killed"
    again.let_go()
    path.write_text("4711")
    killed = hold(path)
    assert killed.was_left
    killed.let_go()


def test_a_stale_process_id_ends_no_other_process(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (tmp_path / "pid").write_text(str(stranger.pid))
        end_unit(tmp_path / "pid")
        time.sleep(0.1)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_command_of_a_killed_run_ends_with_it(tmp_path: Path) -> None:
    script = (
        "from lab.attached import run_attached; import os\n"
        "run_attached(['/bin/sh', '-c', 'echo $$ > pid; exec sleep 60'], '', dict(os.environ), '.')"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, env=environment)
    pid = tmp_path / "pid"
    while not (pid.exists() and pid.read_text().strip()):
        assert run.poll() is None
        time.sleep(0.02)
    run.kill()
    run.wait()
    command = int(pid.read_text())
    for _ in range(500):
        try:
            os.kill(command, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{command}/stat").exists():
            state = Path(f"/proc/{command}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "Z":
                return
        time.sleep(0.02)
    os.kill(command, signal.SIGKILL)
    raise AssertionError("it went on without the run that had started it")


def test_a_command_passes_on_input_output_and_exit_status() -> None:
    environment = dict(os.environ)
    assert run_attached(["cat"], "in", environment, None) == (0, "in", "")
    assert run_attached(["sh", "-c", "echo e >&2; exit 7"], "", environment, None) == (7, "", "e\n")
    assert run_attached(["sh", "-c", "kill -9 $$"], "", environment, None)[0] == -9
    with pytest.raises(FileNotFoundError):
        run_attached(["/no/such/program"], "", environment, None)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path / "stack")
    lab.write()
    return lab


@pytest.mark.lab
def test_a_second_run_is_refused_in_one_line_and_the_first_goes_on(lab: Lab) -> None:
    first = subprocess.Popen(
        lab.command("up"),
        env=lab.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    serving = lab.directory / ".homelab/lab" / stackdir.NAME / "dial.json"
    while not serving.exists():
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.02)
    before = serving.read_bytes()
    # It would end before another one begins.
    first.send_signal(signal.SIGSTOP)
    for words in (("up",), ("destroy",)):
        second = lab.run(*words)
        assert second.returncode == 1
        assert len(second.stderr.strip().splitlines()) == 1, second.stderr
        assert f"process {first.pid}" in second.stderr
    assert serving.read_bytes() == before
    first.send_signal(signal.SIGCONT)
    said, _ = first.communicate()
    assert first.returncode == 0, said


@pytest.mark.lab
def test_a_rehearsal_needs_no_secrets_file_no_sops_and_no_age(lab: Lab, tmp_path: Path) -> None:
    """A first stack can be rehearsed. What `up` will need is a warning."""
    shutil.rmtree(lab.directory / "secrets")
    bare = tmp_path / "bin"
    bare.mkdir()
    for tool in ("bash", "sh", "env", "ssh-keygen", "git"):
        if found := shutil.which(tool):
            (bare / tool).symlink_to(found)
    path = os.pathsep.join([str(bare), "/usr/bin", "/bin"])
    done = subprocess.run(
        lab.command("up"),
        env={**lab.environment, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "there is no such file" in done.stdout
    checked = subprocess.run(
        [sys.executable, "-m", "homelab", "check", "-C", str(lab.directory)],
        env=lab.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 1, "a real `up` does need them"


@pytest.mark.lab
def test_retiring_and_rolling_back_can_be_rehearsed(lab: Lab) -> None:
    lab.json("up")
    before = lab.releases()
    lab.write({"services": {"miniflux": {"port": 8123}}})
    lab.json("up")
    assert lab.releases()["nas"] != before["nas"]
    assert lab.run("rollback", "nas").returncode == 0
    assert lab.releases()["nas"] == before["nas"]
    unchanged = lab.run("up").stdout
    assert f"nas was rolled back: it runs release {before['nas']}" in unchanged
    assert 'deploy.again: {nas: "…any new text"}' in unchanged
    assert "pi was rolled back" not in unchanged
    assert lab.run("unlock", "nas").returncode == 0
    refused = lab.run("retire", "nas")
    assert refused.returncode == 2
    assert "state: retired" in refused.stderr
    assert [line for line in lab.dialled() if "'127.0.0.1'" not in line] == []


@pytest.mark.lab
def test_destroy_clears_a_damaged_lab(lab: Lab) -> None:
    lab.json("up")
    state = lab.directory / ".homelab/lab" / stackdir.NAME / "state.json"
    state.write_text("{")
    refused = lab.run("up")
    assert refused.returncode == 1
    assert "lab destroy" in refused.stderr + refused.stdout
    assert lab.run("destroy").returncode == 0
    assert not (lab.directory / ".homelab").exists()


@pytest.mark.parametrize("name", ["state.json", ""])
@pytest.mark.parametrize("command", ["up", "destroy"])
def test_a_closed_file_of_a_lab_is_named_and_destroy_removes_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    command: str,
) -> None:
    """As another user's file, or after `chmod 000`."""
    top = stackdir.write_stack(tmp_path / "stack")
    place = top / ".homelab/lab" / stackdir.NAME
    place.mkdir(parents=True)
    (place / "state.json").write_text("{}")
    with monkeypatch.context() as closing:
        close(place / name, closing)
        closing.setattr(sys, "argv", ["homelab", "lab", command, "-C", str(top)])
        with pytest.raises(SystemExit) as ended:
            main()
    said = capsys.readouterr()
    if command == "up":
        assert ended.value.code == 1
        assert "is damaged (permission denied); `homelab lab destroy` removes" in said.err
        assert "Traceback" not in said.err
    elif os.geteuid() != 0 or name:
        assert ended.value.code == 0
        assert "It is removed now." in said.out
        assert not place.exists()
    else:
        # What stands for another user here cannot be removed by it either.
        assert ended.value.code == 1
        assert "not all of it can be removed; remove it as the owner" in said.err
