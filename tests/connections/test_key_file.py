"""The script that writes an app's key into the app's own settings before it starts."""

from __future__ import annotations

import base64
import configparser
import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from tests import build
from tests.tools.programs import need

SCRIPT = build.ROOT / "homelab/connections/api-key.sh"
KEY = "abc-DEF_0123"


def placed(directory: Path, kind: str, file: Path, at: str, key: str = KEY) -> str:
    """The file after the script."""
    if kind in ("json", "deluge"):
        need("jq")
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


QBITTORRENT = r"""[BitTorrent]
Session\DefaultSavePath=/mnt/media/downloads

[Preferences]
General\Locale=en
WebUI\Password_PBKDF2="@ByteArray(ARQ77eY1NUZaQsuDHbIMCA==:0WMRkYTUWVT9wVvdDtHAjU9b3b7uB8NR1Gur2hmQCvCDpm39Q+PsJRJPaCU51dEiz+dTzh8qbPsL8WkFljQYFQ==)"
WebUI\Port=8080
WebUI\Username=me

[RSS]
AutoDownloader\DownloadRepacks=true
"""
"""Settings whose password is `adminadmin`, as earlier versions of qBittorrent had it."""


def preferences(text: str) -> dict[str, str]:
    """The keys of `[Preferences]`."""
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read_string(text)
    return dict(parser["Preferences"])


def opens_qbittorrent(text: str, password: str) -> bool:
    """Whether qBittorrent accepts a password: PBKDF2 with SHA-512 and 100000 rounds."""
    stored = preferences(text)["WebUI\\Password_PBKDF2"]
    salt, _, key = stored.removeprefix('"@ByteArray(').removesuffix(')"').partition(":")
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt), 100_000)
    return made == base64.b64decode(key, validate=True)


def test_the_key_is_the_password_of_qbittorrent(tmp_path: Path) -> None:
    file = tmp_path / "qBittorrent.conf"
    file.write_text(QBITTORRENT)
    after = placed(tmp_path, "qbittorrent", file, "")
    assert opens_qbittorrent(after, KEY)
    assert preferences(after)["WebUI\\Username"] == "admin"
    changed = ("WebUI\\Password", "WebUI\\Username")
    assert [line for line in after.splitlines() if not line.startswith(changed)] == [
        line for line in QBITTORRENT.splitlines() if not line.startswith(changed)
    ]
    assert placed(tmp_path, "qbittorrent", file, "") == after
    another = placed(tmp_path, "qbittorrent", file, "", "another")
    assert opens_qbittorrent(another, "another")
    assert not opens_qbittorrent(another, KEY)


def test_a_hash_of_the_same_password_stays(tmp_path: Path) -> None:
    file = tmp_path / "qBittorrent.conf"
    file.write_text(QBITTORRENT.replace("Username=me", "Username=admin"))
    before = file.read_text()
    assert placed(tmp_path, "qbittorrent", file, "", "adminadmin\n") == before


def test_a_first_start_of_qbittorrent_has_the_password(tmp_path: Path) -> None:
    file = tmp_path / "config/qBittorrent.conf"
    assert opens_qbittorrent(placed(tmp_path, "qbittorrent", file, ""), KEY)
    assert file.stat().st_mode & 0o077 == 0


def opens_deluge(text: str, password: str) -> bool:
    """Whether Deluge's pages accept a password."""
    _, settings = [json.loads(part) for part in text.replace("}\n{", "}\0{").split("\0")]
    made = hashlib.sha1(f"{settings['pwd_salt']}{password}".encode()).hexdigest()
    return bool(made == settings["pwd_sha1"])


def test_the_key_is_the_password_of_deluge(tmp_path: Path) -> None:
    file = tmp_path / "web.conf"
    settings = {
        "pwd_salt": "c26ab3bbd8b137f99cd83c2c1c0963bcc1a35cad",
        "pwd_sha1": "2ce1a410bcdcc53064129b6d950f2e9fee4edc1e",
        "sessions": {"a": {"level": 10}},
    }
    file.write_text('{"file": 2, "format": 1}\n' + json.dumps(settings, indent=4))
    assert opens_deluge(file.read_text(), "deluge")
    after = placed(tmp_path, "deluge", file, "")
    assert opens_deluge(after, KEY)
    assert not opens_deluge(after, "deluge")
    assert json.loads(after.partition("}\n")[0] + "}") == {"file": 2, "format": 1}
    assert '"level": 10' in after
    assert placed(tmp_path, "deluge", file, "") == after
    assert opens_deluge(placed(tmp_path, "deluge", tmp_path / "new/web.conf", ""), KEY)


def test_nzbget_gets_an_account_for_programs(tmp_path: Path) -> None:
    file = tmp_path / "nzbget.conf"
    before = (
        "MainDir=/mnt\n# RestrictedUsername=x\nControlUsername=nzbget\nControlPassword=mine\n"
        "RestrictedUsername=\nRestrictedPassword=\nAddUsername=\n"
    )
    file.write_text(before)
    after = placed(tmp_path, "nzbget", file, "")
    assert after == before.replace("\nRestrictedUsername=", "\nRestrictedUsername=homelab").replace(
        "RestrictedPassword=", f"RestrictedPassword={KEY}"
    )
    assert placed(tmp_path, "nzbget", file, "") == after
    file.write_text("MainDir=/mnt\n")
    assert placed(tmp_path, "nzbget", file, "").splitlines()[1:] == [
        "RestrictedUsername=homelab",
        f"RestrictedPassword={KEY}",
    ]
