"""A device whose certificate no authority signed: each proxy accepts the one in the stack alone."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from homelab.problems import InvalidStackError
from homelab.proxy import caddy, nginx, traefik
from homelab.proxy.registry import PROXIES
from tests import build
from tests.household import Changes, household
from tests.proxy import rig
from tests.proxy.running import Row, serve
from tests.proxy.stack import changes

NAMES = "device.home.example.org"


def device(pem: str, **more: object) -> Changes:
    external = {"address": "127.9.0.99", "port": 5001, "scheme": "https", **more}
    route = {"auth": "none", "name": "device"}
    return {
        "services": {"device": {"external": {**external, "certificate": pem}, "routes": [route]}}
    }


@pytest.fixture
def pem(tmp_path: Path) -> str:
    (tmp_path / "other").mkdir()
    rig.certificate(tmp_path / "other", "home.example.org")
    return (tmp_path / "other" / "cert.pem").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", PROXIES)
def test_the_proxy_reads_the_certificate_from_a_file_of_its_host(kind: str, pem: str) -> None:
    made = build.render(household(changes(kind), device(pem, server_name=NAMES)))["pi"]["proxy.nix"]
    (path,) = {w for w in made.split('"') if w.startswith("homelab/upstreams/device-")}
    assert f"/etc/{path}" in made
    assert "-----BEGIN CERTIFICATE-----" in made
    assert NAMES in made
    assert "insecure" not in made.partition("5001")[2].partition("}")[0].lower()


@pytest.mark.parametrize(("matches", "status"), [(True, 200), (False, 502)])
@pytest.mark.parametrize("kind", PROXIES)
def test_the_proxy_refuses_a_device_with_another_certificate(
    kind: str,
    matches: bool,
    status: int,
    pem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the real proxies, against a device with a self-signed certificate."""
    rig.certificate(tmp_path, "home.example.org")
    if matches:
        pem = (tmp_path / "cert.pem").read_text(encoding="utf-8")
    monkeypatch.setattr(rig, "certificate", lambda *_: None)
    file = tmp_path / "pinned.pem"
    file.write_text(pem, encoding="utf-8")
    for module in (caddy, nginx, traefik):
        monkeypatch.setattr(module, "pinned_file", lambda _: str(file))
    made = build.plan(household(changes(kind), device(pem, server_name=NAMES)))
    with ExitStack() as stack:
        running = serve(kind, made, tmp_path, stack)
        answer = running.ask(Row("", NAMES, "/x"))
    # Traefik calls a failed connection an internal error.
    assert answer.status in ({status, 500} if status == 502 else {status})
    assert answer.app == ("device" if matches else "")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, "PEM"),
        ({"certificate": "device.pem"}, "PEM"),
        ({"verify": False}, "nothing reads certificate"),
        ({"scheme": "http"}, "there is no certificate"),
    ],
)
def test_a_certificate_that_nothing_can_use_is_refused(more: Changes, says: str, pem: str) -> None:
    wrong = device(pem)
    wrong["services"]["device"]["external"].update(more)
    with pytest.raises(InvalidStackError, match=says):
        build.plan(wrong)
