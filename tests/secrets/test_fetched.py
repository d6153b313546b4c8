"""Secrets outside of sops: fetched from 1Password by the host, or files of the owner's modules."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from homelab.secrets import fetched
from homelab.secrets.inventory import inventory
from tests import build

ONEPASSWORD = {"onepassword": {"token": {"sops": "onepassword/token"}}}
PASTE: dict[str, Any] = {
    "host": "nas",
    "container": {"image": f"example.org/paste:1@sha256:{'0' * 64}", "port": 8000},
    "audience": "operator",
    "state": ["/var/lib/paste"],
    "secrets": {
        "token": {"ref": {"op": "op://home/paste/token"}, "env": "PASTE_TOKEN"},
        "key": {"ref": {"op": "op://home/paste/key"}},
        "given": {"ref": {"path": "/run/agenix/given"}, "env": "GIVEN"},
        "raw": {"ref": {"path": "/run/agenix/raw"}},
    },
}
MINIFLUX: dict[str, Any] = {
    "host": "nas",
    "audience": "operator",
    "secrets": {
        "admin": {"ref": {"op": "op://home/miniflux/admin"}},
        "mine": {"ref": {"op": "op://home/miniflux/mine"}},
    },
}
BOTH: dict[str, Any] = {
    "secrets": ONEPASSWORD,
    "services": {"paste": PASTE, "miniflux": MINIFLUX},
}
NASTY = 'p@ss "w\'rd" `id` $HOME \\n %h #;&'


def rendered() -> dict[str, str]:
    return build.render(BOTH)["nas"]


@pytest.mark.requirement("S2-03", "S3-08", "S0-57")
def test_each_service_starts_after_the_unit_that_fetches_its_secrets() -> None:
    files = rendered()
    units = files["fetched-secrets.nix"]
    for unit, service in (("podman-paste", "paste"), ("miniflux", "miniflux")):
        reader = units[units.index(f"systemd.services.{unit} = {{") :]
        assert f'requires = [ "homelab-secrets-{service}.service" ]' in reader
        assert f'after = [ "homelab-secrets-{service}.service" ]' in reader
        assert f"{service}-" in reader[reader.index("restartTriggers") :]
    assert '"1password:/run/secrets/onepassword-token"' in units
    assert "sops.secrets.onepassword-token" in files["secrets.nix"]
    assert '"1password-cli"' in files["nix.nix"]
    assert 'adminCredentialsFile = "/run/homelab/fetched/miniflux/admin"' in files[
        "services/miniflux.nix"
    ]  # fmt: skip
    assert '"mine:/run/homelab/fetched/miniflux/mine"' in files["services/miniflux.nix"]
    paste = files["services/paste.nix"]
    assert '"/run/homelab/fetched/paste/token"' in paste
    assert '"/run/homelab/fetched/paste/key:/run/secrets/key:ro"' in paste
    assert "issued-secrets.nix" not in files or "paste-token" not in files["issued-secrets.nix"]


@pytest.mark.requirement("S3-08")
def test_only_the_fetching_unit_gets_the_network_and_the_token() -> None:
    """The sandbox of the services stays as it was without 1Password."""
    stored = {"sops": "a/b"}
    secrets = {name: {**s, "ref": stored} for name, s in MINIFLUX["secrets"].items()}
    without = {**BOTH, "secrets": None, "services": {
        "miniflux": {**MINIFLUX, "secrets": secrets}}}  # fmt: skip
    files, before = rendered(), build.render(without)["nas"]
    assert files["hardening.nix"] == before["hardening.nix"]
    assert "1password:" not in "".join(t for n, t in files.items() if n != "fetched-secrets.nix")
    given = {"given": PASTE["secrets"]["given"]}
    alone = build.render({"services": {"paste": {**PASTE, "secrets": given}}})["nas"]
    assert "PrivateNetwork = true" in alone["fetched-secrets.nix"]
    assert "_1password" not in "".join(alone.values())
    assert "1password-cli" not in alone["nix.nix"]


@pytest.mark.requirement("S2-03")
def test_a_file_of_an_own_module_is_used_where_it_is() -> None:
    given = {"raw": PASTE["secrets"]["raw"]}
    files = build.render({"services": {"paste": {**PASTE, "secrets": given}}})["nas"]
    assert '"/run/agenix/raw:/run/secrets/raw:ro"' in files["services/paste.nix"]
    assert "fetched-secrets.nix" not in files
    assert "secrets.nix" not in files or "paste-raw" not in files["secrets.nix"]


def test_the_list_names_where_each_one_is() -> None:
    rows = {row.name: row for row in inventory(build.plan(BOTH), {}) if row.host == "nas"}
    assert (rows["paste-token"].source, rows["paste-token"].key) == (
        "1password",
        "op://home/paste/token",
    )
    assert (rows["paste-raw"].source, rows["paste-raw"].key) == ("file", "/run/agenix/raw")
    assert rows["onepassword-token"].source == "stored"


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ({"ref": {"path": "run/agenix/x"}}, "absolute"),
        ({"ref": {"path": "/nix/store/abc-x"}}, "every user of the host can read a file there"),
        ({"ref": {"path": "/run/agenix/"}}, "every user"),
        ({"ref": {"path": "/run/agenix/x", "sops": "a"}}, "a secret has one source"),
        ({"ref": {"path": "/run/agenix/x"}, "owner": "sam"}, "leave owner and mode out"),
        ({"ref": {"age": "secrets/x.age"}}, "a reference to a secret has no age"),
        ({"ref": {"op": "op://vault/item"}}, "not a 1Password reference"),
        ({"ref": {"op": "hunter2hunter2"}}, "not a 1Password reference"),
    ],
)
@pytest.mark.requirement("S2-03")
def test_a_reference_is_checked_for_its_form(secret: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=re.escape(message)) as caught:
        build.plan({"services": {"paste": {**PASTE, "secrets": {"token": secret}}}})
    assert "hunter2" not in str(caught.value)


def test_the_token_of_1password_is_not_in_1password() -> None:
    with pytest.raises(Exception, match="the token opens 1Password"):
        build.plan({"secrets": {"onepassword": {"token": {"op": "op://a/b/c"}}}})


class Fetch:
    """The rendered script of a unit, run here with a stand-in for op."""

    def __init__(self, place: Path, service: str, values: dict[str, str]) -> None:
        self.into, self.credentials = place / "run", place / "credentials"
        tools, self.words, self.values = place / "bin", place / "words", place / "values"
        for directory in (self.into, self.credentials, tools, self.values):
            directory.mkdir()
        self.credentials.joinpath("1password").write_text("ops_secret_token")
        for name, value in values.items():
            if name.startswith("op://"):
                self.values.joinpath(name.replace("/", "_")).write_bytes(value.encode())
            else:
                self.credentials.joinpath(name).write_bytes(value.encode())
        op = tools / "op"
        op.write_text(
            f"""#!/bin/bash
