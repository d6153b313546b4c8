"""Two services that want one port."""

from __future__ import annotations

import re

from tests import build
from tests.household import Changes

CLASH: Changes = {"services": {n: {"host": "nas"} for n in ("glance", "miniflux", "scrutiny")}}


def test_each_of_several_services_with_one_port_gets_a_free_one_of_its_own() -> None:
    """Written as the messages say, nothing clashes any more."""
    problems = [p for p in build.problems(CLASH) if p.check == "port-unique"]
    found = [re.search(r"such as services\.(\w+)\.port: (\d+)", p.way_out) for p in problems]
    ports = {m[1]: int(m[2]) for m in found if m is not None}
    assert len(ports) == len(problems) == len({*ports.values()}) == 2
    moved = build.changed(CLASH, {"services": {n: {"port": p} for n, p in ports.items()}})
    assert [p for p in build.problems(moved) if p.check == "port-unique"] == []
