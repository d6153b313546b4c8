"""Lab hosts run the commands that they receive, and refuse what NixOS refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy
from homelab.lab.host_commands import nix_text
from homelab.lab.hosts import LabHosts
from homelab.lab.provider import RefusedError

PIN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7r5dN5C6m4ZcV2mRkQyqS3mY6b0xw3oQnJ9m1qf1aR pi"
LAN = "192.168.1.225"
FLAKE = {
    "flake.nix": "{ outputs = { self }: { nixosConfigurations.pi = import ./default.nix; }; }\n",
    "default.nix": "{ imports = [ ./dns.nix ]; }\n",
    "dns.nix": "{ }\n",
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabHosts]:
    with LabHosts(tmp_path, {"pi": [LAN, "100.100.71.3"]}) as hosts:
        yield hosts


def run(lab: LabHosts, command: str, stdin: str = "") -> tuple[int, str, str]:
    return lab.run_remote({"host": LAN, "hostKey": PIN}, command, stdin, {})


def build(lab: LabHosts, **files: str | None) -> tuple[int, str, str]:
    tree = {**FLAKE, **{name.replace("_", "."): text for name, text in files.items()}}
    present = {name: text for name, text in tree.items() if text is not None}
    run(lab, scripts.shell(), scripts.stage_script("r1", present))
    return run(lab, scripts.shell(), scripts.build_script("r1", DeployPolicy("pi")))


def test_a_command_gets_its_input_and_gives_its_output_and_status(lab: LabHosts) -> None:
    assert run(lab, "cat; echo oops >&2; exit 7", "in") == (7, "in", "oops\n")


def test_a_commands_environment_contains_nothing_of_the_deployer(
    lab: LabHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "hunter2")
    _, output, _ = run(lab, "env")
    names = {line.partition("=")[0] for line in output.splitlines()}
    shells_own = {"PWD", "SHLVL", "_", "OLDPWD", "__CF_USER_TEXT_ENCODING"}
    assert names - shells_own == {"HOMELAB_ROOT", "HOME", "USER", "LOGNAME", "PATH", "SSH_CLIENT"}


def test_a_large_input_and_output_arrive_complete(lab: LabHosts) -> None:
    text = "x" * 3_000_000 + "\n"
    assert run(lab, "cat", text) == (0, text, "")


def test_a_connection_without_a_pin_is_refused(lab: LabHosts) -> None:
    for pin in (None, "", "ssh-rsa AAAA"):
        with pytest.raises(RefusedError, match="no ed25519 host key is pinned"):
            lab.run_remote({"host": LAN, "hostKey": pin}, "true", "", {})


def test_an_unknown_address_is_refused_by_name(lab: LabHosts) -> None:
    with pytest.raises(RefusedError, match=r"192\.168\.1\.226.*192\.168\.1\.225"):
        lab.run_remote({"host": "192.168.1.226", "hostKey": PIN}, "true", "", {})


def test_an_environment_is_refused_as_sshd_would(lab: LabHosts) -> None:
    with pytest.raises(RefusedError, match="TOKEN") as error:
        lab.run_remote({"host": LAN, "hostKey": PIN}, "true", "", {"TOKEN": "hunter2"})
    assert "hunter2" not in str(error.value)


def test_every_sign_in_is_counted(lab: LabHosts) -> None:
    run(lab, "true")
    run(lab, "true")
    assert lab.connections == {"pi": 2}


def test_many_threads_may_run_commands_at_once(lab: LabHosts) -> None:
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(run(lab, f"sleep 0.1; exit {n}")[0]))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(20))


def test_a_lab_that_is_opened_again_goes_on(tmp_path: Path) -> None:
    keys = []
    for content in ("", "kept"):
        with LabHosts(tmp_path, {"pi": [LAN]}) as lab:
            keys.append(lab.hosts["pi"].host_key)
            assert run(lab, "cat $HOMELAB_ROOT/x; printf kept >$HOMELAB_ROOT/x")[1] == content
    assert keys[0] == keys[1]


def test_fifty_hosts_are_ready_and_each_is_its_own(tmp_path: Path) -> None:
    names = {f"h{n}": [f"10.0.0.{n}", f"100.64.0.{n}"] for n in range(50)}
    with LabHosts(tmp_path, names) as lab:
        ports = {port for host in lab.hosts.values() for port in host.ports.values()}
        assert len(ports) == 100
        status, output, _ = lab.run_remote({"host": "100.64.0.49", "hostKey": PIN}, "pwd", "", {})
        assert (status, output.strip()) == (0, str(lab.root("h49") / "root"))


def test_running_processes_end_with_the_lab(tmp_path: Path) -> None:
    gone = tmp_path / "ended"
    script = f"trap 'touch {gone}' TERM\nwhile :; do sleep 0.05; done\n"
    with LabHosts(tmp_path / "lab", {"pi": [LAN]}) as lab:
        (lab.root("pi") / "loop").write_text(script)
        status, _, errors = run(
            lab,
            'systemd-run --unit=loop --setenv=HOMELAB_ROOT="$HOMELAB_ROOT" --service-type=exec '
            '-- "$(command -v bash)" "$HOMELAB_ROOT/loop"',
        )
        assert status == 0, errors
        unit = lab.root("pi") / "run/lab-units/loop"
        assert (unit / "state").read_text() == "running"
    assert not unit.exists()


def test_a_unit_gets_nothing_that_it_was_not_given(lab: LabHosts) -> None:
    run(lab, 'systemd-run --unit=env --service-type=exec -- "$(command -v env)"')
    for _ in range(200):
        log = lab.root("pi") / "var/log/journal/env.log"
        if log.exists() and "PATH=" in log.read_text():
            break
        threading.Event().wait(0.05)
    assert "HOMELAB_ROOT" not in log.read_text()


def test_a_good_flake_is_built_and_the_same_flake_is_the_same_system(lab: LabHosts) -> None:
    status, output, errors = build(lab)
    assert status == 0, errors
    assert "-nixos-system-pi-r1" in output


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"flake_nix": None}, "no flake.nix"),
        ({"default_nix": None}, "no default.nix"),
        ({"dns_nix": None}, "path 'default.nix: ./dns.nix' does not exist"),
        ({"default_nix": "{ imports = [ ../../x.nix ]; }\n"}, "leads out of the flake"),
        ({"flake_nix": "{ outputs = { self }: { nixosConfigurations.nas = 1; }; }\n"}, "'nixos"),
        (
            {"flake_nix": FLAKE["flake.nix"].replace("{ out", '{ inputs.nixpkgs.url = "x"; out')},
            "requires lock file changes (nixpkgs)",
        ),
        (
            {"flake_lock": json.dumps({"nodes": {"root": {"inputs": {"old": "old"}}}})},
            "requires lock file changes (old)",
        ),
        ({"flake_lock": "{"}, "not a lock file"),
    ],
)
def test_a_flake_that_nix_would_refuse_is_refused(
    lab: LabHosts, change: dict[str, str | None], complaint: str
) -> None:
    status, _, errors = build(lab, **change)
    assert status == 1
    assert complaint in errors


def test_paths_in_strings_and_comments_are_ignored() -> None:
    text = """
      { # see ./gone.nix
        a = "./gone.nix"; /* ./gone.nix */
        b = ''echo ./gone.sh ''${x} ''' ./gone.sh'';
        c = ./here.nix;
      }
    """
    assert "gone" not in nix_text.code(text)
    assert "./here.nix" in nix_text.code(text)


@pytest.mark.parametrize(
    ("expression", "imported"),
    [
        ("{ imports = [ ./dir ]; }", True),
        ("{ imports = [ ./here.nix ./dir ]; }", True),
        ("import ./dir { }", True),
        ("{ x = import ./dir; }", True),
        ("{ x = builtins.import ./dir; }", True),
        ("{ x = pkgs.callPackage ./dir { }; }", True),
        ("import ./lib/extend.nix { directory = ./dir; }", False),
        ('{ environment.etc."x".source = ./dir; }', False),
        ("{ dir ? ./dir }: dir", False),
        ("builtins.readDir ./dir", False),
        ("{ x = lib.fileset.toSource ./dir; }", False),
        ('import (./dir + "/x.nix")', False),
    ],
)
def test_a_directory_needs_a_default_nix_only_where_it_is_imported(
    expression: str, imported: bool, tmp_path: Path
) -> None:
    for path in ("dir/x.nix", "here.nix", "lib/extend.nix"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("{ }\n")
    (tmp_path / "default.nix").write_text(f"{expression}\n")
    found = ["default.nix: ./dir is a directory without default.nix"] if imported else []
    assert list(nix_text.problems(tmp_path)) == found
    (tmp_path / "dir/default.nix").write_text("{ }\n")
    assert list(nix_text.problems(tmp_path)) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{ outputs = _: { }; }", set()),
        ('{ inputs.nixpkgs.url = "a"; inputs.x.url = "b"; outputs = _: { }; }', {"nixpkgs", "x"}),
        (
            '{ inputs = { nixpkgs.url = "a"; x = { url = "b"; inputs.nixpkgs.follows = "c"; }; }; }',
            {"nixpkgs", "x"},
        ),
    ],
)
def test_the_inputs_that_a_flake_names_are_found(text: str, names: set[str]) -> None:
    assert nix_text.inputs(text) == names


@pytest.mark.parametrize(
    "command",
    [
        "nixos-rebuild switch --flake .#pi",
        "nixos-rebuild build --flake .#pi",
        "nix-env --rollback",
        "nix-env -p /nix/var/nix/profiles/system --rollback",
        "systemctl reboot now",
        "systemd-run --pipe --wait -- /bin/true",
        "nix-store --gc",
        '"$HOMELAB_ROOT"/run/current-system/bin/switch-to-configuration reboot',
    ],
)
def test_a_stand_in_refuses_unknown_options(lab: LabHosts, command: str) -> None:
    status, _, errors = run(lab, command)
    assert status != 0
    assert errors
    assert "Traceback" not in errors


def test_a_fault_lasts_until_it_is_cleared(lab: LabHosts) -> None:
    lab.inject_fault("pi", "unreachable")
    with pytest.raises(RefusedError, match=LAN):
        run(lab, "true")
    lab.clear_faults("pi")
    assert run(lab, "true")[0] == 0
    with pytest.raises(RefusedError, match="host pii: did you mean"):
        lab.inject_fault("pii", "unreachable")
