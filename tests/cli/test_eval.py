"""`homelab eval` with a stand-in for Nix that prints given answers."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from homelab.cli import app
from homelab.lab.hosts import LabHosts
from tests import stackdir
from tests.build import OWNER
from tests.cli.test_cli import Said

OWN = "hosts/nas/extra.nix"
SOURCE = "/nix/store/aw9k2zm1c5kq4s0n8n2sv7c9v2hzw0mq-source"
NIXPKGS = "/nix/store/0ccnxa25whszw7mgbgyzdm4nqc0zwnm8-source"
CHANGES: dict[str, Any] = {
    "hosts": {"nas": {"modules": [OWN]}},
    "services": {
        "jellyfin": {"host": "nas", "options": {"services.jellyfin.group": "media"}},
        "miniflux": {"host": "nas"},
    },
}
KEYS = [f"{OWNER} sam"]
STRICT = {
    "CapabilityBoundingSet": [""],
    "ExecStart": ["jellyfin"],
}


class Stand:
    """A stack, and a directory on PATH with a stand-in for nix."""

    def __init__(self, top: Path) -> None:
        self.stack = stackdir.write_stack(top / "stack", CHANGES)
        (self.stack / OWN).write_text("{\n  services.x.y = 1;\n}\n", encoding="utf-8")
        self.bin = top / "bin"
        self.bin.mkdir()
        self.seen = top / "seen"

    def answers(self, report: object, stderr: str = "", code: int = 0) -> None:
        """Let nix print this, and record its arguments and the tree."""
        for name in ("nix", "nix-instantiate"):
            program = self.bin / name
            program.write_text(
                "#!/bin/bash\n"
                f'printf \'%s\\n\' "$GC_MAXIMUM_HEAP_SIZE" "$@" >{self.seen}\n'
                f"cat >&2 <<'END'\n{stderr}\nEND\n"
                f"cat <<'END'\n{json.dumps(report)}\nEND\n"
                f"exit {code}\n",
                encoding="utf-8",
            )
            program.chmod(0o755)


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    made = Stand(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}{os.pathsep}{os.environ['PATH']}")
    return made


@pytest.fixture
def call(stand: Stand, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str) -> Said:
        monkeypatch.chdir(stand.stack)
        monkeypatch.setattr(sys, "argv", ["homelab", "eval", *words])
        code: object = 0
        try:
            app.main()
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(int(str(code or 0)), out, err)

    return run


def report(**more: object) -> dict[str, object]:
    """Nix's report of a correct host, with these changes."""
    closed = {"tcp": [], "udp": [], "tcp_ranges": [], "udp_ranges": []}
    tailnet = {**closed, "tcp": [22, 8080, 8096], "udp": [41641]}
    made: dict[str, object] = {
        "release": "25.11",
        "toplevel": "/nix/store/x-nixos-system-nas.drv",
        "assertions": [],
        "warnings": [],
        "absent": [],
        "declared": [],
        "units": {},
        "users": {name: {"normal": True, "groups": [], "keys": KEYS} for name in ("sam", "root")},
        "file_systems": {},
        "firewall": {
            "enable": True,
            "trusted": ["lo"],
            "everywhere": closed,
            "interfaces": {"tailscale0": tailnet},
            "rules": "ip saddr 192.168.1.0/24 tcp dport { 22 } accept\n"
            "ip saddr 192.168.1.0/24 udp dport { 41641 } accept\n",
        },
        "opened": [],
    }
    return {**made, **more}


def test_an_assertion_a_warning_and_a_weak_unit_have_places(call: Any, stand: Stand) -> None:
    module = f"{NIXPKGS}/nixos/modules/services/web-apps/miniflux.nix"
    stand.answers(
        report(
            assertions=[
                {"file": f"{SOURCE}/own/{OWN}", "text": "x must not be 1"},
                {"file": module, "text": "it wants a library"},
            ],
            warnings=[{"file": module, "text": "`services.jellyfin.group' is old"}],
            declared=[{"name": ["services", "miniflux", "enable"], "files": [module]}],
            units={"jellyfin": STRICT, "miniflux": None},
        ),
        "evaluation warning: something else is old",
    )
    said = call("nas")
    assert said.code == 1
    lines = said.out.splitlines()

    def one(words: str) -> str:
        found = [line for line in lines if words in line]
        assert len(found) == 1, (words, lines)
        return found[0]

    assert one("x must not be 1").startswith("error: nas: hosts.nas.modules[0]: an assertion of")
    assert ": services.miniflux: " in one("it wants a library")
    assert one("is old (").startswith("warning: nas: Pulumi.small.yaml:")
    assert ": services.jellyfin.options.services.jellyfin.group: " in one("is old (")
    assert one("something else").startswith("warning: nas: ")
    assert ": services.jellyfin: jellyfin.service gets ProtectSystem=nothing" in one(
        "ProtectSystem="
    )
    assert "has a sandbox for a unit that nothing defines: miniflux.service" in one(
        "nothing defines"
    )


