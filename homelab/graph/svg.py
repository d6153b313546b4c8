"""A picture as SVG. The layout is our own, so that no further program is needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.etree import ElementTree as ET

from homelab.graph.model import Edge, Kind, Node, Picture

MARK = "<!-- Written by homelab graph. -->"
"""First line of every file."""
_LETTER, _HEAD_LETTER, _LINE = 7.3, 8.4, 17
"""Width of a letter, in a title wider, and height of a line of text, in pixels."""
_LOOP = 44
"""How far an edge between two nodes of one column bends to the right."""
_PAD, _GAP, _BOX_GAP, _HEADER, _COLUMN_GAP, _MARGIN = 10, 10, 14, 24, 110, 24
_TOP = 84
"""Height of the title and of the titles of columns."""
_FILL: Mapping[Kind, str] = {
    "network": "#dbeafe",
    "host": "#dcfce7",
    "service": "#ffffff",
    "name": "#fef3c7",
    "target": "#ede9fe",
    "off": "#f3f4f6",
}
_STYLE = """
text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: #111827; }
.title { font-size: 20px; font-weight: 600; }
.column, .label { fill: #4b5563; }
.label { font-size: 11px; paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
.head { font-weight: 600; }
.box { fill: #f9fafb; stroke: #d1d5db; }
.node { stroke: #6b7280; }
.off { stroke-dasharray: 4 3; }
.edge { fill: none; stroke: #9ca3af; stroke-width: 1.3; }
"""


@dataclass(frozen=True)
class _Rect:
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        return self.x + self.width


def as_svg(picture: Picture) -> str:
    """The text of an SVG file."""
    places, boxes = _layout(picture)
    every = [*places.values(), *boxes.values()]
    titles = [_MARGIN + 11 * len(picture.title)]
    bends = [*_bends(picture, places)]
    loops = [
        places[e.start].right + bend + len(e.label) * _LETTER
        for e, bend in zip(picture.edges, bends, strict=True)
        if bend
    ]
    width = max([*titles, *loops, *(r.right for r in every)]) + _MARGIN
    height = max([_TOP, *(r.y + r.height for r in every)]) + _MARGIN
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"0 0 {width:.0f} {height:.0f}",
        "width": f"{width:.0f}",
        "height": f"{height:.0f}",
    }
    svg = ET.Element("svg", attributes)
    ET.SubElement(svg, "title").text = picture.title
    ET.SubElement(svg, "style").text = _STYLE
    ET.SubElement(svg, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
    _text(svg, _MARGIN, 38, picture.title, "title")
    lefts = {n.column: places[n.key].x for n in reversed(picture.nodes)}
    for column, left in sorted(lefts.items()):
        _text(svg, left, 66, picture.columns[column], "column")
    for (_, title), rect in boxes.items():
        _rect(svg, rect, {"class": "box", "rx": "8"})
        _text(svg, rect.x + _PAD, rect.y + 17, title, "head")
    for edge, bend in zip(picture.edges, bends, strict=True):
        _edge(svg, edge, places[edge.start], places[edge.end], bend)
    for node in picture.nodes:
        _node(svg, node, places[node.key])
    ET.indent(svg, space=" ")
    return f"{MARK}\n{ET.tostring(svg, encoding='unicode')}\n"


def _layout(picture: Picture) -> tuple[dict[str, _Rect], dict[tuple[int, str], _Rect]]:
    """The place of each node by its key, and of each box by its column and title."""
    order = _ordered(picture)
    places: dict[str, _Rect] = {}
    boxes: dict[tuple[int, str], _Rect] = {}
    left = float(_MARGIN)
    for column, nodes in order.items():
        width = max(_width(n.lines) for n in nodes)
        inset = _PAD if any(n.box for n in nodes) else 0
        width = max([width, *(_width((n.box,)) for n in nodes)])
        y = float(_TOP)
        for box, members in _runs(nodes):
            top = y
            y += _HEADER + 4 if box else 0
            for node in members:
                height = len(node.lines) * _LINE + 12
                places[node.key] = _Rect(left + inset, y, width, height)
                y += height + _GAP
            if box:
                boxes[column, box] = _Rect(left, top, width + 2 * inset, y - top)
                y += _BOX_GAP
        left += width + 2 * inset + _COLUMN_GAP
    return places, boxes


def _ordered(picture: Picture) -> dict[int, list[Node]]:
    """The nodes of each column from top to bottom, near the nodes that they are connected to."""
    columns: dict[int, list[Node]] = defaultdict(list)
    for node in picture.nodes:
        columns[node.column].append(node)
    neighbours: dict[str, list[str]] = defaultdict(list)
    for edge in picture.edges:
        neighbours[edge.start].append(edge.end)
        neighbours[edge.end].append(edge.start)
    present = sorted(columns)
    for left, right in [*pairwise(present), *pairwise(reversed(present)), *pairwise(present)]:
        rank = {n.key: i for i, n in enumerate(columns[left])}
        columns[right] = _sorted(columns[right], rank, neighbours)
    return {column: columns[column] for column in present}


def _sorted(
    nodes: Sequence[Node], rank: Mapping[str, int], neighbours: Mapping[str, list[str]]
) -> list[Node]:
    before = {n.key: float(i) for i, n in enumerate(nodes)}

    def wish(node: Node) -> float:
        found = [rank[k] for k in neighbours.get(node.key, ()) if k in rank]
        return _mean(found) if found else before[node.key]

    wishes = {n.key: wish(n) for n in nodes}
    runs = [(box, members) for box, members in _runs(sorted(nodes, key=lambda n: n.box))]
    # A box stays whole; a node without a box is ordered by itself.
    units = [[m] for box, members in runs if not box for m in members]
    units += [members for box, members in runs if box]
    units.sort(key=lambda unit: _mean(wishes[n.key] for n in unit))
    return [n for unit in units for n in sorted(unit, key=lambda n: wishes[n.key])]


def _mean(values: Iterable[float]) -> float:
    found = [*values]
    return sum(found) / len(found)


def _runs(nodes: Sequence[Node]) -> list[tuple[str, list[Node]]]:
    """Neighbours with the same box, from top to bottom."""
    runs: list[tuple[str, list[Node]]] = []
    for node in nodes:
        if not runs or runs[-1][0] != node.box or not node.box:
            runs.append((node.box, []))
        runs[-1][1].append(node)
    return runs


def _width(lines: Sequence[str]) -> float:
    title, *others = [*lines, ""]
    widths = (len(title) * _HEAD_LETTER, *(len(line) * _LETTER for line in others))
    return max(widths) + 2 * _PAD


def _node(svg: ET.Element, node: Node, rect: _Rect) -> None:
    radius = "14" if node.kind in ("network", "name") else "4"
    style = "node off" if node.kind == "off" else "node"
    _rect(svg, rect, {"class": style, "rx": radius, "fill": _FILL[node.kind]})
    for number, line in enumerate(node.lines):
        place = rect.y + 19 + number * _LINE
        _text(svg, rect.x + _PAD, place, line, "head" if number == 0 else "")


def _bends(picture: Picture, places: Mapping[str, _Rect]) -> Iterator[float]:
    """How far each edge bends to the right of its column; 0 for an edge between two columns."""
    drawn: dict[frozenset[str], int] = defaultdict(int)
    for edge in picture.edges:
        if places[edge.start].x != places[edge.end].x:
            yield 0
            continue
        # A second edge between the same nodes goes around the label of the first.
        ends = frozenset((edge.start, edge.end))
        drawn[ends] += 1
        yield _LOOP * (2 * drawn[ends] - 1)


def _edge(svg: ET.Element, edge: Edge, start: _Rect, end: _Rect, out: float) -> None:
    if out:
        first, last = (start.right, start.middle), (end.right, end.middle)
        bend = start.right + out
        label = (start.right + 0.8 * out, (start.middle + end.middle) / 2 + 4)
        bends = (bend, start.middle), (bend, end.middle)
    else:
        left, right = (start, end) if start.x < end.x else (end, start)
        first, last = (left.right, left.middle), (right.x, right.middle)
        bend = (left.right + right.x) / 2
        label = (right.x - 6 - len(edge.label) * 6, right.middle - 5)
        bends = (bend, left.middle), (bend, right.middle)
    points = [f"{x:.1f} {y:.1f}" for x, y in (first, *bends, last)]
    path = f"M{points[0]}C{' '.join(points[1:])}"
    ET.SubElement(svg, "path", {"class": "edge", "d": path})
    if edge.label:
        _text(svg, *label, edge.label, "label")


def _rect(svg: ET.Element, rect: _Rect, more: Mapping[str, str]) -> None:
    place = {"x": rect.x, "y": rect.y, "width": rect.width, "height": rect.height}
    ET.SubElement(svg, "rect", {**{k: f"{v:.1f}" for k, v in place.items()}, **more})


def _text(svg: ET.Element, x: float, y: float, text: str, style: str) -> None:
    element = ET.SubElement(svg, "text", {"x": f"{x:.1f}", "y": f"{y:.1f}"})
    if style:
        element.set("class", style)
    element.text = text
