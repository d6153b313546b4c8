"""Everything with a name is watched, by somebody who can tell whether it works."""

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
def test_without_a_monitor_nothing_is_watched() -> None:
    assert build.plan(household()).monitoring is None


@pytest.mark.requirement("S0-45")
def test_an_app_that_asks_for_itself_is_watched_the_whole_way() -> None:
    """Name, certificate, proxy and app."""
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
def test_behind_the_gate_the_app_itself_is_asked(changes: Changes, url: str) -> None:
    """A gate would answer for a dead app, except where it lets everybody pass."""
    probe = probes(changes)["navidrome"]
    assert (probe.url, probe.proves) == (url, True)


@pytest.mark.requirement("S0-45")
def test_past_the_gate_the_app_hears_what_the_proxy_would_say() -> None:
    """An app that knows its own name alone answers any other with an error."""
    assert """\
            headers = {
              Host = "navidrome.home.example.org";
              X-Forwarded-Proto = "https";
            };
""" in text(on("aurora", auth="forward"))


@pytest.mark.requirement("S0-45", "S0-12")
def test_an_app_with_a_certificate_of_its_own_is_believed_at_its_address() -> None:
    route = {"name": "music", "auth": "forward", "upstream": {"scheme": "https"}}
    rendered = text(on("aurora", routes=[route]))
    assert 'url = "https://192.168.1.10:4533/ping";' in rendered
    assert rendered.count("client.insecure = true;") == 1


@pytest.mark.requirement("S0-12")
def test_a_monitor_that_cannot_dial_the_app_says_so() -> None:
    """And naming the app under `uses` opens the way."""
    away: Changes = {"services": {"gatus": {"host": "aurora"}}}
    route = {"name": "video", "auth": "forward", "exempt": []}
    there: Changes = {"services": {"jellyfin": {"host": "workstation", "routes": [route]}}}
    (message,) = found("monitor-proves", STATUS, there, away)
    assert "services.gatus.uses: [jellyfin]" in message
    opened: Changes = {"services": {"gatus": {"uses": ["jellyfin"]}}}
    assert found("monitor-proves", STATUS, there, away, opened) == []
    assert probes(there, away, opened)["video"].url == "http://192.168.1.20:8096/health"


@pytest.mark.requirement("S0-12")
def test_an_app_that_believes_headers_is_asked_from_the_proxys_host() -> None:
    """To open it to the monitor would open it past the gate."""
    away: Changes = {"services": {"gatus": {"host": "aurora"}}}
    there = on("workstation", auth="forward")
    (message,) = found("monitor-proves", STATUS, there, away)
    assert "services.gatus.host: pi" in message
    assert found("monitor-proves", STATUS, there) == []


@pytest.mark.requirement("S0-45")
def test_the_resolver_is_asked_for_a_name_of_the_house() -> None:
    probe = probes()["resolver"]
    assert (probe.url, probe.dns) == ("192.168.1.2", ("gatus.home.example.org", "192.168.1.2"))
    assert '"[BODY] == 192.168.1.2"' in text()


@pytest.mark.requirement("S0-05")
def test_a_host_that_sleeps_raises_no_alarm() -> None:
    assert probes(on("workstation"))["navidrome"].relaxed
    assert not probes(on("aurora"))["navidrome"].relaxed
    rendered = text(NTFY, on("workstation"), {"services": {"vaultwarden": {"host": "aurora"}}})
    endpoints = rendered.split("\n          {\n")
    (offline,) = [e for e in endpoints if 'name = "navidrome";' in e]
    (awake,) = [e for e in endpoints if 'name = "vaultwarden";' in e]
    assert "alerts" not in offline
    assert "alerts = [" in awake


@pytest.mark.requirement("S0-45", "S0-43")
def test_the_topic_is_never_in_the_text() -> None:
    """Gatus takes it from its environment, apart from the URL."""
    rendered = text(NTFY)
    assert 'environmentFile = "/run/secrets/rendered/ntfy-topic";' in rendered
    assert 'topic = "\\${NTFY_TOPIC}";' in rendered
    assert 'url = "https://ntfy.sh";' in rendered
    assert "alerting" not in text()


@pytest.mark.requirement("S0-45", "S0-79")
def test_a_topic_in_the_url_is_refused() -> None:
    """Gatus would take it and send no alert, ever."""
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
def test_a_host_that_is_only_planned_is_not_watched() -> None:
    planned: Changes = {"hosts": {"aurora": {"state": "planned"}}}
    assert "navidrome" not in probes(on("aurora"), planned)
    assert found("monitor-intent", STATUS, on("aurora"), planned) == []


@pytest.mark.requirement("S1-15")
def test_two_probes_of_one_name_are_an_error() -> None:
    """The message names both owners."""
    (message,) = found("monitor-name-unique", STATUS, on("aurora", name="resolver"))
    assert "network.dns" in message
    assert "services.navidrome" in message
    assert found("monitor-name-unique", STATUS, on("aurora")) == []


@pytest.mark.requirement("S0-45")
def test_somebody_watches_the_watcher() -> None:
    """Here Cloudflare, which mails when the tunnel of the monitor's host goes down."""
    (message,) = found("monitor-independent", STATUS)
    assert "nothing monitors pi" in message
    assert "monitoring.email" in message
    mailed: Changes = {
        "monitoring": {"email": "sam@example.org"},
        "services": {"navidrome": {"host": "aurora", "publish": "tunnel"}},
    }
    assert found("monitor-independent", STATUS, mailed) == []


@pytest.mark.requirement("S0-05")
def test_the_family_does_not_wait_for_a_host_that_sleeps() -> None:
    """The message names both."""
    models: Changes = {"services": {"ollama": {"host": "workstation"}}}
    needs = on("aurora", uses=["ollama"])
    (message,) = found("sleepy-dependency", models, needs)
    assert "navidrome on aurora needs ollama on workstation, which is not always on" in message
    assert found("sleepy-dependency", models, needs, {"services": {"ollama": {"host": "pi"}}}) == []


@pytest.mark.parametrize(("failed", "sent"), [("true", True), ("false", False)])
@pytest.mark.requirement("S0-43")
def test_a_failure_that_mended_itself_is_no_news(tmp_path: Path, failed: str, sent: bool) -> None:
    """And the topic is in no argument."""
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
        [bash, "-euc", notify_script(token=False), "notify", "restic-backups-a-b"],
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


@pytest.mark.requirement("S0-45")
def test_a_server_that_asks_for_a_token_is_given_one() -> None:
    """From a file of its own, and neither in the text nor among a process' arguments."""
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


def test_a_dollar_in_a_title_is_a_dollar_to_gatus() -> None:
    """Gatus fills in `$name` all over its file; two dollars are one."""
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
