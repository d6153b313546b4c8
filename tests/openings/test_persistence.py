"""What survives a restart is not switched off or shortened by an own module or an option."""

from __future__ import annotations

import pytest

from homelab import testing
from homelab.checks import run_checks
from homelab.openings.checks import check_openings
from homelab.problems import Problem
from homelab.render import modules_of
from homelab.system.kept import FILES, kept
from tests import build

KEEPS = {"hosts": {"nas": {"modules": ["own.nix"], "persistence": {"mounted": ["/srv"]}}}}
PERSIST = 'environment.persistence."/persist"'


def told(line: str) -> list[Problem]:
    plan = build.plan(KEEPS)
    return list(check_openings(plan, {"own.nix": f"{{ lib, ... }}: {{ {line} }}"}))


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        (f"{PERSIST}.enable = false;", "everything"),
        (f"{PERSIST}.enable = lib.mkForce (!true);", "everything"),
        (f'{PERSIST}.persistentStoragePath = lib.mkForce "/tmp/x";', "everything"),
        (f'{PERSIST}.directories = lib.mkForce [ "/home" ];', "/var/lib/nixos"),
        (f"{PERSIST}.directories = lib.mkForce (import ./x.nix);", "/var/lib/nixos"),
        (f"{PERSIST}.files = lib.mkForce [ ];", "/etc/machine-id"),
        (f"{PERSIST} = lib.mkForce {{ hideMounts = true; }};", "directories that survive"),
        ("environment.persistence = lib.mkForce { };", "directories that survive"),
    ],
)
def test_persistence_is_not_switched_off_or_shortened(line: str, lost: str) -> None:
    (problem,) = told(line)
    assert (problem.check, problem.severity) == ("forbidden-patterns", "error")
    assert lost in problem.what
    assert problem.way_out


def test_a_list_that_keeps_everything_and_an_entry_of_its_own_pass() -> None:
    plan = build.plan(KEEPS)
    host = plan.hosts["nas"]
    keep = " ".join(f'"{one.path}"' for one in kept(plan, host, modules_of(plan, host)))
    sets = keep.replace('"/var/log"', '{ directory = "/var/log"; mode = "0755"; }')
    files = " ".join(f'{{ file = "{file}"; }}' for file in FILES)
    assert told(f"{PERSIST}.directories = lib.mkForce [ {sets} ];") == []
    assert told(f"{PERSIST}.files = lib.mkForce [ {files} ];") == []
    assert told(f'{PERSIST}.directories = [ "/var/lib/more" ];') == []
    assert told(f"{PERSIST}.enable = true;") == []
    assert told('environment.persistence."/other".enable = false;') == []


def test_a_forced_list_has_what_only_the_generated_modules_show() -> None:
    """The state of what the stack switches on besides its services, and of their options."""
    option = {"services.rabbitmq.enable": True}
    plan = build.plan(
        testing.changed(
            KEEPS,
            {
                "hosts": {"nas": {"fail2ban": {}}},
                "services": {"navidrome": {"host": "nas", "options": option}},
            },
        )
    )
    host = plan.hosts["nas"]
    keep = [one.path for one in kept(plan, host, modules_of(plan, host))]
    for lost in ("/var/lib/fail2ban", "/var/lib/rabbitmq"):
        stays = " ".join(f'"{path}"' for path in keep if path != lost)
        text = f"{{ lib, ... }}: {{ {PERSIST}.directories = lib.mkForce [ {stays} ]; }}"
        (problem,) = check_openings(plan, {"own.nix": text})
        assert problem.what.endswith(f"so the next restart loses {lost}")


def test_an_option_of_a_service_does_not_switch_persistence_off() -> None:
    option = 'environment.persistence."/persist".enable'
    navidrome = {"host": "nas", "options": {option: False}}
    found = run_checks(build.plan({**KEEPS, "services": {"navidrome": navidrome}}))
    (problem,) = [p for p in found if p.check == "option-opens"]
    assert "everything that the plan keeps there" in problem.what
