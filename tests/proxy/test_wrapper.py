"""Caddy gets variables with secrets from an environment file, or from a wrapper."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from homelab.problems import InvalidStackError
from homelab.proxy import wrapper
from tests import build
from tests.household import Changes, household

TOKEN = "CLOUDFLARE_API_TOKEN"


def _stack(how: str = "exec_wrapper", **secret: object) -> Changes:
    dns = {"ref": {"sops": "cloudflare/dns"}, "env": TOKEN, **secret}
    return household(
        {
            "network": {"entry": {"variables": how}},
            "services": {"caddy": {"secrets": {"dns": dns}}},
        }
    )


@pytest.mark.requirement("S1-35")
def test_the_wrapper_replaces_the_commands_of_the_unit() -> None:
    """A list in NixOS joins the module's, so the whole list is forced; its first element is empty,
    which resets the command of the package's unit.
    """
    text = build.render(_stack())["pi"]["proxy.nix"]
    for setting, command in (("ExecStart", " run "), ("ExecReload", " reload ")):
        lines = text[text.index(f"{setting} = lib.mkForce [") :].splitlines()
        assert lines[1].strip() == '""'
        assert f"{TOKEN}=dns -- ${{lib.getExe config.services.caddy.package}}{command}" in lines[2]
        assert lines[3].strip() == "];"
    assert 'LoadCredential = [ "dns:/run/secrets/caddy-dns" ];' in text
    assert "EnvironmentFile" not in "".join(build.render(_stack())["pi"].values())


@pytest.mark.requirement("S1-35")
def test_by_default_systemd_reads_an_environment_file() -> None:
    files = build.render(_stack("env_file"))["pi"]
    assert "ExecStart" not in files["proxy.nix"]
    assert '"/run/secrets/rendered/caddy-dns"' in files["services/caddy.nix"]
    assert f"{TOKEN}=" in files["secrets.nix"]


@pytest.mark.parametrize(
    ("ref", "path"),
    [
        ({"path": "/run/agenix/dns"}, "/run/agenix/dns"),
        ({"op": "op://Home/dns/token"}, "/run/homelab/fetched/caddy/dns"),
        (None, "/run/homelab/secrets/caddy-dns"),
    ],
)
@pytest.mark.requirement("S1-35")
def test_the_wrapper_takes_secrets_of_every_store(ref: object, path: str) -> None:
    text = build.render(_stack(ref=ref))["pi"]["proxy.nix"]
    assert f'LoadCredential = [ "dns:{path}" ];' in text


@pytest.mark.requirement("S1-35")
def test_the_program_gets_the_values_as_they_are(tmp_path: Path) -> None:
    """An environment file would change the quotes, the backslash and the dollar."""
    value = "a 'b' \"c\" \\n $HOME #x"
    (tmp_path / "dns").write_text(value + "\n", encoding="utf-8")
    (tmp_path / "other").write_text("2", encoding="utf-8")
    script = tmp_path / "with-secrets.sh"
    script.write_text(wrapper.SHELL, encoding="utf-8")
    program = 'printf "%s|%s|%s" "$TOKEN" "$OTHER" "$1"'
    words = ["TOKEN=dns", "OTHER=other", "--", "bash", "-c", program, "-", "an argument"]
    done = subprocess.run(
        ["bash", script, *words],
        env={"PATH": "/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{value}|2|an argument"


@pytest.mark.requirement("S1-35")
def test_a_missing_credential_stops_the_program(tmp_path: Path) -> None:
    script = tmp_path / "with-secrets.sh"
    script.write_text(wrapper.SHELL, encoding="utf-8")
    done = subprocess.run(
        ["bash", script, "TOKEN=dns", "--", "echo", "started"],
        env={"PATH": "/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "started" not in done.stdout


@pytest.mark.requirement("S1-35")
def test_only_caddy_has_the_wrapper() -> None:
    with pytest.raises(InvalidStackError, match="nginx has no wrapper"):
        build.plan(
            household({"network": {"entry": {"proxy": "nginx", "variables": "exec_wrapper"}}})
        )
