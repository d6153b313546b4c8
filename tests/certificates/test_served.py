"""Real proxies with certificates of an own authority: a client that trusts the root trusts every
name."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from homelab.proxy.registry import PROXIES
from tests import build
from tests.certificates.authority import authority
from tests.certificates.test_certificates import INTERNAL, sign, stack
from tests.proxy import rig
from tests.proxy.nixos import Place
from tests.proxy.running import COMMANDS, await_port, need_proxy
from tests.tools.programs import need

DOMAIN = "home.example.org"


def _words(kind: str, place: Place) -> list[str]:
    plan = build.plan(stack(INTERNAL, proxy=kind))
    (module,) = PROXIES[kind](plan, plan.hosts["pi"])
    return COMMANDS[kind](module, place)


@pytest.mark.parametrize("kind", PROXIES)
def test_a_device_that_trusts_the_root_opens_every_name_and_gets_the_root_before_that(
    kind: str, tmp_path: Path
) -> None:
    need_proxy(kind)
    need("openssl")
    pem, key = authority(DOMAIN)
    (tmp_path / "root.crt").write_text(pem)
    (tmp_path / "key").write_text(key)
    (tmp_path / "held").mkdir()
    assert sign(tmp_path, f"music.{DOMAIN}").returncode == 0
    with ExitStack() as running:
        page = running.enter_context(rig.app("page", None))
        app = running.enter_context(rig.app("gatus", None))
        http_port, https_port, tunnel = rig.free_ports(3)
        held = str(tmp_path / "held")
        addresses = {
            "/var/lib/homelab-certificates": held,
            "127.0.0.1:8181": f"127.0.0.1:{page}",
            "127.0.0.1:8080": f"127.0.0.1:{app}",
        }
        place = Place(tmp_path, http_port, https_port, tunnel, addresses)
        log = running.enter_context((tmp_path / "log").open("w"))
        home = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
        process = subprocess.Popen(_words(kind, place), stdout=log, stderr=log, env=home)
        running.callback(process.wait)
        running.callback(process.terminate)
        for port in (http_port, https_port):
            await_port(port, process, tmp_path / "log")
        # Traefik opens its ports before it has read its routes.
        _await_routes(http_port)
        assert '"app": "page"' in _plain(http_port, f"ca.{DOMAIN}", "/root.crt")
        trusting = ssl.create_default_context(cadata=pem)
        assert '"app": "gatus"' in _secure(https_port, f"music.{DOMAIN}", trusting)
        with pytest.raises(ssl.SSLCertVerificationError):
            _secure(https_port, f"music.{DOMAIN}", ssl.create_default_context())
        # On plain HTTP every other name is redirected.
        permanent = (http.client.MOVED_PERMANENTLY, http.client.PERMANENT_REDIRECT)
        assert _status(http_port, f"music.{DOMAIN}") in permanent


def _await_routes(port: int) -> None:
    for _ in range(100):
        if _status(port, f"music.{DOMAIN}") != http.client.NOT_FOUND:
            return
        time.sleep(0.1)


def _plain(port: int, host: str, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Host": host})
    return connection.getresponse().read().decode()


def _status(port: int, host: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/", headers={"Host": host})
    return connection.getresponse().status


def _secure(port: int, host: str, context: ssl.SSLContext) -> str:
    raw = socket.create_connection(("127.0.0.1", port), 10)
    with context.wrap_socket(raw, server_hostname=host) as wrapped:
        wrapped.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := wrapped.recv(65536):
            answer += part
    return answer.decode()
