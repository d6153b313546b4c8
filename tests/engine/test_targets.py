"""A run of the real engine for one host leaves the clouds out of it; Tailscale is a stand-in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from homelab import testing
from homelab.lab.standins.tailscale import GET_ACL
from tests import build
from tests.tailnet.test_tailnet import TAILNET

from . import plugin
from .conftest import Real
from .test_program import EVERYTHING, of, services

pytestmark = pytest.mark.slow

NAS = "**:Host::nas,**:Command::nas-*"
"""The targets that the guide names."""


class Cloud:
    """The Tailscale of one test."""

    def __init__(self, real: Real) -> None:
        self._directory = plugin.install(real.directory.parent / "plugins", "tailscale")
        real.environment["PATH"] = os.pathsep.join([str(self._directory), real.environment["PATH"]])
        real.environment["PYTHONPATH"] = str(build.ROOT)

    def told(self, what: str) -> list[str]:
        """What it was asked, or signed in to with, since this was called last."""
        file = self._directory / f"tailscale.{what}"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines


def on_tailnet(*changes: Mapping[str, object]) -> dict[str, object]:
    client = {key: {"sops": f"tailscale/{key}"} for key in ("client_id", "client_secret")}
    return testing.merged(
        services(),
        TAILNET,
        {
            "tailnet": client,
            "hosts": {"pi": {"tailscale": {"subnet_routes": ["127.0.0.0/8"]}}},
        },
        *changes,
    )


def secrets_asked(real: Real) -> Path:
    """Where the stand-ins for `sops` and `op` note what they are asked from now on."""
    tools, log = real.directory.parent / "laptop", real.directory.parent / "secrets"
    for tool in ("op", "sops"):
        first, rest = (tools / tool).read_text().split("\n", 1)
        (tools / tool).write_text(f'{first}\necho "$@" >> "{log}"\n{rest}')
    return log


def test_a_run_for_one_host_signs_in_to_no_cloud(real: Real) -> None:
    cloud = Cloud(real)
    real.write(on_tailnet())
    up = real.up()
    assert up.ok, up.text
    assert "create tailnet-policy" in cloud.told("asked")
    reached = dict(real.lab.connections)
    log = secrets_asked(real)

    # The policy has to change as well: what the host is for does.
    real.write(on_tailnet({"services": {"miniflux": {"port": 8123}}}))
    real.environment["PULUMI_OPTION_TARGET"] = NAS
    preview = real.run("preview")
    assert preview.ok, preview.text
    up = real.up()
    assert up.ok, up.text
    assert up.steps == dict.fromkeys(of("nas", *EVERYTHING), "update")
    assert real.lab.connections["pi"] == reached["pi"]
    assert cloud.told("asked") == []
    assert ["master" in line for line in log.read_text().splitlines()] == [True, True]

    # What the state knew to sign in with is still there for the next whole run.
    del real.environment["PULUMI_OPTION_TARGET"]
    whole = real.run("preview")
    assert whole.ok, whole.text
    assert "small-tailscale" not in whole.steps
    assert "nas-switch" not in whole.steps
    assert cloud.told("asked") == []


def test_a_second_up_asks_for_the_policy_alone_and_destroy_leaves_it(real: Real) -> None:
    cloud = Cloud(real)
    real.write(on_tailnet())
    up = real.up()
    assert up.ok, up.text
    cloud.told("asked")
    reached = dict(real.lab.connections)
    again = real.up("--expect-no-changes")
    assert again.ok, again.text
    assert not again.steps
    assert set(cloud.told("asked")) == {GET_ACL}
    assert dict(real.lab.connections) == reached

    # The tailnet is neither left open nor without DNS.
    gone = real.run("destroy", "--yes", "--skip-preview")
    assert gone.ok, gone.text
    assert {"tailnet-policy", "tailnet-dns"} <= gone.steps.keys()
    assert cloud.told("asked") == []
    assert dict(real.lab.connections) == reached
