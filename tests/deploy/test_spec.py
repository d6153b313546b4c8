"""Settings of the stack about a switch reach the runner."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml

from homelab.deploy import scripts
from homelab.deploy.plan import policy_of
from homelab.deploy.probes import probes_of
from homelab.deploy.spec import json_of, json_text, spec_text, switch_spec
from homelab.ops.deploy.switch import SwitchSpec
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes, household


def told(host: str, *changes: Changes) -> SwitchSpec:
    """The runner's spec from the input of the host's switch."""
    made = build.plan(household(*changes))
    its = made.hosts[host]
    policy = policy_of(made.stack, its, probes_of(made, its))
    spec = switch_spec(its, "r1", made.stack.deploy, policy)
    return SwitchSpec.model_validate_json(json.dumps({**spec, "secrets_version": "v"}))


@pytest.mark.requirement("S0-67")
def test_settings_of_a_host_reach_only_its_switch() -> None:
    """`again`, `may_fail`, the boot loader, and timeouts."""
    changes: Changes = {
        "deploy": {
            "again": {"pi": "3 May"},
            "may_fail": ["comin.service"],
            "confirm_seconds": 99,
            "activation_seconds": 77,
        },
        "hosts": {"pi": {"boot": {"loader": "extlinux", "limit": 4}, "ssh": {"port": 2222}}},
        "services": {"miniflux": {"host": "pi"}},
    }
    pi, aurora = told("pi", changes), told("aurora", changes)
    assert (pi.again, aurora.again) == ("3 May", "")
    assert pi.may_fail == aurora.may_fail == ("comin.service",)
    assert (pi.boot.loader, pi.boot.limit) == ("extlinux", 4)
    assert (pi.confirm.seconds, pi.activation_seconds) == (99, 77)
    assert [(p.name, p.address, p.port) for p in pi.paths] == [
        ("lan", "192.168.1.2", 2222),
        ("tailnet", "100.64.0.2", 2222),
    ]
    assert "app-miniflux" in {p.name for p in pi.confirm.probes}


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [("again", "3 May", "AGAIN='3 May'"), ("loader", "grub", "BOOT_LOADER=grub")],
)
@pytest.mark.requirement("S4-06")
def test_preflight_has_the_same_settings_as_the_switch(field: str, value: str, line: str) -> None:
    """So preflight sees a change of them before any host switches."""
    made = build.plan(household())
    policy = replace(policy_of(made.stack, made.hosts["pi"]), **{field: value})  # type: ignore[arg-type]
    assert f"{line}\n" in scripts.build_script("r1", policy)


@pytest.mark.requirement("S0-67")
def test_settle_seconds_leave_time_for_the_confirmation() -> None:
    """Otherwise every switch would be rolled back."""
    kept: dict[str, object] = {"deploy": {"confirm_seconds": 20, "settle_seconds": 10}}
    assert build.stack_config(kept).deploy.settle_seconds == 10
    with pytest.raises(InvalidStackError, match="settle_seconds: 8 or less, or longer confirm_"):
        build.stack_config({"deploy": {"confirm_seconds": 17}})


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.requirement("S4-33")
def test_dry_run_first_reaches_the_build(first: bool) -> None:
    made = build.plan(household({"deploy": {"dry_run_first": first}}))
    assert {policy_of(made.stack, host).dry_run for host in made.hosts.values()} == {first}


def test_the_spec_of_a_switch_is_no_yaml_that_pulumi_takes_apart() -> None:
    """Its display shows only the changed lines of such a text."""
    made = build.plan(household())
    pi = made.hosts["pi"]
    spec = switch_spec(pi, "r1", made.stack.deploy, policy_of(made.stack, pi))
    text = spec_text(spec)
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load(text)
    assert json.loads(json_of(text)) == json.loads(json_of(json_text(spec)))
    assert json_of("nothing") == "nothing"
