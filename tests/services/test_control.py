"""An agent restarts the units of a list, and nothing else of its host."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from homelab.nix import Lines
from homelab.openings.checks import check_openings
from homelab.services import control
from tests import build

pytestmark = pytest.mark.requirement("S2-13", "S3-03")

WHY = "agents come to it by SSH alone"


def stack(may: object = None, **more: object) -> dict[str, Any]:
    """An agents' server of a flake beside a media server that it may restart."""
    return {
        "backup": {
            "targets": {
                "b2": {"kind": "b2", "path": "b/restic", "credentials": {"sops": "restic/b2"}}
            }
        },
        "flakes": {"eurovote": {"url": "github:anerisgreat/eurovote"}},
        "services": {
            "jellyfin": {"host": "nas"},
            "mcp": {
                "host": "nas",
                "flake": {"input": "eurovote", "unit": "homelab-mcp", "dynamic_user": True},
                "port": 19000,
                "never_publish": WHY,
                "backup": {"skip": "it keeps nothing of its own"},
                "harden": {"read_write": []},
                "may_control": may or {"units": ["jellyfin"], "verbs": ["restart", "start"]},
                **more,
            },
        },
    }


def rule(changes: dict[str, Any]) -> str:
    """The text that polkit reads."""
    plan = build.plan(changes)
    (module,) = control.modules(plan, plan.hosts["nas"])
    polkit = module.derived["security"]["polkit"]  # type: ignore[index, call-overload]
    assert polkit["enable"] is True
    text = polkit["extraConfig"]
    assert isinstance(text, Lines)
    return text.text


def asked(text: str, user: str, unit: str, verb: str, action: str = "manage-units") -> str:
    """What the rules say, run as JavaScript; the first that has an opinion decides."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    request = json.dumps(
        {
            "id": f"org.freedesktop.systemd1.{action}",
            "details": {"unit": unit, "verb": verb},
            "user": user,
        }
    )
    frame = f"""
      const rules = [];
      const polkit = {{
        Result: {{ YES: "yes", NO: "no", NOT_HANDLED: null }},
        addRule: (f) => rules.push(f),
      }};
      {text}
      const asked = {request};
      const action = {{ id: asked.id, lookup: (k) => asked.details[k] }};
      const says = rules.map((f) => f(action, {{ user: asked.user }})).find((r) => r !== null);
      console.log(says || "not handled");
    """
    done = subprocess.run([node, "-"], input=frame, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("user", "unit", "verb", "answer"),
    [
        ("homelab-mcp", "jellyfin.service", "restart", "yes"),
        ("homelab-mcp", "jellyfin.service", "start", "yes"),
        ("homelab-mcp", "jellyfin.service", "stop", "no"),
        ("homelab-mcp", "sshd.service", "restart", "no"),
        ("homelab-mcp", "jellyfin.service.d", "restart", "no"),
        ("homelab-mcp", "", "restart", "no"),
        ("sam", "jellyfin.service", "restart", "not handled"),
    ],
)
def test_polkit_lets_it_do_what_the_lists_say_and_nothing_else(
    user: str, unit: str, verb: str, answer: str
) -> None:
    assert asked(rule(stack()), user, unit, verb) == answer


def test_other_rights_of_systemd_stay_as_they_are() -> None:
    text = rule(stack())
    assert asked(text, "homelab-mcp", "jellyfin.service", "x", "reload-daemon") == "not handled"


def test_a_unit_outside_the_list_is_in_no_rule() -> None:
    text = rule(stack())
    assert "jellyfin.service" in text
    assert "tailscaled" not in text


def test_two_agents_have_a_rule_each() -> None:
    changes = stack()
    second = {
        **changes["services"]["mcp"],
        "port": 19001,
        "may_control": {"units": ["sshd-none"], "verbs": ["restart"]},
    }
    second["flake"] = {"input": "eurovote", "unit": "other-mcp", "dynamic_user": True}
    changes["services"]["other"] = second
    text = rule(changes)
    assert asked(text, "other-mcp", "jellyfin.service", "restart") == "no"
    assert asked(text, "homelab-mcp", "jellyfin.service", "restart") == "yes"


def test_without_such_a_service_there_is_no_rule() -> None:
    changes = stack()
    del changes["services"]["mcp"]["may_control"]
    plan = build.plan(changes)
    assert list(control.modules(plan, plan.hosts["nas"])) == []
    assert "control.nix" in build.render(stack())["nas"]


CHECKS = ("mcp-unit-known", "mcp-user", "mcp-loopback", "exposure-never")


def test_what_is_kept_to_its_host_passes_every_check() -> None:
    assert [p for p in build.problems(stack()) if p.check in CHECKS] == []


@pytest.mark.parametrize(
    ("changes", "check", "says"),
    [
        (
            stack({"units": ["jelyfin"], "verbs": ["restart"]}),
            "mcp-unit-known",
            'no service of nas has the unit "jelyfin"',
        ),
        (stack(never_publish=None), "mcp-loopback", "other machines can reach it at mcp.home"),
        (
            stack(never_publish=None, routes=[{"name": "mcp"}]),
            "mcp-loopback",
            "other machines can reach it at mcp.home",
        ),
        (
            stack(flake={"input": "eurovote", "unit": "homelab-mcp"}),
            "mcp-user",
            "the user that mcp runs as is not known",
        ),
        (
            stack({"units": ["jellyfin"], "verbs": ["restart"], "user": "root"}),
            "mcp-user",
            "runs as root, which may do everything",
        ),
        (
            stack({"units": ["jellyfin"], "verbs": ["restart"], "user": "jellyfin"}),
            "mcp-user",
            "jellyfin runs as jellyfin, too",
        ),
    ],
)
def test_what_would_hand_over_more_is_refused(
    changes: dict[str, Any], check: str, says: str
) -> None:
    (problem,) = [p for p in build.problems(changes) if p.check in CHECKS]
    assert problem.check == check
    assert says in problem.what
    assert problem.where.startswith("services.mcp")
    assert problem.way_out


@pytest.mark.requirement("S3-03")
def test_a_route_of_its_own_is_an_error_even_where_it_controls_nothing() -> None:
    """Never means never."""
    changes = stack(routes=[{"name": "mcp"}], may_control=None)
    (problem,) = [p for p in build.problems(changes) if p.check == "exposure-never"]
    assert WHY in problem.what


@pytest.mark.parametrize(
    ("value", "told"),
    [
        *(("0.0.0.0", True), ("192.168.1.3:19000", True), (":19000", True), ("[::]:19000", True)),
        *(("127.0.0.1", False), ("[::1]:19000", False), ("localhost", False)),
    ],
)
def test_the_server_of_agents_is_told_to_listen_on_loopback_alone(value: str, told: bool) -> None:
    """By an option of the stack, and by a module that sets an option beside those of the stack."""
    option = {"homelab.mcp.enable": True, "homelab.mcp.listen_address": value}
    found = build.found(stack(options=option), "mcp-loopback")
    assert len(found) == told, found
    plan = build.plan(
        {**stack(options={"homelab.mcp.enable": True}), "hosts": {"nas": {"modules": ["own.nix"]}}}
    )
    text = f'{{ homelab.mcp.host = "{value}"; services.other.host = "{value}"; }}'
    own = [p for p in check_openings(plan, {"own.nix": text}) if p.check == "mcp-loopback"]
    assert len(own) == told, own
