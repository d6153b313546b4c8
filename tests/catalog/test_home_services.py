"""Services of homes: what each writes on its host, and what is kept of it."""

from __future__ import annotations

import pytest

from homelab import testing
from homelab.plan import Plan
from tests import build
from tests.household import Changes

TARGET: Changes = {"backup": {"targets": {"b": {"kind": "local", "host": "nas", "path": "/srv/r"}}}}


def of(name: str, **more: object) -> Changes:
    return testing.merged(TARGET, {"services": {name: {"host": "nas", **more}}})


def nix(name: str, **more: object) -> str:
    return " ".join(build.render(of(name, **more))["nas"][f"services/{name}.nix"].split())


def variables(plan: Plan, name: str) -> dict[str, str]:
    return {k: v for s in plan.secrets.on("nas") if s.service == name for k, v in s.env}


def test_the_proxy_speaks_https_to_unifi_and_its_devices_reach_it() -> None:
    plan = build.plan(of("unifi"))
    (route,) = plan.routes_of("unifi")
    assert (route.scheme, route.verify) == ("https", False)
    open_to = {(p.port, p.protocol): p.scope for p in plan.ports if p.owner == "unifi"}
    assert {p for p, scope in open_to.items() if scope == "lan"} == {
        (8080, "tcp"),
        (3478, "udp"),
        (10001, "udp"),
    }
    unfree = build.render(of("unifi"))["nas"]["nix.nix"]
    assert '"unifi-controller"' in unfree
    assert '"mongodb"' in unfree


@pytest.mark.parametrize("name", ["unifi", "anki-sync-server", "nzbhydra2", "traccar"])
def test_what_is_not_consistent_while_it_runs_is_stopped_for_its_backup(name: str) -> None:
    plan = build.plan(of(name))
    (job,) = [j for j in plan.backup.jobs if j.name == name]
    (service,) = plan.instances(name)
    assert service.entry.maintenance is not None
    unit = f"{service.units[0]}.service"
    assert service.entry.maintenance.on == ("systemctl", "stop", unit)
    assert service.entry.maintenance.off == ("systemctl", "start", unit)
    assert job.paths == service.state


def test_an_account_comes_with_the_secret_of_the_service() -> None:
    assert variables(build.plan(of("silverbullet")), "silverbullet")["SB_USER"].endswith(":{value}")
    assert "CORE_SECRET" in variables(build.plan(of("zipline")), "zipline")
    text = nix("anki-sync-server")
    assert 'passwordFile = "/run/homelab/secrets/anki-sync-server-anki"; username = "anki";' in text


def test_gotosocial_has_postgresql_by_the_socket_or_by_the_network() -> None:
    here = of("gotosocial", databases={"postgresql": {"host": "nas"}})
    text = " ".join(build.render(here)["nas"]["services/gotosocial.nix"].split())
    assert 'db-address = "/run/postgresql";' in text
    assert 'db-user = "gotosocial";' in text
    assert "GTS_DB_PASSWORD" not in variables(build.plan(here), "gotosocial")
    away = testing.merged(
        TARGET,
        {"services": {"gotosocial": {"host": "pi", "databases": {"postgresql": {"host": "nas"}}}}},
    )
    (secret,) = [s for s in build.plan(away).secrets.on("pi") if s.name == "gotosocial-postgresql"]
    assert secret.env == (("GTS_DB_PASSWORD", "{value}"),)


def test_settings_of_traccar_are_texts() -> None:
    web = 'settings.web = { address = "0.0.0.0"; port = "8082"; url = "https://traccar.home.'
    assert web in nix("traccar")


def test_scans_are_in_a_dataset_whose_group_may_write() -> None:
    changes: Changes = {
        "datasets": {"papers": {"host": "nas", "path": "/mnt/papers", "tier": "user"}},
        **of("scanservjs", datasets={"scans": "papers"}),
    }
    files = build.render(changes)["nas"]
    assert 'outputDirectory = "/mnt/papers";' in files["services/scanservjs.nix"]
    sandbox = files["hardening.nix"]
    assert 'UMask = lib.mkOverride 900 "0002";' in sandbox or '"0002"' in sandbox


def test_the_database_of_wakapi_is_where_its_dump_reads_it() -> None:
    changes = testing.merged({"nixpkgs": {"default": {"release": "26.05"}}}, of("wakapi"))
    text = build.render(changes)["nas"]["services/wakapi.nix"]
    assert 'name = "/var/lib/wakapi/wakapi_db.db";' in text
    (job,) = [j for j in build.plan(changes).backup.jobs if j.name == "wakapi"]
    assert [source for _, source, _ in job.dumps] == ["/var/lib/private/wakapi/wakapi_db.db"]


def test_hledger_has_a_journal_at_its_first_start_that_people_add_to() -> None:
    text = nix("hledger-web")
    assert '"f /var/lib/hledger-web/.hledger.journal 0640 hledger hledger -"' in text
    assert 'allow = "add";' in text


def test_the_redis_of_send_has_a_port_of_its_own() -> None:
    plan = build.plan(of("send"))
    assert {p.port for p in plan.ports if p.owner == "send"} == {1443, 6379}
    assert "redis.port = 6379;" in nix("send")


def test_mollysocket_is_for_accounts_that_its_owner_names() -> None:
    (problem,) = build.found(of("mollysocket"), "option-demanded")
    assert "allowed_uuids" in problem.what


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("nzbhydra2", ("/api", "/torznab/*")),
        ("libretranslate", ("/translate", "/languages")),
    ],
)
def test_what_programs_call_passes_the_auth_proxy(name: str, paths: tuple[str, ...]) -> None:
    identity: Changes = {"identity": {"host": "nas", "users": {"sops": "authelia/users"}}}
    plan = build.plan(testing.merged(identity, of(name, auth="forward")))
    (route,) = plan.routes_of(name)
    assert route.auth == "forward"
    assert set(paths) <= {*route.exempt}
