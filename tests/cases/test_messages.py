"""Messages of single mistakes: one cause is one problem, and it has its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.ops.project.stack import open_stack
from tests.cases.on_disk import laid_out, tried


def test_a_1password_reference_of_a_host_is_one_problem(tmp_path: Path) -> None:
    """No key of the host's file is missing, because the reference names none."""
    admin = {"ref": {"op": "op://homelab/vaultwarden/admin"}}
    edit = {"services": {"vaultwarden": {"secrets": {"admin": admin}}}}
    (problem,) = tried(laid_out(tmp_path, edit))
    assert (problem.check, problem.where) == ("op-token-present", "secrets.onepassword")


def test_a_pattern_of_public_names_outside_the_zone_is_one_problem(tmp_path: Path) -> None:
    """Every name that it makes is in the message."""
    edit = {"site": {"names": {"public": "{name}.example.net"}}}
    (problem,) = tried(laid_out(tmp_path, edit))
    assert (problem.check, problem.where) == ("acme-dns01", "site.names.public")
    assert "auth.example.net (of services.authelia)" in problem.what
    assert "music.example.net (of services.navidrome)" in problem.what


def test_a_planned_host_needs_no_file_of_secrets(tmp_path: Path) -> None:
    """The guide's example: its key is not known before its first boot, so no file can be encrypted
    for it, and `homelab bootstrap` comes first. A live host needs its file.
    """
    attic = {
        "state": "planned",
        "platform": "aarch64-linux",
        "profile": "raspberry-pi-4",
        "state_version": "25.11",
        "bootstrap": "sd-image",
        "address": {"lan": "192.168.1.31"},
    }
    planned = laid_out(tmp_path / "planned", {"hosts": {"attic": attic}})
    assert tried(planned) == []
    assert "bootstrap.nix" in dict(open_stack(planned, "home").images["attic"].files)
    live = tried(laid_out(tmp_path / "live", {"hosts": {"attic": {**attic, "state": "live"}}}))
    (secrets,) = [p for p in live if p.check == "secret-known"]
    assert "there is no such file, and attic needs" in secrets.what


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (
            {"datasets": {"films": {"host": "nas", "path": "/srv/films"}}},
            "films.tier: is missing; add tier: one of irreplaceable, re-derivable, service, user",
        ),
        ({"tailnet": {"client_id": None}}, "client_id: is missing; add client_id: {sops: …}"),
        ({"tailnet": {"owners": None}}, "tailnet.owners: is missing; add owners: […]"),
    ],
)
def test_what_is_missing_is_shown_in_its_form(
    tmp_path: Path, edit: dict[str, object], problem: str
) -> None:
    assert any(problem in str(p) for p in tried(laid_out(tmp_path, edit)))
