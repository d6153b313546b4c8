"""`PULUMI_OPTION_TARGET` with hosts only contacts no cloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.components.targets import ALONE, hosts_alone
from homelab.lab import laptop
from homelab.testing import mocks
from tests import stackdir

from .test_tailnet import FOREIGN, OLDER, run

TARGET = "PULUMI_OPTION_TARGET"
URN = "urn:pulumi:home::homelab::homelab:index:Homelab"


@pytest.mark.parametrize(
    "targets",
    [
        ALONE.partition("=")[2].strip("'"),
        "**:Command::pi-*",
        "**:Host::pi,**:Command::pi-*",
        '"**:Command::pi-*","**:Host::pi"',
        f"{URN}$homelab:hosts:Host$command:remote:Command::pi-files",
    ],
)
def test_targets_of_hosts_only(targets: str) -> None:
    assert hosts_alone({TARGET: targets})
    assert not hosts_alone({TARGET: targets, "PULUMI_OPTION_TARGET_DEPENDENTS": "true"})
    assert not hosts_alone({TARGET: f"{targets},**::tailnet-policy"})


@pytest.mark.parametrize(
    "targets",
    [
        "",
        "**::pi-*",
        "**pi-*",
        "**:Command::**",
        "**",
        f"{URN}$homelab:tailnet:Tailnet$tailscale:index/acl:Acl::tailnet-policy",
        f"{URN}$homelab:tailnet:Tailnet$tailscale:index/deviceTags:DeviceTags::pi-tags",
    ],
)
def test_targets_that_may_match_a_cloud_resource(targets: str) -> None:
    assert not hosts_alone({TARGET: targets})


@pytest.mark.parametrize("preview", [pytest.param(True, marks=pytest.mark.long), False])
def test_a_run_for_hosts_only_contacts_no_cloud_and_reads_no_cloud_secret(
    tmp_path: Path, preview: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools, log = laptop.install(tmp_path / "laptop"), tmp_path / "asked"
    for tool in laptop.TOOLS:
        first, rest = (tools / tool).read_text().split("\n", 1)
        (tools / tool).write_text(f'{first}\necho "$@" >> {log}\n{rest}')
    with mocks.path_with(tools):
        monkeypatch.setenv(TARGET, "**:Command::pi-*")
        # Reading the policy in force would end the run, because it is foreign here.
        alone = run(
            tmp_path / "alone",
            preview=preview,
            policy=FOREIGN,
            written=OLDER,
            stand_in_secrets=False,
        )
        asked = log.read_text().splitlines()
        monkeypatch.delenv(TARGET)
        whole = run(tmp_path / "whole", preview=preview, policy=FOREIGN, stand_in_secrets=False)
    assert alone.error == ""
    provider = alone[f"{stackdir.NAME}-tailscale"]
    assert provider.ignored == ["oauthClientId", "oauthClientSecret"]
    assert not provider.inputs.keys() & set(provider.ignored)
    assert alone["tailnet-policy"].ignored == ["acl", "overwriteExistingContent"]
    assert not [line for line in alone.logs if "policy" in line or "cannot be had" in line]
    assert ["master" in line for line in asked] == [True]

    assert ("policy in force" in whole.error) is not preview
    assert len(log.read_text().splitlines()) == len(asked) + 3
