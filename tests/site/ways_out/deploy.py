"""Ways out of problems with deployments."""

from __future__ import annotations

from homelab import testing
from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import MAC, host, machine

WOL = {"interface": "eno1", "mac": "aa:bb:cc:dd:ee:ff"}


def offline_host(offline: Changes, **nas: object) -> Changes:
    """A stack in which the nas is an offline host and the pi is always on."""
    return {"hosts": {"nas": {"always_on": False, "offline": offline, **nas}}}


def nas(**said: object) -> Changes:
    return {"hosts": {"nas": said}}


WAYS = (
    WayOut(
        "host-is-ours",
        {"deploy": {"canary": "mac"}, "hosts": {"mac": MAC}},
        {"deploy": {"canary": "pi"}},
        says="home-manager only",
    ),
    WayOut(
        "host-is-ours",
        {"deploy": {"last": ["mac"]}, "hosts": {"mac": MAC}},
        {"deploy": {"last": ["pi"]}},
    ),
    WayOut(
        "canary-switches",
        testing.merged(nas(always_on=False), {"deploy": {"canary": "nas"}}),
        {"deploy": {"canary": None}},
        says="not always on",
    ),
    WayOut(
        "canary-switches",
        testing.merged(nas(state="held"), {"deploy": {"canary": "nas"}}),
        {"deploy": {"canary": "pi"}},
        says="it is held",
    ),
    WayOut(
        "jump-known",
        host("nas", ssh={"jump": "pie"}),
        host("nas", ssh={"jump": "pi"}),
        says="no NixOS host",
    ),
    WayOut(
        "jump-known",
        testing.merged(
            host("nas", ssh={"jump": "box"}),
            {"hosts": {"box": machine("192.168.1.9", role="agent")}},
        ),
        host("nas", ssh={"jump": None}),
        says="in quarantine",
    ),
    WayOut(
        "jump-known",
        host("nas", ssh={"jump": "nas"}),
        host("nas", ssh={"jump": None}),
        says="the same host",
    ),
    WayOut("offline-known", offline_host({"pull_from": "pii"}), nas(offline={"pull_from": "pi"})),
    WayOut("offline-known", offline_host({"pull_from": "nas"}), nas(offline={"pull_from": "pi"})),
    WayOut(
        "offline-known",
        offline_host({"wake_by": "pi"}),
        nas(wake_on_lan=WOL),
        asked={"eno1": "interface: …", "aa:bb:cc:dd:ee:ff": "mac: …"},
    ),
    WayOut(
        "offline-known",
        offline_host({"wake_by": "pi"}, wake_on_lan=WOL, address={"lan": None}),
        nas(address={"lan": "192.168.1.3"}),
        asked={"192.168.1.3": "add hosts.nas.address.lan"},
    ),
    WayOut(
        "offline-known",
        testing.merged(
            offline_host({"pull_from": "pi"}, address={"lan": None}),
            {"hosts": {"pi": {"address": {"tailnet": None}}}},
        ),
        nas(address={"lan": "192.168.1.3"}),
    ),
    WayOut(
        "offline-known",
        offline_host({"pull_from": "pi"}, role="agent"),
        nas(offline={"pull_from": None, "wake_by": "pi"}, wake_on_lan=WOL),
    ),
    WayOut(
        "jump-known",
        testing.merged(host("nas", ssh={"jump": "pi"}), host("pi", ssh={"key": "~/.ssh/deploy"})),
        host("nas", ssh={"jump": None}),
        says="proxy_command or key itself",
    ),
    WayOut(
        "local-fits",
        testing.merged(host("nas", ssh={"local": True}), host("pi", ssh={"local": True})),
        host("pi", ssh={"local": False}),
        says="runs on one machine",
    ),
    WayOut(
        "local-fits",
        nas(ssh={"local": True}, reboot={}),
        nas(reboot=None),
        says="a restart would end it",
    ),
    WayOut(
        "local-fits",
        offline_host({"pull_from": "pi"}, ssh={"local": True}),
        nas(offline=None),
        says="nobody wakes it",
    ),
    WayOut(
        "mode-fetched",
        offline_host({"pull_from": "pi"}, mode="test"),
        nas(mode="switch"),
        says="fetches its releases",
    ),
    WayOut(
        "mode-fetched",
        {"deploy": {"mode": "dry"}, **offline_host({"pull_from": "pi"})},
        nas(state="held"),
    ),
    WayOut(
        "builder-offline",
        {
            "hosts": {
                "nas": {"always_on": False, "wake_on_lan": WOL},
                "pi": {"build": {"host": "nas"}},
            }
        },
        nas(offline={"wake_by": "pi"}),
    ),
    WayOut(
        "copy-possible",
        nas(build={"copy_from": "nas"}),
        nas(build={"copy_from": "pi"}),
        says="the same host",
    ),
    WayOut(
        "copy-possible",
        {
            "hosts": {
                "box": machine("192.168.1.9", role="agent"),
                "nas": {"build": {"copy_from": "box"}},
            }
        },
        nas(build={"copy_from": "deployer"}),
        says="quarantine",
    ),
    WayOut(
        "copy-possible",
        {"hosts": {"pi": {"state": "held"}, "nas": {"build": {"copy_from": "pi"}}}},
        nas(build={"copy_from": None}),
        says="it is held",
    ),
    WayOut(
        "copy-possible",
        {"hosts": {"nas": {"state": "retired"}, "pi": {"build": {"copy_from": "nas"}}}},
        {"hosts": {"pi": {"build": {"copy_from": "deployer"}}}},
        says="it is retired",
    ),
    WayOut(
        "copy-possible",
        {"hosts": {"nas": {"always_on": False}, "pi": {"build": {"copy_from": "nas"}}}},
        {"hosts": {"pi": {"build": {"copy_from": "deployer"}}}},
        says="it may be off",
    ),
    WayOut(
        "copy-possible",
        nas(ssh={"local": True}, build={"copy_from": "deployer"}),
        nas(build={"copy_from": None}),
        says="runs pulumi up itself",
    ),
    WayOut(
        "copy-possible",
        offline_host({"pull_from": "pi"}, build={"copy_from": "deployer"}),
        nas(build={"copy_from": None}),
        says="as a bundle",
    ),
)
