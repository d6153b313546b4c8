"""headscale accepts the tailnet policies, and their tests pass."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from homelab.plan import Plan
from homelab.tailnet.members import DEPLOYER, OWNERS, host_tags, is_member
from homelab.tailnet.policy import ADMINS, policy, policy_text
from tests.programs.rendered import ALL, planned
from tests.tools.programs import need_here, run

_NOW = "2026-01-01 00:00:00"
WITH_ONE = [n for n in ALL if planned(n).tailnet is not None]


def checked(text: str, directory: Path) -> str:
    """The output of `headscale policy check` for a policy and its tests."""
    file = directory / "policy.hujson"
    file.write_text(text, encoding="utf-8")
    words = ("policy", "check", "--bypass-server-and-access-database-directly", "--file", file)
    done = run("headscale", "--config", directory / "headscale.yaml", "--force", *words)
    said = done.stdout + done.stderr
    assert (done.returncode == 0) == ("Policy is valid" in said), said
    return "" if done.returncode == 0 else said


def tailnet(plan: Plan, directory: Path) -> Path:
    """A tailnet with the hosts and members of a plan. Each member and each unused tag has a device,
    because headscale refuses tests for tags without devices.
    """
    said = {
        "server_url": "http://127.0.0.1:1",
        "noise": {"private_key_path": str(directory / "noise.key")},
        "prefixes": {"v4": "100.64.0.0/10", "v6": "fd7a:115c:a1e0::/48"},
        "derp": {"server": {"enabled": False}, "urls": [], "paths": []},
        "database": {"type": "sqlite", "sqlite": {"path": str(directory / "db.sqlite")}},
        "dns": {"magic_dns": False, "base_domain": "example.net", "override_local_dns": False},
        "policy": {"mode": "database"},
        "disable_check_updates": True,
    }
    (directory / "headscale.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")
    # headscale creates its tables when it first opens the database.
    assert checked("{}", directory) == ""
    assert plan.tailnet is not None
    people = sorted({who for group in plan.tailnet.groups.values() for who in group})
    hosts = {h.name: h for h in plan.hosts.values() if is_member(h)}
    with closing(sqlite3.connect(directory / "db.sqlite")) as database, database:
        for number, who in enumerate(people, 1):
            database.execute(
                "insert into users (id, name, email, created_at) values (?, ?, ?, ?)",
                (number, who, who, _NOW),
            )
            _node(database, number, f"100.127.0.{number}", f"device-{number}", number)
        for number, (name, address) in enumerate(plan.tailnet.hosts.items(), 100):
            if address.startswith("100."):
                # Of a host of another stack, only the address is known.
                tags = host_tags(hosts[name]) if name in hosts else (DEPLOYER,)
                _node(database, number, address, name, None, tags)
        for number, tag in enumerate(plan.tailnet.tags, 200):
            joined = [h for h in hosts.values() if h.name in plan.tailnet.hosts]
            if not any(tag in host_tags(h) for h in joined):
                _node(database, number, f"100.127.1.{number}", f"later-{number}", None, (tag,))
    return directory


def _node(
    database: sqlite3.Connection,
    number: int,
    address: str,
    name: str,
    user: int | None,
    tags: tuple[str, ...] = (),
) -> None:
    row = {
        "id": number,
        "machine_key": f"mkey:{number:064x}",
        "node_key": f"nodekey:{number:064x}",
        "disco_key": f"discokey:{number:064x}",
        "endpoints": "[]",
        "host_info": "{}",
        "ipv4": address,
        "hostname": name,
        "given_name": name,
        "user_id": user,
        "register_method": "cli",
        "tags": json.dumps(tags),
        "approved_routes": "[]",
        "created_at": _NOW,
    }
    marks = ", ".join("?" * len(row))
    database.execute(f"insert into nodes ({', '.join(row)}) values ({marks})", [*row.values()])


def known(text: str) -> str:
    """The policy for headscale. It has no admins, who own the tags at Tailscale, so the owners
    replace them. Nothing else is changed.
    """
    return text.replace(json.dumps(ADMINS), json.dumps(OWNERS))


@pytest.mark.parametrize("name", WITH_ONE)
def test_the_policy_is_accepted_and_its_tests_hold(name: str, tmp_path: Path) -> None:
    """Groups, owners of tags, grants, approvers, attributes, logins, and every test."""
    need_here("headscale")
    plan = planned(name)
    assert plan.tailnet is not None
    assert checked(known(policy_text(plan.tailnet)), tailnet(plan, tmp_path)) == ""


@pytest.mark.parametrize(
    ("where", "what", "said"),
    [
        (("tests", 0, "deny"), ["pi:443"], "test(s) failed"),
        (("grants", 0, "ip"), ["tcp:no"], "parsing policy"),
        (("grants", 0, "dst"), ["nowhere"], "nowhere"),
        (("tagOwners", "tag:appliance"), ["group:nobody"], "group:nobody"),
        (("autoApprovers", "routes"), {"10.0.0.0/40": ["tag:appliance"]}, "10.0.0.0/40"),
        (("nodeAttr",), [], "nodeAttr"),
    ],
)
def test_a_mistake_in_a_policy_is_reported(
    where: tuple[str | int, ...], what: object, said: str, tmp_path: Path
) -> None:
    """A check that accepts everything would prove nothing."""
    need_here("headscale")
    plan = planned("home")
    assert plan.tailnet is not None
    document: Any = policy(plan.tailnet)
    at = document
    for key in where[:-1]:
        at = at[key]
    at[where[-1]] = what
    assert said in checked(known(json.dumps(document)), tailnet(plan, tmp_path))
