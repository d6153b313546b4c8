"""A rest-server of a host: what its clients can do there, tried with the real one and restic."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from homelab.backup import rest
from homelab.ops.secrets.derive import derive_secret
from homelab.plan import Plan
from tests import build
from tests.backup.test_rest_server import of_host, stack
from tests.proxy.rig import free_ports
from tests.tools.programs import need, need_here

pytestmark = pytest.mark.requirement("S0-31")

MASTER = base64.b64encode(bytes(range(32))).decode()


def secret(plan: Plan, host: str, name: str) -> str:
    (found,) = (s for s in plan.secrets.on(host) if s.name == name)
    return derive_secret(MASTER, found)


@dataclass
class Server:
    """A rest-server with the settings of the host `nas`, and two clients."""

    top: Path
    plan: Plan
    port: int

    @property
    def data(self) -> Path:
        return self.top / "rest"

    def client(self, host: str) -> dict[str, str]:
        """The environment of restic on a client."""
        login = secret(self.plan, host, "restic-web-login")
        job = next(j for j in self.plan.backup.on(host) if j.target == "web")
        place = re.sub(r"//[0-9.]+:\d+/", f"//127.0.0.1:{self.port}/", job.repository)
        return {
            **os.environ,
            **dict(line.split("=", 1) for line in login.splitlines()),
            "RESTIC_REPOSITORY": place,
            "RESTIC_PASSWORD": secret(self.plan, host, "restic-web"),
            "RESTIC_CACHE_DIR": str(self.top / f"cache-{host}"),
        }

    def restic(self, host: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["restic", "-q", *words],
            env=self.client(host),
            capture_output=True,
            text=True,
            check=False,
        )

    def asks(self, host: str, path: str, method: str = "GET") -> int:
        """The status of a request with the login of a client."""
        env = self.client(host)
        pair = f"{env['RESTIC_REST_USERNAME']}:{env['RESTIC_REST_PASSWORD']}"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            headers={"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def trim(self, *keep: str, days: int = rest.BACKUP_DAYS) -> subprocess.CompletedProcess[str]:
        """Remove old snapshots of aurora, as the host of the server does."""
        password = self.top / "password"
        password.write_text(secret(self.plan, "nas", "restic-web-aurora-password"))
        repository = self.data / "aurora/vaultwarden"
        call = f'. {self.top}/rest.sh; trim "$@"'
        return subprocess.run(
            ["bash", "-euc", call, "-", repository, password, str(days), *keep],
            env={**os.environ, "RESTIC_CACHE_DIR": str(self.top / "cache-nas")},
            capture_output=True,
            text=True,
            check=False,
        )

    def snapshots(self) -> list[Path]:
        return sorted((self.data / "aurora/vaultwarden/snapshots").iterdir())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    need("restic")
    need_here("rest-server")
    version = subprocess.run(["restic", "version"], capture_output=True, text=True, check=True)
    if tuple(map(int, version.stdout.split()[1].split("."))) < (0, 17, 0):
        pytest.skip("restic is older than those of the supported releases")
    top = tmp_path_factory.mktemp("server")
    changes = stack()
    options = of_host(changes, "services.restic.server", top)
    (port,) = free_ports(1)
    held = Server(top, build.plan(changes), port)
    held.data.mkdir()
    logins = top / "htpasswd"
    (top / "rest.sh").write_text(rest.SCRIPT[1])
    hashes = []
    for client in ("aurora", "pi"):
        file = top / f"hash-{client}"
        file.write_text(secret(held.plan, "nas", f"restic-web-{client}-login"))
        hashes.append(f"{client}={file}")
    call = f'chgrp() {{ :; }}; . {top}/rest.sh; logins "$@"'
    subprocess.run(["bash", "-euc", call, "-", logins, *hashes], check=True)
    flags = [f"--path={held.data}", f"--htpasswd-file={logins}", f"--listen=127.0.0.1:{port}"]
    flags += ["--append-only"] if options["appendOnly"] else []
    flags += [*options["extraFlags"]]
    with (top / "log").open("w") as log:
        process = subprocess.Popen(["rest-server", *flags], stdout=log, stderr=log)
    try:
        for _ in range(100):
            if "start server" in (top / "log").read_text():
                break
            time.sleep(0.05)
        (top / "data").mkdir()
        (top / "data/file").write_text("kept")
        for client in ("aurora", "pi"):
            assert held.restic(client, "init").returncode == 0
        assert held.restic("aurora", "backup", str(top / "data")).returncode == 0
        yield held
    finally:
        process.terminate()
        process.wait()


def test_a_client_saves_and_restores_its_own_backups(server: Server) -> None:
    out = server.top / "out"
    done = server.restic("aurora", "restore", "latest", "--target", str(out))
    assert done.returncode == 0, done.stderr
    assert (out / str(server.top / "data/file").lstrip("/")).read_text() == "kept"


def test_a_client_cannot_read_list_or_delete_what_is_not_its_own(server: Server) -> None:
    assert server.asks("aurora", "/aurora/vaultwarden/config") == 200
    there = "/aurora/vaultwarden"
    name = server.snapshots()[0].name
    for path in (f"{there}/config", f"{there}/snapshots/", f"{there}/snapshots/{name}", "/", there):
        assert server.asks("pi", path) in (401, 403, 404, 405), path
    for method in ("DELETE", "POST"):
        assert server.asks("pi", f"{there}/snapshots/{name}", method) in (401, 403), method
    assert server.asks("pi", "/pi/../aurora/vaultwarden/config") in (301, 400, 401, 403, 404)
    assert server.snapshots()[0].name == name


def test_a_wrong_password_is_refused(server: Server) -> None:
    env = {**server.client("aurora"), "RESTIC_REST_PASSWORD": "guessed"}
    done = subprocess.run(
        ["restic", "snapshots"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "401" in done.stderr


def test_a_client_cannot_delete_its_backups(server: Server) -> None:
    before = server.snapshots()
    done = server.restic("aurora", "forget", "--prune", "--keep-last", "1", before[0].name)
    assert done.returncode != 0
    assert server.snapshots() == before


def test_the_holder_removes_old_snapshots_unless_their_dates_are_a_lie(server: Server) -> None:
    data = str(server.top / "data")
    for day in ("2020-01-01", "2020-01-02"):
        done = server.restic("aurora", "backup", "--time", f"{day} 12:00:00", data)
        assert done.returncode == 0, done.stderr
    before = server.snapshots()
    refused = server.trim("--keep-daily=1")
    assert refused.returncode != 0
    assert "touch --date" in refused.stderr
    assert server.snapshots() == before
    # The owner looked at them.
    for snapshot in before:
        shown = server.restic("aurora", "snapshots", "--json", snapshot.name).stdout
        (when,) = re.findall(r'"time":"([^"]+)"', shown)
        subprocess.run(["touch", "--date", when, snapshot], check=True)
    done = server.trim("--keep-daily=1")
    assert done.returncode == 0, done.stderr
    assert len(server.snapshots()) == 1
    assert server.restic("aurora", "check").returncode == 0
