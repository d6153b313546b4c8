"""Secrets that owners keep elsewhere: agenix, 1Password."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.on_disk import laid_out, rendered, tried
from tests.household import Changes


def vault(ref: Changes) -> Changes:
    return {"services": {"vaultwarden": {"secrets": {"admin": {"ref": ref}}}}}


@pytest.mark.requirement("S0-57")
def test_agenix(tmp_path: Path) -> None:
    """A reference names the file that agenix makes on the host."""
    (problem,) = tried(laid_out(tmp_path / "as-it-was", vault({"age": "secrets/vault.age"})))
    assert problem.where == "services.vaultwarden.secrets.admin.ref.age"
    assert "write path: /run/agenix/NAME" in problem.way_out
    place = laid_out(tmp_path / "mended", vault({"path": "/run/agenix/vault"}))
    assert [p for p in tried(place) if p.severity == "error"] == []
    aurora = rendered(place)["aurora"]
    assert '"admin:/run/agenix/vault"' in aurora["fetched-secrets.nix"]
    assert "/run/homelab/fetched/vaultwarden/admin" in aurora["services/vaultwarden.nix"]
    assert "vaultwarden-admin" not in aurora["issued-secrets.nix"]


@pytest.mark.requirement("S2-03", "S3-08")
def test_onepassword_on_a_host(tmp_path: Path) -> None:
    """A reference to 1Password needs the token of a service account, and nothing else changes."""
    bare = tried(laid_out(tmp_path / "bare", vault({"op": "op://homelab/vault/admin"})))
    assert [p.check for p in bare if p.severity == "error"] == ["op-token-present"]
    token = {"secrets": {"onepassword": {"token": {"sops": "onepassword/token"}}}}
    whole = tried(laid_out(tmp_path / "whole", vault({"op": "op://homelab/vault/admin"}) | token))
    (missing,) = (p for p in whole if p.severity == "error")
    assert missing.check == "secret-known"
    assert "secrets/aurora.yaml" in missing.what
    assert "homelab secret set onepassword/token" in missing.way_out
