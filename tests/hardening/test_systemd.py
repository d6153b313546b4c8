"""`hardening.nix`, as it stands on a host."""

from __future__ import annotations

from homelab.hardening.systemd import modules
from homelab.nix import Comment, Force
from tests import build


def test_a_host_has_its_own_units_in_one_file() -> None:
    """The proxy's host confines the proxy, the other one its app."""
    files = build.render({"services": {"jellyfin": {"host": "nas"}}})
    assert "systemd.services.caddy.serviceConfig" in files["pi"]["hardening.nix"]
    assert "jellyfin" not in files["pi"]["hardening.nix"]
    assert "systemd.services.jellyfin.serviceConfig" in files["nas"]["hardening.nix"]


def test_a_host_without_services_has_no_such_file() -> None:
    """Nothing to confine, nothing to read."""
    assert "hardening.nix" not in build.render()["nas"]


def test_only_what_is_recorded_outranks_upstream_and_says_why() -> None:
    """Everything else yields to the module of nixpkgs."""
    relax = {"private-tmp": "shares files with its helper"}
    plan = build.plan({"services": {"jellyfin": {"host": "nas", "harden": {"relax": relax}}}})
    (module,) = modules(plan, plan.hosts["nas"])
    config = module.derived["systemd"]["services"]["jellyfin"]["serviceConfig"]  # type: ignore[index,call-overload]
    assert config["PrivateTmp"] == Comment("shares files with its helper", Force(False))  # type: ignore[index,call-overload]
    forced = [k for k, v in config.items() if isinstance(v, Comment | Force)]  # type: ignore[union-attr]
    # nixpkgs opens its devices for everybody, with a graphics card or without.
    assert config["PrivateDevices"] == Comment("nixpkgs says false.", Force(True))  # type: ignore[index,call-overload]
    assert forced == ["PrivateTmp", "PrivateDevices"]
    assert not module.stated


def test_what_upstream_says_in_a_list_is_not_widened() -> None:
    """Lists join in NixOS: a list of address families of ours would add to upstream's shorter one."""
    plan = build.plan({"services": {"jellyfin": {"host": "nas"}}})
    settings = dict(next(u for u in plan.hardening if u.unit == "jellyfin").settings)
    lists = {k for k, v in settings.items() if isinstance(v, list)}
    assert lists <= {"BindPaths", "BindReadOnlyPaths", "ReadWritePaths", "TemporaryFileSystem"}
