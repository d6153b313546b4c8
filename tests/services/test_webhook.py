"""A webhook starts the build of a site: only with the right signature, and one build waits at most."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from homelab import testing
from homelab.problems import InvalidStackError
from homelab.services import site_hook
from tests import build
from tests.household import Changes
from tests.proxy.rig import free_ports

pytestmark = pytest.mark.requirement("S0-51")
KEY = "a key of the git server"
BODY = b'{"ref": "refs/heads/main; $(touch /tmp/owned) `id`"}'


def site(webhook: object, **further: object) -> Changes:
    built = {
        "repository": "https://git.example.org/sam/heim.git",
        "branch": "main",
        "output": "dist",
        "webhook": webhook,
        **further,
    }
    return {
        "services": {
            "heim": {
                "host": "nas",
                "port": 8095,
                "secrets": {"hook": {}, "token": {"ref": {"sops": "heim/token"}}},
                "static": {"build": built},
                "routes": [
                    {"name": "heim", "auth": "none", "audience": "operator"},
                    {"name": "heim-hook", "port": "hook", "auth": "none", "audience": "operator"},
                ],
            }
        }
    }


HOOK = {"secret": "hook", "port": 9095}


@contextmanager
def receiver(place: Path, key: str = KEY) -> Iterator[tuple[int, Path]]:
    """The program of the host. Yields its port, and the file that asks for a build."""
    (port,) = free_ports(1)
    (place / "key").write_text(f"{key}\n", encoding="utf-8")
    request = place / "build"
    server = subprocess.Popen(
        [sys.executable, "-I", site_hook.__file__, "127.0.0.1", str(port), str(request)],
        env={**os.environ, "CREDENTIALS_DIRECTORY": str(place)},
        stderr=(place / "log").open("w"),
    )
    try:
        for _ in range(100):
            try:
                http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
                break
            except OSError:
                time.sleep(0.1)
        yield port, request
    finally:
        server.terminate()
        server.wait()


def call(port: int, headers: dict[str, str], body: bytes = BODY, method: str = "POST") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, "/$(id)", body=body, headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def signature(body: bytes = BODY, key: str = KEY) -> str:
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


SIGNED = {
    "GitHub": {"X-Hub-Signature-256": f"sha256={signature()}"},
    "Forgejo": {"X-Forgejo-Signature": signature()},
    "Gitea": {"X-Gitea-Signature": signature()},
}
UNSIGNED = {
    "none": {},
    "another key": {"X-Hub-Signature-256": f"sha256={signature(key='other')}"},
    "another body": {"X-Hub-Signature-256": f"sha256={signature(b'{}')}"},
    "without its kind": {"X-Hub-Signature-256": signature()},
    "the older kind": {"X-Hub-Signature": f"sha1={'0' * 40}"},
    "empty": {"X-Forgejo-Signature": ""},
    "no text": {"X-Gitea-Signature": "\xff" * 64},
}


def test_a_call_with_the_right_signature_asks_for_a_build(tmp_path: Path) -> None:
    with receiver(tmp_path) as (port, request):
        for headers in SIGNED.values():
            assert call(port, headers) == 202
            # Two calls ask for one build.
            assert call(port, headers) == 202
            assert request.read_bytes() == b""
            request.unlink()
    # Nothing of the call is in the journal.
    assert "$(" not in (tmp_path / "log").read_text()
    assert KEY not in (tmp_path / "log").read_text()


def test_a_call_without_it_is_refused(tmp_path: Path) -> None:
    with receiver(tmp_path) as (port, request):
        for name, headers in UNSIGNED.items():
            assert call(port, headers) == 403, name
        assert call(port, SIGNED["GitHub"], method="PUT") == 501
        assert call(port, {**SIGNED["GitHub"], "Content-Length": "999999999"}, b"") == 413
        assert call(port, {**SIGNED["GitHub"], "Content-Length": "-1"}, b"") == 411
        assert not request.exists()


def test_an_empty_key_signs_nothing(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\n")
    done = subprocess.run(
        [sys.executable, "-I", site_hook.__file__, "127.0.0.1", "0", str(tmp_path / "build")],
        env={**os.environ, "CREDENTIALS_DIRECTORY": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert "the key of the webhook is empty" in done.stderr


def test_its_unit_has_the_key_alone_and_the_build_never_gets_it() -> None:
    files = build.render(site(HOOK, token="token"))["nas"]
    text = files["services/heim.nix"]
    hook = text[text.index("systemd.services.heim-hook") : text.index("systemd.timers")]
    made = text[
        text.index("systemd.services.heim-build") : text.index("systemd.services.heim-hook")
    ]
    assert 'LoadCredential = [ "key:/run/homelab/secrets/heim-hook" ];' in hook
    assert "/run/homelab/secrets/heim-hook" not in made
    assert "token" not in hook
    assert "python3 -I ${../lib/site-hook.py} 0.0.0.0 9095 /run/private/heim-hook/build" in hook
    # Another call while it builds makes the file again, and the path starts one more build.
    assert "+${pkgs.coreutils}/bin/rm -f /run/private/heim-hook/build" in made
    assert 'pathConfig.PathExists = [ "/run/private/heim-hook/build" ];' in text
    assert files["lib/site-hook.py"] == Path(site_hook.__file__).read_text()


def test_a_route_leads_to_it_and_its_port_opens_to_the_reverse_proxy_alone() -> None:
    plan = build.plan(site(HOOK))
    (use,) = [p for p in plan.ports if p.label == "hook"]
    assert (use.port, use.scope) == (9095, "hosts")
    assert {r.url for r in plan.routes_of("heim")} == {
        "https://heim.home.example.org",
        "https://heim-hook.home.example.org",
    }
    alone = testing.merged(site(HOOK), {"services": {"heim": {"routes": []}}})
    assert "127.0.0.1 9095" in build.render(alone)["nas"]["services/heim.nix"]


def test_its_key_may_be_in_1password() -> None:
    ref = {"services": {"heim": {"secrets": {"hook": {"ref": {"op": "op://home/heim/hook"}}}}}}
    token = {"secrets": {"onepassword": {"token": {"sops": "onepassword/token"}}}}
    files = build.render(testing.merged(site(HOOK), ref, token))["nas"]
    assert '"key:/run/homelab/fetched/heim/hook"' in files["services/heim.nix"]
    units = files["fetched-secrets.nix"]
    assert 'requires = [ "homelab-secrets-heim.service" ]' in units[units.index("heim-hook") :]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (site({"secret": "other", "port": 9095}), "names a file of its own"),
        (site({"secret": "hook", "port": 8095}), "a port of its own"),
        (site({"secret": "hook", "port": 80}), "a port of its own"),
        (site(HOOK, token="hook"), "names a file of its own"),
        (site(HOOK, branch=None, rev="0" * 40), "webhook would build nothing"),
    ],
)
def test_a_webhook_that_could_not_work_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidStackError, match=says):
        build.plan(changes)


GATED = {"name": "heim-hook", "port": "hook", "auth": "forward", "audience": "family"}
SIGN_IN: Changes = {"identity": {"host": "pi", "users": {"sops": "authelia/users"}}}


@pytest.mark.parametrize(
    ("routes", "more", "warned"),
    [
        (None, {}, 1),
        (None, {"services": {"forgejo": {"host": "pi"}}}, 1),
        (None, {"services": {"forgejo": {"host": "nas"}}}, 0),
        ([GATED], SIGN_IN, 1),
        ([{**GATED, "exempt": ["/build"]}], SIGN_IN, 0),
        (
            [GATED],
            testing.merged(
                SIGN_IN,
                {
                    "identity": {
                        "rules": [{"route": "heim-hook", "policy": "bypass", "priority": 5}]
                    }
                },
            ),
            0,
        ),
        ([{**GATED, "auth": "none", "audience": "operator"}], SIGN_IN, 0),
    ],
)
def test_a_webhook_that_no_git_server_can_call_is_told_of(
    routes: list[Changes] | None, more: Changes, warned: int
) -> None:
    heim = {"services": {"heim": {"routes": routes}}}
    found = build.found(testing.merged(site(HOOK), heim, more), "webhook-called")
    assert len(found) == warned, found
    assert {p.severity for p in found} <= {"warning"}
