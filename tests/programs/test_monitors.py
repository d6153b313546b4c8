"""Monitoring: Prometheus' settings, Gatus' probes, and alerts that arrive at a real ntfy."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml

from homelab.monitoring.gatus import notify_script
from tests import build
from tests.household import Changes, household
from tests.programs.rendered import ALL, planned, running, settings
from tests.proxy import rig
from tests.proxy.running import await_port
from tests.tools.programs import need_here, run

MEASURED: Changes = {
    "services": {
        "prometheus": {"host": "pi", "never_publish": "Grafana asks it"},
        "node-exporter": {"host": "pi"},
        "systemd-exporter": {"host": "pi"},
    }
}


@pytest.mark.requirement("S0-47")
def test_prometheus_accepts_its_settings(tmp_path: Path) -> None:
    """With a job for each exporter beside it."""
    plan = build.plan(household(MEASURED))
    ((_, found),) = settings(plan, "services.prometheus", tmp_path)
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump({"scrape_configs": found["scrapeConfigs"]}), encoding="utf-8")
    done = run("promtool", "check", "config", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(j["job_name"] for j in found["scrapeConfigs"]) == ["node", "systemd"]


class _Up(BaseHTTPRequestHandler):
    """Answers 200, or 500 while `down` is set."""

    down: threading.Event

    def log_message(self, *args: object) -> None:
        """Do nothing."""

    def do_GET(self) -> None:
        self.send_response(500 if self.down.is_set() else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def ntfy(directory: Path, *, locked: bool = False) -> Iterator[tuple[int, str]]:
    """A real ntfy server. Yields its port, and a token if it requires one."""
    need_here("ntfy")
    (port,) = rig.free_ports(1)
    said: dict[str, Any] = {
        "base-url": f"http://127.0.0.1:{port}",
        "listen-http": f"127.0.0.1:{port}",
        "cache-file": str(directory / "cache.db"),
    }
    if locked:
        said |= {"auth-file": str(directory / "auth.db"), "auth-default-access": "deny-all"}
    file = directory / "ntfy.yml"
    file.write_text(yaml.safe_dump(said), encoding="utf-8")
    log = directory / "ntfy.log"
    env = {**os.environ, "NTFY_PASSWORD": "of nobody", "HOME": str(directory)}
    with running(["ntfy", "serve", "--config", str(file)], log, env) as process:
        await_port(port, process, log)
        token = ""
        if locked:
            for words in (("user", "add", "--role=admin", "sam"), ("token", "add", "sam")):
                done = subprocess.run(
                    ["ntfy", words[0], "--config", str(file), *words[1:]],
                    capture_output=True,
                    text=True,
                    check=False,
                    env=env,
                )
                assert done.returncode == 0, done.stdout + done.stderr
            token = next(
                w.strip(",") for w in (done.stdout + done.stderr).split() if w.startswith("tk_")
            )
        yield port, token


def messages(port: int, topic: str, token: str = "") -> list[dict[str, Any]]:
    """The messages of a topic."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request("GET", f"/{topic}/json?poll=1", headers=headers)
    text = connection.getresponse().read().decode()
    return [json.loads(line) for line in text.splitlines() if line]


def awaited(port: int, topic: str, token: str, count: int) -> list[str]:
    """Wait for this many messages of a topic. Returns titles and texts."""
    for _ in range(300):
        found = messages(port, topic, token)
        if len(found) >= count:
            return [f"{m.get('title', '')} {m.get('message', '')}" for m in found]
        time.sleep(0.1)
    raise AssertionError(found)


def gatus_config(found: dict[str, Any], directory: Path, port: int) -> Path:
    """The file that services.gatus would write."""
    found["web"] = {"address": "127.0.0.1", "port": port}
    file = directory / "gatus.yaml"
    file.write_text(yaml.safe_dump(found), encoding="utf-8")
    return file


WATCHED = [n for n in ALL if planned(n).monitoring is not None]


