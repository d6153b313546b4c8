"""Each proxy accepts the configuration of each stack."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from homelab.nix import Module
from homelab.plan import Plan
from homelab.proxy.pinned import pinned_file
from homelab.proxy.registry import PROXIES
from tests.programs.rendered import EACH, planned, running
from tests.proxy import rig
from tests.proxy.nixos import Place, caddyfile, nginx_conf, traefik_file
from tests.proxy.running import await_port
from tests.tools.programs import need_here, run


def place(plan: Plan, directory: Path) -> Place:
    """A place for the proxy, with unused apps."""
    rig.certificate(directory, plan.stack.site.domain)
    http, https, tunnel = rig.free_ports(3)
    # An own authority has its own directory.
    own = f"{CERTIFICATES}/{plan.stack.site.domain}"
    files = {f"{own}/fullchain.pem": "cert.pem", f"{own}/key.pem": "key.pem"}
    mapped = {path: str(directory / name) for path, name in files.items()}
    for number, route in enumerate(r for r in plan.routes if r.certificate):
        pinned = directory / f"pinned-{number}.pem"
        pinned.write_text(f"{route.certificate.strip()}\n", encoding="utf-8")
        mapped[pinned_file(route)] = str(pinned)
    return Place(directory, http, https, tunnel, mapped)


CERTIFICATES = "/var/lib/homelab-certificates"
KNOWN = (
    "no OCSP server specified in certificate",
    "unmanaged certificate expires within 1 day",
    "server is listening only on the HTTP port, so no automatic HTTPS will be applied",
)
"""Expected warnings of Caddy: the first two are caused by the test's certificate, the last by the
server for the tunnel or for redirects to HTTPS.
"""


def _caddy(module: Module, there: Place) -> None:
    file = there.directory / "Caddyfile"
    file.write_text(caddyfile(module, there), encoding="utf-8")
    # The module formats it too, and Caddy warns about unformatted files.
    assert run("caddy", "fmt", "--overwrite", file).returncode == 0
    done = run("caddy", "validate", "--adapter", "caddyfile", "--config", file)
    assert done.returncode == 0, done.stdout + done.stderr
    warned = [s for s in done.stderr.splitlines() if '"level":"warn"' in s]
    assert [w for w in warned if not any(known in w for known in KNOWN)] == []


def _nginx(module: Module, there: Place) -> None:
    file = there.directory / "nginx.conf"
    file.write_text(nginx_conf(module, there), encoding="utf-8")
    done = run("nginx", "-t", "-q", "-p", there.directory, "-c", file)
    assert (done.returncode, done.stderr) == (0, "")


def _traefik(module: Module, there: Place) -> None:
    need_here("traefik")
    file, log = traefik_file(module, there), there.directory / "log"
    env = {"PATH": os.environ["PATH"], "HOME": str(there.directory)}
    with running(["traefik", f"--configFile={file}"], log, env) as process:
        for port in (there.http, there.https):
            await_port(port, process, log)
    said = log.read_text(encoding="utf-8")
    assert " ERR " not in said, said
    assert " WRN " not in said, said


ACCEPTED = {"caddy": _caddy, "nginx": _nginx, "traefik": _traefik}
"""Asserts that each proxy accepts its configuration."""


@pytest.mark.parametrize("name", EACH)
@pytest.mark.requirement("S0-15", "T1")
def test_the_file_is_accepted(name: str, tmp_path: Path) -> None:
    """Traefik logs no error. It would also start with a partial configuration."""
    plan = planned(name)
    entry = plan.stack.network.entry
    (module,) = PROXIES[entry.proxy](plan, plan.hosts[entry.host])
    ACCEPTED[entry.proxy](module, place(plan, tmp_path))
