"""The command line of installing: arguments arrive, and a wrong one is a wrong call."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from homelab.cli import app
from tests import build
from tests.install.test_card import Card


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    """Run a command without a terminal: its exit code, output and errors."""

    def run(top: Path, *words: str) -> tuple[int, str, str]:
        monkeypatch.chdir(top)
        monkeypatch.setattr(sys, "argv", ["homelab", *words])
        monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
        with pytest.raises(SystemExit) as ended:
            app.main()
        out, err = capsys.readouterr()
        return int(str(ended.value.code or 0)), out, err

    return run


def test_a_machine_is_installed_by_a_script(make: Any, call: Any) -> None:
    home = make()
    machine = home.machine
    words = ["nas", "--to", "root@127.0.0.1", "--port", str(machine.port), "--wait", "20"]
    words += ["--key-file", str(home.key_file), "--target-key", machine.key.get_fingerprint()]
    code, _, err = call(home.top, "install", *words)
    assert code == 2
    assert "confirm the host's name: --confirm nas" in err
    assert not machine.called("standin-disko")
    code, _, err = call(home.top, "install", *words, "--confirm", "nas")
    assert (code, err.splitlines()[-1]) == (0, "next: pulumi up")
    assert machine.called("nixos-install")


@pytest.mark.parametrize("to", ["@192.168.1.9", "root@", "-oProxyCommand=x"])
def test_an_address_is_checked(make: Any, call: Any, to: str) -> None:
    code, _, err = call(make().top, "install", "nas", f"--to={to}")
    assert code == 2
    assert "is not user@address" in err


def test_a_key_in_a_file_is_pinned(make: Any, call: Any) -> None:
    home = make()
    code, out, _ = call(home.top, "host", "key", "nas", "--key-file", str(home.key_file))
    assert code == 0
    assert "pinned already" in out


def test_the_next_command_takes_the_key_from_the_same_file(make: Any, call: Any) -> None:
    home = make()
    place = home.key_file.rename(home.key_file.with_name("a key"))
    (stack,) = home.top.glob("Pulumi.*.yaml")
    text, pinned = stack.read_text(), place.with_name("pub")
    with pinned.open("w") as out:
        subprocess.run(["ssh-keygen", "-y", "-f", str(place)], stdout=out, check=True)
    stack.write_text(text.replace(pinned.read_text().split()[1], build.KEY.split()[1]))
    assert stack.read_text() != text
    code, out, _ = call(home.top, "host", "key", "nas", "--key-file", str(place), "--replace")
    assert code == 0
    assert f"next: homelab install nas --key-file '{place}'" in out.splitlines()


def test_a_card_is_written_from_files(tmp_path: Path, call: Any) -> None:
    card = Card(tmp_path, {"backend": "iwd"})
    (tmp_path / "password").write_text("correct horse\n")
    words = ["attic", "--onto", str(card.place), "--wifi", "home", "--key-file", str(card.key_file)]
    code, _, err = call(card.stack, "bootstrap", *words)
    assert code == 2
    assert "--wifi-password-file" in err
    words += ["--wifi-password-file", str(tmp_path / "password")]
    assert call(card.stack, "bootstrap", *words)[0] == 0
    assert "correct horse\n" in (card.place / "homelab/wifi/home.psk").read_text()


def test_options_for_the_card_need_it(tmp_path: Path, call: Any) -> None:
    card = Card(tmp_path, None)
    code, _, err = call(card.stack, "bootstrap", "attic", "--wifi", "home")
    assert code == 2
    assert "are for --onto" in err
    code, _, err = call(card.stack, "bootstrap", "attic", "--build", "--onto", str(card.place))
    assert code == 2
