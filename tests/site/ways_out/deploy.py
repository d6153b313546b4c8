"""Ways out of what is wrong with how releases reach their hosts."""

from __future__ import annotations

from tests import stackdir
from tests.site.ways_out.model import Changes, WayOut

WOL = {"interface": "eno1", "mac": "aa:bb:cc:dd:ee:ff"}


def sleeper(asleep: Changes, **nas: object) -> Changes:
    """The nas sleeps, and the pi never does."""
    return {"hosts": {"nas": {"always_on": False, "asleep": asleep, **nas}}}


def nas(**said: object) -> Changes:
    return {"hosts": {"nas": said}}


WAYS = (
    WayOut("asleep-known", sleeper({"pull_from": "pii"}), nas(asleep={"pull_from": "pi"})),
    WayOut("asleep-known", sleeper({"pull_from": "nas"}), nas(asleep={"pull_from": "pi"})),
    WayOut(
        "asleep-known",
        sleeper({"wake_by": "pi"}),
        nas(wake_on_lan=WOL),
        asked={"eno1": "interface: …", "aa:bb:cc:dd:ee:ff": "mac: …"},
    ),
    WayOut(
        "asleep-known",
        sleeper({"wake_by": "pi"}, wake_on_lan=WOL, address={"lan": None}),
        nas(address={"lan": "192.168.1.3"}),
        asked={"192.168.1.3": "add hosts.nas.address.lan"},
    ),
    WayOut(
        "asleep-known",
        stackdir.joined(
            sleeper({"pull_from": "pi"}, address={"lan": None}),
            {"hosts": {"pi": {"address": {"tailnet": None}}}},
        ),
        nas(address={"lan": "192.168.1.3"}),
    ),
    WayOut(
        "asleep-known",
        sleeper({"pull_from": "pi"}, role="agent"),
        nas(asleep={"pull_from": None, "wake_by": "pi"}, wake_on_lan=WOL),
    ),
    WayOut(
        "builder-sleeps",
        {
            "hosts": {
                "nas": {"always_on": False, "wake_on_lan": WOL},
                "pi": {"build": {"host": "nas"}},
            }
        },
        nas(asleep={"wake_by": "pi"}),
    ),
)
