"""A new system that locks its deployer out is rolled back."""

from __future__ import annotations

import subprocess

import pytest

from tests.faults.house import House, end, gated
from tests.faults.network import ADDRESSES

pytestmark = pytest.mark.requirement("S0-67", "S4-34")

SHORT = {"confirm": {"seconds": 4}}


def firewall(rule: str) -> dict[str, str]:
    return {
        "units/firewall.service": f"""\
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=nft add table inet firewall
ExecStart=nft 'add chain inet firewall input {{ type filter hook input priority 0; }}'
ExecStart=nft 'add rule inet firewall input {rule}'
ExecStop=nft delete table inet firewall
[Install]
WantedBy=multi-user.target
"""
    }


def tailscaled(start: str) -> dict[str, str]:
    return {
        "units/tailscaled.service": f"""\
[Service]
ExecStart=/bin/bash -c '{start}; exec sleep infinity'
ExecStopPost=/bin/ip link set tailnet down
[Install]
WantedBy=multi-user.target
"""
    }


def test_a_release_is_committed_and_survives_a_reboot(house: House) -> None:
    house.bring("r1")
    done = house.switch("r1")
    assert done.code == 0, done.report
    house.is_wholly("r1")
    house.machine.reboot()
    house.is_wholly("r1")
    assert house.phases() == ["committed"]
    done = house.switch("r1")
    assert done.code == 0
    assert "already committed and running" in done.report


def test_a_system_without_sshd_is_rolled_back(house: House) -> None:
    house.bring("r1", {"without": "sshd.service\n"})
    done = house.switch("r1", **SHORT)
    assert done.code == 1
    assert "was rolled back; the host is as before" in done.report
    assert "why: not confirmed within 4 s" in done.report
    house.went_back()
    assert house.remote("true").code == 0, "sshd is back"


@pytest.mark.parametrize("rule", ["tcp dport 22 drop", "tcp dport 22 ct state new drop"])
def test_a_firewall_that_drops_ssh_is_rolled_back(house: House, rule: str) -> None:
    house.bring("r1", firewall(rule))
    done = house.switch("r1", **SHORT)
    assert done.code == 1
    assert "release r1 was rolled back" in done.report
    house.went_back()
    assert house.remote("true").code == 0, "the rule is gone"


def test_an_existing_shared_connection_does_not_count_as_confirmation(house: House) -> None:
    folder = house.laptop.home / ".ssh"
    control = folder / "control"
    config = folder / "config"
    config.write_text(f"Host *\n ControlMaster auto\n ControlPath {control}\n ControlPersist yes\n")
    (folder / "known_hosts").write_text(f"{ADDRESSES['lan']} {house.machine.host_key}\n")
    key = [f"-i{house.laptop.key}", f"-oUserKnownHostsFile={folder}/known_hosts"]
    ssh = [*house.laptop.inside(), "ssh", f"-F{config}", *key, f"root@{ADDRESSES['lan']}"]
    master = subprocess.run([*ssh, "true"], check=False, timeout=60)
    assert master.returncode == 0
    house.bring("r1", firewall("tcp dport 22 ct state new drop"))
    switch = house.start("r1", confirm={"seconds": 12})
    house.reaches("awaiting")
    shared = subprocess.run([*ssh, "true"], check=False, timeout=60)
    assert shared.returncode == 0, "whoever trusts a shared connection takes this for a yes"
    assert end(switch).code == 1
    house.went_back()


def sshd(house: House, options: str) -> str:
    unit = (house.machine.root / "usr/local/share/nixos/units/sshd.service").read_text()
    assert "sshd -D" in unit
    return unit.replace("sshd -D", f"sshd -D {options}")


def test_an_sshd_that_refuses_our_user_is_rolled_back(house: House) -> None:
    house.bring("r1", {"units/sshd.service": sshd(house, "-o PermitRootLogin=no")})
    done = house.switch("r1", **SHORT)
    assert done.code == 1
    assert "it refuses every key offered" in done.report
    house.went_back()
    assert house.remote("true").code == 0


def test_an_sshd_with_another_host_key_is_rolled_back(house: House) -> None:
    unit = sshd(house, "-o HostKey=/run/other")
    new_key = "[ -e /run/other ] || ssh-keygen -q -t ed25519 -N '' -f /run/other\n"
    drop = "rm -f /etc/ssh/sshd_config.d/pi.conf\n"
    house.bring("r1", {"units/sshd.service": unit, "activate.d/key": new_key + drop})
    done = house.switch("r1", **SHORT)
    assert done.code == 1
    assert "answers with another host key" in done.report
    house.went_back()


def test_a_lost_lan_is_rolled_back_although_the_tailnet_works(house: House) -> None:
    house.bring("r1", {"without": "network-addresses-lan.service\n"})
    done = house.switch("r1", **SHORT)
    assert done.code == 1
    assert "why: not confirmed within 4 s" in done.report
    house.went_back()
    assert house.remote("true").code == 0


@pytest.mark.parametrize("unit", ["network-addresses-lan", "sshd"])
def test_sshd_and_the_network_may_restart_during_the_switch(house: House, unit: str) -> None:
    unchanged = (house.machine.root / f"usr/local/share/nixos/units/{unit}.service").read_text()
    house.bring("r1", {f"units/{unit}.service": f"# of r1\n{unchanged}"})
    done = house.switch("r1")
    assert done.code == 0, done.report
    assert f"note: {unit}.service will be restarted" in done.report or unit != "sshd"
    house.is_wholly("r1")


def test_a_tailscaled_that_restarts_and_comes_back_is_committed(house: House) -> None:
    start = (
        "sleep 2; /bin/ip address replace 100.100.71.3/24 dev tailnet; /bin/ip link set tailnet up"
    )
    house.bring("r1", tailscaled(start))
    done = house.switch("r1", confirm={"seconds": 60})
    assert done.code == 0, done.report
    assert house.remote("true", "tailnet").code == 0
    house.is_wholly("r1")


def test_a_tailscaled_that_does_not_come_back_is_rolled_back(house: House) -> None:
    house.bring("r1", tailscaled("true"))
    done = house.switch("r1", confirm={"seconds": 12})
    assert done.code == 1
    assert "tried: confirm: pi over tailnet" in done.report
    house.went_back()
    assert house.remote("true", "tailnet").code == 0


def test_a_path_that_was_cut_before_is_not_waited_for(house: House) -> None:
    house.bring("r1")
    house.laptop.cut("tailnet")
    done = house.switch("r1")
    assert done.code == 0, done.report
    house.is_wholly("r1")


def test_another_host_key_is_refused_before_anything_happens(house: House) -> None:
    house.bring("r1")
    stranger = house.laptop.key.with_suffix(".pub").read_text().strip()
    done = house.switch("r1", host_key=stranger)
    assert done.code == 1
    assert "answers with another host key" in done.report
    assert house.phases() == []
    house.is_wholly("as-installed")


def test_a_failed_service_is_rolled_back_and_a_fixed_one_committed(house: House) -> None:
    house.bring("r1")
    done = house.switch("r1", **gated(3))
    assert done.code == 1
    assert "unit gate.service is not active" in done.report
    house.went_back()
    house.open_gate()
    assert house.switch("r1", **gated()).code == 0
    house.is_wholly("r1")
    assert house.phases() == ["rolled_back", "committed"]
