"""From `homelab init` to an adopted machine: its placeholders are replaced, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from homelab.config.stack_edit import with_entry_replaced
from homelab.ops.adopt import adopt
from homelab.ops.project.stack import check_stack
from homelab.problems import InvalidStackError, UsageError
from tests.adoption.machines import ASKED, machine
from tests.starter.conftest import BASE, Call, call

__all__ = ["call"]
HOSTS = ("--host", "nas=192.168.1.9", "--host", "pi=192.168.1.8,aarch64-linux")
FILE = Path("Pulumi.home.yaml")


def contents() -> dict[str, bytes]:
    return {
        str(p): p.read_bytes() for p in Path().rglob("*") if p.is_file() and ".git/" not in str(p)
    }


def test_a_stack_to_adopt_machines_later_passes_every_check_and_keeps_its_secrets(
    call: Call,
) -> None:
    assert call("init", *BASE, *HOSTS, "--adopt-later").code == 0
    checked = call("check")
    assert checked.code == 0, checked.out
    # The machines have their hardware, keys and logins: only adopting them gives a stack to deploy.
    for name, address in (("nas", "192.168.1.9"), ("pi", "192.168.1.8")):
        assert f"take it over: homelab adopt host {name} {address}; or" in checked.out
    assert "hardware.nix" not in checked.out
    config = yaml.safe_load(FILE.read_text())["config"]
    assert "homelab:services" not in config
    assert config["homelab:network"]["dns"] == {"server": "none"}
    # The certificate of the authority is of no use without its key.
    assert "key" in yaml.safe_load(Path("secrets/deploy.yaml").read_text())["ca"]
    readme = Path("README.md").read_text()
    assert "homelab adopt host nas 192.168.1.9`" in readme
    assert "homelab adopt host pi 192.168.1.8`" in readme
    said = call("init", "new", *BASE, "--adopt-later", "--service", "miniflux")
    assert (said.code, "--adopt-later" in said.err) == (2, True)


@pytest.mark.lab
def test_adopting_replaces_an_entry_that_has_placeholders_only(call: Call, tmp_path: Path) -> None:
    assert call("init", *BASE, *HOSTS, "--adopt-later").code == 0
    before = yaml.safe_load(FILE.read_text())["config"]
    with machine(tmp_path / "lab", "flake"):
        adopt(Path(), "home", ASKED, None)
    config = yaml.safe_load(FILE.read_text())["config"]
    assert config["homelab:hosts"]["nas"]["extends"] == {"flake": "hosts/nas/nixos"}
    assert config["homelab:hosts"]["pi"] == before["homelab:hosts"]["pi"]
    assert not Path("hosts/nas/hardware.nix").exists()
    assert Path("hosts/pi/hardware.nix").exists()
    assert [p for p in check_stack(Path(), "home")[1] if p.severity == "error"] == []
    with pytest.raises(UsageError, match="not as homelab init wrote it"):
        adopt(Path(), "home", ASKED, None)


@pytest.mark.parametrize(
    ("old", "new"),
    [(" homelab-placeholder", " root@nas"), ("      manage: []\n", "      keymap: no\n")],
    ids=["the key", "another field"],
)
def test_an_entry_that_the_owner_changed_is_not_replaced(call: Call, old: str, new: str) -> None:
    assert call("init", *BASE, *HOSTS, "--adopt-later").code == 0
    FILE.write_text(FILE.read_text().replace(old, new, 1))
    before = contents()
    with pytest.raises(UsageError, match=r"hosts\.nas is in the stack already"):
        adopt(Path(), "home", ASKED, None)
    assert contents() == before


@pytest.mark.lab
@pytest.mark.parametrize(
    ("hosts", "check"),
    [
        (("--host", "pi=192.168.1.9"), "ip-unique"),
        (("--host", "nas=192.168.1.9"), "manage-needed"),
    ],
    ids=["an address of another host", "services of the stack"],
)
def test_adopting_writes_nothing_that_check_would_reject(
    call: Call, tmp_path: Path, hosts: tuple[str, ...], check: str
) -> None:
    assert call("init", *BASE, *hosts).code == 0
    before = contents()
    with machine(tmp_path / "lab", "flake"), pytest.raises(InvalidStackError) as raised:
        adopt(Path(), "home", ASKED, None)
    assert check in {p.check for p in raised.value.problems}
    assert contents() == before


def test_an_entry_is_replaced_and_everything_else_stays() -> None:
    text = (
        "config:\n  homelab:hosts:\n    # first\n    nas:\n      a: 1\n      b:\n        - x\n"
        "    # second\n    pi: {a: 1}\n  homelab:site: {domain: x}\n"
    )
    expected = text.replace("      a: 1\n      b:\n        - x\n", "      c: {d: 1}\n")
    assert with_entry_replaced(text, ("hosts", "nas"), {"c": {"d": 1}}) == expected
    assert with_entry_replaced(text, ("hosts", "gone"), {"c": 1}) == ""
