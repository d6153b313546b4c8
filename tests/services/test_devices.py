"""Devices of services: stable names, udev rules, units that follow the device, and who may open it."""

from __future__ import annotations

import pytest

from homelab.render import modules_of
from tests import build
from tests.household import Changes
from tests.tools.options import check_module

pytestmark = pytest.mark.requirement("S2-16")

IMAGE = "ghcr.io/a/b:1@sha256:" + "0" * 64
STICK = "/dev/serial/by-id/usb-Maker_Radio_0001-if00-port0"
UNIT = r"dev-serial-by\x2did-usb\x2dMaker_Radio_0001\x2dif00\x2dport0.device"
KEY = {
    "services.zigbee2mqtt.settings.advanced.network_key": "!secret.yaml key",
    "services.zigbee2mqtt.settings.mqtt.server": "mqtt://192.168.1.9",
}


def radio(device: object = STICK, **more: object) -> Changes:
    """Zigbee2MQTT on nas with this device as its radio."""
    zigbee: Changes = {"host": "nas", "devices": {"radio": "stick"}, "options": KEY}
    return {
        "hosts": {"nas": {"devices": {"stick": device}}},
        "services": {"zigbee2mqtt": zigbee, **more},
    }


def container(port: int, **more: object) -> Changes:
    inside = {"image": IMAGE, "port": 80}
    return {"host": "nas", "port": port, "auth": "none", "container": inside, **more}


def block(text: str, start: str) -> str:
    """The lines of a generated file from this one to the end of its set."""
    head, _, rest = text.partition(start)
    indent = head.rpartition("\n")[2]
    return rest.partition(f"\n{indent}}}")[0]


def test_the_option_of_the_role_names_the_stable_path() -> None:
    text = build.render(radio())["nas"]["services/zigbee2mqtt.nix"]
    assert f'port = "{STICK}";' in text.partition("serial")[2]


def test_without_the_device_its_option_is_left_out() -> None:
    text = build.service_file("zigbee2mqtt", options=KEY)
    assert "serial" not in text


def test_a_service_follows_its_device_and_no_start_waits_for_it() -> None:
    """A dependency on the device itself would make a switch wait for a radio that is unplugged."""
    files = build.render(radio())["nas"]
    unit = block(files["services/zigbee2mqtt.nix"], "systemd.services.zigbee2mqtt = {")
    assert 'partOf = [ "device-stick.target" ];' in unit
    assert f'ConditionPathExists = [ "{STICK}" ];' in unit
    assert ".device" not in unit
    target = block(files["devices.nix"], "systemd.targets.device-stick = {")
    escaped = UNIT.replace("\\", "\\\\")
    for line in ("after", "bindsTo", "wantedBy"):
        assert f'{line} = [ "{escaped}" ];' in target
    assert 'wants = [ "zigbee2mqtt.service" ];' in target


def test_a_path_that_udev_keeps_needs_no_rule_and_a_usb_id_does() -> None:
    assert "extraRules" not in build.render(radio())["nas"]["devices.nix"]
    text = build.render(radio({"usb": "10c4:ea60", "serial": "0001"}))["nas"]["devices.nix"]
    (rule,) = [line.strip() for line in text.splitlines() if "SYMLINK" in line and "==" in line][:1]
    assert rule == (
        'SUBSYSTEM=="tty", ATTRS{idVendor}=="10c4", ATTRS{idProduct}=="ea60", '
        'ATTRS{serial}=="0001", GROUP="dialout", MODE="0660", SYMLINK+="homelab/stick", '
        'TAG+="systemd"'
    )
    assert "udevadm trigger --action=change --subsystem-match=tty" in text


def test_the_sandbox_opens_this_device_and_no_other() -> None:
    module: Changes = {
        "title": "Meter",
        "summary": "Reads a meter",
        "category": "Automation",
        "icon": "gauge",
        "since": "25.05",
        "ports": {"web": 1990},
        "options": {"services.meter.enable": True},
        "units": ["meter"],
        "user": "meter",
        "state": ["/var/lib/meter"],
        "audience": "operator",
        "sign_in": {"kinds": ["none"]},
        "health": "/",
        "devices": {"line": "serial line"},
    }
    meter: Changes = {"host": "nas", "module": module, "devices": {"line": "stick"}}
    files = build.render(
        {"hosts": {"nas": {"devices": {"stick": STICK}}}, "services": {"meter": meter}}
    )["nas"]
    hardening = files["hardening.nix"]
    assert f'"{STICK} rw"' in hardening
    assert 'DevicePolicy = "closed"' in hardening
    assert 'SupplementaryGroups = [ "dialout" ];' in files["services/meter.nix"]


def test_a_container_gets_the_device_under_its_own_name_and_the_group_as_a_number() -> None:
    """An image does not know the names of the host's groups."""
    changes: Changes = {
        "hosts": {"nas": {"devices": {"stick": STICK}}},
        "services": {"ha": container(8123, devices={"stick": "/dev/ttyACM0"})},
    }
    text = build.render(changes)["nas"]["services/ha.nix"]
    assert f'"--device={STICK}:/dev/ttyACM0"' in text
    assert '"--group-add=27"' in text
    assert 'partOf = [ "device-stick.target" ];' in text


def test_two_names_of_one_device_are_one_device() -> None:
    changes: Changes = {
        **radio(other=container(8009, devices={"again": "/dev/ttyA"})),
        "hosts": {"nas": {"devices": {"stick": STICK, "again": STICK}}},
    }
    (problem,) = build.found(changes, "device-single")
    assert f"uses {STICK} of nas already" in problem.what


def test_every_option_of_the_device_files_exists() -> None:
    plan = build.plan(radio({"usb": "10c4:ea60"}))
    (module,) = [m for m in modules_of(plan, plan.hosts["nas"]) if m.file == "devices.nix"]
    assert check_module(module) == []


def test_one_of_several_containers_has_the_device_and_follows_it() -> None:
    """The others run without it."""
    app = {"image": IMAGE, "port": 80}
    radio_part = {"image": IMAGE, "devices": {"stick": "/dev/ttyACM0"}}
    hub: Changes = {
        "host": "nas",
        "port": 8090,
        "auth": "none",
        "containers": {"web": app, "radio": radio_part},
        "backup": {"skip": "a test"},
    }
    changes: Changes = {"hosts": {"nas": {"devices": {"stick": STICK}}}, "services": {"hub": hub}}
    files = build.render(changes)["nas"]
    text = files["services/hub.nix"]
    assert f"--device={STICK}:/dev/ttyACM0" in block(text, "    hub-radio = {")
    assert text.count("--device") == 1
    assert 'partOf = [ "device-stick.target" ];' in block(text, "podman-hub-radio = {")
    assert "partOf" not in block(text, "podman-hub-web = {")
    target = block(files["devices.nix"], "systemd.targets.device-stick = {")
    assert 'wants = [ "podman-hub-radio.service" ];' in target
    assert not [p for p in build.problems(changes) if p.severity == "error"]


def test_two_containers_of_a_service_cannot_open_one_device() -> None:
    part = {"image": IMAGE, "devices": {"stick": "/dev/ttyACM0"}}
    hub: Changes = {
        "host": "nas",
        "port": 8090,
        "auth": "none",
        "containers": {"web": {**part, "port": 80}, "radio": part},
    }
    changes: Changes = {"hosts": {"nas": {"devices": {"stick": STICK}}}, "services": {"hub": hub}}
    (found,) = build.found(changes, "device-single")
    assert found.where == "services.hub.containers.radio.devices.stick"
