"""`homelab host key`: a host key before there is a host."""

from __future__ import annotations

import base64
from pathlib import Path

import asyncssh
import pytest

from homelab.ops.install.keys import pin_key
from homelab.ops.project.stack import check_stack
from homelab.ops.secrets import host_keys
from homelab.problems import HomelabError, UsageError
from homelab.secrets.age import age_recipient
from homelab.secrets.recipients import sops_yaml
from tests import build, stackdir
from tests.household import Changes
from tests.install import stacks
from tests.install.stacks import planned

pytestmark = pytest.mark.requirement("S0-41", "S1-31")
MASTER = base64.b64encode(b"m" * 32).decode()


@pytest.fixture(autouse=True)
def master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_keys, "resolve", lambda *_: MASTER)


def stack(directory: Path, changes: Changes | None = None) -> Path:
    without: Changes = {"hosts": {"nas": {"ssh": {"host_key": None}}}}
    return stackdir.write_stack(directory, build.changed(planned(without), changes or {}))


def made(top: Path, name: str) -> tuple[str, str]:
    plan, _ = check_stack(top, stackdir.NAME)
    return host_keys.made_key(plan, top, name)


def test_a_made_key_is_pinned_and_opens_the_secrets_of_the_host(tmp_path: Path) -> None:
    top = stack(tmp_path)
    lines = pin_key(top, stackdir.NAME, "nas", None, replace=False)
    plan, _ = check_stack(top, stackdir.NAME)
    public = plan.hosts["nas"].config.ssh.host_key
    assert public is not None
    assert age_recipient(public) in sops_yaml(plan)
    assert lines[-1] == "next: homelab install nas"
    assert "PRIVATE" not in "".join(lines)


def test_the_halves_belong_together_and_each_host_has_its_own(tmp_path: Path) -> None:
    top = stack(tmp_path)
    private, public = made(top, "nas")
    key = asyncssh.import_private_key(private)
    assert host_keys.same_key(key.export_public_key().decode(), public)
    assert made(top, "nas") == (private, public)
    assert made(top, "pi")[1] != public


def test_a_second_call_changes_nothing(tmp_path: Path) -> None:
    top = stack(tmp_path)
    pin_key(top, stackdir.NAME, "nas", None, replace=False)
    before = (top / "Pulumi.small.yaml").read_text()
    assert "pinned already" in pin_key(top, stackdir.NAME, "nas", None, replace=False)[0]
    assert (top / "Pulumi.small.yaml").read_text() == before


def test_the_key_of_a_machine_is_replaced_only_on_purpose(tmp_path: Path) -> None:
    top = stack(tmp_path, {"hosts": {"nas": {"ssh": {"host_key": build.host_key("nas")}}}})
    with pytest.raises(UsageError, match="--replace"):
        pin_key(top, stackdir.NAME, "nas", None, replace=False)
    pin_key(top, stackdir.NAME, "nas", None, replace=True)
    plan, _ = check_stack(top, stackdir.NAME)
    assert host_keys.same_key(plan.hosts["nas"].config.ssh.host_key or "", made(top, "nas")[1])


def test_a_key_of_the_owner_is_pinned_as_well(tmp_path: Path) -> None:
    top = stack(tmp_path / "stack")
    path, public = stacks.new_key(tmp_path)
    pin_key(top, stackdir.NAME, "nas", path, replace=False)
    assert public in (top / "Pulumi.small.yaml").read_text()


def test_what_is_no_ed25519_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("no key\n")
    with pytest.raises(HomelabError, match="not a private SSH key"):
        host_keys.key_in_file(path)
    path.write_bytes(asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_private_key())
    with pytest.raises(HomelabError, match="only ed25519 keys"):
        host_keys.key_in_file(path)
    with pytest.raises(HomelabError, match="cannot be read"):
        host_keys.key_in_file(tmp_path / "missing")
