"""`hardening.nix` of a host."""

from __future__ import annotations

from collections.abc import Mapping

from homelab.catalog import ENTRIES
from homelab.hardening.baseline import BASELINE
from homelab.hardening.strictness import stricter
from homelab.hardening.systemd import modules
from homelab.nix import Comment, Force, Module, Nix
from homelab.proxy.registry import PROXIES
from tests import build
from tests.tools.walk import walk


def test_a_host_has_its_own_units_in_one_file() -> None:
    """The host of the proxy has the sandbox of the proxy, the other host that of its app."""
    files = build.render({"services": {"jellyfin": {"host": "nas"}}})
    assert "homelab.hardening.units.caddy = {" in files["pi"]["hardening.nix"]
    assert "jellyfin" not in files["pi"]["hardening.nix"]
    assert "homelab.hardening.units.jellyfin = {" in files["nas"]["hardening.nix"]


def test_a_host_without_services_has_no_such_file() -> None:
    """Without a sandbox there is no file."""
    assert "hardening.nix" not in build.render()["nas"]


def test_only_a_recorded_exception_overrides_nixpkgs_and_has_its_reason() -> None:
    """Everything else yields to the module of nixpkgs."""
    relax = {"private-tmp": "shares files with its helper"}
    plan = build.plan({"services": {"jellyfin": {"host": "nas", "harden": {"relax": relax}}}})
    (module,) = modules(plan, plan.hosts["nas"])
    unit = _units(module)["jellyfin"]
    assert unit["PrivateTmp"] == Comment("shares files with its helper", Force(False))
    # nixpkgs opens the devices of Jellyfin, with a graphics card or without.
    assert unit["PrivateDevices"] == Comment("nixpkgs says false.", Force(True))
    forced = [k for k, v in unit.items() if isinstance(v, Comment) and isinstance(v.value, Force)]
    assert forced == ["PrivateTmp", "PrivateDevices"]
    assert not module.stated


def test_a_unit_states_only_what_differs_from_the_baseline_and_why() -> None:
    plan = build.plan({"services": {"jellyfin": {"host": "nas"}, "vaultwarden": {"host": "nas"}}})
    (module,) = modules(plan, plan.hosts["nas"])
    units = _units(module)
    assert set(units["jellyfin"]) == {
        "MemoryDenyWriteExecute",
        "PrivateDevices",
        "ReadWritePaths",
        "RestrictAddressFamilies",
    }
    assert units["jellyfin"]["MemoryDenyWriteExecute"] == Comment("Compiles at run time.", None)
    assert units["vaultwarden"] == {"baseline": Comment("nixpkgs' own module confines it.", False)}


@walk("name", sorted(ENTRIES))
def test_what_differs_and_the_baseline_together_are_the_settings_of_the_plan(name: str) -> None:
    """No setting is lost, and none is added."""
    host = "pi" if name in ("authelia", *PROXIES) else "nas"
    plan = build.plan({"services": {name: {"host": host}}})
    for on in plan.hosts.values():
        stated = {k: u for m in modules(plan, on) for k, u in _units(m).items()}
        planned = {u.unit: u for u in plan.units_on(on.name) if u.settings}
        assert stated.keys() == planned.keys()
        for unit, differences in stated.items():
            got = _whole(differences)
            settings = dict(planned[unit].settings)
            assert got.keys() == settings.keys()
            for setting, value in settings.items():
                is_same = setting in BASE and stricter(setting, value, got[setting]) == "same"
                assert is_same or value == got[setting], setting


BASE = {part.setting: part.value for part in BASELINE}


def _units(module: Module) -> dict[str, dict[str, Nix]]:
    return module.derived["homelab"]["hardening"]["units"]  # type: ignore[index,call-overload,return-value]


def _whole(differences: Mapping[str, Nix]) -> dict[str, Nix]:
    """The settings that follow, by what the comment of the library promises."""
    plain: dict[str, Nix] = {}
    hide = ["/mnt", "/srv"]
    for key, stated in differences.items():
        value = stated.value if isinstance(stated, Comment) else stated
        if key == "hide":
            hide = [] if isinstance(value, Force) else [*hide, *value]  # type: ignore[misc]
        else:
            plain[key] = value.value if isinstance(value, Force) else value
    settings = BASE if plain.pop("baseline", True) else {}
    emptied = {"TemporaryFileSystem": [f"{p}:ro" for p in sorted(hide)]} if hide else {}
    return {k: v for k, v in {**settings, **plain, **emptied}.items() if v is not None}


def test_a_list_of_nixpkgs_is_not_extended() -> None:
    """Lists join in NixOS: a derived list of address families would add to a shorter one."""
    plan = build.plan({"services": {"jellyfin": {"host": "nas"}}})
    settings = dict(next(u for u in plan.hardening if u.unit == "jellyfin").settings)
    lists = {k for k, v in settings.items() if isinstance(v, list)}
    assert lists <= {"BindPaths", "BindReadOnlyPaths", "ReadWritePaths", "TemporaryFileSystem"}
