"""Ways out of problems with sandboxes."""

from __future__ import annotations

from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.parts import jellyfin, vote

STATE = "/var/lib/private/vote"
VOTE = vote(backup={"skip": "keeps nothing"})
ONE: Changes = VOTE["services"]["vote"]  # type: ignore[index]
SILENT = {"harden": None, "backup": {"include": [STATE]}}

WAYS = (
    WayOut(
        "harden-intent",
        vote(**SILENT),
        {"services": {"vote": {"state": [STATE]}}},
        asked={STATE: "add state: with its directories"},
    ),
    WayOut(
        "harden-intent",
        vote(**SILENT),
        {"services": {"vote": {"harden": {"read_write": [STATE]}}}},
    ),
    WayOut(
        "harden-intent",
        vote(harden=None),
        {"services": {"vote": {"backup": {"skip": "keeps nothing"}}}},
        beside=("backup-intent",),
    ),
    WayOut(
        "harden-intent",
        jellyfin(harden={"exempt": "it compiles as it runs", "read_only": ["/srv/films"]}),
        jellyfin(harden={"read_only": None}),
    ),
    WayOut(
        "harden-intent",
        jellyfin(harden={"exempt": "it compiles as it runs", "read_only": ["/srv/films"]}),
        jellyfin(harden={"exempt": None}),
    ),
    WayOut(
        "harden-intent",
        jellyfin(harden={"exempt": "it compiles as it runs", "relax": {"private-tmp": "shared"}}),
        jellyfin(harden={"relax": None}),
    ),
    WayOut(
        "harden-exception",
        {
            "site": {"owner": {"password": {"sops": "sam/password"}}},
            "services": {"cockpit": {"host": "nas", "harden": {"read_only": ["/srv/films"]}}},
        },
        {"services": {"cockpit": {"harden": None}}},
    ),
    WayOut(
        "harden-exception",
        jellyfin(harden={"relax": {"private-tmpp": "it compiles as it runs"}}),
        jellyfin(harden={"relax": {"private-tmpp": None, "private-tmp": "it compiles as it runs"}}),
    ),
    WayOut(
        "harden-exception",
        jellyfin(harden={"read_only": ["/mnt"]}),
        jellyfin(harden={"read_only": ["/mnt/films"]}),
        asked={"/mnt/films": "name the directories that it needs"},
    ),
    WayOut(
        "harden-unit-known",
        jellyfin(options={"systemd.services.jelyfin.serviceConfig.Nice": 5}),
        jellyfin(
            options={
                "systemd.services.jelyfin.serviceConfig.Nice": None,
                "systemd.services.jellyfin.serviceConfig.Nice": 5,
            }
        ),
    ),
    WayOut(
        "harden-unit-known",
        vote(
            flake={"input": "eurovote", "unit": "vote.service", "dynamic_user": True},
            backup={"skip": "keeps nothing"},
        ),
        {"services": {"vote": {"flake": {"unit": "vote"}}}},
    ),
    WayOut(
        "harden-unit-known",
        {
            "services": {
                "papers": {"host": "nas", "service": "paperless", "port": 28982},
                "paperless": {"host": "nas"},
            }
        },
        {"services": {"papers": {"host": "pi"}}},
        says="runs one instance",
        asked={"pi": "on another host, services.papers.host"},
    ),
    WayOut(
        "harden-unit-known",
        {**VOTE, "services": {"vote": ONE, "poll": {**ONE, "port": 8008}}},
        {"services": {"vote": {"flake": {"unit": "vote2"}}}},
        asked={"vote2": "flake: {unit: …}"},
    ),
)