def test_an_error_has_the_own_modules_file_and_line(call: Any, stand: Stand) -> None:
    stand.answers(
        None,
        "error:\n       … while evaluating the option `services':\n\n"
        "       error: The option `services.x' does not exist. Definition values:\n"
        f"       - In `{SOURCE}/own/{OWN}': {{ }}\n",
        1,
    )
    said = call("nas", "--json")
    assert said.code == 1
    (problem,) = json.loads(said.out)["nas"]
    assert (problem["where"], problem["file"]) == ("hosts.nas.modules[0]", OWN)
    assert "does not exist" in problem["what"]
    assert "/nix/store" not in problem["what"]


def test_by_default_the_flake_is_evaluated_purely_with_its_lock_and_limits(
    call: Any, stand: Stand
) -> None:
    stand.answers(report())
    call("nas", "--memory", "1024")
    heap, *words = stand.seen.read_text(encoding="utf-8").splitlines()
    assert heap == str(1024 * 1024 * 1024)
    assert {"eval", "--json", "--no-update-lock-file", "--apply"} <= set(words)
    assert "--impure" not in words
    assert words[-1].endswith('/flake#nixosConfigurations."nas"')
    assert not Path(words[-1].removeprefix("path:").partition("#")[0]).exists(), "nothing is left"


def test_ports_that_the_plan_does_not_open_are_reported(call: Any, stand: Stand) -> None:
    firewall = report()["firewall"]
    assert isinstance(firewall, dict)
    opened = {**firewall["everywhere"], "tcp": [9000]}
    stand.answers(
        report(
            firewall={**firewall, "everywhere": opened, "rules": ""},
            opened=[{"file": f"{SOURCE}/own/{OWN}", "tcp": [9000]}],
        )
    )
    said = call("nas")
    assert f"warning: nas: hosts.nas.modules[0]: {OWN}: 9000/tcp is open on every" in said.out
    assert "error: nas: " in said.out
    assert "the rule of firewall.nix is gone: ip saddr 192.168.1.0/24 tcp dport { 22 }" in said.out


def test_local_inputs_need_no_flakes(call: Any, stand: Stand, tmp_path: Path) -> None:
    stand.answers(report())
    call("nas", "--input", f"nixpkgs={tmp_path}")
    assert "--strict" in stand.seen.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nsa",), 'did you mean "nas"?'),
        (("--input", "nixpkgs"), "write NAME=DIRECTORY"),
        (("--input", "nixpkgs=/not/there"), "is not a directory"),
        (("--on", "nsa"), 'did you mean "nas"?'),
        (("--on", "nas", "--input", "nixpkgs=/"), "leave out --on or --input"),
    ],
)
def test_a_wrong_call_has_a_way_out(
    call: Any, stand: Stand, words: tuple[str, ...], says: str
) -> None:
    said = call(*words)
    assert said.code == 2
    assert says in said.err


