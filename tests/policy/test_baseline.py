"""The security baseline: each rule fails on the module that breaks it, and holds otherwise."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from homelab.catalog.option_names import unknown
from homelab.cli.app import app
from homelab.evaluation.model import OptionValue, Secured
from homelab.plan import Plan
from homelab.policy.baseline import BASELINE
from homelab.policy.facts import ASKED, from_report, from_text
from homelab.policy.model import SUBJECTS, Verdict
from homelab.policy.report import baseline_problems, judged, scores_of
from homelab.policy.rules import path
from tests import build, stackdir

TODAY = "2026-01-01"
OWN = "hosts/nas/own.nix"
WITH_MODULE: dict[str, object] = {"hosts": {"nas": {"modules": [OWN]}}}
_SSH = "services.openssh.settings"

BROKEN: dict[str, str] = {
    "SEC-SSH-001": "services.openssh.enable = false;",
    "SEC-SSH-002": f'{_SSH}.PermitRootLogin = "yes";',
    "SEC-SSH-003": f"{_SSH}.PasswordAuthentication = true;",
    "SEC-SSH-004": f"{_SSH}.KbdInteractiveAuthentication = true;",
    "SEC-SSH-005": f"{_SSH}.MaxAuthTries = 4;",
    "SEC-SSH-006": f"{_SSH}.LoginGraceTime = 0;",
    "SEC-SSH-007": "services.openssh.openFirewall = true;",
    "SEC-SSH-008": f"{_SSH}.X11Forwarding = true;",
    "SEC-SSH-009": f'{_SSH}.KexAlgorithms = [ "diffie-hellman-group14-sha1" ];',
    "SEC-SSH-010": f'{_SSH}.Ciphers = [ "aes256-cbc" ];',
    "SEC-SSH-011": f'{_SSH}.Macs = [ "hmac-sha1" ];',
    "SEC-SSH-012": 'services.openssh.extraConfig = "";',
    "SEC-SUDO-001": "security.sudo.wheelNeedsPassword = false;",
    "SEC-SUDO-002": 'security.sudo.extraRules = [ { users = [ "kim" ]; commands = [ '
    '{ command = "ALL"; options = [ "NOPASSWD" ]; } ]; } ];',
    "SEC-SUDO-003": "security.sudo.execWheelOnly = false;",
    "SEC-NET-001": "networking.firewall.enable = false;",
    "SEC-NET-002": "networking.nftables.enable = false;",
    "SEC-NET-003": 'networking.firewall.trustedInterfaces = [ "eth0" ];',
    "SEC-NET-004": "networking.firewall.checkReversePath = false;",
    "SEC-USER-001": 'users.users.kim.hashedPassword = "$6$x$y";',
    "SEC-USER-002": 'users.users.kim.extraGroups = [ "wheel" ];',
    "SEC-USER-003": 'users.users.kim.extraGroups = [ "docker" ];',
    "SEC-USER-004": "users.mutableUsers = true;",
    "SEC-USER-005": 'services.getty.autologinUser = "sam";',
    "SEC-KERN-001": "hardware.cpu.intel.updateMicrocode = false;",
    "SEC-KERN-002": 'boot.kernelParams = [ "mitigations=off" ];',
    "SEC-KERN-003": 'boot.kernel.sysctl."kernel.kptr_restrict" = 0;',
    "SEC-KERN-004": 'boot.kernel.sysctl."kernel.dmesg_restrict" = 0;',
    "SEC-KERN-005": "security.protectKernelImage = false;",
    "SEC-KERN-006": "boot.loader.systemd-boot.editor = true;",
    "SEC-NIX-001": 'nix.settings.trusted-users = [ "*" ];',
    "SEC-NIX-002": "nix.settings.sandbox = false;",
    "SEC-NIX-003": "nix.settings.require-sigs = false;",
    "SEC-SECR-001": 'sops.secrets."news/token".mode = "0444";',
    "SEC-SECR-002": 'sops.age.keyFile = "/nix/store/abc-key";',
}
HELD: dict[str, str] = {
    "SEC-SSH-002": f'{_SSH}.PermitRootLogin = "no";',
    "SEC-SSH-005": f"{_SSH}.MaxAuthTries = 3;",
    "SEC-SSH-006": f"{_SSH}.LoginGraceTime = 20;",
    "SEC-SSH-009": f'{_SSH}.KexAlgorithms = [ "curve25519-sha256" ];',
    "SEC-SSH-010": f'{_SSH}.Ciphers = [ "chacha20-poly1305@openssh.com" ];',
    "SEC-SSH-011": f'{_SSH}.Macs = [ "hmac-sha2-512-etm@openssh.com" ];',
    "SEC-SSH-012": 'services.openssh.extraConfig = "Include /run/homelab-recovery/sshd.conf";',
    "SEC-SUDO-001": "security.sudo.wheelNeedsPassword = true;",
    "SEC-SUDO-002": 'security.sudo.extraRules = [ { users = [ "kim" ]; commands = [ '
    '{ command = "/bin/true"; options = [ "NOPASSWD" ]; } ]; } ];',
    "SEC-SUDO-003": "security.sudo.execWheelOnly = true;",
    "SEC-NET-004": 'networking.firewall.checkReversePath = "loose";',
    "SEC-USER-001": 'users.users.kim.hashedPassword = "!";',
    "SEC-USER-002": 'users.users.sam.extraGroups = [ "wheel" ];',
    "SEC-USER-003": 'users.users.kim.extraGroups = [ "video" ];',
    "SEC-USER-004": "users.mutableUsers = false;",
    "SEC-KERN-001": "hardware.cpu.amd.updateMicrocode = true;",
    "SEC-KERN-004": 'boot.kernel.sysctl."kernel.dmesg_restrict" = 1;',
    "SEC-KERN-005": "security.protectKernelImage = true;",
    "SEC-KERN-006": "boot.loader.systemd-boot.editor = false;",
    "SEC-SECR-001": 'sops.secrets."news/token".mode = "0440";',
    "SEC-SECR-002": 'sops.age.keyFile = "/var/lib/key";',
}
"""What makes a rule hold; a rule without an entry holds by default."""


def _plan() -> Plan:
    return build.plan(WITH_MODULE)


def _verdict(id_: str, module: str, plan: Plan | None = None) -> Verdict:
    made = plan or _plan()
    files = {**build.sources(made), OWN: f"{{ lib, config, ... }}: {{\n  {module}\n}}\n"}
    score = judged(from_text(made, made.hosts["nas"], files), TODAY)
    return next(v for v in score.verdicts if v.rule.id == id_)


@pytest.mark.requirement("S4-21")
@pytest.mark.parametrize("id_", [rule.id for rule in BASELINE])
def test_a_rule_is_broken_by_its_module_and_held_by_another(id_: str) -> None:
    broken = _verdict(id_, BROKEN[id_])
    assert broken.state == "broken", broken
    assert _verdict(id_, HELD.get(id_, "")).state == "holds"


def test_every_rule_has_a_stable_id_a_reason_and_a_way_out() -> None:
    assert {rule.id for rule in BASELINE} == BROKEN.keys()
    for rule in BASELINE:
        assert re.fullmatch(r"SEC-[A-Z]+-\d{3}", rule.id)
        assert rule.why.endswith("."), rule.id
        assert rule.way_out[-1:] not in ("", "."), rule.id


@pytest.mark.parametrize("option", sorted({o for rule in BASELINE for o in rule.options}))
def test_a_rule_reads_an_option_of_nixos(option: str) -> None:
    assert unknown(path(option)) is None


def test_a_computed_value_is_unknown_and_does_not_count() -> None:
    text = "hardware.cpu.intel.updateMicrocode = lib.mkDefault config.hardware.enableAllFirmware;"
    assert _verdict("SEC-KERN-001", text).state == "unknown"


@pytest.mark.parametrize("rule", [r for r in BASELINE if r.required], ids=lambda r: r.id)
def test_the_generated_files_break_no_required_rule(rule: object) -> None:
    plan = build.plan(build.TAILNET)
    scores = scores_of(plan, build.sources(plan), TODAY)
    assert [s.host for s in scores] == ["nas", "pi"]
    broken = [v for s in scores for v in s.verdicts if v.rule is rule and v.state == "broken"]
    assert broken == []


def test_a_home_and_a_planned_host_have_no_score() -> None:
    changes = {"hosts": {"nas": {"state": "planned"}}}
    plan = build.plan(changes)
    assert [s.host for s in scores_of(plan, build.sources(plan), TODAY)] == ["pi"]


# --- merged options -------------------------------------------------------------------------------


def _report(**values: object) -> Secured:
    found = [
        OptionValue(path=[*path(name.replace("__", "."))], value=value, files=[])  # type: ignore[arg-type]
        for name, value in values.items()
    ]
    return Secured(values=found, missing=[["networking", "nftables", "enable"]])


@pytest.mark.requirement("S4-21")
def test_a_problem_of_merged_options_starts_with_the_id_of_its_rule() -> None:
    plan = build.plan()
    found = _report(services__openssh__settings__PasswordAuthentication=True)
    facts = from_report(plan, plan.hosts["nas"], found)
    texts = [p.what for rule, p in baseline_problems(facts, TODAY) if rule.id == "SEC-SSH-003"]
    what = f"{_SSH}.PasswordAuthentication is true"
    assert texts == [f"SEC-SSH-003: {what} (expected: nobody logs in with a password)"]


def test_an_option_that_nixpkgs_lacks_is_unknown_and_an_unset_one_has_its_default() -> None:
    plan = build.plan()
    score = judged(from_report(plan, plan.hosts["nas"], _report()), TODAY)
    states = {v.rule.id: v.state for v in score.verdicts}
    assert states["SEC-NET-002"] == "unknown"
    assert states["SEC-SSH-005"] == "broken"
    assert states["SEC-NET-001"] == "holds"


def test_nix_is_asked_for_every_option_of_a_rule() -> None:
    assert {path(o) for rule in BASELINE for o in rule.options} == set(ASKED)


# --- the command ----------------------------------------------------------------------------------


def test_check_security_prints_a_score_for_each_host(tmp_path: Path) -> None:
    stack = stackdir.write_stack(tmp_path, {})
    done = CliRunner().invoke(app, ["check", "--security", "-C", str(stack), "-s", stackdir.NAME])
    assert done.exit_code == 0, done.output
    assert re.search(r"nas +│ \d+ ", done.output)
    assert "SEC-SSH-005" in done.output


def test_a_broken_required_rule_makes_the_exit_code_1(tmp_path: Path) -> None:
    stack = stackdir.write_stack(tmp_path, WITH_MODULE)
    (stack / OWN).write_text("{ services.openssh.openFirewall = true; }\n", encoding="utf-8")
    words = ["check", "--security", "--json", "-C", str(stack), "-s", stackdir.NAME]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    rules = json.loads(done.output)["nas"]["rules"]
    assert {r["id"]: r["state"] for r in rules}["SEC-SSH-007"] == "broken"


@pytest.mark.requirement("S4-25")
@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ({"hosts": {"nas": {"ssh": {"recovery": {"password": {"sops": "owner/pw"}}}}}}, "SSH"),
        ({"site": {"owner": {"ssh_keys": [build.OWNER, build.OWNER[:-9] + "KwRKRdGuB"]}}}, "SSH"),
        ({"site": {"mutable_users": False}}, "accounts"),
    ],
)
def test_a_safer_host_has_a_higher_score_of_that_subject_alone(
    change: dict[str, object], subject: str
) -> None:
    def scores(*changes: dict[str, object]) -> dict[str, int]:
        plan = build.plan(*changes)
        found = judged(from_text(plan, plan.hosts["nas"], build.sources(plan)), TODAY)
        return dict(found.by_subject)

    before, after = scores({}), scores(change)
    assert after[subject] > before[subject]
    assert {s for s in after if after[s] != before[s]} == {subject}


def test_every_rule_is_about_a_known_subject() -> None:
    assert {rule.id.split("-")[1] for rule in BASELINE} == {*SUBJECTS}
