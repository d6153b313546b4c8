"""`facts.json`: each host's own services, names and ports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from homelab.plan import Plan
from homelab.render import modules_of
from homelab.system.facts import facts
from tests import build
from tests.household import Changes, household
from tests.tools.options import check_module
from tests.tools.programs import evaluate, formatted

STACK: Changes = household(
    {
        "services": {
            "miniflux": {"host": "aurora", "name": "news"},
            "navidrome": {"host": "aurora", "name": "music", "publish": "tunnel"},
        }
    }
)


def report(plan: Plan, host: str) -> Any:
    return facts(plan, plan.hosts[host])


@pytest.mark.requirement("S0-29")
def test_a_host_knows_its_own_services_names_and_ports() -> None:
    made = build.plan(STACK)
    aurora = report(made, "aurora")
    assert set(aurora["services"]) == {s.name for s in made.on("aurora")}
    assert aurora["services"]["miniflux"]["units"][0] == "miniflux.service"
    assert set(aurora["routes"]) == {"music", "news"}
    assert aurora["routes"]["music"]["url"] == "https://music-home.example.org"
    assert "22/tcp" in aurora["ports"]
    assert "music" not in report(made, "pi")["routes"]


@pytest.mark.requirement("S0-29")
def test_every_route_and_port_of_the_plan_is_in_the_facts_of_one_host() -> None:
    """Together the hosts have every fact of the plan, each once."""
    made = build.plan(STACK)
    all_ = {h: report(made, h) for h in made.hosts}
    assert sorted(n for f in all_.values() for n in f["routes"]) == sorted(
        r.name for r in made.routes
    )
    for use in made.ports:
        port = all_[use.host]["ports"][f"{use.port}/{use.protocol}"]
        assert (port["owner"], port["scope"]) == (use.owner, use.scope)


@pytest.mark.requirement("S0-29")
def test_the_file_is_plain_json(tmp_path: Path) -> None:
    """It is at /etc/homelab/facts.json, for the running release."""
    made = build.plan(STACK)
    (module,) = [m for m in modules_of(made, made.hosts["aurora"]) if m.file == "facts.nix"]
    assert check_module(module) == []
    rendered = build.render(STACK)["aurora"]
    text = rendered["facts.nix"]
    assert formatted(tmp_path, [text]) == []
    for name in ("facts.nix", "lib/derive.nix"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(rendered[name], encoding="utf-8")
    expression = """
      let
        lib = {
          mkOverride = priority: value: value;
          isDerivation = value: false;
        };
        module = import ./facts.nix { inherit lib; config = { }; options = { }; pkgs = { }; };
      in
        (module.config or module).environment.etc."homelab/facts.json".text
    """
    assert json.loads(evaluate(expression, tmp_path)) == report(made, "aurora")


@pytest.mark.requirement("S0-29")
def test_the_facts_contain_no_secret_and_no_path_of_one() -> None:
    """Everybody on the host may read it."""
    made = build.plan(STACK)
    for host in made.hosts:
        text = json.dumps(report(made, host))
        for secret in made.secrets.on(host):
            assert secret.path not in text
            assert not secret.key or secret.key not in text
