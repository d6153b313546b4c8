"""A new machine: its image without secrets, and the steps of `homelab bootstrap`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from homelab.problems import InvalidStackError, UsageError
from homelab.render import render, render_images
from homelab.system import bootstrap
from homelab.system.steps import first_steps
from tests import build
from tests.household import Changes
from tests.tools.options import check_module
from tests.tools.programs import evaluate, formatted

CARD: Changes = {
    "platform": "aarch64-linux",
    "profile": "raspberry-pi-4",
    "state": "planned",
    "state_version": "25.11",
    "bootstrap": "sd-image",
    "static": True,
    "interface": "wlan0",
    "address": {"lan": "192.168.1.9"},
    "wifi": {"ssid": "homenet", "psk": {"sops": "wifi/psk"}},
}
STICK: Changes = {
    "platform": "x86_64-linux",
    "state": "planned",
    "state_version": "25.11",
    "bootstrap": "iso",
}
SERVICES: Changes = {"services": {"navidrome": {"host": "nas"}}}


def stack(**hosts: object) -> Changes:
    return {"hosts": hosts}


def images(changes: Changes) -> dict[str, dict[str, str]]:
    made = build.plan(changes)
    return {
        host: {path: text for path, text in release.files if isinstance(text, str)}
        for host, release in render_images(made, build.sources(made)).items()
    }


def steps(host: str, **config: object) -> str:
    return first_steps(build.plan(stack(**{host: config})), host)


@pytest.mark.requirement("S0-80", "S1-31")
def test_a_planned_host_has_an_image_and_nothing_to_deploy() -> None:
    """One module, one system in its flake, and no release. A card has a script that reads it."""
    changes = stack(den=CARD, box=STICK)
    made = build.plan(changes)
    assert not {"den", "box"} & set(render(made, build.sources(made)))
    files = images(changes)
    assert set(files) == {"den", "box"}
    every = {"bootstrap.nix", "flake.nix", "flake.lock", "lib/derive.nix"}
    assert set(files["den"]) == every | {"lib/card.sh"}
    assert set(files["box"]) == every
    for host, tree in files.items():
        assert f"nixosConfigurations.{host}-bootstrap" in tree["flake.nix"]
        assert set(json.loads(tree["flake.lock"])["nodes"]) == {"root", "nixpkgs"}


@pytest.mark.requirement("S1-31")
def test_a_host_without_the_field_has_no_image() -> None:
    """Without the field nothing changes."""
    assert images(stack(den={**CARD, "bootstrap": None})) == {}
    tree = build.render({})["nas"]
    assert "bootstrap.nix" not in tree
    assert "bootstrap" not in tree["flake.nix"]


@pytest.mark.requirement("S1-31")
def test_a_live_host_keeps_its_image_beside_its_system() -> None:
    """A broken card is rebuilt from the same tree. The system does not import the image."""
    tree = build.render(stack(nas={"bootstrap": "iso"}))["nas"]
    assert "nas-bootstrap = inputs.nixpkgs.lib.nixosSystem" in tree["flake.nix"]
    assert "nas = inputs.nixpkgs.lib.nixosSystem" in tree["flake.nix"]
    assert "bootstrap" not in tree["default.nix"]


@pytest.mark.parametrize(
    ("config", "module"),
    [
        (CARD, "installer/sd-card/sd-image-aarch64.nix"),
        (STICK, "installer/cd-dvd/installation-cd-minimal.nix"),
    ],
)
@pytest.mark.requirement("S1-31")
def test_the_image_has_only_a_name_accounts_and_ssh(config: Changes, module: str) -> None:
    """The owner's keys for the owner and root, no passwords, and no secret."""
    (tree,) = images({**stack(den=config), **SERVICES}).values()
    text = tree["bootstrap.nix"]
    assert f'imports = [ "${{modulesPath}}/{module}" ];' in text
    assert text.count(f'"{build.OWNER} sam"') == 2
    assert "PasswordAuthentication = false;" in text
    assert "openFirewall = true;" in text
    assert 'networking.hostName = "den";' in text
    for word in ("sops", "homenet", "psk", "navidrome", "/run/", "own/", "tailscale", "homelab/"):
        assert word not in text, word


@pytest.mark.requirement("S1-31")
def test_the_card_is_on_the_lan_as_the_host_will_be() -> None:
    """Its fixed address. WiFi is joined manually, because an image contains no password."""
    text = images(stack(den=CARD))["den"]["bootstrap.nix"]
    assert 'address = "192.168.1.9";' in text
    assert "networking.wireless.iwd.enable = true;" in text
    assert "wireless" not in images(stack(den={**CARD, "wifi": None}))["den"]["bootstrap.nix"]
    assert "wireless" not in images(stack(den=STICK))["den"]["bootstrap.nix"]


