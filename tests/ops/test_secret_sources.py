"""Secrets from sops and 1Password: exact values, and errors that never show one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from homelab.config.base import SecretRef
from homelab.ops.secrets.lookup import SecretUnavailableError, resolve
from homelab.ops.secrets.sops import UnreadableSopsFileError, read_encrypted, read_host_files

VALUE = "s3cr3t $value\nwith a line"
REF = SecretRef(sops="cloudflare/token")
OP = SecretRef(op="op://home/cloudflare/token")

Tool = Callable[..., Path]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Puts a program on PATH that notes how it was called, prints, complains and ends."""

    def make(name: str, *, out: str = "", error: str = "", code: int = 0) -> Path:
        folder, noted = tmp_path / "bin", tmp_path / "noted"
        folder.mkdir(exist_ok=True)
        (folder / "out").write_text(out)
        (folder / "error").write_text(error)
        program = folder / name
        program.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$@" "$SOPS_DISABLE_VERSION_CHECK" >{noted}\n'
            f"cat {folder}/out\ncat {folder}/error >&2\nexit {code}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        return noted

    return make


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A directory with a sops file."""
    (tmp_path / "deploy.yaml").write_text("sops: {}\n")
    return tmp_path


def test_a_sops_reference_gives_exactly_the_value(tool: Tool, stack: Path) -> None:
    noted = tool("sops", out=VALUE)
    assert resolve(REF, stack, "deploy.yaml") == VALUE
    words = noted.read_text().splitlines()
    assert words == ["decrypt", "--extract", '["cloudflare"]["token"]', "deploy.yaml", "1"]


def test_a_1password_reference_gives_exactly_the_value(tool: Tool, stack: Path) -> None:
    noted = tool("op", out=VALUE)
    assert resolve(OP, stack, "deploy.yaml") == VALUE
    assert noted.read_text().splitlines()[:3] == ["read", "--no-newline", OP.op]


SOPS_COMPLAINTS = {
    "Failed to get the data key required to decrypt the SOPS file.": "SOPS_AGE_KEY_FILE",
    'component ["token"] not found': "set it: homelab secret set cloudflare/token",
    "sops metadata not found": "sops encrypt -i deploy.yaml",
    f"something else about {VALUE}": "sops decrypt deploy.yaml",
}


@pytest.mark.parametrize("complaint", SOPS_COMPLAINTS)
def test_each_way_sops_fails_has_a_way_out(tool: Tool, stack: Path, complaint: str) -> None:
    tool("sops", out=VALUE, error=complaint, code=1)
    with pytest.raises(SecretUnavailableError) as caught:
        resolve(REF, stack, "deploy.yaml")
    assert SOPS_COMPLAINTS[complaint] in caught.value.way_out
    assert "cloudflare/token" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__context__ is None


OP_COMPLAINTS = {
    "[ERROR] you are not currently signed in": "op signin",
    '[ERROR] "home" isn\'t a vault in this account': "op vault list",
    f"[ERROR] {VALUE}": "op read",
}


@pytest.mark.parametrize("complaint", OP_COMPLAINTS)
def test_each_way_1password_fails_has_a_way_out(tool: Tool, stack: Path, complaint: str) -> None:
    tool("op", error=complaint, code=1)
    with pytest.raises(SecretUnavailableError) as caught:
        resolve(OP, stack, "deploy.yaml")
    assert OP_COMPLAINTS[complaint] in caught.value.way_out
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("ref", [REF, OP])
def test_a_tool_that_is_not_there_is_named(
    ref: SecretRef, stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(stack))
    with pytest.raises(SecretUnavailableError, match="is not on PATH; install"):
        resolve(ref, stack, "deploy.yaml")


def test_a_value_that_is_not_text_is_refused_unseen(tool: Tool, stack: Path) -> None:
    tool("sops")
    (stack / "bin/out").write_bytes(b"s3cr3t\xff")
    with pytest.raises(SecretUnavailableError, match="not text") as caught:
        resolve(REF, stack, "deploy.yaml")
    assert caught.value.__context__ is None


def test_a_file_that_is_not_there_is_named(stack: Path) -> None:
    with pytest.raises(SecretUnavailableError, match=r"there is no file other\.yaml"):
        resolve(REF, stack, "other.yaml")


ENCRYPTED = """\
cloudflare:
    token: ENC[AES256_GCM,data:AAAA,iv:BBBB,tag:CCCC,type:str]
port: ENC[AES256_GCM,data:AAAA,iv:BBBB,tag:CCCC,type:int]
note: in clear
empty: ""
list:
    - ENC[AES256_GCM,data:AAAA,iv:BBBB,tag:CCCC,type:str]
sops:
    age:
        - recipient: age1one
          enc: text
    key_groups:
        - age:
            - recipient: age1two
              enc: text
    mac: ENC[AES256_GCM,data:AAAA,iv:BBBB,tag:CCCC,type:str]
    version: 3.13.3
"""


@pytest.mark.requirement("S0-57", "S0-58")
def test_an_encrypted_file_shows_its_keys_and_readers(tmp_path: Path) -> None:
    """References can be checked where no key is."""
    (tmp_path / "pi.yaml").write_text(ENCRYPTED)
    file = read_encrypted(tmp_path / "pi.yaml", "secrets/pi.yaml")
    assert file.encrypted
    assert file.recipients == {"age1one", "age1two"}
    assert file.kinds == {
        "cloudflare/token": "str",
        "port": "int",
        "note": "plain",
        "empty": "str",
        "list": "list",
    }


@pytest.mark.parametrize("text", ["a: b\n", "", "- a\n", "sops: {}\n", "a: ["])
def test_a_file_in_clear_is_not_encrypted(tmp_path: Path, text: str) -> None:
    (tmp_path / "pi.yaml").write_text(text)
    assert not read_encrypted(tmp_path / "pi.yaml").encrypted


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "pi.yaml").write_bytes(b"\xff")
    with pytest.raises(UnreadableSopsFileError, match=r"pi\.yaml"):
        read_encrypted(tmp_path / "pi.yaml")


def test_only_files_that_exist_are_read(tmp_path: Path) -> None:
    (tmp_path / "pi.yaml").write_text(ENCRYPTED)
    assert set(read_host_files(tmp_path, ["pi.yaml", "nas.yaml"])) == {"pi.yaml"}


def test_sops_itself_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("sops") is None or shutil.which("age-keygen") is None:
        pytest.skip("sops and age-keygen are not on PATH")
    key = tmp_path / "key.txt"
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    done = subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True, text=True)
    recipient = done.stdout.strip()
    (tmp_path / "deploy.yaml").write_text(json.dumps({"cloudflare": {"token": VALUE}}))
    monkeypatch.setenv("SOPS_DISABLE_VERSION_CHECK", "1")
    subprocess.run(
        ["sops", "encrypt", "-i", "--age", recipient, "deploy.yaml"], cwd=tmp_path, check=True
    )
    file = read_encrypted(tmp_path / "deploy.yaml")
    assert (file.encrypted, file.recipients) == (True, {recipient})
    assert file.sizes == {"cloudflare/token": len(VALUE)}
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(key))
    assert resolve(REF, tmp_path, "deploy.yaml") == VALUE
    with pytest.raises(SecretUnavailableError, match="does not have this key"):
        resolve(SecretRef(sops="a/b"), tmp_path, "deploy.yaml")
    monkeypatch.delenv("SOPS_AGE_KEY_FILE")
    with pytest.raises(SecretUnavailableError, match="no key here can decrypt"):
        resolve(REF, tmp_path, "deploy.yaml")
