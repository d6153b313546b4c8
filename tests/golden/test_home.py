"""The expected Nix files of the home stack, and the effect of single changes.

`make update-golden` rewrites the expected files. Review the diff.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from homelab import testing
from homelab.checks import run_checks
from homelab.config.document import Document, read_document
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock
from homelab.ops.project.stack import check_sources, read_sources
from homelab.plan import Plan
from homelab.planner import make_plan
from homelab.render import render
from tests import build
from tests.tools.programs import formatted, run

GOLDEN = Path(__file__).parent / "home"
HOME = read_document(build.SHIPPED / "Pulumi.home.yaml")
Tree = dict[str, dict[str, str]]
WITHOUT_ID = {"release-id.nix"}
"""The file with the digest of all others."""


def planned(changes: dict[str, Any]) -> Plan:
    """The home stack with changes; a value of None removes its key."""
    values = testing.changed(_copy(dict(HOME.values)), changes)
    return make_plan(load_stack_config(Document(values)), Lock())


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _copy(v) for k, v in value.items()}
    return [_copy(v) for v in value] if isinstance(value, list) else value


def tree(changes: dict[str, Any] | None = None, *, valid: bool = True) -> Tree:
    """Every generated text by host and path. The stack must pass its checks."""
    plan = planned(changes or {})
    sources, missing = read_sources(build.SHIPPED, plan)
    problems = [*missing, *run_checks(plan), *check_sources(plan, sources)]
    assert not valid or [str(p) for p in problems if p.severity == "error"] == []
    return {
        host: {path: text for path, text in release.files if isinstance(text, str)}
        for host, release in render(plan, sources).items()
    }


@cache
def home() -> Tree:
    return tree()


def nix_files(files: Tree) -> dict[str, str]:
    """The generated Nix files, without own modules."""
    return {
        f"{host}/{path}": text
        for host, texts in sorted(files.items())
        for path, text in sorted(texts.items())
        if path.endswith(".nix") and not path.startswith("own/")
    }


def changed(before: Tree, after: Tree) -> dict[str, set[str]]:
    """Which files differ, by host."""
    out: dict[str, set[str]] = {}
    for host in sorted({*before, *after}):
        old, new = before.get(host, {}), after.get(host, {})
        differ = {p for p in {*old, *new} if old.get(p) != new.get(p)} - WITHOUT_ID
        if differ:
            out[host] = differ
    return out


def test_the_tree_is_the_expected_one() -> None:
    files = nix_files(home())
    files = {k: v for k, v in files.items() if not k.endswith("release-id.nix")}
    if os.environ.get("UPDATE_GOLDEN"):
        for path in sorted(GOLDEN.rglob("*.nix")):
            path.unlink()
        for name, text in files.items():
            path = GOLDEN / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    expected = {
        path.relative_to(GOLDEN).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(GOLDEN.rglob("*.nix"))
    }
    assert sorted(files) == sorted(expected), "make update-golden, and read the diff"
    for name, text in files.items():
        assert text == expected[name], f"{name}: make update-golden, and read the diff"


@pytest.mark.requirement("S0-63")
def test_the_same_stack_gives_the_same_bytes() -> None:
    assert tree() == home()


def test_the_order_of_keys_makes_no_difference() -> None:
    values = _copy(HOME.values)
    turned = {k: _turned(v) for k, v in reversed(values.items())}
    plan = make_plan(load_stack_config(Document(turned)), Lock())
    sources, _ = read_sources(build.SHIPPED, plan)
    got = {
        host: {path: text for path, text in release.files if isinstance(text, str)}
        for host, release in render(plan, sources).items()
    }
    assert changed(home(), got) == {}


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _turned(v) for k, v in reversed(value.items())}
    return value


@pytest.mark.requirement("S0-63")
def test_every_file_parses() -> None:
    paths = sorted(p for p in GOLDEN.rglob("*.nix"))
    done = run("nix-instantiate", "--parse", *paths)
    assert done.returncode == 0, done.stderr


@pytest.mark.requirement("S0-63")
def test_nixfmt_has_nothing_to_change(tmp_path: Path) -> None:
    bad = formatted(tmp_path, list(nix_files(home()).values()))
    assert bad == [], bad[0]


def test_every_text_ends_with_a_newline_and_has_no_trailing_spaces() -> None:
    for name, text in nix_files(home()).items():
        assert text.endswith("\n"), name
        assert not [line for line in text.splitlines() if line != line.rstrip()], name


# --- one line is a whole service -------------------------------------------------------------

LINES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "navidrome": (
        {"name": "music", "publish": "tunnel", "host": "aurora", "datasets": {"music": "library"}},
        {
            "aurora/services/navidrome.nix",
            "aurora/firewall.nix",
            "aurora/backup.nix",
            "aurora/hardening.nix",
            "aurora/dashboard.nix",
            "pi/proxy.nix",
            "pi/dns.nix",
            "pi/monitoring.nix",
            "pi/identity.nix",
        },
    ),
    "miniflux": (
        {"name": "news", "host": "aurora"},
        {
            "aurora/services/miniflux.nix",
            "aurora/firewall.nix",
            "aurora/backup.nix",
            "aurora/hardening.nix",
            "aurora/dashboard.nix",
            "aurora/issued-secrets.nix",
            "pi/proxy.nix",
            "pi/dns.nix",
            "pi/monitoring.nix",
        },
    ),
    "jellyfin": (
        {"name": "media", "host": "workstation", "gpu": "nvidia"},
        {
            "workstation/services/jellyfin.nix",
            "workstation/firewall.nix",
            "workstation/backup.nix",
            "workstation/hardening.nix",
            "aurora/dashboard.nix",
            "pi/proxy.nix",
            "pi/dns.nix",
            "pi/monitoring.nix",
        },
    ),
    "draw": (
        {},
        {
            "aurora/services/draw.nix",
            "aurora/firewall.nix",
            "aurora/dashboard.nix",
            "pi/proxy.nix",
            "pi/dns.nix",
            "pi/monitoring.nix",
        },
    ),
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.requirement("S0-10")
def test_one_line_yields_all_of_a_service(name: str) -> None:
    """Module, port, virtual host, name, monitor, tile, firewall, backup, sandbox, secrets."""
    without = tree({"services": {name: None}}, valid=False)
    differ = {f"{h}/{p}" for h, paths in changed(without, home()).items() for p in paths}
    assert LINES[name][1] <= differ


@pytest.mark.parametrize("name", LINES)
@pytest.mark.requirement("S0-10")
def test_without_its_line_nothing_of_a_service_is_left(name: str) -> None:
    """Removing a service leaves no trace of it in any generated file."""
    said = HOME.values["services"]
    assert isinstance(said, dict)
    config = said[name]
    assert isinstance(config, dict)
    words = {name, f"{config.get('name', name)}.home.example.org"}
    without = tree({"services": {name: None}}, valid=False)
    left = [
        (where, word)
        for where, text in nix_files(without).items()
        for word in words
        if word in text or word in where
    ]
    assert left == []


OLD_DOMAIN = re.compile(r"(?<![a-z0-9-])home[.-]example")
"""The domain itself, not public names with the same end."""


@pytest.mark.requirement("S1-32")
def test_another_domain_leaves_no_trace_of_the_old_one() -> None:
    files = tree({"site": {"domain": "homelab.lab.example.org"}})
    left = [
        (host, path)
        for host, texts in files.items()
        for path, text in texts.items()
        if not path.startswith("own/") and OLD_DOMAIN.search(text)
    ]
    assert left == []


@pytest.mark.requirement("S1-32")
def test_another_timezone_touches_every_host_and_its_one_file() -> None:
    differ = changed(home(), tree({"site": {"timezone": "America/Lima"}}))
    nixos = {h for h in home() if "host.nix" in home()[h]}
    assert set(differ) == nixos
    assert set(map(frozenset, differ.values())) == {frozenset({"host.nix"})}


def test_another_port_touches_its_host_and_who_calls_it() -> None:
    differ = changed(home(), tree({"services": {"miniflux": {"port": 8123}}}))
    assert set(differ) == {"aurora", "pi"}
    assert "services/miniflux.nix" in differ["aurora"]
    assert "8123" in tree({"services": {"miniflux": {"port": 8123}}})["pi"]["proxy.nix"]


@pytest.mark.requirement("S0-14")
def test_a_route_on_the_tunnel_adds_one_record_one_app_and_one_rule() -> None:
    before = planned({}).cloudflare
    after = planned({"services": {"vaultwarden": {"publish": "tunnel"}}}).cloudflare
    assert before
    assert after
    new = set(after.records) - set(before.records)
    assert [(r.name, r.type, r.proxied) for r in new] == [("vault-home.example.org", "CNAME", True)]
    assert [a.domain for a in set(after.apps) - set(before.apps)] == ["vault-home.example.org"]
    assert [i.hostname for i in set(after.ingress) - set(before.ingress)] == [
        "vault-home.example.org"
    ]
    assert set(before.records) < set(after.records)
    text = tree({"services": {"vaultwarden": {"publish": "tunnel"}}})["pi"]
    assert text["tunnel.nix"].count("vault-home.example.org") == 1


@pytest.mark.requirement("S0-77")
def test_a_service_that_moves_leaves_one_host_and_arrives_at_the_other() -> None:
    files = tree({"services": {"miniflux": {"host": "workstation"}}})
    assert "services/miniflux.nix" in files["workstation"]
    # The old host keeps its tile and its backup directory.
    stays = {"dashboard.nix", "backup-stores.nix"}
    assert not [p for p, t in files["aurora"].items() if p not in stays and "miniflux" in t]
    assert "homelab.backup.jobs.miniflux" not in files["aurora"]["backup.nix"]
    assert "100.100.71.20:8080" in files["pi"]["proxy.nix"]


def test_a_planned_host_has_no_files() -> None:
    files = tree({"hosts": {"pavilion": {"state": "planned"}}}, valid=False)
    assert "pavilion" not in files


def test_a_retired_host_keeps_only_its_network_access() -> None:
    files = tree({"hosts": {"pavilion": {"state": "retired"}}}, valid=False)["pavilion"]
    assert not [p for p in files if p.startswith("services/")]
    assert "openssh" in "".join(files.values())
