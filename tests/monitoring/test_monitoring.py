"""Every route has a health check that tests the app itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from homelab.monitoring.gatus import notify_script
from homelab.monitoring.model import MonitoringPlan, Probe
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes, household

STATUS: Changes = {"services": {"gatus": {"host": "pi"}}}
NTFY: Changes = {"monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}}}


def watched(*changes: Changes) -> MonitoringPlan:
    plan = build.plan(household(STATUS, *changes)).monitoring
    assert plan is not None
    return plan


def probes(*changes: Changes) -> dict[str, Probe]:
    return {p.name: p for p in watched(*changes).probes}


def text(*changes: Changes, host: str = "pi") -> str:
    return build.render(household(STATUS, *changes))[host]["monitoring.nix"]


def found(check: str, *changes: Changes) -> list[str]:
    return [str(p) for p in build.found(household(*changes), check)]


def on(host: str, **more: object) -> Changes:
    return {"services": {"navidrome": {"host": host, **more}}}


@pytest.mark.requirement("S0-45")
def test_without_a_monitor_there_are_no_health_checks() -> None:
    assert build.plan(household()).monitoring is None


@pytest.mark.requirement("S0-45")
def test_an_app_with_its_own_sign_in_is_checked_by_its_name() -> None:
    """The check includes name, certificate, proxy and app."""
    vault = probes({"services": {"vaultwarden": {"host": "aurora", "name": "vault"}}})["vault"]
    assert vault.url == "https://vault.home.example.org/alive"
    assert vault.conditions == ("[STATUS] == 200",)


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        (on("aurora", auth="forward"), "http://192.168.1.10:4533/ping"),
        (on("pi", auth="forward"), "http://127.0.0.1:4533/ping"),
        (
            on("aurora", auth="forward", monitor={"path": "/rest/ping"}),
            "https://navidrome.home.example.org/rest/ping",
        ),
    ],
)
@pytest.mark.requirement("S0-45", "S0-12")
def test_behind_forward_auth_the_check_calls_the_app_itself(changes: Changes, url: str) -> None:
    """The auth proxy would answer for a dead app, except on exempt paths."""
    probe = probes(changes)["navidrome"]
    assert (probe.url, probe.proves) == (url, True)


@pytest.mark.requirement("S0-45")
def test_a_check_at_the_port_of_an_app_sends_the_headers_of_the_proxy() -> None:
    """An app that accepts only its own name answers any other with an error."""
    assert """\
            headers = {
              Host = "navidrome.home.example.org";
              X-Forwarded-Proto = "https";
            };
