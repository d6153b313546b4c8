"""The owner's SSH settings for the hosts of the stack."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from homelab import testing
from homelab.problems import InvalidStackError
from homelab.render import render
from homelab.secrets.recipients import sops_yaml
from homelab.system import ssh_client
from tests import build

pytestmark = pytest.mark.requirement("S0-74")

MAC = {
    "kind": "home-manager",
    "platform": "aarch64-darwin",
    "state_version": "25.11",
    "home": "home/sam.nix",
    "ssh_config": True,
}
KEY = build.host_key("nas")


def written(changes: dict[str, object] | None = None) -> dict[str, str]:
    """The files below ~/.ssh of the Mac."""
    plan = build.plan(testing.changed({"hosts": {"mac": MAC}}, changes or {}))
    files = ssh_client.settings(plan, plan.hosts["mac"])["home"]
    assert isinstance(files, dict)
    assert isinstance(files["file"], dict)
    found = {}
    for path, what in files["file"].items():
        assert isinstance(what, dict)
        found[path] = what["text"].text  # type: ignore[union-attr]
    return found


@pytest.fixture
def said(tmp_path: Path) -> object:
    """What ssh itself understands for a host."""
    if shutil.which("ssh") is None:
        pytest.skip("no ssh on PATH")

    def ask(host: str, changes: dict[str, object] | None = None) -> dict[str, list[str]]:
        for path, text in written(changes).items():
            (tmp_path / path.rpartition("/")[2]).write_text(text)
        done = subprocess.run(
            ["ssh", "-G", "-F", str(tmp_path / ssh_client.SETTINGS), host],
            capture_output=True,
            text=True,
            check=True,
        )
        lines = [line.partition(" ") for line in done.stdout.splitlines()]
        out: dict[str, list[str]] = {}
        for name, _, value in lines:
            out.setdefault(name, []).append(value)
        return out

    return ask


def test_ssh_dials_a_host_of_the_stack_and_accepts_its_pinned_key_alone(said: object) -> None:
    assert callable(said)
    nas = build.plan().hosts["nas"]
    found = said("nas")
    assert found["hostname"][0] in (nas.lan, nas.tailnet)
    assert (found["user"], found["port"]) == ([nas.config.ssh.user], [str(nas.config.ssh.port)])
    assert found["stricthostkeychecking"] == ["true"]
    assert found["hostkeyalias"] == ["nas"]
    assert found["userknownhostsfile"] == [f"~/.ssh/{ssh_client.KNOWN}"] or found[
        "userknownhostsfile"
    ][0].endswith(ssh_client.KNOWN)
    known = written()[f".ssh/{ssh_client.KNOWN}"].splitlines()
    public = " ".join((nas.config.ssh.host_key or "").split()[:2])
    assert f"nas {public}" in known
    assert not [line for line in known if line.startswith("mac ")]


@pytest.mark.parametrize(
    ("ssh", "name", "value"),
    [
        ({"port": 2222, "user": "sam"}, "port", "2222"),
        ({"jump": "pi"}, "proxyjump", "pi"),
        ({"key": "~/my keys/deploy%1"}, "identityfile", "~/my keys/deploy%%1"),
        (
            {"proxy_command": ["cloudflared", "access", "ssh", "--hostname", "%h"]},
            "proxycommand",
            "cloudflared access ssh --hostname %h",
        ),
    ],
    ids=["port", "jump", "key", "proxy"],
)
def test_it_goes_the_way_of_the_stack(
    said: object, ssh: dict[str, object], name: str, value: str
) -> None:
    assert callable(said)
    assert said("nas", {"hosts": {"nas": {"ssh": ssh}}})[name] == [value]


def test_the_homes_of_all_machines_can_have_it() -> None:
    both = {"hosts": {"mac": MAC, "nas": {"home": "home/sam.nix", "ssh_config": True}}}
    made = build.render(both)
    for name, other in (("mac", "Host nas"), ("nas", "Host pi")):
        text = made[name]["home.nix"]
        assert other in text
        assert f"Host {name}\n" not in text
        assert 'programs.ssh.includes = [ "homelab" ];' in text or '"homelab"' in text


def test_nothing_of_it_is_written_unasked() -> None:
    made = build.render({"hosts": {"mac": {**MAC, "ssh_config": False}}})
    assert "ssh" not in made["mac"]["home.nix"]


SECRETS = """{ config, inputs, ... }:
{
  imports = [ inputs.sops-nix.homeManagerModules.sops ];
  sops = {
    defaultSopsFile = ../secrets/mac.yaml;
    age.keyFile = "${config.home.homeDirectory}/.config/sops/age/keys.txt";
    secrets."github/token" = { };
  };
}
"""
"""As the guide prints it."""


def test_a_home_has_its_secrets_by_the_module_of_sops_nix() -> None:
    """Its flake has the input, its tree the encrypted file, and `.sops.yaml` a rule for it."""
    operator = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    plan = build.plan({"hosts": {"mac": MAC}, "secrets": {"operators": [operator]}})
    sources = build.sources(plan) | {"home/sam.nix": SECRETS, "secrets/mac.yaml": "sops: {}\n"}
    files = dict(render(plan, sources)["mac"].files)
    assert "github:Mic92/sops-nix" in str(files["flake.nix"])
    assert "extraSpecialArgs = { inherit inputs; }" in str(files["flake.nix"])
    assert "sops-nix" in json.loads(str(files["flake.lock"]))["nodes"]
    assert files["own/secrets/mac.yaml"] == "sops: {}\n"
    assert files["own/home/sam.nix"] == SECRETS
    rules = yaml.safe_load(sops_yaml(plan))["creation_rules"]
    (rule,) = [r for r in rules if r["path_regex"] == r"^secrets/mac\.yaml$"]
    assert rule["age"] == [operator], "no host reads it"


def test_the_guide_prints_that_module() -> None:
    guide = (build.ROOT / "docs/guide/nixos.md").read_text(encoding="utf-8")
    assert SECRETS.replace("secrets/mac.yaml", "secrets/macbook.yaml") in guide


def test_it_needs_a_home() -> None:
    with pytest.raises(InvalidStackError, match=r"add home: home/….nix"):
        build.plan({"hosts": {"nas": {"ssh_config": True}}})
