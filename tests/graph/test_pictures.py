"""Pictures show what the plan says, in text that every reader of SVG and Mermaid accepts."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from homelab.cli.app import app
from homelab.graph.mermaid import as_mermaid
from homelab.graph.model import Edge, Node, Picture
from homelab.graph.svg import as_svg
from homelab.graph.views import VIEWS
from homelab.ops.project.stack import check_stack
from homelab.plan import Plan
from tests import build
from tests.docs import pictures

pytestmark = pytest.mark.requirement("S0-61")


STACKS = pictures.stacks()


@pytest.fixture(scope="module", params=STACKS, ids=lambda s: f"{s[0].name}-{s[1]}")
def plan(request: pytest.FixtureRequest) -> Plan:
    directory, name = request.param
    return check_stack(directory, name)[0]


def texts(svg: str) -> list[str]:
    """The texts of a picture, without its style."""
    return ["".join(e.itertext()) for e in ET.fromstring(svg).iter() if e.tag.endswith("}text")]


def test_every_edge_has_two_nodes_of_the_picture(plan: Plan) -> None:
    for draw in VIEWS.values():
        picture = draw(plan)
        keys = [n.key for n in picture.nodes]
        assert len(keys) == len(set(keys))
        assert {e.start for e in picture.edges} | {e.end for e in picture.edges} <= {*keys}


def test_every_host_name_and_job_is_drawn(plan: Plan) -> None:
    drawn = {name: texts(as_svg(draw(plan))) for name, draw in VIEWS.items()}
    assert {*plan.hosts} <= {*drawn["machines"]}
    assert {s.name for s in plan.services} <= {*drawn["services"]}
    names = {name for r in plan.routes for name in (r.internal, r.public) if name}
    assert names <= {*drawn["names"]}
    assert names <= {*drawn["sign-in"]}
    kept = {j.name for j in plan.backup.jobs} | {
        s.partition("@")[0] for s, _ in plan.backup.skipped
    }
    assert kept <= {*drawn["backups"]}


@pytest.mark.requirement("S2-19")
def test_every_service_is_drawn_with_what_it_calls(plan: Plan) -> None:
    """The same plan gives the same text."""
    picture = VIEWS["services"](plan)
    titles = sorted(n.lines[0] for n in picture.nodes if n.kind == "service")
    assert titles == sorted(s.name for s in plan.services)
    calls = {(e.start, e.end) for e in picture.edges}
    for service in plan.services:
        start = f"service {service.name} {service.host}"
        for use in service.uses:
            assert (
                use.name == service.name
                or any(
                    (start, f"service {use.name} {other.host}") in calls
                    for other in plan.instances(use.name)
                )
                or not plan.instances(use.name)
            )
    assert as_mermaid(picture) == as_mermaid(VIEWS["services"](plan))


def test_no_node_covers_another_and_all_are_inside(plan: Plan) -> None:
    for draw in VIEWS.values():
        svg = ET.fromstring(as_svg(draw(plan)))
        width, height = (float(svg.attrib[k]) for k in ("width", "height"))
        rects = [
            tuple(float(e.attrib[k]) for k in ("x", "y", "width", "height"))
            for e in svg.iter()
            if e.attrib.get("class", "").startswith("node")
        ]
        for number, (x, y, w, h) in enumerate(rects):
            assert 0 <= x <= x + w <= width
            assert 0 <= y <= y + h <= height
            for x2, y2, w2, h2 in rects[number + 1 :]:
                assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


# XML 1.0 has no control characters; the stack config refuses them.
_TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp")), min_size=1)


@given(_TEXT, _TEXT, _TEXT)
def test_any_text_is_drawn_as_it_is(title: str, label: str, box: str) -> None:
    nodes = (Node("a", (title,), 0, "host", box), Node("b", ("b", title), 1, "off"))
    svg = as_svg(Picture(title, (title, label), nodes, (Edge("a", "b", label),)))
    assert texts(svg) == [title, title, label, box, label, title, "b", title]
    flow = as_mermaid(Picture("x", ("", ""), nodes, (Edge("a", "b", label),)))
    # A text of Mermaid ends at a quote, and its entities have no ampersand.
    quoted = [line for line in flow.splitlines() if '"' in line]
    assert all(line.count('"') == 2 for line in quoted)
    assert "&" not in flow
    assert "<" not in flow.replace("<br/>", "")


def test_the_command_writes_one_file_for_each_view(tmp_path: Path) -> None:
    directory, name = STACKS[0]
    where = ["graph", "-C", str(directory), "-s", name, "--out", str(tmp_path)]
    for _ in range(2):
        assert CliRunner().invoke(app, where).exit_code == 0
    assert {p.stem for p in tmp_path.iterdir()} == {*VIEWS}
    own = tmp_path / "machines.svg"
    own.write_text("<svg/>")
    done = CliRunner().invoke(app, where)
    assert done.exit_code == 1
    assert "did not write this file" in str(done.exception)
    assert own.read_text() == "<svg/>"


def test_an_unknown_view_is_named_with_the_nearest_one() -> None:
    directory, name = STACKS[0]
    done = CliRunner().invoke(app, ["graph", "machine", "-C", str(directory), "-s", name])
    assert 'did you mean "machines"' in str(done.exception)


@pytest.mark.requirement("S2-19")
def test_every_link_to_a_database_server_is_drawn() -> None:
    """Those of `databases`, and those that the module of an app makes; no file and no container."""
    away = {"databases": {"postgresql": {"host": "nas"}}}
    container = {"image": f"docker.io/library/postgres:17@sha256:{'0' * 64}", "port": 5432}
    found = build.plan(
        {
            "services": {
                "immich": {"host": "nas"},
                "freshrss": {"host": "pi"},
                "monica": {"host": "pi"},
                "miniflux": {"host": "pi", **away},
                "vaultwarden": {"host": "pi", "databases": {"postgresql": {"host": "pi"}}},
                "mealie": {"host": "pi"},
                "db": {
                    "host": "pi",
                    "container": container,
                    "backup": {"dump": {"postgresql": "db"}},
                },
            }
        }
    )
    edges = {(e.start, e.end) for e in VIEWS["services"](found).edges if "database" in e.end}
    assert edges == {
        ("service immich nas", "database postgresql nas"),
        ("service immich nas", "database redis nas"),
        ("service freshrss pi", "database postgresql pi"),
        ("service monica pi", "database mysql pi"),
        ("service miniflux pi", "database postgresql nas"),
        ("service vaultwarden pi", "database postgresql pi"),
    }
