"""A run of the real engine for one host contacts no cloud. Tailscale is a stand-in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from homelab import testing
from homelab.lab.standins.tailscale import GET_ACL
from tests import build
from tests.tailnet.test_tailnet import TAILNET

from . import plugin
from .conftest import Real
from .test_program import EVERYTHING, of, services

NAS = "**:Host::nas,**:Command::nas-*"
"""The targets that the guide names."""


class Cloud:
    """The stand-in for Tailscale of one test."""

    def __init__(self, real: Real) -> None:
        self._directory = plugin.install(real.directory.parent / "plugins", "tailscale")
        real.environment["PATH"] = os.pathsep.join([str(self._directory), real.environment["PATH"]])
        real.environment["PYTHONPATH"] = str(build.ROOT)

    def told(self, what: str) -> list[str]:
        """Requests and sign-ins since the last call."""
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
    """The file in which the stand-ins for `sops` and `op` record their calls."""
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

    # The change also needs a new policy.
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

    # The credentials in the state remain for the next whole run.
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

    # The tailnet keeps its policy and its DNS.
    gone = real.run("destroy", "--yes", "--skip-preview")
    assert gone.ok, gone.text
    assert {"tailnet-policy", "tailnet-dns"} <= gone.steps.keys()
    assert cloud.told("asked") == []
    assert dict(real.lab.connections) == reached