""" in text(on("aurora", auth="forward"))


@pytest.mark.requirement("S0-45", "S0-12")
def test_a_check_by_address_accepts_the_certificate_of_the_app() -> None:
    route = {"name": "music", "auth": "forward", "upstream": {"scheme": "https"}}
    rendered = text(on("aurora", routes=[route]))
    assert 'url = "https://192.168.1.10:4533/ping";' in rendered
    assert rendered.count("client.insecure = true;") == 1


@pytest.mark.requirement("S0-12")
def test_a_check_that_can_only_reach_the_auth_proxy_is_a_warning() -> None:
    """Naming the app under `uses` of the monitor opens its port."""
    away: Changes = {"services": {"gatus": {"host": "aurora"}}}
    route = {"name": "video", "auth": "forward", "exempt": []}
    there: Changes = {"services": {"jellyfin": {"host": "workstation", "routes": [route]}}}
    (message,) = found("monitor-proves", STATUS, there, away)
    assert "services.gatus.uses: [jellyfin]" in message
    opened: Changes = {"services": {"gatus": {"uses": ["jellyfin"]}}}
    assert found("monitor-proves", STATUS, there, away, opened) == []
    assert probes(there, away, opened)["video"].url == "http://192.168.1.20:8096/health"


@pytest.mark.requirement("S0-12")
def test_an_app_that_trusts_headers_is_checked_from_the_host_of_the_proxy() -> None:
    """An opening for the monitor would bypass the auth proxy."""
    away: Changes = {"services": {"gatus": {"host": "aurora"}}}
    there = on("workstation", auth="forward")
    (message,) = found("monitor-proves", STATUS, there, away)
    assert "services.gatus.host: pi" in message
    assert found("monitor-proves", STATUS, there) == []


@pytest.mark.requirement("S0-45")
def test_the_check_of_the_resolver_resolves_an_internal_name() -> None:
    probe = probes()["resolver"]
    assert (probe.url, probe.dns) == ("192.168.1.2", ("gatus.home.example.org", "192.168.1.2"))
    assert '"[BODY] == 192.168.1.2"' in text()


@pytest.mark.requirement("S0-05")
def test_a_failure_on_an_offline_host_sends_no_alert() -> None:
    assert probes(on("workstation"))["navidrome"].relaxed
    assert not probes(on("aurora"))["navidrome"].relaxed
    rendered = text(NTFY, on("workstation"), {"services": {"vaultwarden": {"host": "aurora"}}})
    endpoints = rendered.split("\n          {\n")
    (offline,) = [e for e in endpoints if 'name = "navidrome";' in e]
    (awake,) = [e for e in endpoints if 'name = "vaultwarden";' in e]
    assert "alerts" not in offline
    assert "alerts = [" in awake


@pytest.mark.requirement("S0-45", "S0-43")
def test_no_generated_file_has_the_topic() -> None:
    """Gatus reads it from its environment, separately from the URL."""
    rendered = text(NTFY)
    assert 'environmentFile = "/run/secrets/rendered/ntfy-topic";' in rendered
    assert 'topic = "\\${NTFY_TOPIC}";' in rendered
    assert 'url = "https://ntfy.sh";' in rendered
    assert "alerting" not in text()


@pytest.mark.requirement("S0-45", "S0-79")
def test_a_topic_in_the_url_is_refused() -> None:
    """Gatus would accept it and never send an alert."""
    joined: Changes = {"monitoring": {"ntfy": {"url": "https://ntfy.sh/hushhush"}}}
    with pytest.raises(InvalidStackError, match=r"monitoring\.ntfy\.url") as refused:
        build.stack_config(household(NTFY, joined))
    assert "hushhush" not in str(refused.value)


@pytest.mark.requirement("S0-45")
def test_a_skip_is_listed_with_its_reason() -> None:
    skipped = on("aurora", monitor={"skip": "it is a toy"})
    assert ("navidrome", "it is a toy") in watched(skipped).skipped
    assert "navidrome" not in probes(skipped)


@pytest.mark.requirement("S0-45")
def test_the_monitor_may_call_the_port_of_an_app_without_a_page() -> None:
    """Nothing in the stack says so, and no other host may call it."""
    broker: Changes = {"services": {"mosquitto": {"host": "aurora"}}}
    assert probes(broker)["mosquitto"].url == "tcp://192.168.1.10:1883"
    assert found("monitor-intent", STATUS, broker) == []
    plan = build.plan(household(STATUS, broker))
    (service,) = (s for s in plan.services if s.name == "mosquitto")
    assert service.callers == ("pi",)
    skipped: Changes = {"services": {"mosquitto": {"monitor": {"skip": "it is a toy"}}}}
    plan = build.plan(household(STATUS, broker, skipped))
    (service,) = (s for s in plan.services if s.name == "mosquitto")
    assert service.callers == ()


@pytest.mark.requirement("S0-45")
def test_a_planned_host_is_not_monitored() -> None:
    planned: Changes = {"hosts": {"aurora": {"state": "planned"}}}
    assert "navidrome" not in probes(on("aurora"), planned)
    assert found("monitor-intent", STATUS, on("aurora"), planned) == []


@pytest.mark.requirement("S1-15")
def test_two_health_checks_with_one_name_are_an_error() -> None:
    """The message names both owners."""
    (message,) = found("monitor-name-unique", STATUS, on("aurora", name="resolver"))
    assert "network.dns" in message
    assert "services.navidrome" in message
    assert found("monitor-name-unique", STATUS, on("aurora")) == []


@pytest.mark.requirement("S0-45")
def test_a_monitor_that_nothing_monitors_is_a_warning() -> None:
    """Cloudflare can monitor it: it sends a mail when the tunnel of its host is down."""
    (message,) = found("monitor-independent", STATUS)
    assert "nothing monitors pi" in message
    assert "monitoring.email" in message
    mailed: Changes = {
        "monitoring": {"email": "sam@example.org"},
        "services": {"navidrome": {"host": "aurora", "publish": "tunnel"}},
    }
    assert found("monitor-independent", STATUS, mailed) == []


@pytest.mark.requirement("S0-05")
def test_a_service_of_the_family_that_needs_an_offline_host_is_a_warning() -> None:
    """The message names both."""
    models: Changes = {"services": {"ollama": {"host": "workstation"}}}
    needs = on("aurora", uses=["ollama"])
    (message,) = found("sleepy-dependency", models, needs)
    assert "navidrome on aurora needs ollama on workstation, which is not always on" in message
    assert found("sleepy-dependency", models, needs, {"services": {"ollama": {"host": "pi"}}}) == []


@pytest.mark.parametrize("suffix", ["", ".service"])
@pytest.mark.parametrize(("failed", "sent"), [("true", True), ("false", False)])
@pytest.mark.requirement("S0-43")
def test_a_unit_that_has_recovered_sends_no_alert(
    tmp_path: Path, failed: str, sent: bool, suffix: str
) -> None:
    """The topic is not an argument of a process."""
    bash = shutil.which("bash")
    assert bash
    for name, body in {
        "sleep": "",
        "systemctl": failed,
        "journalctl": "echo disk full",
        "uname": "echo nas",
        "curl": f'printf "%s\\n" "$@" >{tmp_path}/args; cat "$6" >{tmp_path}/config; cat',
    }.items():
        tool = tmp_path / name
        tool.write_text(f"#!{bash}\n{body}\n", encoding="utf-8")
        tool.chmod(0o755)
    out = subprocess.run(
        [bash, "-euc", notify_script(token=False), "notify", f"restic-backups-a-b{suffix}"],
        check=True,
        capture_output=True,
        text=True,
        env={
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "NTFY_URL": "https://ntfy.sh",
            "NTFY_TOPIC": "hushhush",
        },
    )
    assert (out.stdout == "disk full\n") is sent
    if sent:
        arguments = (tmp_path / "args").read_text()
        assert "Title: restic-backups-a-b.service failed on nas" in arguments
        assert "hushhush" not in arguments


OWN: Changes = {
    "services": {"ntfy": {"host": "aurora", "name": "alert"}},
    "monitoring": {
        "ntfy": {
            "url": "https://alert.home.example.org",
            "topic": {"sops": "ntfy/topic"},
            "token": {"sops": "ntfy/token"},
        }
    },
}


@pytest.mark.requirement("S0-44")
def test_a_host_finds_the_homes_own_server_without_its_resolver() -> None:
    """The resolver's own host does not ask its own resolver."""
    entry = build.plan(household(STATUS, OWN)).hosts["pi"].lan
    assert f'networking.hosts."{entry}" = [ "alert.home.example.org" ];' in text(OWN)
    assert "networking.hosts" not in text(NTFY)


