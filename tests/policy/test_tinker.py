"""Tinker mode ends by itself: in the stack on its last day, and on the host at that time."""

from __future__ import annotations

import subprocess
from datetime import datetime

import pytest

from homelab.config.policy import Tinker
from homelab.policy.facts import from_report
from homelab.policy.report import baseline_problems
from homelab.policy.tinker_checks import check_tinker
from homelab.reach.plan import plan_reach
from homelab.reach.text import as_text
from tests import build
from tests.policy.test_baseline import _report
from tests.site.ways_out.policy import tinker
from tests.tools.programs import at, run

NAS = tinker()
WITH_PASSWORD = {**NAS, "site": {"owner": {"sudo": "password", "password": {"sops": "owner/pw"}}}}
END = "2026-01-08T00:00:00+00:00"


def _said(today: str) -> list[tuple[str, str]]:
    return [(p.severity, p.what) for p in check_tinker(build.plan(NAS), today)]


@pytest.mark.requirement("S4-22")
def test_the_warning_has_the_days_left() -> None:
    ((severity, what),) = _said("2026-01-06")
    assert severity == "warning"
    assert what.endswith("until 2026-01-07, 2 days with today")
    assert _said("2026-01-07")[0][1].endswith("1 day with today")


@pytest.mark.requirement("S4-22")
def test_the_day_after_the_last_is_an_error() -> None:
    assert _said("2026-01-08") == [("error", "tinker mode of nas ended on 2026-01-07")]


def test_tinker_mode_of_a_later_day_is_an_error() -> None:
    assert _said("2025-12-31")[0][0] == "error"


def test_the_last_day_counts_the_first_one() -> None:
    mode = Tinker.model_validate({"enabled_at": "2026-02-27", "hosts": ["nas"], "max_days": 3})
    assert (mode.last_day, mode.end) == ("2026-03-01", "2026-03-02")


def test_only_the_named_host_is_open() -> None:
    files = build.render(NAS)
    assert "tinker.nix" in files["nas"]
    assert "tinker.nix" not in files["pi"]


@pytest.mark.requirement("S4-22")
def test_the_firewall_rule_and_the_rule_of_sudo_have_the_end_in_them() -> None:
    text = build.render(WITH_PASSWORD)["nas"]["tinker.nix"]
    seconds = int(datetime.fromisoformat(END).timestamp())
    assert f"ip saddr 192.168.1.0/24 meta time < {seconds} accept" in text
    assert "NOTAFTER=20260108000000Z NOPASSWD" in text
    assert "users.motd" in text


def test_where_sudo_asks_for_nothing_anyway_no_rule_is_added() -> None:
    assert "sudo" not in build.render(NAS)["nas"]["tinker.nix"].partition("{")[2]


def test_visudo_accepts_the_rule() -> None:
    rule = "%wheel ALL=(ALL:ALL) NOTAFTER=20260108000000Z NOPASSWD: SETENV: ALL\n"
    assert rule in build.render(WITH_PASSWORD)["nas"]["tinker.nix"].replace("      ", "")
    done = run(at("visudo"), "-cf", "-", stdin=rule)
    assert done.returncode == 0, done.stderr


PACKET = 'import socket; socket.socket(2, 2).sendto(b"x", ("127.0.0.1", 9))'


@pytest.mark.parametrize(("end", "matches"), [(1_700_000_000, False), (4_000_000_000, True)])
def test_the_kernel_stops_the_rule_at_its_time(end: int, matches: bool) -> None:
    """In a network of its own: a packet meets the rule only before the end."""
    nft = at("nft")
    rules = (
        "table inet t {\nchain output {\ntype filter hook output priority 0;\n"
        f"ip saddr 127.0.0.0/8 meta time < {end} counter accept\n}}\n}}\n"
    )
    script = f"ip link set lo up && {nft} -f - && python3 -c '{PACKET}' && {nft} list ruleset"
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-c", script],
        input=rules,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("this machine gives no network namespace to nft")
    assert ("counter packets 0" not in done.stdout) == matches


def test_a_broken_rule_of_the_baseline_is_a_warning_on_a_host_in_tinker_mode() -> None:
    plan = build.plan(NAS)
    found = _report(services__openssh__settings__PasswordAuthentication=True)
    severities = {
        host: {
            p.severity
            for _, p in baseline_problems(from_report(plan, plan.hosts[host], found), "2026-01-01")
        }
        for host in ("nas", "pi")
    }
    assert severities == {"nas": {"warning"}, "pi": {"error"}}


def test_reach_tells_of_the_open_host() -> None:
    found = plan_reach(build.plan(NAS))
    text = as_text(found, found.answers)
    assert "Tinker mode: lan reaches every port of nas until 2026-01-07" in text
    plain = plan_reach(build.plan())
    assert "Tinker" not in as_text(plain, plain.answers)