def test_without_nix_the_way_out_names_another_host(
    call: Any, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = stand.bin.parent / "tools"
    tools.mkdir()
    for name in ("bash", "mktemp", "mkdir", "cat", "rm"):
        found = next(p for d in ("/usr/bin", "/bin") if (p := Path(d) / name).exists())
        (tools / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(tools))
    said = call("nas")
    assert said.code == 1
    assert "with --on HOST" in said.err


def test_output_that_is_no_report_is_an_error_without_traceback(call: Any, stand: Stand) -> None:
    stand.answers({"release": "25.11"})
    said = call("nas")
    assert said.code == 1
    assert "is not a report" in said.err


def test_another_host_of_the_stack_can_evaluate_over_ssh(
    call: Any, stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.answers(report(assertions=[{"file": f"{SOURCE}/own/{OWN}", "text": "x is 1"}]))
    with LabHosts(tmp_path / "lab", {"pi": ["192.168.1.2"], "nas": ["192.168.1.3"]}) as lab:
        for name, value in lab.environment().items():
            monkeypatch.setenv(name, value)
        commands = next((tmp_path / "lab").rglob("nixos-rebuild")).parent
        (commands / "nix").unlink()
        (commands / "nix").symlink_to(stand.bin / "nix")
        said = call("nas", "--on", "pi")
    assert said.code == 1, said.err
    assert "hosts.nas.modules[0]: an assertion of hosts/nas/extra.nix failed: x is 1" in said.out
    assert stand.seen.exists()


NIXS_OWN = {
    "channel": (
        "error: file 'nixpkgs' was not found in the Nix search path (add it using $NIX_PATH or -I)"
    ),
    "download": "error: unable to download 'https://api.github.com/x': Couldn't resolve host (6)",
    "git": "error: program 'git' failed with exit code 128",
    "registry": "error: cannot find flake 'flake:nixpkgs' in the flake registries",
    "flakes": "error: experimental Nix feature 'nix-command' is disabled; use '--extra-…'",
    "daemon": "error: cannot connect to socket at '/nix/var/nix/daemon-socket/socket': refused",
    "store": "error: creating directory '/nix/store': Permission denied",
    "killed": "/bin/bash: line 90:  4711 Killed                  nix eval",
    "disk": "mktemp: failed to create directory via template '/tmp/tmp.X': No space left on device",
    "nothing": "",
}


@pytest.mark.parametrize("kind", NIXS_OWN)
def test_a_failure_of_nix_names_no_place_of_the_stack(call: Any, stand: Stand, kind: str) -> None:
    stand.answers(None, NIXS_OWN[kind], 1)
    said = call("nas", "--json")
    assert said.code == 1
    (problem,) = json.loads(said.out)["nas"]
    assert (problem["where"], problem["file"]) == ("Nix", "")
    assert "homelab eval --" in problem["way_out"]
    said = call("nas")
    assert said.out.startswith("error: nas: Nix: ")


def test_a_network_warning_names_no_host_and_is_reported_once(call: Any, stand: Stand) -> None:
    cache = "unable to download 'https://cache.nixos.org/nix-cache-info': no route"
    stand.answers(report(), f"warning: {cache}")
    assert call("nas").out.startswith(f"warning: nas: Nix: {cache}; check that this machine")
    stand.answers(None, f"warning: {cache}\n{NIXS_OWN['download']}", 1)
    assert len(call("nas").out.splitlines()) == 1


@pytest.mark.parametrize("kind", ["channel", "download", "git", "registry", "flakes"])
def test_an_input_that_nix_cannot_fetch_can_be_local(call: Any, stand: Stand, kind: str) -> None:
    stand.answers(None, NIXS_OWN[kind], 1)
    assert "homelab eval --input nixpkgs=DIR" in call("nas").out


def test_an_input_without_a_directory_is_named(call: Any, stand: Stand, tmp_path: Path) -> None:
    stand.answers(None, "error: no directory was named for the input sops-nix", 1)
    said = call("nas", "--input", f"nixpkgs={tmp_path}")
    assert "error: nas: Nix: no directory was named for the input sops-nix; " in said.out
    assert "add --input sops-nix=DIR" in said.out


def test_a_failed_fetch_of_an_own_module_has_its_place(call: Any, stand: Stand) -> None:
    stand.answers(
        None,
        "error:\n       … while calling the 'fetchTarball' builtin\n\n"
        f"         at {SOURCE}/own/{OWN}:2:3:\n\n"
        "       error: unable to download 'https://example.org/x.tar.gz': HTTP error 404\n",
        1,
    )
    (problem,) = json.loads(call("nas", "--json").out)["nas"]
    assert (problem["where"], problem["file"], problem["line"]) == ("hosts.nas.modules[0]", OWN, 2)
    assert "check that this machine reaches it" in problem["way_out"]


def test_a_builder_without_nix_is_named(
    call: Any, stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.answers(report())
    with LabHosts(tmp_path / "lab", {"pi": ["192.168.1.2"], "nas": ["192.168.1.3"]}) as lab:
        for name, value in lab.environment().items():
            monkeypatch.setenv(name, value)
        commands = next((tmp_path / "lab").rglob("nixos-rebuild")).parent
        # The exit code of a script without the program, even if this machine has Nix.
        (commands / "nix").write_text("#!/bin/sh\nexit 127\n")
        (commands / "nix").chmod(0o755)
        said = call("nas", "--on", "pi")
    assert said.code == 1
    assert "error: Nix: there is no nix on the PATH of pi; name another host" in said.err
