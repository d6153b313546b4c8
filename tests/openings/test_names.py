"""A mistyped option is reported before a host evaluates it; a newer one is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.catalog.option_names import FILE, known, unknown
from homelab.problems import Problem
from tests import build
from tests.tools import option_names
from tests.tools.options import data_file, require_options


def told(options: dict[str, Any], service: str = "navidrome", **more: Any) -> list[Problem]:
    said = {"host": "nas", "backup": {"skip": "only a test"}, "options": options, **more}
    return build.found({"services": {service: said}}, "option-known")


@pytest.mark.parametrize(
    ("options", "near"),
    [
        ({"services.jellyfin.enabel": True}, "enable"),
        ({"services.jellyfin": {"enabel": True}}, "enable"),
        ({"services.nextcloud.config.adminusr": "x"}, "adminuser"),
        ({"services.navidrom.settings.Port": 1}, "services.navidrome"),
        ({"services.immich.machine-lerning.enable": True}, "machine-learning"),
    ],
)
def test_a_mistyped_part_is_reported_with_the_intended_one(
    options: dict[str, Any], near: str
) -> None:
    (problem,) = told(options)
    assert f'did you mean "{near}"?' in problem.way_out
    assert problem.severity == "error"


@pytest.mark.parametrize(
    "options",
    [
        {"services.jellyfin.enable": True},
        {"services.jellyfin.somethingNew": True},
        {"services.navidrome.settings.Anything": {"goes": 1}},
        {"services.grafana.settings.serverr.x": 1},
        {"services.somebodyelse.enable": True},
        {"services.prometheus.exporters.node.enabledCollectors": ["x"]},
        {"networking.hostnaem": "x"},
    ],
)
def test_known_free_and_new_names_pass(options: dict[str, Any]) -> None:
    assert told(options) == []


def test_a_reason_accepts_what_is_newer_than_the_list() -> None:
    assert told({"services.jellyfin.enabel": True}, accept={"unknown-option": "new in 27.05"}) == []


def test_the_list_matches_the_option_data() -> None:
    assert FILE.read_text("utf-8") == option_names.text(require_options()), (
        "uv run python -m tests.tools.option_names"
    )


def test_every_option_that_the_catalog_sets_is_in_the_list() -> None:
    from homelab.catalog import ENTRIES

    paths = [
        p for e in ENTRIES.values() for p in (*e.options, *e.added) if p.startswith("services.")
    ]
    assert known()
    missing = [p for p in paths if '"' not in p and unknown(tuple(p.split(".")))]
    assert missing == [] or not data_file().exists()
