"""`homelab adopt host`: what it reads, what it writes, and what it never does."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from homelab.adoption.decision import decide
from homelab.adoption.machine import Machine, read_machine
from homelab.adoption.report import found_on
from homelab.config.stack_edit import with_entry
from homelab.lab.rehearsal import Rehearsal
from homelab.nix.flakeref import parse_ref
from homelab.ops.adopt import adopt
from homelab.ops.adopt_part import preview
from homelab.ops.project.rehearsed import rehearsed
from homelab.ops.project.stack import check_stack, open_stack
from homelab.problems import HomelabError, UsageError
from tests import build
from tests.adoption.machines import (
    ASKED,
    REVISION,
    Kind,
    adopted,
    lock_inputs,
    machine,
    new_stack,
)

OS = 'ID=nixos\nVERSION_ID="25.11"\n'
STACK = build.stack_config({"hosts": {"nas": None}})


def said(**values: str | bytes) -> str:
    """The output of `adopt.sh`; `file_x` is the file `x` of the configuration."""
    known: dict[str, str | bytes] = {
        "machine": "x86_64\n",
        "os-release": OS,
        "host-name": "nas\n",
        "host-key": build.KEY,
        "file:configuration.nix": '{ system.stateVersion = "24.05"; fileSystems."/".device = "x"; }',
        "end": "whole",
    }
    known |= {k.replace("file_", "file:").replace("__", "-"): v for k, v in values.items()}
    lines = []
    for name, value in known.items():
        data = value.encode() if isinstance(value, str) else value
        lines.append(f"{name}\t{base64.b64encode(data).decode()}")
    return "\n".join(lines)


def found(**values: str | bytes) -> Machine:
    return read_machine("nas", said(**values))


def contents(root: Path) -> dict[str, bytes]:
    """Every file but the record of the lab's own stand-ins."""
    files = (p for p in sorted(root.rglob("*")) if p.is_file() and p.suffix != ".jsonl")
    return {str(p): p.read_bytes() for p in files}


@pytest.fixture(scope="module")
def flake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return adopted(tmp_path_factory.mktemp("flake"), "flake")[0]


@pytest.mark.lab
@pytest.mark.parametrize("kind", ["flake", "channel"])
def test_a_machine_is_read_over_ssh_and_nothing_on_it_changes(kind: str, tmp_path: Path) -> None:
    top = new_stack(tmp_path / "stack")
    with machine(tmp_path / "lab", "flake" if kind == "flake" else "channel") as root:
        (root / "etc/nixos/secret.txt").write_text("hidden")
        (root / "etc/nixos/secret.txt").chmod(0o600)
        (root / "etc/nixos/key.txt").write_text("AGE-SECRET-KEY-1ABC")
        before = contents(root)
        done = adopt(top, "home", ASKED, None)
        assert contents(root) == before
    copied = {
        p.relative_to(top / "hosts/nas/nixos").as_posix()
        for p in (top / "hosts/nas/nixos").rglob("*")
        if p.is_file()
    }
    lock = {"flake.nix", "flake.lock"} if kind == "flake" else set()
    assert copied == lock | {
        *("configuration.nix", "hardware-configuration.nix", "modules/web.nix", "notes.txt")
    }
    text = "\n".join(done.adoption.notes)
    assert "nixos/secret.txt: not everybody on the host may read it" in text
    assert "nixos/key.txt: it has a private key" in text
    lines = list(found_on(done.machine))
    assert "file system: / (ext4) on /dev/disk/by-id/virtio-0001-part2" in lines
    assert "accounts: sam (1000)" in lines
    assert "ports that listen beyond loopback: 80/tcp" in lines
    assert any(line.startswith("service: miniflux (miniflux)") for line in lines)


