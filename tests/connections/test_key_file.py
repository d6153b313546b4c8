"""The script that writes an app's key into the app's own settings before it starts."""

from __future__ import annotations

import configparser
import json
import subprocess
from pathlib import Path

import pytest

from tests import build

SCRIPT = build.ROOT / "homelab/connections/api-key.sh"
KEY = "abc-DEF_0123"


def placed(directory: Path, kind: str, file: Path, at: str, key: str = KEY) -> str:
    """The file after the script."""
    secret = directory / "key"
    secret.write_text(key)
    subprocess.run(
        ["bash", "-e", str(SCRIPT), kind, str(file), at, str(secret)], check=True, timeout=30
    )
    return file.read_text()


def sections(text: str) -> dict[str, str]:
    """The keys of `[misc]`."""
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.read_string(text)
    return dict(parser["misc"])


def test_a_first_start_has_a_file_with_the_key(tmp_path: Path) -> None:
    file = tmp_path / "state/sabnzbd.ini"
    assert sections(placed(tmp_path, "ini", file, "misc.api_key")) == {"api_key": KEY}
    assert file.stat().st_mode & 0o077 == 0


def test_only_the_key_of_its_section_changes(tmp_path: Path) -> None:
    file = tmp_path / "sabnzbd.ini"
    before = (
        "__version__ = 19\n__encoding__ = utf-8\n[misc]\nport = 8080\napi_key = old\n"
        "nzb_key = other\n[servers]\n[[one]]\napi_key = theirs\n[categories]\n[[tv]]\ndir = tv\n"
    )
    file.write_text(before)
    after = placed(tmp_path, "ini", file, "misc.api_key")
    assert after == before.replace("api_key = old", f"api_key = {KEY}")
    assert placed(tmp_path, "ini", file, "misc.api_key") == after


@pytest.mark.parametrize(
    "before",
    [
        "[misc]\nport = 1\n[servers]\n[[misc]]\napi_key = theirs\n",
        "[servers]\n[[one]]\nhost = a\n[misc]\nport = 1\n",
        "[servers]\n[[one]]\nhost = a\n",
        "[misc]\n[[sub]]\napi_key = theirs\n",
    ],
)
def test_a_missing_key_is_added_to_its_section(tmp_path: Path, before: str) -> None:
    file = tmp_path / "sabnzbd.ini"
    file.write_text(before)
    after = placed(tmp_path, "ini", file, "misc.api_key")
    lines = after.splitlines()
    at = lines.index(f"api_key = {KEY}")
    headings = [line for line in lines[:at] if line.startswith("[")]
    assert headings[-1] == "[misc]"
    assert [line for line in lines if line != f"api_key = {KEY}" and line in before.splitlines()]
    assert all(line in lines for line in before.splitlines())


def test_the_permissions_of_the_file_stay(tmp_path: Path) -> None:
    file = tmp_path / "sabnzbd.ini"
    file.write_text("[misc]\n")
    file.chmod(0o640)
    placed(tmp_path, "ini", file, "misc.api_key")
    assert file.stat().st_mode & 0o777 == 0o640


def test_json_keeps_its_other_keys(tmp_path: Path) -> None:
    file = tmp_path / "ServerConfig.json"
    file.write_text('{"Port": 9117, "APIKey": "old", "Proxy": {"APIKey": "theirs"}}')
    found = json.loads(placed(tmp_path, "json", file, "APIKey", f"{KEY}\n"))
    assert found == {"Port": 9117, "APIKey": KEY, "Proxy": {"APIKey": "theirs"}}
    first = tmp_path / "new/ServerConfig.json"
    assert json.loads(placed(tmp_path, "json", first, "APIKey")) == {"APIKey": KEY}
