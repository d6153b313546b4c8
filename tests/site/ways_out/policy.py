"""Ways out of problems with exceptions and tinker mode. Today is the first day of 2026."""

from __future__ import annotations

from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import both


def disable(**stated: object) -> Changes:
    one = {"id": "SEC-SSH-005", "reason": "the agent has many keys", "until": "2026-12-31"}
    return {"policy": {"disable": [{**one, **stated}]}}


NONE: Changes = {"policy": {"disable": []}}


def tinker(**stated: object) -> Changes:
    return {"policy": {"tinker": {"enabled_at": "2026-01-01", "hosts": ["nas"], **stated}}}


ENDED: Changes = {"policy": {"tinker": None}}

WAYS = (
    WayOut(
        "policy-known",
        disable(id="SEC-SSH-105"),
        disable(),
        says="no rule",
        warns=("policy-exception",),
    ),
    WayOut("policy-known", disable(id="host-known"), NONE, says="can be an error"),
    WayOut("policy-known", disable(id="policy-ended"), NONE, says="is about exceptions"),
    WayOut(
        "policy-known",
        disable(hosts=["nass"]),
        disable(hosts=["nas"]),
        where="policy.disable[0].hosts",
    ),
    WayOut(
        "policy-known",
        tinker(hosts=["nass"]),
        tinker(hosts=["nas"]),
        where="policy.tinker.hosts",
    ),
    WayOut(
        "policy-ended",
        disable(until="2025-12-31"),
        disable(until="2026-06-30"),
        asked={"2026-06-30": "write a later until"},
        warns=("policy-exception",),
    ),
    WayOut("policy-exception", disable(), NONE),
    WayOut("policy-unused", disable(id="flake-unused"), NONE),
    WayOut("tinker-prod", both(tinker(), {"policy": {"production": True}}), ENDED),
    WayOut(
        "tinker-prod",
        both(tinker(), {"policy": {"production": True}}),
        {"policy": {"production": False}},
    ),
    WayOut("tinker-expired", tinker(), ENDED, says="every port is open"),
    WayOut("tinker-expired", tinker(enabled_at="2025-12-01"), ENDED, says="ended"),
    WayOut(
        "tinker-expired",
        tinker(enabled_at="2026-02-01"),
        tinker(enabled_at="2026-01-01"),
        says="begins",
        asked={"2026-01-01": "write today"},
    ),
)