printf '%s\\n' "$@" >>{self.words}
[ "$OP_SERVICE_ACCOUNT_TOKEN" = ops_secret_token ] || {{ echo no token >&2; exit 1; }}
[ "$1 $2" = "read --no-newline" ] || exit 2
cat "{self.values}/${{3//\\//_}}" 2>/dev/null || {{ echo "[ERROR] no such item" >&2; exit 1; }}
"""
        )
        op.chmod(0o755)
        made = build.plan(BOTH)
        (found,) = (s for s in made.on("nas") if s.name == service)
        lines = [fetched._call(s, "quoted") for s in fetched.placed(made, found)]
        self.lines = [re.sub(r" (root|miniflux) ", f" {os.environ['USER']} ", x) for x in lines]
        self.shell = Path(fetched.__file__).with_name("fetch.sh")
        self.path = f"{tools}:{os.environ['PATH']}"

    def run(self, *, form: str = "quoted") -> subprocess.CompletedProcess[str]:
        calls = "\n".join(self.lines).replace(" quoted ", f" {form} ")
        return subprocess.run(
            ["bash", "-e", "-c", f". {shlex.quote(str(self.shell))}\n{calls}"],
            env={
                "PATH": self.path,
                "RUNTIME_DIRECTORY": str(self.into),
                "CREDENTIALS_DIRECTORY": str(self.credentials),
                "HOMELAB_TRIES": "2",
                "HOMELAB_PAUSE": "0",
            },
            capture_output=True,
            text=True,
            check=False,
        )


PLACED = {
    "op://home/paste/token": NASTY,
    "op://home/paste/key": "one\ntwo\n",
    "given": "from-agenix\n",
}


@pytest.fixture
def fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fetch:
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    monkeypatch.setenv("USER", user)
    return Fetch(tmp_path, "paste", PLACED)


@pytest.mark.requirement("S3-08")
def test_the_script_places_each_secret_for_its_reader_alone(fetch: Fetch) -> None:
    done = fetch.run()
    assert done.returncode == 0, done.stderr
    assert {p.name for p in fetch.into.iterdir()} == {"token", "key", "given"}
    assert fetch.into.joinpath("key").read_bytes() == b"one\ntwo\n"
    assert stat.S_IMODE(fetch.into.joinpath("key").stat().st_mode) == 0o400
    for name, variable, value in (
        ("token", "PASTE_TOKEN", NASTY),
        ("given", "GIVEN", "from-agenix"),
    ):
        file = fetch.into / name
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
        # Within double quotes, systemd and the shell read the same.
        read = f'. {file}; printf %s "${variable}"'
        assert subprocess.check_output(["bash", "-c", read], text=True) == value
    plain = fetch.run(form="plain")
    assert plain.returncode == 0, plain.stderr
    assert fetch.into.joinpath("token").read_text() == f"PASTE_TOKEN={NASTY}\n"
    said = done.stdout + done.stderr + fetch.words.read_text()
    assert not any(v.strip() in said for v in (*PLACED.values(), "ops_secret_token"))


@pytest.mark.requirement("S3-08")
def test_a_secret_that_1password_does_not_give_fails_the_unit(fetch: Fetch) -> None:
    assert fetch.run().returncode == 0
    before = {p.name: p.read_bytes() for p in fetch.into.iterdir()}
    for file in fetch.values.iterdir():
        file.unlink()
    fetch.words.unlink()
    done = fetch.run()
    assert done.returncode != 0
    assert "1Password does not give op://home/paste/key" in done.stderr
    assert "no such item" in done.stderr
    assert fetch.words.read_text().count("read") == 2, "tried again, then failed"
    assert {p.name: p.read_bytes() for p in fetch.into.iterdir()} == before


@pytest.mark.parametrize("value", ["two\nlines", "", "a\tb"])
def test_a_value_that_is_no_variable_fails_the_unit_without_being_shown(
    fetch: Fetch, value: str
) -> None:
    fetch.credentials.joinpath("given").write_text(value)
    done = fetch.run()
    assert done.returncode != 0
    assert "given is empty or has several lines, so it cannot be a variable" in done.stderr
    assert not value or value not in done.stderr
    assert not fetch.into.joinpath("given").exists()
    assert not fetch.into.joinpath(".value").exists()
