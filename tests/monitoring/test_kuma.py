"""Uptime Kuma gets the monitors of the stack, from a unit that changes nothing else there."""

from __future__ import annotations

import http.server
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homelab.monitoring import kuma_sync
from homelab.monitoring.kuma_sync import MARK
from homelab.problems import InvalidStackError
from tests import build

pytestmark = pytest.mark.requirement("S1-14", "S1-15")

PROBE = {
    "name": "shop",
    "url": "https://shop.example.org/",
    "seconds": 60,
    "failures": 3,
    "relaxed": False,
    "keyword": "",
    "headers": {},
    "dns": None,
}


LONGEST = 2073600
"""MAX_INTERVAL_SECOND of src/util.js of louislam/uptime-kuma: 24 days."""


class Kuma(http.server.ThreadingHTTPServer):
    """Socket.IO by polling, and as much of Uptime Kuma as the unit uses."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.packets: queue.Queue[str] = queue.Queue()
        self.monitors: dict[str, dict[str, Any]] = {}
        self.account: tuple[str, str] | None = None
        self.second_factor = False
        self.version = "2.0.2"
        self.opening = '0{"sid":"a"}'
        self.requests = 0
        self.calls: list[str] = []

    def receive(self, packet: str) -> None:
        if packet == "40":
            self.packets.put('40{"sid":"x"}')
            self.packets.put("2")
        elif packet.startswith("42"):
            digits = packet[2:].partition("[")[0]
            event, *values = json.loads(packet[2 + len(digits) :])
            self.calls.append(event)
            self.packets.put(f"43{digits}{json.dumps([self.answer(event, values)])}")

    def answer(self, event: str, values: list[Any]) -> object:
        if event == "needSetup":
            return self.account is None
        if event == "setup":
            self.account = (values[0], values[1])
        elif event == "login":
            if self.account != (values[0]["username"], values[0]["password"]):
                return {"ok": False, "msg": "authIncorrectCreds"}
            if self.second_factor:
                return {"tokenRequired": True}
            usual = [{"id": 4, "isDefault": True}, {"id": 5, "isDefault": False}]
            for told in (
                ["info", {"version": self.version}],
                ["monitorList", self.monitors],
                ["notificationList", usual],
            ):
                self.packets.put(f"42{json.dumps(told)}")
        elif event in ("add", "editMonitor") and values[0]["interval"] > LONGEST:
            return {"ok": False, "msg": "Interval cannot be more than 2073600 seconds"}
        elif event == "add":
            number = len(self.monitors) + 1
            self.monitors[str(number)] = {**values[0], "id": number}
        elif event == "editMonitor":
            self.monitors[str(values[0]["id"])] = values[0]
        elif event == "deleteMonitor":
            del self.monitors[str(values[0])]
        return {"ok": True}


class Handler(http.server.BaseHTTPRequestHandler):
    server: Kuma

    def do_GET(self) -> None:
        self.server.requests += 1
        if "sid=" not in self.path:
            return self.reply(self.server.opening)
        packets = [self.server.packets.get(timeout=10)]
        while not self.server.packets.empty():
            packets.append(self.server.packets.get())
        return self.reply("\x1e".join(packets))

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        for packet in text.split("\x1e"):
            self.server.receive(packet)
        self.reply("ok")

    def reply(self, text: str) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def kuma() -> Iterator[Kuma]:
    with Kuma() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def run(
    kuma: Kuma, top: Path, *probes: dict[str, object], password: str = "derived-password"
) -> subprocess.CompletedProcess[str]:
    """The unit, as systemd starts it."""
    (top / "password").write_text(f"{password}\n")
    (top / "monitors.json").write_text(json.dumps(probes))
    return subprocess.run(
        [sys.executable, "-I", kuma_sync.__file__, str(top / "monitors.json")],
        env={
            **os.environ,
            "KUMA_URL": f"http://127.0.0.1:{kuma.server_port}",
            "KUMA_USER": "sam",
            "KUMA_PATIENCE": "0",
            "CREDENTIALS_DIRECTORY": str(top),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_new_uptime_kuma_gets_its_account_and_its_monitors(kuma: Kuma, tmp_path: Path) -> None:
    done = run(kuma, tmp_path, PROBE, {**PROBE, "name": "media", "relaxed": True})
    assert done.returncode == 0, done.stderr
    assert kuma.account == ("sam", "derived-password")
    shop, media = kuma.monitors.values()
    assert (shop["type"], shop["interval"], shop["maxretries"]) == ("http", 60, 2)
    assert shop["description"] == MARK
    # It alerts as people set it up on its pages, and not about a host that may be off.
    assert (shop["notificationIDList"], media["notificationIDList"]) == ({"4": True}, {})
    assert "derived-password" not in done.stdout + done.stderr


def test_without_a_change_nothing_is_changed(kuma: Kuma, tmp_path: Path) -> None:
    run(kuma, tmp_path, PROBE)
    kuma.calls.clear()
    done = run(kuma, tmp_path, PROBE)
    assert (done.returncode, done.stdout) == (0, "the monitors are those of the stack already\n")
    assert kuma.calls == ["needSetup", "login"]
    run(kuma, tmp_path, {**PROBE, "seconds": 120})
    assert kuma.monitors["1"]["interval"] == 120


def test_a_database_that_was_lost_or_restored_gets_its_monitors_again(
    kuma: Kuma, tmp_path: Path
) -> None:
    run(kuma, tmp_path, PROBE)
    kuma.account = None
    kuma.monitors.clear()
    assert run(kuma, tmp_path, PROBE).returncode == 0
    assert kuma.account == ("sam", "derived-password")
    assert [m["name"] for m in kuma.monitors.values()] == ["shop"]


def test_an_account_with_a_second_factor_is_told_of(kuma: Kuma, tmp_path: Path) -> None:
    kuma.account, kuma.second_factor = ("sam", "derived-password"), True
    done = run(kuma, tmp_path, PROBE)
    assert done.returncode == 1
    assert "sam has a second factor" in done.stderr
    assert "monitoring.kuma.user" not in done.stderr


def test_a_page_in_place_of_a_session_is_one_line(kuma: Kuma, tmp_path: Path) -> None:
    """Uptime Kuma 2 has a page for the choice of its database, at any path."""
    kuma.opening = "<!DOCTYPE html>"
    done = run(kuma, tmp_path, PROBE)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.endswith("its answer is a page, and no session")


def test_a_refused_monitor_is_named_and_the_others_are_made(kuma: Kuma, tmp_path: Path) -> None:
    long = {**PROBE, "seconds": LONGEST + 1}
    probes = ({**long, "name": "a"}, PROBE, {**long, "name": "b"}, {**PROBE, "name": "z"})
    done = run(kuma, tmp_path, *probes)
    assert done.returncode == 1
    assert done.stdout == "add: shop\nadd: z\n"
    assert [m["name"] for m in kuma.monitors.values()] == ["shop", "z"]
    refused = done.stderr.splitlines()
    assert [line.split(":")[0] for line in refused] == [
        "Uptime Kuma refused a",
        "Uptime Kuma refused b",
    ]
    assert "more than 2073600 seconds" in refused[0]


def test_a_keyword_makes_a_monitor_of_its_kind(kuma: Kuma, tmp_path: Path) -> None:
    run(kuma, tmp_path, {**PROBE, "keyword": "In stock"})
    assert (kuma.monitors["1"]["type"], kuma.monitors["1"]["keyword"]) == ("keyword", "In stock")


def test_a_monitor_that_left_the_stack_is_deleted_and_one_of_the_pages_stays(
    kuma: Kuma, tmp_path: Path
) -> None:
    run(kuma, tmp_path, PROBE, {**PROBE, "name": "old"})
    kuma.monitors["9"] = {"id": 9, "name": "mine", "description": None}
    kuma.monitors["1"]["notificationIDList"] = {"7": True}
    kuma.calls.clear()
    done = run(kuma, tmp_path, {**PROBE, "url": "https://shop.example.org/new"})
    assert done.stdout == "editMonitor: shop\ndeleteMonitor: old\n"
    assert [m["name"] for m in kuma.monitors.values()] == ["shop", "mine"]
    assert kuma.monitors["1"]["notificationIDList"] == {"7": True}, "what people chose stays"


def test_another_account_is_told_of_and_tried_again(kuma: Kuma, tmp_path: Path) -> None:
    kuma.account = ("admin", "of the owner")
    done = run(kuma, tmp_path, PROBE)
    assert done.returncode == 1
    assert "write monitoring.kuma.user" in done.stderr
    kuma.account = ("sam", "of the owner")
    assert run(kuma, tmp_path, PROBE, password="of the owner").returncode == 0
    assert list(kuma.monitors) == ["1"]


def test_an_older_uptime_kuma_is_told_nothing_that_it_does_not_know(
    kuma: Kuma, tmp_path: Path
) -> None:
    run(kuma, tmp_path, PROBE)
    assert kuma.monitors["1"]["conditions"] == []
    kuma.monitors.clear()
    kuma.version = "1.23.16"
    run(kuma, tmp_path, {**PROBE, "name": "other"})
    assert "conditions" not in kuma.monitors["1"]


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ({"url": "tcp://nas:22"}, {"type": "port", "hostname": "nas", "port": 22}),
        (
            {"url": "192.168.1.2", "dns": "status.example.org"},
            {"type": "dns", "hostname": "status.example.org", "dns_resolve_server": "192.168.1.2"},
        ),
        (
            {"url": "https://192.168.1.2/", "headers": {"Host": "a.example.org"}},
            {"ignoreTls": True, "headers": '{"Host": "a.example.org"}'},
        ),
    ],
)
def test_each_kind_of_health_check_is_a_monitor(
    probe: dict[str, object], expected: dict[str, object]
) -> None:
    assert kuma_sync.monitor_of({**PROBE, **probe}).items() >= expected.items()


def stack(**monitoring: object) -> dict[str, Any]:
    return {
        "services": {"uptime-kuma": {"host": "pi"}, "navidrome": {"host": "nas"}},
        "monitoring": {"kuma": {}, **monitoring},
    }


def test_the_unit_has_the_monitors_of_the_routes_and_the_stack() -> None:
    files = build.render(stack(monitors={"router": {"url": "http://192.168.1.1", "retries": 0}}))
    told = {m["name"]: m for m in json.loads(files["pi"]["lib/monitors.json"])}
    assert {"router", "navidrome", "uptime-kuma", "resolver"} <= set(told)
    assert told["router"]["failures"] == 1
    unit = files["pi"]["monitors.nix"]
    assert 'KUMA_URL = "http://127.0.0.1:3001";' in unit
    assert 'LoadCredential = [ "password:/run/homelab/secrets/kuma-password" ];' in unit
    # A deployment waits for no migration of its database, and is not rolled back for its account.
    assert "OnUnitInactiveSec" in unit
    assert 'wantedBy = [ "timers.target" ];' in unit
    assert unit.count("wantedBy") == 1
    # The host of the resolver does not ask it.
    assert 'networking.hosts."192.168.1.2" = [' in unit
    assert "monitors.nix" not in files["nas"]
    assert "monitors.nix" not in build.render(stack(kuma=None))["pi"]


def test_a_password_of_the_owner_is_in_his_file() -> None:
    password = {"sops": "kuma/password"}
    plan = build.plan(stack(kuma={"user": "admin", "password": password}))
    (found,) = [s for s in plan.secrets.secrets if s.service == "kuma"]
    assert (found.source, found.key) == ("stored", "kuma/password")
    assert found.units == ("homelab-monitors.service",)


def test_gatus_makes_the_same_health_checks() -> None:
    shop = {"url": "https://shop.example.org/", "keyword": "In stock", "retries": 4}
    ntfy = {"topic": {"sops": "ntfy/topic"}}
    said = {"gatus": {"host": "pi"}, "navidrome": {"host": "nas"}}
    text = build.render(
        {"services": said, "monitoring": {"monitors": {"shop": shop}, "ntfy": ntfy}}
    )["pi"]["monitoring.nix"]
    assert '"[BODY] == pat(*In stock*)"' in text
    assert "failure-threshold = 5;" in text


@pytest.mark.requirement("S1-09")
def test_monitors_wait_for_a_monitor_and_kuma_has_to_run() -> None:
    monitors = {"router": {"url": "http://192.168.1.1"}}
    alone = {"monitoring": {"monitors": monitors}}
    assert [p.severity for p in build.found(alone, "monitor-runs")] == ["warning"]
    assert "monitors.nix" not in build.render(alone)["pi"]
    (problem,) = build.found({"monitoring": {"kuma": {}}}, "monitor-runs")
    assert problem.severity == "error"
    assert not build.found(stack(monitors=monitors), "monitor-runs")


@pytest.mark.parametrize("url", ["tcp://192.168.1.1:65536", "https://example.org:0/"])
def test_a_port_that_does_not_exist_is_refused(url: str) -> None:
    with pytest.raises(InvalidStackError, match="write one from 1 to 65535"):
        build.plan(stack(monitors={"router": {"url": url}}))


@pytest.mark.parametrize("interval", ["2073601s", "34561m", "577h"])
def test_an_interval_that_uptime_kuma_refuses_is_an_error(interval: str) -> None:
    shop = {"url": "https://example.org/"}
    for said in (
        stack(monitors={"shop": {**shop, "interval": interval}}),
        stack(interval=interval),
        {"services": {"navidrome": {"host": "nas", "monitor": {"interval": interval}}}},
    ):
        with pytest.raises(InvalidStackError, match="write at most 576h"):
            build.plan(said)
    build.plan(stack(monitors={"shop": {**shop, "interval": "576h"}}))


@pytest.mark.parametrize("name", ["navidrome", "uptime-kuma"])
def test_two_monitors_with_one_name_are_an_error_that_names_both(name: str) -> None:
    monitors = {name: {"url": "https://example.org"}}
    (problem,) = build.found(stack(monitors=monitors), "monitor-name-unique")
    assert f"services.{name}" in problem.what
    assert f"monitoring.monitors.{name}" in problem.what
