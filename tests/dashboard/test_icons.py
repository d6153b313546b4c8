"""The dashboard serves icons and the favicon itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from homelab.dashboard.icons import check_icons
from homelab.deploy.shell import ScriptError, files_function
from homelab.problems import InvalidStackError, Problem
from homelab.render import render
from tests import build
from tests.dashboard.test_dashboard import GLANCE, PAGE
from tests.household import Changes, household

PICTURES: Changes = {"dashboard": {"icons": "assets/icons", "favicon": "assets/home.svg"}}
SVG = '<svg xmlns="http://www.w3.org/2000/svg"/>'
PNG = b"\x89PNG\0"


def files(beside: dict[str, str | bytes], *changes: Changes) -> dict[str, str | bytes]:
    plan = build.plan(household(PAGE, PICTURES, *changes))
    own = {path: text for path, text in build.sources(plan).items() if "assets/" not in path}
    return dict(render(plan, {**own, "assets/home.svg": SVG, **beside})["aurora"].files)


def found(beside: dict[str, str | bytes], *changes: Changes) -> list[Problem]:
    return [*check_icons(build.plan(household(PAGE, PICTURES, *changes)), beside)]


ICONS: dict[str, str | bytes] = {
    "assets/icons/jellyfin.svg": SVG,
    "assets/icons/vault.png": PNG,
    "assets/icons/README.md": "Where they come from.",
}
VAULT: Changes = {"services": {"vaultwarden": {"tile": {"icon": "vault.png"}}}}


@pytest.mark.requirement("S3-12")
@pytest.mark.parametrize(("page", "place"), [({}, "/icons"), (GLANCE, "/assets/icons")])
def test_a_tile_shows_the_file_named_like_its_icon(page: Changes, place: str) -> None:
    """A tile without one keeps the name of its icon. Other files are not served."""
    tree = files(ICONS, VAULT, page)
    text = str(tree["dashboard.nix"])
    assert f'icon = "{place}/jellyfin.svg";' in text
    assert f'icon = "{place}/vault.png";' in text
    assert 'icon = "authelia";' in text or 'icon = "di:authelia";' in text
    assert {p for p in tree if p.startswith("dashboard/icons/")} == {
        "dashboard/icons/jellyfin.svg",
        "dashboard/icons/vault.png",
    }
    assert tree["dashboard/icons/vault.png"] == PNG


@pytest.mark.requirement("S3-12")
def test_a_file_named_like_the_service_stands_for_an_icon_without_one() -> None:
    stated: Changes = {"services": {"jellyfin": {"tile": {"icon": "mdi-movie"}}}}
    assert 'icon = "/icons/jellyfin.svg";' in str(files(ICONS, stated)["dashboard.nix"])


@pytest.mark.requirement("S3-12")
def test_tiles_whose_icon_comes_from_elsewhere_are_listed() -> None:
    (problem,) = found(ICONS, VAULT)
    assert (problem.where, problem.severity) == ("dashboard.icons", "warning")
    assert problem.what.endswith("jsdelivr.net: Authelia")
    assert problem.way_out == "add assets/icons/authelia.svg"
    assert not found({**ICONS, "assets/icons/authelia.svg": SVG}, VAULT)


@pytest.mark.requirement("S3-12")
def test_an_icon_that_names_a_missing_file_is_reported_at_its_tile() -> None:
    stated: Changes = {"services": {"vaultwarden": {"tile": {"icon": "/icons/safe.svg"}}}}
    every = {**ICONS, "assets/icons/authelia.svg": SVG}
    (problem,) = found(every, stated)
    assert problem.where == "services.vaultwarden.tile.icon"
    assert problem.what == "there is no assets/icons/safe.svg"
    assert not found({**every, "assets/icons/safe.svg": SVG}, stated)


def test_a_directory_without_a_picture_is_an_error() -> None:
    (problem,) = found({"assets/icons/README.md": ""})
    assert (problem.where, problem.severity) == ("dashboard.icons", "error")


@pytest.mark.parametrize("name", ["caf\u00e9.svg", "home (1).svg", "a&b.svg", "more/a&b.svg"])
def test_a_name_that_a_deployment_cannot_write_is_an_error(name: str) -> None:
    """Otherwise the deployment would stop at it."""
    every = {**ICONS, "assets/icons/authelia.svg": SVG}
    (problem,) = found({**every, f"assets/icons/{name}": SVG}, VAULT)
    assert (problem.where, problem.severity) == ("dashboard.icons", "error")
    assert f"assets/icons/{name}" in problem.what
    with pytest.raises(ScriptError):
        files_function("files", "flake/", files({**every, f"assets/icons/{name}": SVG}, VAULT))
    fit = {**every, "assets/icons/my home_1.svg": SVG, "assets/icons/more/a@b.svg": SVG}
    assert not found(fit, VAULT)
    assert files_function("files", "flake/", files(fit, VAULT))


@pytest.mark.requirement("S3-12", "S3-13")
def test_homepage_has_them_over_the_files_of_its_package() -> None:
    """They reach every browser: at the proxy, through a tunnel, and at the port."""
    tree = files(ICONS)
    text = " ".join(str(tree["dashboard.nix"]).split())
    assert "serviceConfig.BindReadOnlyPaths = lib.mkAfter" in text
    assert "favicon = ./dashboard/favicon.svg; icons = ./dashboard/icons;" in text
    assert "package = config.services.homepage-dashboard.package;" in text
    assert tree["dashboard/favicon.svg"] == SVG
    assert "dashboard/favicon.svg" not in dict(_elsewhere())
    plain = build.render(household(PAGE))["aurora"]
    assert "BindReadOnlyPaths" not in plain["dashboard.nix"]
    assert "lib/dashboard-pictures.nix" not in plain


def _elsewhere() -> tuple[tuple[str, str | bytes], ...]:
    """The files of a host without the dashboard."""
    plan = build.plan(household(PAGE, PICTURES))
    return render(plan, {**build.sources(plan), **ICONS})["pi"].files


@pytest.mark.requirement("S3-13")
def test_glance_names_them_in_its_settings() -> None:
    text = str(files(ICONS, GLANCE, {"dashboard": {"title": "Us"}})["dashboard.nix"])
    assert 'favicon-url = "/assets/favicon.svg";' in text
    assert 'app-icon-url = "/assets/android-chrome-512x512.png";' in text
    assert 'app-name = "Us";' in text
    assert "assets-path = pkgs.callPackage ./lib/dashboard-pictures.nix {" in text


@pytest.mark.requirement("S3-13")
def test_another_file_than_an_svg_is_refused() -> None:
    with pytest.raises(InvalidStackError, match=r"dashboard\.favicon: this is not an SVG"):
        build.plan(household(PAGE, {"dashboard": {"favicon": "assets/home.png"}}))


def test_without_a_dashboard_icons_are_refused() -> None:
    none: Changes = {"services": {"homepage": None}}
    places = {p.where for p in build.found(household(PAGE, PICTURES, none), "dashboard-runs")}
    assert places == {"dashboard.icons", "dashboard.favicon"}
    assert not build.found(household(PAGE, PICTURES), "dashboard-runs")


LIBRARY = Path(__file__).parents[2] / "homelab" / "dashboard" / "pictures.nix"
LIB = """{
  optionals = c: v: if c then v else [ ];
  optionalString = c: v: if c then v else "";
  concatStrings = builtins.concatStringsSep "";
  mapAttrsToList = f: s: map (n: f n s.${n}) (builtins.attrNames s);
}"""


def built(tmp_path: Path, **arguments: Path) -> Path:
    """The directory that the library makes, with stand-ins for the programs that draw."""
    nix = shutil.which("nix-instantiate")
    if nix is None:
        pytest.skip("no nix")
    given = "".join(f" {name} = {json.dumps(str(path))};" for name, path in arguments.items())
    expression = (
        f"(import {LIBRARY} {{ lib = {LIB}; icoutils = 1; librsvg = 2; "
        f"runCommand = name: attributes: text: text;{given} }})"
    )
    environment = {**os.environ, "NIX_REMOTE": "dummy://"}
    done = subprocess.run(
        [nix, "--eval", "--strict", "--json", "--expr", expression],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    script = json.loads(done.stdout)
    if "package" in arguments:
        script, _, target = script.rpartition(":")
        assert target == f"{arguments['package']}/share/homepage/public"
    programs = tmp_path / "bin"
    programs.mkdir()
    # Each writes what it was asked to draw.
    for name in ("rsvg-convert", "icotool"):
        program = programs / name
        program.write_text(
            '#!/bin/sh\nasked="$*"\n'
            'while [ $# -gt 0 ]; do [ "$1" = --output ] && out=$2; shift; done\n'
            'printf %s "$asked" > "$out"\n'
        )
        program.chmod(0o755)
    out = tmp_path / "out"
    path = f"{programs}:{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-euc", script], env={"PATH": path, "out": str(out)}, check=True, cwd=tmp_path
    )
    return out


@pytest.mark.requirement("S3-13")
def test_the_favicon_is_drawn_in_every_size_that_homepage_links(tmp_path: Path) -> None:
    """The links of its page, and the icons of the manifest that it makes with its title."""
    package, icons, favicon = tmp_path / "package", tmp_path / "icons", tmp_path / "home.svg"
    public = package / "share" / "homepage" / "public"
    (public / "locales").mkdir(parents=True)
    (public / "homepage.ico").write_text("of the package")
    (public / "locales" / "de.json").write_text("{}")
    icons.mkdir()
    (icons / "jellyfin.svg").write_text(SVG)
    favicon.write_text(SVG)
    public.chmod(0o555)
    out = built(tmp_path, package=package, icons=icons, favicon=favicon)
    for name, size in (
        ("favicon-16x16.png", 16),
        ("favicon-32x32.png", 32),
        ("apple-touch-icon.png", 180),
        ("android-chrome-192x192.png", 192),
        ("android-chrome-512x512.png", 512),
    ):
        assert f"--width {size} --height {size}" in (out / name).read_text()
    assert "favicon-16x16.png" in (out / "homepage.ico").read_text()
    assert (out / "icons" / "jellyfin.svg").read_text() == SVG
    assert (out / "locales" / "de.json").read_text() == "{}", "the package's own files stay"


def test_a_script_alone_is_a_directory_for_glance(tmp_path: Path) -> None:
    script = tmp_path / "links.js"
    script.write_text("1;")
    out = built(tmp_path, script=script)
    assert [p.name for p in out.iterdir()] == ["links.js"]
