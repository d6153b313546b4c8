"""Every line of a host's tree has a place in the stack config, or a named reason for none."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.evaluation.origin import DIGEST, FRAME, LIBRARY, Origins
from homelab.nix.bindings import innermost
from homelab.ops.project.stack import Stack, open_stack
from homelab.render import modules_of
from tests.build import ROOT, SHIPPED
from tests.evaluation.test_places import SECTIONS, STACKS

PLACES = (*SECTIONS, "nixpkgs")
FRAMES = ("{", "}", "[", "]", "(", ")", "#", "let", "in", "derive = ", "config = ", "imports = ")
"""How lines begin that set no option: braces, the header, and what the printer puts around."""
ARGUMENTS = ("lib,", "options,", "pkgs,", "config,", "modulesPath,", "...")


def _origins(stack: Stack, host: str) -> Origins:
    return Origins(stack.plan, stack.plan.hosts[host], dict(stack.releases[host].files))


EACH = [
    pytest.param(top, name, id=name, marks=() if name in ("home", "lan") else pytest.mark.long)
    for top, name in STACKS
]


@pytest.mark.parametrize(("top", "name"), EACH)
def test_every_line_of_every_file_has_a_place_or_a_reason(top: Path, name: str) -> None:
    stack = open_stack(top, name)
    for host, release in stack.releases.items():
        origins = _origins(stack, host)
        for file, content in release.files:
            if isinstance(content, bytes):
                assert origins.of_file(file).place is not None, file
                continue
            for number, line in enumerate(content.splitlines(), 1):
                found = origins.of_line(file, number)
                at = (host, file, number, line, found)
                if found.place is not None:
                    assert not found.reason, at
                    assert found.place.where.split(".")[0].split("[")[0] in PLACES, at
                elif found.reason == LIBRARY:
                    assert file.startswith("lib/") or "./lib/" in line, at
                elif found.reason == DIGEST:
                    assert file == "release-id.nix" or "./release-id.nix" in line, at
                else:
                    assert found.reason == FRAME, at
                    bare = line.strip()
                    assert not bare or bare.startswith(FRAMES) or bare in ARGUMENTS, at


@pytest.mark.parametrize(("top", "name"), EACH)
def test_the_lines_of_a_file_are_told_once_each_and_in_order(top: Path, name: str) -> None:
    stack = open_stack(top, name)
    for host, release in stack.releases.items():
        origins = _origins(stack, host)
        for module in modules_of(stack.plan, stack.plan.hosts[host]):
            found = list(origins.of_lines(module.file))
            count = len(str(dict(release.files)[module.file]).splitlines())
            assert [n for o in found for n in range(o.first, o.last + 1)] == list(
                range(1, count + 1)
            )


LINES = {
    ("aurora", "hardening.nix", 'BindPaths = [ "/mnt/family/photos" ];'): "services.immich",
    ("aurora", "facts.nix", "routes"): "hosts.aurora",
    ("aurora", "firewall.nix", "          4533"): "services.navidrome.port",
    ("aurora", "firewall.nix", "#   4533/tcp"): "services.navidrome.port",
    ("aurora", "firewall.nix", "ip saddr 192.168.1.0/24 tcp dport { 22 }"): (
        "hosts.aurora.ssh.port"
    ),
    ("aurora", "dashboard.nix", 'href = "https://media.home.example.org";'): "services.jellyfin",
    ("aurora", "known-hosts.nix", "workstation = {"): "hosts.workstation",
    ("aurora", "default.nix", "./services/immich.nix"): "services.immich",
    ("aurora", "own.nix", "./own/hosts/aurora/hardware.nix"): "hosts.aurora.hardware",
    ("aurora", "flake.nix", "nixpkgs.url"): "nixpkgs.default",
    ("pi", "proxy.nix", "@vault host"): "services.vaultwarden",
    ("pi", "proxy.nix", "max_size 525000000"): "services.vaultwarden",
    ("pi", "proxy.nix", "handle {"): "network.entry",
    ("pi", "proxy.nix", "reverse_proxy http://100.100.71.10:4533 {"): "services.navidrome",
    ("pi", "boot.nix", "enable = true;"): "hosts.pi.boot",
    ("pi", "boot.nix", "Storage=volatile"): "hosts.pi.flash",
    ("pi", "power.nix", "memoryPercent"): "hosts.pi.zram",
    ("pi", "nix.nix", "buildMachines"): "hosts.pi.build",
    ("workstation", "nix.nix", "users.users.nixbuild"): "hosts.pi.build",
    ("workstation", "nix.nix", "boot.binfmt"): "hosts.pi.build",
    ("workstation", "facts.nix", '"8096/tcp"'): "services.jellyfin",
    ("aurora", "portal.nix", "networking.hosts"): "hosts.pi.address",
    (
        "pi",
        "issued-secrets.nix",
        "place eurovote-secret-key",
    ): "services.eurovote.secrets.secret-key",
    ("pi", "identity.nix", '"draw.home.example.org"'): "services.draw",
    ("macbook", "home.nix", "home.username"): "site.owner",
    ("pi", "dns.nix", '"music.home.example.org" = '): "services.navidrome",
}


@pytest.mark.parametrize("case", LINES, ids=lambda case: f"{case[1]}: {case[2][:20]}")
def test_a_line_leads_to_what_it_is_about(case: tuple[str, str, str]) -> None:
    host, file, text = case
    stack = open_stack(SHIPPED, "home")
    lines = str(dict(stack.releases[host].files)[file]).splitlines()
    number = next(n for n, line in enumerate(lines, 1) if text in line)
    place = _origins(stack, host).of_line(file, number).place
    assert place is not None
    assert place.where == LINES[case]


def test_an_option_leads_to_every_line_that_sets_it() -> None:
    origins = _origins(open_stack(SHIPPED, "home"), "aurora")
    (found,) = origins.of_option(("homelab", "hardening", "units", "immich-server"))
    assert (found.file, found.place.where if found.place else "") == (
        "hardening.nix",
        "services.immich",
    )
    below = origins.of_option(("homelab", "hardening", "units"))
    assert len(below) == 6
    (around,) = origins.of_option(("networking", "hostName", "further"))
    assert around.option == "networking.hostName"
    assert origins.of_option(("services", "nothing", "here")) == []


def test_a_comment_belongs_to_the_binding_below_it() -> None:
    text = '{\n  a = {\n    # Why.\n    # More.\n    b."c.d" = 1;\n  };\n  # Another.\n}\n'
    found = innermost(text, 3)
    assert found is not None
    assert (found.path, found.first, found.last) == (("a", "b", "c.d"), 3, 5)
    assert innermost(text, 7) is None


def test_a_static_address_and_its_gateway_lead_to_their_keys() -> None:
    stack = open_stack(ROOT / "examples/lan", "lan")
    lines = str(dict(stack.releases["bench"].files)["network.nix"]).splitlines()
    wanted = {
        "networking.defaultGateway": "network.lan",
        "networking.interfaces.eno1 = {": "hosts.bench.interface",
        "ipv4.addresses": "hosts.bench.address",
    }
    for text, where in wanted.items():
        number = next(n for n, line in enumerate(lines, 1) if text in line)
        place = _origins(stack, "bench").of_line("network.nix", number).place
        assert place is not None, text
        assert place.where == where


def test_limits_of_memory_of_people_lead_to_their_key() -> None:
    stack = open_stack(ROOT / "examples/nori", "nori")
    lines = str(dict(stack.releases["workstation"].files)["power.nix"]).splitlines()
    number = next(n for n, line in enumerate(lines, 1) if "MemoryHigh" in line)
    place = _origins(stack, "workstation").of_line("power.nix", number).place
    assert place is not None
    assert place.where == "hosts.workstation.user_memory"