@pytest.mark.parametrize("name", WATCHED)
@pytest.mark.requirement("S0-45")
def test_gatus_accepts_its_settings(name: str, tmp_path: Path) -> None:
    """Every probe, with its conditions and its alerts."""
    need_here("gatus")
    ((_, found),) = settings(planned(name), "services.gatus.settings", tmp_path)
    (port,) = rig.free_ports(1)
    file, log = gatus_config(found, tmp_path, port), tmp_path / "log"
    env = {"PATH": os.environ["PATH"], "GATUS_CONFIG_PATH": str(file), "NTFY_TOPIC": "t"}
    with running(["gatus"], log, env, tmp_path) as process:
        await_port(port, process, log)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/api/v1/config")
        assert connection.getresponse().status == 200
    said = log.read_text(encoding="utf-8").lower()
    assert "invalid" not in said, said
    assert "panic" not in said, said


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.requirement("S0-45")
def test_an_alert_arrives_when_an_app_fails_and_when_it_recovers(
    locked: bool, tmp_path: Path
) -> None:
    """Topic and token come from its environment and are not in its file."""
    need_here("gatus")
    down = threading.Event()
    down.set()
    handler = type("Up", (_Up,), {"down": down})
    with ExitStack() as stack:
        port, token = stack.enter_context(ntfy(tmp_path, locked=locked))
        app = stack.enter_context(rig.serving(rig.Server(("127.0.0.1", 0), handler)))
        ref: Changes = {"token": {"sops": "ntfy/token"}} if locked else {}
        told: Changes = {
            "monitoring": {
                "ntfy": {"url": f"http://127.0.0.1:{port}", "topic": {"sops": "ntfy/topic"}, **ref},
                "failures": 2,
                "interval": "1s",
            },
            "services": {"gatus": {"host": "pi"}, "miniflux": {"host": "pi", "name": "news"}},
        }
        plan = build.plan(household(told))
        ((_, found),) = settings(plan, "services.gatus.settings", tmp_path)
        (probe,) = [e for e in found["endpoints"] if e["name"] == "news"]
        found["endpoints"] = [{**probe, "url": f"http://127.0.0.1:{app}/"}]
        (page,) = rig.free_ports(1)
        file, log = gatus_config(found, tmp_path, page), tmp_path / "gatus.log"
        assert not token or token not in file.read_text()
        env = {"PATH": os.environ["PATH"], "GATUS_CONFIG_PATH": str(file), "NTFY_TOPIC": "hush"}
        if locked:
            env["NTFY_TOKEN"] = token
        process = stack.enter_context(running(["gatus"], log, env, tmp_path))
        (alert,) = awaited(port, "hush", token, 1)
        assert "news" in alert
        down.clear()
        assert "resolved" in " ".join(awaited(port, "hush", token, 2)).lower()
        assert process.poll() is None


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.requirement("S0-45")
def test_a_unit_that_fails_is_reported(locked: bool, tmp_path: Path) -> None:
    """The rendered `notify@` with a real curl; the message arrives at the server."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, body in (("sleep", ""), ("systemctl", "exit 0"), ("journalctl", "echo disk full")):
        (tools / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    with ntfy(tmp_path, locked=locked) as (port, token):
        env = {
            "PATH": f"{tools}:/usr/bin:/bin",
            "NTFY_URL": f"http://127.0.0.1:{port}",
            "NTFY_TOPIC": "hush",
            "NTFY_TOKEN": token,
        }
        words = ["bash", "-euc", notify_script(token=locked), "notify", "restic-backups-a-b"]
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (told,) = messages(port, "hush", token)
        assert told["title"].startswith("restic-backups-a-b.service failed on ")
        assert told["message"] == "disk full"
        assert told["priority"] == 5
        if locked:
            shut = subprocess.run(
                ["bash", "-euc", notify_script(token=False), "notify", "x"],
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
            assert shut.returncode != 0
            assert len(messages(port, "hush", token)) == 1
