"""Every file of a tree, and every option in it, has a place in the stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.evaluation.files import FILES
from homelab.evaluation.places import Places
from homelab.evaluation.plan import leaves_of
from homelab.ops.project.stack import Stack, open_stack
from homelab.render import modules_of
from tests.build import ROOT, SHIPPED
from tests.evaluation import stacks

STACKS = [(p.parent, p.name[7:-5]) for p in sorted(ROOT.glob("examples/*/Pulumi.*.yaml"))]
STACKS += [(SHIPPED, p.name[7:-5]) for p in sorted(SHIPPED.glob("Pulumi.*.yaml"))]
SECTIONS = (
    *("backup", "cloudflare", "dashboard", "datasets", "flakes", "homes", "hosts", "identity"),
    *(
        "families",
        "mail",
        "monitoring",
        "network",
        "policy",
        "secrets",
        "services",
        "site",
        "tailnet",
        "vpn",
    ),
)


def _places(stack: Stack, host: str) -> Places:
    return Places(stack.plan, stack.plan.hosts[host], dict(stack.releases[host].files), "/tree")


def _check(stack: Stack) -> None:
    for host in stack.releases:
        places = _places(stack, host)
        for module in modules_of(stack.plan, stack.plan.hosts[host]):
            assert module.file in FILES or module.file.startswith("services/"), module.file
            for path, _ in leaves_of(module):
                found = places.of_option(path)
                assert found is not None, path
                assert found.where.replace("[", ".").split(".")[0] in SECTIONS, (path, found)


@pytest.mark.parametrize(
    ("top", "name"),
    [
        pytest.param(top, name, id=name, marks=() if top == SHIPPED else pytest.mark.long)
        for top, name in STACKS
    ],
)
def test_every_option_of_a_shipped_stack_has_a_place(top: Path, name: str) -> None:
    _check(open_stack(top, name))


@pytest.mark.parametrize(
    "name", [n if n == "rich" else pytest.param(n, marks=pytest.mark.long) for n in stacks.STACKS]
)
def test_every_option_of_a_stack_of_the_tests_has_a_place(name: str, tmp_path: Path) -> None:
    _check(open_stack(stacks.write(name, tmp_path), name))


def test_a_package_writes_every_file_that_has_a_place() -> None:
    texts = [p.read_text(encoding="utf-8") for p in (ROOT / "homelab").rglob("*.py")]
    code = "\n".join(t for t in texts if "FILES: Mapping[str, str] = {" not in t)
    assert [name for name in FILES if f'"{name}"' not in code] == []


OPTIONS = {
    "services.jellyfin.enable": "services.jellyfin",
    "services.nowhere.at.all": None,
    "services.jellyfin.user": None,
    "networking.hostName": "hosts.nas",
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_has_the_place_that_sets_it(option: str, tmp_path: Path) -> None:
    stack = open_stack(stacks.write("small", tmp_path), "small")
    found = _places(stack, "nas").of_option(option.split("."))
    assert (found.where if found else None) == OPTIONS[option]