@pytest.mark.lab
@pytest.mark.parametrize("kind", ["flake", "channel"])
def test_an_adopted_machine_can_be_rehearsed(
    kind: Kind, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    top, _ = adopted(tmp_path, kind)
    (top / "__main__.py").write_text("from homelab import main\n\nmain()\n")
    assert Rehearsal(top, "home").up(), capsys.readouterr().out


@pytest.mark.lab
def test_an_adopted_host_has_two_generated_modules(flake: Path) -> None:
    with rehearsed():
        stack = open_stack(flake, "home")
    files = {path for path, _ in stack.releases["nas"].files}
    assert {p for p in files if not p.startswith(("own/", "lib/"))} == {
        *("default.nix", "flake.nix", "flake.lock", "release.nix", "release-id.nix")
    }
    assert [p.check for p in stack.warnings if p.where.startswith("hosts")] == []


@pytest.mark.lab
def test_adopt_and_check_name_the_same_command_that_locks_the_new_pin_alone(
    tmp_path: Path,
) -> None:
    top = new_stack(tmp_path / "stack")
    with machine(tmp_path / "lab", "channel"):
        done = adopt(top, "home", ASKED, None)
    (missing,) = (p for p in check_stack(top, "home")[1] if p.check == "file-present")
    assert done.adoption.steps == ("homelab update --host nas",)
    assert missing.way_out == f"make it: {done.adoption.steps[0]}"
    assert done.adoption.steps[0] in (top / "hosts/nas/pin/flake.nix").read_text()
    # A lock without an input that a host needs gets that input, and keeps the others.
    lock_inputs(top / "hosts/nas/pin/flake.lock", "impermanence", revision=False)
    (lacking,) = (p for p in check_stack(top, "home")[1] if p.check == "lock-complete")
    assert lacking.way_out == "run: homelab update --host nas nixpkgs"


@pytest.mark.lab
def test_adopting_again_or_over_a_file_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    top, _ = adopted(tmp_path, "flake")
    present = (top / "Pulumi.home.yaml").read_text()
    with pytest.raises(UsageError, match=r"hosts\.nas is in the stack already"):
        adopt(top, "home", ASKED, None)
    other = replace(ASKED, name="cellar", system="nas")
    (top / "hosts/cellar/nixos").mkdir(parents=True)
    (top / "hosts/cellar/nixos/mine.nix").write_text("{ }\n")
    with machine(tmp_path / "again", "flake"), pytest.raises(HomelabError, match="has files"):
        adopt(top, "home", other, None)
    assert (top / "Pulumi.home.yaml").read_text() == present
    assert [p.name for p in (top / "hosts/cellar/nixos").iterdir()] == ["mine.nix"]


@pytest.mark.lab
def test_a_part_shows_its_options_and_the_lines_that_it_makes_superfluous(flake: Path) -> None:
    present = (flake / "Pulumi.home.yaml").read_text()
    lines = list(preview(flake, "home", "nas", ["system", "ssh"]))
    assert lines[0] == "hosts.nas.manage: [ssh, system]"
    assert "  networking.hostName" in lines
    own = "hosts/nas/nixos/configuration.nix"
    assert (
        f"{own}:11: networking.hostName is in host.nix too; the same value, so this line is superfluous"
        in lines
    )
    assert (flake / "Pulumi.home.yaml").read_text() == present
    # The firewall of the machine opens the port of sshd only by this option.
    with rehearsed():
        coming = open_stack(flake, "home")
    assert coming.plan.hosts["nas"].config.manage == []


def test_ssh_stays_open_in_a_firewall_that_homelab_does_not_manage() -> None:
    ssh = build.render({"hosts": {"nas": {"manage": ["ssh"]}}})["nas"]["ssh.nix"]
    assert "openFirewall = true;" in ssh
    both = build.render({"hosts": {"nas": {"manage": ["ssh", "firewall"]}}})["nas"]["ssh.nix"]
    assert "openFirewall = false;" in both


@pytest.mark.lab
def test_unknown_parts_and_hosts_are_wrong_calls(flake: Path) -> None:
    with pytest.raises(UsageError, match='did you mean "tailnet"'):
        list(preview(flake, "home", "nas", ["tailnett"]))
    with pytest.raises(UsageError, match='did you mean "nas"'):
        list(preview(flake, "home", "nass", ["tailnet"]))


BAD = [
    (
        "not NixOS",
        {"os__release": 'ID=debian\nPRETTY_NAME="Debian 13"\n'},
        "not NixOS but Debian 13",
    ),
    ("another machine", {"machine": "riscv64"}, "no NixOS for riscv64"),
    ("an old release", {"os__release": 'ID=nixos\nVERSION_ID="20.09"\n'}, "update it"),
    ("no host key", {"host__key": "ssh-rsa AAAA"}, "ssh-keygen -A"),
    ("a path out of it", {"file_../x.nix": "{ }"}, "cannot be trusted"),
    ("an absolute path", {"file_/etc/x.nix": "{ }"}, "cannot be trusted"),
    ("Git's own files", {"file_.git/config": ""}, "cannot be trusted"),
    ("a line end", {"file_a\\nb\u2028.nix": ""}, "cannot be trusted"),
    ("no configuration", {"file_configuration.nix": "{ }"}, "--state-version"),
    ("two versions", {"file_flake.nix": "{ outputs = _: { }; }"}, "no flake.lock"),
]


@pytest.mark.parametrize(("values", "message"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_a_machine_that_cannot_be_adopted_is_one_message(
    values: dict[str, str], message: str
) -> None:
    with pytest.raises(HomelabError, match=message) as raised:
        decide(STACK, found(**values), ASKED)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text", ["", "welcome!\n", "machine\t%%%\n", said().replace("end\t", "x\t")]
)
def test_an_answer_that_is_cut_off_or_mixed_with_other_text_is_refused(text: str) -> None:
    with pytest.raises(HomelabError, match="shell prints nothing"):
        read_machine("nas", text)


def test_channels_and_paths_elsewhere_are_named() -> None:
    text = (
        "{ imports = [ <home-manager/nixos> /home/sam/x.nix ./gone.nix ../up.nix ]; "
        'system.stateVersion = "19.03"; age.secrets.a.file = ./gone.age; fileSystems."/" = { }; }'
    )
    made = decide(STACK, found(**{"file_configuration.nix": text, "channel": REVISION}), ASKED)
    notes = "\n".join(made.notes)
    for word in (
        ":1: names <home-manager/nixos>",
        "/home/sam/x.nix",
        "./gone.nix",
        "../up.nix",
        "agenix",
    ):
        assert word in notes
    assert made.host["state_version"] == "19.03"
    assert made.pin[1]["url"] == f"github:NixOS/nixpkgs/{REVISION}"
    assert made.steps == ("homelab update --host nas",)


REGISTRY = {"type": "indirect", "id": "nixpkgs"}
GITHUB = {"type": "github", "owner": "NixOS", "repo": "nixpkgs"}
DECLARED = [
    ('nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";', GITHUB | {"ref": "nixos-25.11"}),
    ('nixpkgs.url = "nixpkgs/nixos-unstable";', REGISTRY | {"ref": "nixos-unstable"}),
    ('nixpkgs.url = "flake:nixpkgs";', REGISTRY),
    ('nixpkgs.url = "nixpkgs";', REGISTRY),
    ('nixpkgs = { type = "indirect"; id = "nixpkgs"; };', REGISTRY),
    ('nixpkgs = { type = "github"; owner = "NixOS"; repo = "nixpkgs"; };', GITHUB),
    ("", REGISTRY),
    ('nixpkgs.url = "git+https://example.org/n";', {"type": "git", "url": "https://example.org/n"}),
    (
        'nixpkgs.url = "https://example.org/n.tar.gz";',
        {"type": "tarball", "url": "https://example.org/n.tar.gz"},
    ),
]


@pytest.mark.parametrize(("declared", "original"), DECLARED, ids=[d or "-" for d, _ in DECLARED])
def test_the_pin_is_what_the_lock_of_the_machine_locks(
    declared: str, original: dict[str, str]
) -> None:
    node = {"locked": {"rev": REVISION, "type": "github"}, "original": original}
    nodes = {"root": {"inputs": {"nixpkgs": "nixpkgs"}}, "nixpkgs": node}
    flake = f"{{ inputs = {{ {declared} }}; outputs = {{ nixpkgs, ... }}: {{ }}; }}\n"
    files = {
        "file_flake.nix": flake,
        "file_flake.lock": json.dumps({"nodes": nodes, "root": "root", "version": 7}),
    }
    url = str(decide(STACK, found(**files), ASKED).pin[1]["url"])
    # Nix locks the pin's URL as this input is locked already: no build has to lock it anew.
    if original["type"] in ("git", "tarball"):
        assert url == declared.split('"')[1]
    else:
        assert parse_ref(url) == original


def test_the_tailnet_address_is_written_only_for_a_stack_with_a_tailnet() -> None:
    status = '{"BackendState": "Running", "Self": {"ID": "n1", "TailscaleIPs": ["100.64.0.7"]}}'
    on_tailnet = build.stack_config(build.TAILNET)
    machine = found(tailnet=status)
    asked = replace(ASKED, name="cellar", address=IPv4Address("192.168.1.9"))
    assert decide(STACK, machine, asked).host["address"] == {"lan": "192.168.1.9"}
    both = {"lan": "192.168.1.9", "tailnet": "100.64.0.7"}
    assert decide(on_tailnet, machine, asked).host["address"] == both
    rented = replace(asked, address=IPv4Address("203.0.113.40"))
    both = {"tailnet": "100.64.0.7", "public": "203.0.113.40"}
    assert decide(on_tailnet, machine, rented).host["address"] == both


EDITS = [
    "config:\n  homelab:site: {domain: x}\n  # machines\n  homelab:hosts:\n    # first\n    pi: {a: 1}\n",
    "config:\n  homelab:hosts: {}\n  homelab:site: {domain: x}\n",
    "config:\n  homelab:site: {domain: x}\n",
]


@pytest.mark.parametrize("text", EDITS)
def test_an_entry_is_added_and_everything_else_stays(text: str) -> None:
    edited = with_entry(
        text, ("hosts", "nas"), {"release": "25.11", "manage": [], "ssh": {"port": 2}}
    )
    assert '    nas:\n      release: "25.11"\n      manage: []\n      ssh: {port: 2}\n' in edited
    kept = [line for line in text.splitlines() if "hosts: {}" not in line]
    assert [line for line in edited.splitlines() if line in kept] == kept


@pytest.mark.parametrize(
    "text", ["config: {homelab:hosts: {pi: {a: 1}}}\n", "config:\n  homelab:hosts: {pi: {a: 1}}\n"]
)
def test_a_form_that_allows_no_edit_is_left_alone(text: str) -> None:
    assert with_entry(text, ("hosts", "nas"), {"a": 1}) == ""
    assert with_entry("config:\n  homelab:hosts:\n    nas: {}\n", ("hosts", "nas"), {"a": 1}) == ""
