"""The probes of each host."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy, Probe
from homelab.deploy.probes import probes_of
from homelab.deploy.shell import ScriptError
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes, household

IMAGE = "ghcr.io/example/app:1@sha256:" + "0" * 64


def probes(host: str, *changes: Changes) -> dict[str, tuple[str, str]]:
    made = build.plan(household(*changes))
    return {p.name: (p.kind, p.target) for p in probes_of(made, made.hosts[host])}


@pytest.mark.requirement("S4-34")
def test_the_entry_host_has_probes_for_every_shared_service() -> None:
    """Resolver at home and beyond, reverse proxy, tunnel, tailnet, and its own apps."""
    published: Changes = {
        "tailnet": {
            "name": "tail1234.ts.net",
            "client_id": {"sops": "tailscale/id"},
            "client_secret": {"sops": "tailscale/secret"},
            "owners": ["sam@example.org"],
        },
        "services": {
            "authelia": {"publish": "tunnel"},
            "miniflux": {"host": "pi", "publish": "tunnel"},
        },
    }
    found = probes("pi", published)
    assert found == {
        "app-miniflux": ("http", "http://127.0.0.1:8080/healthcheck"),
        "reverse-proxy": ("http", "https://auth.home.example.org/.homelab/probe"),
        "resolver": ("dns", "one.one.one.one"),
        "resolver-at-home": ("dns", "auth.home.example.org"),
        "tailnet": ("tailnet", "tailscaled.service"),
        "tunnel": ("tunnel", "cloudflared-tunnel-home-example-org.service"),
    }


@pytest.mark.requirement("S4-34")
def test_a_proxy_without_a_name_at_home_is_probed_on_plain_http() -> None:
    """It answers there for every name."""
    found = probes("pi", {"identity": None, "services": {}})
    assert found["reverse-proxy"] == ("http", "http://127.0.0.1/.homelab/probe")


@pytest.mark.requirement("S4-34")
def test_the_stack_adds_units_and_urls_of_its_owner() -> None:
    """For programs that only the owner's own modules have."""
    stated = {"units": ["films.service"], "urls": ["http://127.0.0.1:9000/up"]}
    found = probes("aurora", {"hosts": {"aurora": {"probes": stated}}})
    assert found["films.service"] == ("unit", "films.service")
    assert found["http://127.0.0.1:9000/up"] == ("http", "http://127.0.0.1:9000/up")
    assert "films.service" not in probes("pi", {"hosts": {"aurora": {"probes": stated}}})
    retired = {"hosts": {"nas": {"probes": stated, "state": "retired"}}}
    made = build.plan(retired)
    assert "films.service" not in {p.name for p in probes_of(made, made.hosts["nas"])}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"probes": {}}, "it probes nothing"),
        ({"probes": {"units": ["films"]}}, "this is not a unit"),
        ({"probes": {"urls": ["http://127.0.0.1/a b"]}}, "this is not a URL"),
        (
            {
                "probes": {"units": ["films.service"]},
                "always_on": False,
                "offline": {"pull_from": "pi"},
            },
            "confirms it without probes",
        ),
    ],
)
def test_probes_that_would_prove_nothing_are_refused(more: Changes, says: str) -> None:
    with pytest.raises(InvalidStackError, match=says):
        build.plan(household({"hosts": {"aurora": more}}))


@pytest.mark.requirement("S4-34")
def test_apps_of_other_hosts_are_probed_at_their_listen_addresses() -> None:
    """A container behind the proxy listens on the tailnet address only."""
    apps: Changes = {
        "services": {
            "miniflux": {"host": "aurora", "monitor": {"path": "/up"}},
            "draw": {
                "host": "aurora",
                "container": {"image": IMAGE, "port": 80},
                "port": 8088,
                "audience": "public",
                "auth": "none",
                "backup": {"skip": "it keeps nothing"},
            },
        }
    }
    assert probes("aurora", apps) == {
        "app-draw": ("http", "http://192.168.1.10:8088/"),
        "app-miniflux": ("http", "http://127.0.0.1:8080/up"),
    }


def test_a_probe_contains_no_shell_syntax() -> None:
    policy = DeployPolicy("pi", probes=(Probe("http", "app", "http://127.0.0.1/a b"),))
    with pytest.raises(ScriptError, match="app: a probe has no blanks"):
        scripts.confirm_script("n", seal=True, policy=policy)


@pytest.mark.parametrize(
    ("flags", "count", "well"),
    [(b"\x81\x80", 1, True), (b"\x81\x83", 0, False), (b"\x81\x80", 0, False)],
    ids=["an answer", "no such name", "no address"],
)
@pytest.mark.skipif(shutil.which("nc") is None, reason="nc is not on PATH")
def test_a_resolver_is_probed_with_a_dns_query(
    tmp_path: Path, flags: bytes, count: int, well: bool
) -> None:
    """The shell's packet is a query for an A record of the full name."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        port = server.getsockname()[1]

        def serve() -> None:
            question, who = server.recvfrom(512)
            asked.append(question)
            header = question[:2] + flags + b"\x00\x01" + count.to_bytes(2, "big") + b"\x00" * 4
            server.sendto(header + question[12:], who)

        thread = threading.Thread(target=serve)
        thread.start()
        shim = tmp_path / "nc"
        real = shutil.which("nc")
        shim.write_text(f"#!/bin/sh\nexec {real} -u -w 1 127.0.0.1 {port}\n")
        shim.chmod(0o755)
        text = (build.ROOT / "homelab/deploy/scripts/probe.sh").read_text()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{text}\nresolves news.home.example.org"],
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            check=False,
        )
        thread.join()
    assert asked == [
        b"\x12\x34\x01\x00\x00\x01"
        + b"\x00" * 6
        + b"\x04news\x04home\x07example\x03org\x00\x00\x01\x00\x01"
    ]
    assert (done.returncode == 0) == well
