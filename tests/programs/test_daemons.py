"""Apps of the catalog accept rendered settings: Mosquitto, Transmission, Netdata, Miniflux."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from pathlib import Path

import pytest

from tests.programs.rendered import ALL, planned, running, settings
from tests.programs.test_access import ini
from tests.proxy.rig import free_ports
from tests.proxy.running import await_port
from tests.tools.programs import at, need_here, run


def having(path: str) -> list[str]:
    """Stacks that set an option."""
    return [n for n in ALL if list(settings(planned(n), path, Path()))]


def connected(port: int, user: str, password: str) -> int:
    """The broker's return code for a login (MQTT 3.1.1); 0 is success."""

    def field(text: str) -> bytes:
        return len(text).to_bytes(2, "big") + text.encode()

    flags = 0xC2 if user else 0x02
    body = field("MQTT") + bytes([4, flags, 0, 60]) + field("test")
    body += field(user) + field(password) if user else b""
    with closing(socket.create_connection(("127.0.0.1", port), 10)) as asked:
        asked.sendall(bytes([0x10, len(body)]) + body)
        answer = asked.recv(4)
    assert answer[:2] == b"\x20\x02", answer
    return answer[3]


@pytest.mark.parametrize("name", having("services.mosquitto"))
@pytest.mark.requirement("S4-28")
def test_mosquitto_accepts_only_users_with_passwords(name: str, tmp_path: Path) -> None:
    """Each user of each listener, and no other user."""
    broker, maker = at("mosquitto"), at("mosquitto_passwd")
    for host, found in settings(planned(name), "services.mosquitto", tmp_path):
        for number, listener in enumerate(found.get("listeners", [])):
            (port,) = free_ports(1)
            place = tmp_path / f"{host}-{number}"
            place.mkdir()
            passwords, rights = place / "passwords", place / "rights"
            passwords.touch()
            text = ""
            for user, said in listener["users"].items():
                assert run(maker, "-b", passwords, user, f"of {user}").returncode == 0
                lines = "".join(f"topic {t}\n" for t in said["acl"])
                text += f"user {user}\n{lines}"
            rights.write_text(text, encoding="utf-8")
            file = place / "mosquitto.conf"
            file.write_text(
                f"per_listener_settings true\nuser root\nlistener {port} 127.0.0.1\n"
                f"password_file {passwords}\nacl_file {rights}\n",
                encoding="utf-8",
            )
            log = place / "log"
            with running([broker, "-c", str(file)], log) as process:
                await_port(port, process, log)
                for user in listener["users"]:
                    assert connected(port, user, f"of {user}") == 0
                    assert connected(port, user, "of nobody") == 5
                assert connected(port, "", "") == 5
            assert "Error" not in log.read_text(), log.read_text()


@pytest.mark.parametrize("name", having("services.transmission.settings"))
def test_transmission_knows_every_setting(name: str, tmp_path: Path) -> None:
    """It reads each setting with the intended value."""
    daemon = at("transmission-daemon")
    before = run(daemon, "-g", tmp_path / "none", "--dump-settings")
    known = json.loads(before.stdout or before.stderr)
    for host, found in settings(planned(name), "services.transmission.settings", tmp_path):
        place = tmp_path / host
        place.mkdir()
        (place / "settings.json").write_text(json.dumps(found), encoding="utf-8")
        done = run(daemon, "-g", place, "--dump-settings")
        heard = json.loads(done.stdout or done.stderr)
        assert set(found) <= set(known)
        assert {k: heard[k] for k in found} == found


@pytest.mark.parametrize("name", having("services.netdata.config"))
def test_netdata_reads_every_setting(name: str, tmp_path: Path) -> None:
    """It reports each setting with the intended value."""
    netdata = at("netdata")
    for _, found in settings(planned(name), "services.netdata.config", tmp_path):
        file = tmp_path / "netdata.conf"
        file.write_text(ini(found), encoding="utf-8")
        for section, body in found.items():
            for key, value in body.items():
                done = run(netdata, "-c", file, "-W", "get", section, key, "nothing")
                assert done.stdout.strip() == str(value), done.stderr


@pytest.mark.parametrize("name", having("services.miniflux.config"))
def test_miniflux_reads_every_setting(name: str, tmp_path: Path) -> None:
    """It reports each setting with the intended value."""
    need_here("miniflux")
    for _, found in settings(planned(name), "services.miniflux.config", tmp_path):
        file = tmp_path / "miniflux.conf"
        file.write_text("".join(f"{k}={v}\n" for k, v in found.items()), encoding="utf-8")
        done = run("miniflux", "-config-file", file, "-config-dump")
        assert done.returncode == 0, done.stderr
        heard = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
        for key, value in found.items():
            assert heard[key].strip('"') == str(value), key
