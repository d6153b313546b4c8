"""Messages of single mistakes: one cause is one problem, and it has its place."""

from __future__ import annotations

from pathlib import Path

from tests.cases.on_disk import laid_out, tried


def test_a_1password_reference_of_a_host_is_one_problem(tmp_path: Path) -> None:
    """No key of the host's file is missing, because the reference names none."""
    admin = {"ref": {"op": "op://homelab/vaultwarden/admin"}}
    edit = {"services": {"vaultwarden": {"secrets": {"admin": admin}}}}
    (problem,) = tried(laid_out(tmp_path, edit))
    assert (problem.check, problem.where) == (
        "secret-known",
        "services.vaultwarden.secrets.admin.ref",
    )
    assert "cannot read a 1Password reference" in problem.what


def test_a_pattern_of_public_names_outside_the_zone_is_one_problem(tmp_path: Path) -> None:
    """Every name that it makes is in the message."""
    edit = {"site": {"names": {"public": "{name}.example.net"}}}
    (problem,) = tried(laid_out(tmp_path, edit))
    assert (problem.check, problem.where) == ("acme-dns01", "site.names.public")
    assert "auth.example.net (of services.authelia)" in problem.what
    assert "music.example.net (of services.navidrome)" in problem.what
