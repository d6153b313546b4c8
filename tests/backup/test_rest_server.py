"""A rest-server on a host of the stack: its port, its logins, and who removes old snapshots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from homelab.backup import rest
from homelab.backup.restic import modules
from homelab.testing import changed
from tests import build
from tests.household import Changes, household
from tests.programs.rendered import settings
from tests.tools.libraries import evaluated

pytestmark = pytest.mark.requirement("S0-31")


def stack(**target: object) -> Changes:
    """Two hosts that back up to the rest-server of a third."""
    found = {"kind": "rest", "host": "nas", "path": "/mnt/usb/rest", **target}
    services: Changes = {
        "vaultwarden": {"host": "aurora"},
        "radicale": {"host": "pi", "backup": {"tier": "user"}},
        "jellyfin": {"host": "nas"},
    }
    return household(
        {"services": services, "backup": {"targets": {"b2": None, "usb": None, "web": found}}}
    )


def of_host(changes: Changes, option: str, directory: Path) -> Any:
    return dict(settings(build.plan(changes), option, directory)).get("nas")


def test_the_port_is_open_for_its_clients_alone() -> None:
    (use,) = (u for u in build.plan(stack(port=8123)).firewall.on("nas") if u.port == 8123)
    assert (use.scope, use.peers) == ("hosts", ("192.168.1.10", "192.168.1.2"))
    joined: Changes = {
        "tailnet": build.TAILNET["tailnet"],
        "hosts": {h: {"tailscale": {}} for h in ("pi", "aurora", "nas")},
    }
    plan = build.plan(changed(stack(), joined))
    assert [u.scope for u in plan.firewall.on("nas") if u.port == 8000] == ["tailnet"]
    assert plan.tailnet is not None
    grants = [g for g in plan.tailnet.grants if "backup.targets.web" in g.source]
    assert {g.src[0] for g in grants} == {
        j.host for j in plan.backup.jobs if j.server and j.target == "web"
    }
    assert all("tcp:8000" in g.ip for g in grants)
    job = next(j for j in plan.backup.on("aurora") if (j.name, j.target) == ("vaultwarden", "web"))
    address = plan.stack.hosts["nas"].address.tailnet
    assert job.repository == f"rest:http://{address}:8000/aurora/vaultwarden"


def test_only_the_holder_removes_old_snapshots_if_clients_can_add_alone(tmp_path: Path) -> None:
    def units(changes: Changes) -> tuple[Any, Any]:
        plan = build.plan(changes)
        made = evaluated(modules(plan, plan.hosts["aurora"]), Path("/packages"))
        there = of_host(changes, "systemd.services", tmp_path)
        return made["services"]["restic"]["backups"]["vaultwarden-web"]["pruneOpts"], there

    kept, there = units(stack())
    assert kept == []
    assert "--keep-daily=14" in there["backup-target-web-prune"]["script"]
    kept, there = units(stack(append_only=False))
    assert kept[-1] == "--group-by host"
    assert "backup-target-web-prune" not in there
    repositories = [s.name for s in build.plan(stack(append_only=False)).secrets.on("nas")]
    assert "restic-web-aurora-password" not in repositories


def test_the_host_of_the_server_backs_up_to_the_directory_itself() -> None:
    plan = build.plan(stack())
    job = next(j for j in plan.backup.on("nas") if (j.name, j.target) == ("jellyfin", "web"))
    assert (job.repository, job.environment, job.keeps_all) == (
        "/mnt/usb/rest/nas/jellyfin",
        "",
        False,
    )


def test_somebody_elses_server_that_keeps_all_is_not_asked_to_delete() -> None:
    far: Changes = {"kind": "rest", "path": "https://backup.example.net/me", "append_only": True}
    changes = household(
        {"services": {"vaultwarden": {"host": "aurora"}}, "backup": {"targets": {"far": far}}}
    )
    plan = build.plan(changes)
    made = evaluated(modules(plan, plan.hosts["aurora"]), Path("/packages"))
    backup = made["services"]["restic"]["backups"]["vaultwarden-far"]
    assert backup["repository"] == "rest:https://backup.example.net/me/aurora/vaultwarden"
    assert backup["pruneOpts"] == []


def test_nothing_creates_the_directory_while_its_disk_is_not_mounted(tmp_path: Path) -> None:
    """nixpkgs' module creates the home of its user. With privateRepos it also has the tmpfiles rule
    `f DIR/.htpasswd`, for any htpasswd-file, and tmpfiles creates the directory of a file.
    """
    plan = build.plan(stack())
    server = of_host(stack(), "services.restic.server", tmp_path)
    assert "privateRepos" not in server
    assert server["extraFlags"] == ["--private-repos"]
    (module,) = rest.modules(plan, plan.hosts["nas"])
    assert "tmpfiles" not in str(module.derived)
    assert of_host(stack(), "users.users.restic.createHome", tmp_path) is False
    units = of_host(stack(), "systemd.services", tmp_path)
    for unit in ("restic-rest-server", "backup-target-web", "backup-target-web-prune"):
        assert "/mnt/usb/rest" in units[unit]["unitConfig"]["RequiresMountsFor"]