@pytest.mark.parametrize("config", [CARD, STICK])
def test_every_option_of_an_image_exists_and_is_as_nixfmt_has_it(
    config: Changes, tmp_path: Path
) -> None:
    made = build.plan(stack(den=config))
    image = bootstrap.image(made, made.hosts["den"])
    assert image is not None
    assert check_module(image) == []
    tree = images(stack(den=config))["den"]
    assert formatted(tmp_path, [tree["bootstrap.nix"], tree["flake.nix"]]) == []


@pytest.mark.parametrize(("config", "system"), [(CARD, "aarch64-linux"), (STICK, "x86_64-linux")])
@pytest.mark.requirement("S1-31")
def test_nix_reads_the_flake_and_the_image(config: Changes, system: str, tmp_path: Path) -> None:
    """The build command names a system of the tree."""
    for path, text in images(stack(den=config))["den"].items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    found = evaluate(
        """
        let
          lib = { mkMerge = x: x; mkOverride = _: x: x; isDerivation = _: false; };
          flake = import ./flake.nix;
          made = flake.outputs { nixpkgs.lib.nixosSystem = x: x; };
          pkgs = { openssh = "the openssh"; util-linux = "the util-linux"; };
          load = file: import file {
            inherit lib pkgs;
            options = { };
            modulesPath = "/nixpkgs/nixos/modules";
          };
        in
        map load made.nixosConfigurations.den-bootstrap.modules
        """,
        tmp_path,
    )
    (image,) = found
    derived, stated = image["config"]
    assert derived["nixpkgs"]["hostPlatform"] == system
    assert stated == {"system": {"stateVersion": "25.11"}}
    assert image["imports"][0].startswith("/nixpkgs/nixos/modules/installer/")
    units = derived.get("systemd", {}).get("services", {})
    assert ("homelab-card" in units) == (config is CARD)
    for unit in units.values():
        assert unit["path"] == ["the openssh", "the util-linux"]
        # The script comes along in the image.
        assert re.fullmatch(r"\. /\S+/store/\w+-card\.sh\n", unit["script"])


# --- the steps after the image ----------------------------------------------------------------------


@pytest.mark.parametrize(("config", "attribute"), [(CARD, "sdImage"), (STICK, "isoImage")])
@pytest.mark.requirement("S0-80", "S1-31")
def test_the_steps_build_compare_pin_and_end_in_live(config: Changes, attribute: str) -> None:
    """The build command, the key to compare, the secrets, the hardware."""
    text = steps("den", **config)
    assert (
        "build --no-update-lock-file 'path:./out/den#nixosConfigurations.den-bootstrap"
        f".config.system.build.{attribute}'" in text
    )
    order = ["homelab render", "dd of=/dev/DEVICE", "ssh-keygen -lf /etc/ssh", "ssh-keyscan"]
    order += [
        "ssh.host_key",
        "homelab secret recipients",
        "--show-hardware-config",
        "state: live",
        "pulumi up",
    ]
    places = [text.index(word, text.index("\n1.")) for word in order]
    assert places == sorted(places)
    assert "accept-new" not in text
    assert "StrictHostKeyChecking=yes" in text


@pytest.mark.requirement("S0-80")
def test_the_steps_list_what_is_missing() -> None:
    """All missing parts together."""
    assert "hosts.box.address, hosts.box.ssh.host_key, hosts.box.hardware" in steps("box", **STICK)
    whole = {**CARD, "ssh": {"host_key": build.KEY}, "hardware": "hosts/den/hardware.nix"}
    assert "Nothing is missing" in steps("den", **whole)
    assert "den is live already" in steps("den", **{**whole, "state": "live"})


@pytest.mark.requirement("S0-80")
def test_a_live_host_with_missing_parts_has_them_listed_together() -> None:
    """The message names the command that lists the steps."""
    problems = build.found(stack(box={**STICK, "state": "live"}), "host-complete")
    assert [p.where for p in problems] == [
        "hosts.box.address",
        "hosts.box.hardware",
        "hosts.box.ssh.host_key",
    ]
    assert sum("homelab bootstrap box" in p.way_out for p in problems) == 2
    assert build.found(stack(box=STICK), "host-complete") == []


@pytest.mark.parametrize(
    ("host", "says"), [("nos", 'did you mean "nas"'), ("nas", "add bootstrap: sd-image, or iso")]
)
def test_bootstrap_refuses_a_host_without_an_image(host: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        first_steps(build.plan({}), host)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({**STICK, "bootstrap": "sd-image"}, "write bootstrap: iso"),
        (
            {
                "kind": "home-manager",
                "platform": "x86_64-linux",
                "state_version": "25.11",
                "home": "home/sam.nix",
                "bootstrap": "iso",
            },
            "has no bootstrap; leave it out",
        ),
    ],
)
def test_an_image_that_cannot_boot_is_refused(config: Changes, says: str) -> None:
    with pytest.raises(InvalidStackError, match=says):
        build.stack_config(stack(box=config))