@pytest.mark.requirement("S0-44")
def test_alerts_to_the_homes_own_server_need_its_token() -> None:
    assert found("alert-delivered", STATUS, OWN) == []
    (told,) = found("alert-delivered", STATUS, OWN, {"monitoring": {"ntfy": {"token": None}}})
    assert "lets nobody publish without an access token" in told


@pytest.mark.requirement("S0-44")
@pytest.mark.parametrize(
    "place",
    ["192.168.1.10:2586", "100.64.0.10:2586", "aurora:2586", "aurora.local", "localhost:2586"],
)
def test_the_homes_own_server_is_named_by_its_route(place: str) -> None:
    """At the port of its host, only the reverse proxy reaches it."""
    changes: Changes = {"monitoring": {"ntfy": {"url": f"http://{place}"}}}
    (told,) = found("alert-delivered", STATUS, OWN, changes)
    assert "this is ntfy by its host aurora" in told
    assert "write https://alert.home.example.org" in told
    (port,) = (p for p in build.plan(household(OWN)).firewall.on("aurora") if p.port == 2586)
    assert (port.owner, port.scope) == ("ntfy", "hosts")


def test_a_server_that_only_the_modules_of_a_host_run_may_get_alerts() -> None:
    """The plan does not know their ports."""
    changes: Changes = {
        "monitoring": {"ntfy": {"url": "http://aurora:2586", "topic": {"sops": "ntfy/topic"}}}
    }
    (told,) = found("alert-delivered", STATUS, changes)
    assert "no service of the stack answers at port 2586 of aurora" in told
    own: Changes = {"hosts": {"aurora": {"modules": ["ntfy.nix"]}}}
    assert found("alert-delivered", STATUS, changes, own) == []
    away: Changes = {"monitoring": {"ntfy": {"url": "http://192.168.1.99:2586"}}}
    assert found("alert-delivered", STATUS, changes, away) == []


@pytest.mark.requirement("S0-45")
def test_a_server_that_requires_a_token_gets_it() -> None:
    """From its own file. The token is in no generated file and no argument of a process."""
    locked: Changes = {
        "monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}, "token": {"sops": "ntfy/token"}}}
    }
    told = text(locked)
    assert 'token = "\\${NTFY_TOKEN}";' in told or "''${NTFY_TOKEN}" in told
    assert told.count("ntfy-token") == 2
    assert "Authorization: Bearer" in told
    assert "Bearer" not in text(NTFY)
    keys = {s.key for s in build.plan(household(STATUS, locked)).secrets.on("pi")}
    assert {"ntfy/topic", "ntfy/token"} <= keys


def test_a_dollar_in_a_title_is_literal_for_gatus() -> None:
    """Gatus expands `$name` anywhere in its file; two dollars stand for one."""
    board = {
        "host": "nas",
        "port": 8099,
        "container": {"image": "ghcr.io/a/b:1@sha256:" + "0" * 64, "port": 80},
        "backup": {"skip": "it keeps nothing"},
        "tile": {"group": "$HOME films"},
    }
    said = text({"services": {"board": board}}, NTFY)
    assert 'group = "$$HOME films";' in said
    assert '"\\${NTFY_TOPIC}"' in said
