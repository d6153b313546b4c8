"""`homelab eject`: one whole flake, nothing of the stack lost, nothing of others overwritten."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from homelab.backup.restic import modules
from homelab.cli.app import app
from homelab.eject.clouds import remaining
from homelab.ops.eject import eject
from homelab.ops.project.stack import Stack, open_stack
from homelab.problems import UsageError
from homelab.render import HEAD
from homelab.testing import stack
from tests.build import ROOT, SHIPPED
from tests.evaluation import stacks
from tests.tools.libraries import evaluated

RICH = "rich"


def opened(name: str, place: Path) -> Stack:
    if name == "home":
        return open_stack(SHIPPED, "home")
    top = stacks.write(name, place / name)
    shutil.copy(ROOT / "__main__.py", top)
    (file,) = top.glob("Pulumi.*.yaml")
    return open_stack(top, file.name[7:-5])


@pytest.fixture(scope="module", params=["home", RICH])
def given(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    return opened(request.param, tmp_path_factory.mktemp(request.param))


def test_every_file_of_every_host_is_there(given: Stack, tmp_path: Path) -> None:
    eject(given, tmp_path / "out")
    for host, release in given.releases.items():
        here = tmp_path / "out/hosts" / host
        there = {p.relative_to(here).as_posix() for p in here.rglob("*") if p.is_file()}
        assert there == set(dict(release.files)) - {"flake.nix", "flake.lock"}
        for name in there - {n for n in there if n.endswith(".nix")}:
            content = dict(release.files)[name]
            data = content.encode() if isinstance(content, str) else content
            assert (here / name).read_bytes() == data, name


def test_no_file_says_that_homelab_overwrites_it(given: Stack, tmp_path: Path) -> None:
    eject(given, tmp_path / "out")
    for path in (tmp_path / "out").rglob("*.nix"):
        assert HEAD not in path.read_text(), path


def test_the_lock_has_exactly_the_inputs_of_the_flake_and_is_closed(
    given: Stack, tmp_path: Path
) -> None:
    eject(given, tmp_path / "out")
    lock = json.loads((tmp_path / "out/flake.lock").read_text())
    flake = (tmp_path / "out/flake.nix").read_text()
    declared = flake.partition("inputs = {")[2].partition("\n  };\n  outputs")[0]
    names = set(re.findall(r"^    ([\w-]+)(?: = \{|\.url)", declared, re.MULTILINE))
    nodes, root = lock["nodes"], lock["nodes"][lock["root"]]["inputs"]
    assert set(root) == names
    used = set(re.findall(r"inputs\.([\w-]+)", flake.partition("outputs")[2]))
    assert used <= names
    for node in nodes.values():
        for to in node.get("inputs", {}).values():
            assert (to in nodes) if isinstance(to, str) else (to == [] or to[0] in root), to


def test_hosts_of_two_pins_have_the_inputs_of_their_own(tmp_path: Path) -> None:
    top = tmp_path / "stack"
    shutil.copytree(SHIPPED, top)
    path = top / "Pulumi.home.yaml"
    pin = (
        '    newer:\n      release: "25.11"\n      url: github:NixOS/nixpkgs/nixos-25.11-small\n'
        "      lock: locks/newer.lock\n"
    )
    text = path.read_text().replace("  homelab:cloudflare:\n", f"{pin}  homelab:cloudflare:\n")
    path.write_text(
        text.replace(
            "    aurora:\n      platform", "    aurora:\n      nixpkgs: newer\n      platform"
        )
    )
    lock = (top / "locks/nixos-25.11.lock").read_text()
    lock = lock.replace('"ref": "nixos-25.11"', '"ref": "nixos-25.11-small"')
    (top / "locks/newer.lock").write_text(lock.replace("687f05a9184cad4eaf", "0" * 18))
    home = open_stack(top, "home")
    eject(home, tmp_path / "out")
    flake = (tmp_path / "out/flake.nix").read_text()
    assert "aurora = inputs.nixpkgs-newer.lib.nixosSystem" in flake
    assert "pi = inputs.nixpkgs.lib.nixosSystem" in flake
    assert "inputs.sops-nix-newer.nixosModules.sops" in flake
    nodes = json.loads((tmp_path / "out/flake.lock").read_text())["nodes"]
    assert nodes["nixpkgs-newer"]["locked"]["rev"].startswith("0" * 18)
    assert not nodes["nixpkgs"]["locked"]["rev"].startswith("0" * 18)
    assert nodes["sops-nix-newer"]["inputs"] == {"nixpkgs": ["nixpkgs-newer"]}
    assert nodes["root"]["inputs"]["sops-nix-newer"] == "sops-nix-newer"


@pytest.mark.requirement("S2-01")
def test_options_of_homelab_are_modules_for_any_machine(given: Stack, tmp_path: Path) -> None:
    """They say nothing of this homelab, and set nothing by themselves."""
    eject(given, tmp_path / "out")
    flake = (tmp_path / "out/flake.nix").read_text()
    found = dict(re.findall(r"^ +(homelab-[a-z-]+) = \./(hosts/.*\.nix);$", flake, re.MULTILINE))
    assert {"homelab-backup", "homelab-backup-stores"} <= set(found)
    site = given.plan.stack.site
    for file in found.values():
        text = (tmp_path / "out" / file).read_text()
        assert "options.homelab." in text
        addresses = [h.lan for h in given.plan.hosts.values() if h.lan]
        assert not [v for v in (site.domain, site.owner.email, *addresses) if v in text]


@pytest.mark.requirement("S2-01")
def test_a_module_of_homelab_sets_nothing_without_values(tmp_path: Path) -> None:
    """It evaluates without a value of this homelab."""
    home = opened("home", tmp_path)
    found = modules(home.plan, home.plan.hosts["aurora"])
    made = evaluated([replace(m, derived={}) for m in found], Path("/packages"))
    assert not made["services"]["restic"]["backups"]
    assert not made["systemd"]["services"]


def test_every_secret_is_in_the_readme_and_no_value_is(given: Stack, tmp_path: Path) -> None:
    eject(given, tmp_path / "out")
    readme = (tmp_path / "out/README.md").read_text()
    rules = yaml.safe_load((tmp_path / "out/.sops.yaml").read_text())["creation_rules"]
    for name in given.releases:
        for secret in given.plan.secrets.on(name):
            assert f"| {name} | {secret.name} |" in readme
    for path in (tmp_path / "out").rglob("*.yaml"):
        file = path.relative_to(tmp_path / "out").as_posix()
        if "sops:" in path.read_text() and "/own/" not in file:
            assert [r for r in rules if re.search(r["path_regex"], file)], file


@pytest.mark.parametrize(
    "given", ["home", pytest.param(RICH, marks=pytest.mark.long)], indirect=True
)
def test_every_cloud_resource_is_named(given: Stack) -> None:
    """Each resource that `up` makes in a cloud, by the name under which the account shows it."""
    text = "\n".join(remaining(given.plan))
    recorded = stack(given.directory / f"Pulumi.{given.name}.yaml").register(preview=False)
    assert recorded.error == ""
    missing = []
    for resource in recorded.resources:
        package, _, kind = resource.type.partition(":")
        if package not in ("cloudflare", "tailscale"):
            continue
        known = [resource.inputs.get(k) for k in ("name", "domain", "hostname", "description")]
        if not any(isinstance(k, str) and k in text for k in known):
            missing.append((kind.rpartition(":")[2], resource.name, known))
    told = {
        "Acl", "DeviceTags", "DeviceSubnetRoutes", "DeviceKey", "DeviceAuthorization", "TailnetKey",
        "DnsNameservers", "DnsSplitNameservers", "DnsSearchPaths", "DnsPreferences",
        "ZeroTrustTunnelCloudflaredConfig", "ZeroTrustAccessIdentityProvider", "DnsConfiguration",
    }  # fmt: skip
    assert [m for m in missing if m[0] not in told] == []


def test_a_directory_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UsageError, match="not an empty directory"):
        eject(open_stack(SHIPPED, "home"), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_a_homelab_without_clouds_leaves_nothing_there(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["eject", str(tmp_path / "o"), "-C", str(ROOT / "examples/lan")])
    assert done.exit_code == 0
    assert "stays:" not in done.output
    assert "neither Cloudflare nor Tailscale" in (tmp_path / "o/README.md").read_text()


@pytest.mark.skipif(shutil.which("nixfmt") is None, reason="nixfmt is not on PATH")
def test_the_flake_is_formatted(given: Stack, tmp_path: Path) -> None:
    eject(given, tmp_path / "out")
    done = subprocess.run(["nixfmt", "--check", tmp_path / "out/flake.nix"], check=False)
    assert done.returncode == 0
