"""The heartbeat for a service elsewhere: who sends it, how often, and that its address is secret."""

from __future__ import annotations

import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from homelab.deploy.plan import policy_of
from homelab.monitoring.heartbeat import SCRIPT
from homelab.render import modules_of
from tests import build
from tests.household import Changes

pytestmark = pytest.mark.requirement("S0-82")
BEAT: Changes = {
    "monitoring": {"heartbeat": {"host": "pi", "url": {"sops": "heartbeat/url"}, "every": "90s"}}
}


def test_the_named_host_alone_sends_it_and_has_its_address_as_a_secret() -> None:
    plan = build.plan(BEAT)
    sent = {
        name: module.derived
        for name, host in plan.hosts.items()
        for module in modules_of(plan, host)
        if module.file == "heartbeat.nix"
    }
    assert list(sent) == ["pi"]
    text = repr(sent["pi"])
    assert "'OnUnitInactiveSec': '90s'" in text
    assert "notify@" not in text
    (secret,) = (s for s in plan.secrets.secrets if s.service == "heartbeat")
    assert (secret.host, secret.source, secret.key) == ("pi", "stored", "heartbeat/url")
    assert secret.units == ("homelab-heartbeat.service",)
    assert f"url:{secret.path}" in text


def test_a_service_that_does_not_answer_takes_no_deployment_back() -> None:
    plan = build.plan(BEAT)
    may_fail = {name: policy_of(plan.stack, host).may_fail for name, host in plan.hosts.items()}
    assert "homelab-heartbeat.service" in may_fail["pi"]
    assert "homelab-heartbeat.service" not in may_fail["nas"]


def test_the_script_asks_the_address_without_naming_it_to_other_users(tmp_path: Path) -> None:
    asked: list[str] = []

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if "right" in self.path else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        codes = []
        for key in ("right", "wrong"):
            address = f"http://127.0.0.1:{server.server_port}/ping/{key}?msg=a%20b"
            (tmp_path / "url").write_text(f"{address}\n")
            done = subprocess.run(
                ["bash", "-euxo", "pipefail", "-c", SCRIPT],
                env={"CREDENTIALS_DIRECTORY": str(tmp_path), "PATH": "/usr/bin:/bin"},
                capture_output=True,
                text=True,
                check=False,
            )
            codes.append(done.returncode)
            (command,) = (li for li in done.stderr.splitlines() if li.startswith("+ curl"))
            assert key not in command
    finally:
        server.shutdown()
        server.server_close()
    assert asked[0] == "/ping/right?msg=a%20b"
    assert (codes[0], codes[1] != 0) == (0, True)
