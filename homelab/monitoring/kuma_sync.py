"""Give Uptime Kuma the monitors of the stack. Runs on its host, with nothing but Python.

Uptime Kuma has no file for its monitors, and its pages use Socket.IO. This speaks the part of it
that is needed, over HTTP. Monitors that it makes have a description of their own; others stay as
they are.

Protocol: https://socket.io/docs/v4/engine-io-protocol and .../socket-io-protocol. Events of Uptime
Kuma: server/server.js of louislam/uptime-kuma, 1.23 and 2.0.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

MARK = "Kept by homelab: change it in the stack config."
"""The description of each monitor that this makes."""
_END = "\x1e"
_WAIT = 60.0
_RETRIED = 2.0


class RefusedError(Exception):
    """Uptime Kuma answered no."""


class Kuma:
    """A connection to Uptime Kuma."""

    def __init__(self, url: str) -> None:
        self._server = urlsplit(url).netloc
        self._path = "/socket.io/?EIO=4&transport=polling"
        self._packets: list[str] = []
        self.events: dict[str, object] = {}
        """The last value of each event that it has sent."""
        self._calls = 0
        try:
            session = json.loads(self._get()[0][1:])["sid"]
        except (ValueError, KeyError, TypeError):
            # A page, as Uptime Kuma 2 has one for the choice of its database.
            raise ConnectionError("its answer is a page, and no session") from None
        self._path += f"&sid={session}"
        self._post("40")
        self._until("40")

    def call(self, event: str, *arguments: object) -> Mapping[str, object]:
        """Send an event and return the answer. Raises `RefusedError`."""
        number, self._calls = self._calls, self._calls + 1
        self._post(f"42{number}{json.dumps([event, *arguments])}")
        start = f"43{number}"
        (answer, *_) = json.loads(self._until(f"{start}[").removeprefix(start))
        if isinstance(answer, bool):
            return {"ok": answer}
        if not isinstance(answer, dict) or not answer.get("ok"):
            said = answer.get("msg", answer) if isinstance(answer, dict) else answer
            raise RefusedError(f"{event}: {said}")
        return answer

    def wait_for(self, event: str) -> object:
        """The last value of an event, which may still have to come."""
        if event not in self.events:
            self._until(f"42{json.dumps([event])[:-1]}")
        return self.events[event]

    def _until(self, start: str) -> str:
        """The next packet that starts so. Its pings keep a silent connection open."""
        deadline = time.monotonic() + _WAIT
        while not (packet := self._next()).startswith(start):
            if time.monotonic() > deadline:
                raise TimeoutError(f"to answer within {_WAIT:.0f} seconds")
        return packet

    def _next(self) -> str:
        while not self._packets:
            self._packets = self._get()
        packet = self._packets.pop(0)
        if packet == "2":
            self._post("3")
        elif packet.startswith("42["):
            event, *values = json.loads(packet[2:])
            self.events[event] = values[0] if values else None
        return packet

    def _get(self) -> list[str]:
        return self._ask("GET").split(_END)

    def _post(self, packet: str) -> None:
        self._ask("POST", packet.encode())

    def _ask(self, method: str, body: bytes | None = None) -> str:
        connection = http.client.HTTPConnection(self._server, timeout=_WAIT)
        try:
            connection.request(method, self._path, body, {"Content-Type": "text/plain"})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise ConnectionError(f"to talk: HTTP {answer.status}")
        return text


def monitor_of(probe: Mapping[str, object]) -> dict[str, object]:
    """A monitor as Uptime Kuma stores it."""
    url, dns, keyword = str(probe["url"]), probe.get("dns"), str(probe.get("keyword", ""))
    parts = urlsplit(url)
    failures = probe["failures"]
    made: dict[str, object] = {
        "name": probe["name"],
        "description": MARK,
        "interval": probe["seconds"],
        "retryInterval": probe["seconds"],
        "maxretries": failures - 1 if isinstance(failures, int) else 0,
    }
    if isinstance(dns, str):
        return made | {
            "type": "dns",
            "hostname": dns,
            "dns_resolve_server": url,
            "dns_resolve_type": "A",
            "port": 53,
        }
    if parts.scheme == "tcp":
        return made | {"type": "port", "hostname": parts.hostname, "port": parts.port}
    headers = probe.get("headers")
    made |= {
        "type": "keyword" if keyword else "http",
        "url": url,
        "method": "GET",
        "accepted_statuscodes": ["200-299"],
        "headers": json.dumps(headers) if headers else None,
        # Such a request has an address in its URL, and no certificate has the address.
        "ignoreTls": bool(headers) and parts.scheme == "https",
    }
    return made | ({"keyword": keyword, "invertKeyword": False} if keyword else {})


_NEW: dict[str, object] = {
    "active": True,
    "accepted_statuscodes": ["200-299"],
    "dns_resolve_server": "1.1.1.1",
    "dns_resolve_type": "A",
    "expiryNotification": False,
    "ignoreTls": False,
    "kafkaProducerBrokers": [],
    "kafkaProducerSaslOptions": {"mechanism": "None"},
    "maxredirects": 10,
    "method": "GET",
    "packetSize": 56,
    "parent": None,
    "proxyId": None,
    "resendInterval": 0,
    "timeout": 48,
    "upsideDown": False,
}
"""What its pages set for a new monitor."""
_SINCE_2: dict[str, object] = {"conditions": [], "rabbitmqNodes": []}


def changes(
    wanted: list[dict[str, object]], found: Mapping[str, Mapping[str, object]]
) -> Iterator[tuple[str, dict[str, object]]]:
    """(event, monitor) of each change. A monitor that somebody made on the pages stays."""
    ours = {str(m["name"]): m for m in found.values() if m.get("description") == MARK}
    for monitor in wanted:
        old = ours.pop(str(monitor["name"]), None)
        if old is None:
            yield "add", monitor
        elif any(old.get(key) != value for key, value in monitor.items()):
            yield "editMonitor", {**old, **monitor}
    for left in ours.values():
        yield "deleteMonitor", {"id": left["id"], "name": left["name"]}


def sync(
    kuma: Kuma, user: str, password: str, probes: list[dict[str, object]]
) -> tuple[list[str], list[str]]:
    """Make the monitors those of the stack. Returns what was done, and what was refused: one
    refused monitor does not keep the others away. Raises `RefusedError` without an account.
    """
    if kuma.call("needSetup")["ok"]:
        kuma.call("setup", user, password)
    kuma.events.clear()
    kuma.call("login", {"username": user, "password": password, "token": ""})
    found, services = kuma.wait_for("monitorList"), kuma.wait_for("notificationList")
    notifications = services if isinstance(services, list) else []
    usual = {str(n["id"]): True for n in notifications if n.get("isDefault")}
    info = kuma.wait_for("info")
    version = str(info.get("version", "")) if isinstance(info, dict) else ""
    new = {**_NEW, **({} if version.startswith("1.") else _SINCE_2)}
    relaxed = {str(probe["name"]) for probe in probes if probe.get("relaxed")}
    done, refused = [], []
    wanted = [monitor_of(probe) for probe in probes]
    for event, monitor in changes(wanted, found if isinstance(found, dict) else {}):
        name = str(monitor["name"])
        try:
            if event == "add":
                alerts = {} if name in relaxed else usual
                kuma.call(event, {**new, **monitor, "notificationIDList": alerts})
            else:
                kuma.call(event, monitor["id"] if event == "deleteMonitor" else monitor)
        except RefusedError as error:
            refused.append(f"{name}: {error}")
        else:
            done.append(f"{event}: {name}")
    return done, refused


def main() -> int:
    """Read the monitors from a file, and make Uptime Kuma have them."""
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    url, user = os.environ["KUMA_URL"], os.environ["KUMA_USER"]
    secret = Path(os.environ["CREDENTIALS_DIRECTORY"]) / "password"
    password = secret.read_text(encoding="utf-8").rstrip("\n")
    patience = time.monotonic() + float(os.environ.get("KUMA_PATIENCE", "180"))
    while True:
        try:
            kuma = Kuma(url)
            break
        except (OSError, http.client.HTTPException) as error:
            # It migrates its database before it listens.
            if time.monotonic() > patience:
                print(f"Uptime Kuma does not answer at {url}: {error}", file=sys.stderr)
                return 1
            time.sleep(_RETRIED)
    try:
        done, refused = sync(kuma, user, password, json.loads(text))
    except (OSError, http.client.HTTPException, RefusedError) as error:
        print(f"Uptime Kuma refused {error}", file=sys.stderr)
        if "tokenRequired" in str(error):
            print(
                f"the account {user} has a second factor, which a unit lacks; turn it off there",
                file=sys.stderr,
            )
        elif str(error).startswith("login"):
            print(
                f"the stack says that its user is {user}: write monitoring.kuma.user and "
                "monitoring.kuma.password as they are there",
                file=sys.stderr,
            )
        return 1
    print("\n".join(done) or ("" if refused else "the monitors are those of the stack already"))
    for one in refused:
        print(f"Uptime Kuma refused {one}", file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
