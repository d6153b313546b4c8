"""Homelabs without a tailnet, without Cloudflare's DNS, or with several domains."""

from __future__ import annotations

from pathlib import Path

from tests.cases.on_disk import laid_out, rendered, tried

ALONE = {"tailnet": None, "backup": {"targets": {"onetouch": None}}}


def test_no_tailnet_two_hosts(tmp_path: Path) -> None:
    """Without Tailscale, the proxy calls over the LAN, and only the proxy is admitted."""
    (problem,) = [
        p for p in tried(laid_out(tmp_path / "as-it-was", ALONE)) if p.severity != "warning"
    ]
    assert (problem.where, problem.check) == ("hosts.pi.tailscale", "tailnet-elsewhere")
    assert "subnet_routes" in problem.what
    mended = laid_out(tmp_path / "mended", {**ALONE, "hosts": {"pi": {"tailscale": None}}})
    # Remaining tailnet addresses give a warning and have no effect.
    warned = {p.where for p in tried(mended) if p.check == "tailnet-elsewhere"}
    assert warned == {f"hosts.{h}.address.tailnet" for h in ("pi", "aurora", "workstation")}
    hosts = rendered(mended)
    assert "reverse_proxy http://192.168.1.10:" in hosts["pi"]["proxy.nix"]
    assert "100.100.71" not in hosts["pi"]["proxy.nix"]
    aurora = hosts["aurora"]["firewall.nix"]
    assert "ip saddr 192.168.1.225 tcp dport {" in aurora
    assert "tailscale0" not in aurora


def test_other_dns_provider(tmp_path: Path) -> None:
    """Any provider of lego with its own variables. Names on the internet stay at Cloudflare."""
    said = {"provider": "desec"}
    (problem,) = tried(laid_out(tmp_path / "bare", {"network": {"entry": {"acme": said}}}))
    assert "DESEC_TOKEN" in str(problem)
    whole = {**said, "credentials": {"DESEC_TOKEN": {"sops": "acme/desec"}}}
    found = tried(laid_out(tmp_path / "whole", {"network": {"entry": {"acme": whole}}}))
    (missing,) = [p for p in found if p.severity == "error"]
    assert missing.check == "secret-known"
    assert "acme/desec" in missing.what


def test_second_zone(tmp_path: Path) -> None:
    """Not supported: the error names the alternative."""
    zones = [{"name": "example.net", "id": "9f8e7d6c5b4a39281706f5e4d3c2b1a1"}]
    found = tried(laid_out(tmp_path, {"cloudflare": {"zones": zones}}))
    (problem,) = [p for p in found if p.severity == "error"]
    assert problem.where == "cloudflare"
    assert "one zone" in problem.what
    assert "with a second stack, which has its own machines" in problem.way_out
