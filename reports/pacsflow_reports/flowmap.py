"""Layout of the flow map: three columns of equipment and ribbons as wide as their bytes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

from pacsflow.words.text import shorten

if TYPE_CHECKING:
    from pacsflow.terms.party import Party
    from pacsflow.week.facts import FlowMap, MapEdge

WIDTH, COLUMN = 1200, 12
LEFT = (300.0, 594.0, 888.0)
GAP, LEAST, TOP = 9.0, 13.0, 34.0
MOST_NODES, MOST_EDGES = 26, 320
LABEL = 16.6
"""Ems of a label at most: as many as the room beside the columns has where letters are largest."""
WIDE_LETTERS = "WMmw@%\u2026"


@dataclass(frozen=True, slots=True)
class Box:
    """One node: a bar in its column and its label beside it."""

    id: int
    x: float
    y: float
    height: float
    layer: int
    party: Party
    bytes_in: float
    bytes_out: float


@dataclass(frozen=True, slots=True)
class Ribbon:
    """One edge: a band whose width is its bytes; `back` runs against the columns."""

    path: str
    width: float
    source: Box
    target: Box
    bytes: float
    communications: int
    back: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole map, in the viewBox; what was too small to draw is counted."""

    width: int
    height: float
    boxes: tuple[Box, ...]
    ribbons: tuple[Ribbon, ...]
    hidden_nodes: int
    hidden_edges: int
    hidden_bytes: float


def label(name: str) -> str:
    """Return a name as it fits beside its bar, in the widest of fonts; its middle is cut."""
    most = 26
    while _ems(shorten(name, most)) > LABEL:
        most -= 1
    return shorten(name, most)


def _ems(text: str) -> float:
    """Return how wide a text is at most, in sizes of its font."""
    return sum(map(_em, text))


def _em(letter: str) -> float:
    if combining(letter):
        return 0.0
    if letter in WIDE_LETTERS or east_asian_width(letter) in "WF":
        return 1.0
    return 0.8 if letter.isupper() else 0.66


def layout(flow: FlowMap) -> Layout:
    """Return the layered layout of `flow`; the busiest nodes of each layer are drawn."""
    columns: dict[int, list[int]] = {0: [], 1: [], 2: []}
    nodes = {node.id: node for node in flow.nodes}
    for node in sorted(flow.nodes, key=lambda n: -(n.bytes_in + n.bytes_out)):
        columns[min(max(node.layer, 0), 2)].append(node.id)
    drawn = {node for column in columns.values() for node in column[:MOST_NODES]}
    edges = [e for e in flow.edges if e.source in drawn and e.target in drawn and e.bytes > 0]
    edges = sorted(edges, key=lambda e: -e.bytes)[:MOST_EDGES]
    linked = {e.source for e in edges} | {e.target for e in edges}
    kept = {
        layer: [n for n in column[:MOST_NODES] if n in linked] for layer, column in columns.items()
    }
    kept = _untangle(kept, edges)

    out_bytes: dict[int, float] = defaultdict(float)
    in_bytes: dict[int, float] = defaultdict(float)
    for edge in edges:
        out_bytes[edge.source] += edge.bytes
        in_bytes[edge.target] += edge.bytes

    size = {n: max(out_bytes[n], in_bytes[n]) for column in kept.values() for n in column}
    tallest = max((sum(size[n] for n in column) for column in kept.values()), default=0.0)
    most = max((len(column) for column in kept.values()), default=0)
    room = max(240.0, most * 15.0)
    scale = room / tallest if tallest > 0 else 0.0
    heights = {n: max(LEAST, value * scale) for n, value in size.items()}
    full = max((sum(heights[n] + GAP for n in column) for column in kept.values()), default=0.0)

    boxes: dict[int, Box] = {}
    for layer, column in kept.items():
        used = sum(heights[n] + GAP for n in column)
        y = TOP + (full - used) / 2
        for n in column:
            boxes[n] = Box(
                n,
                LEFT[layer],
                round(y, 1),
                round(heights[n], 1),
                layer,
                nodes[n].party,
                nodes[n].bytes_in,
                nodes[n].bytes_out,
            )
            y += heights[n] + GAP
    ribbons = _ribbons(edges, boxes, scale, out_bytes, in_bytes)
    return Layout(
        width=WIDTH,
        height=round(TOP + full + 6, 1),
        boxes=tuple(boxes.values()),
        ribbons=ribbons,
        hidden_nodes=flow.omitted_nodes + len(flow.nodes) - len(boxes),
        hidden_edges=flow.omitted_edges + len(flow.edges) - len(edges),
        hidden_bytes=flow.omitted_bytes
        + max(0.0, sum(e.bytes for e in flow.edges) - sum(e.bytes for e in edges)),
    )


def _untangle(columns: dict[int, list[int]], edges: list[MapEdge]) -> dict[int, list[int]]:
    """Order the outer columns by the weighted middle of what they touch (barycentre)."""
    for _ in range(3):
        for layer, others in ((0, (1,)), (2, (1,)), (1, (0, 2))):
            place = {
                n: i / max(1, len(columns[o])) for o in others for i, n in enumerate(columns[o])
            }
            weight: dict[int, float] = defaultdict(float)
            moment: dict[int, float] = defaultdict(float)
            for edge in edges:
                for here, there in ((edge.source, edge.target), (edge.target, edge.source)):
                    if there in place:
                        weight[here] += edge.bytes
                        moment[here] += edge.bytes * place[there]
            columns[layer].sort(key=lambda n: moment[n] / weight[n] if weight[n] else 2.0)
    return columns


def _ribbons(
    edges: list[MapEdge],
    boxes: dict[int, Box],
    scale: float,
    out_bytes: dict[int, float],
    in_bytes: dict[int, float],
) -> tuple[Ribbon, ...]:
    """Return the bands, stacked along each node in the order of the nodes that they lead to."""
    starts: dict[tuple[int, int], float] = {}
    ends: dict[tuple[int, int], float] = {}
    for total, index, found in ((out_bytes, 0, starts), (in_bytes, 1, ends)):
        grouped: dict[int, list[MapEdge]] = defaultdict(list)
        for edge in edges:
            grouped[(edge.source, edge.target)[index]].append(edge)
        for node, members in grouped.items():
            box = boxes[node]
            y = box.y + (box.height - total[node] * scale) / 2
            others = {(e.source, e.target): boxes[(e.target, e.source)[index]].y for e in members}
            for edge in sorted(members, key=lambda e: others[(e.source, e.target)]):
                thick = edge.bytes * scale
                found[(edge.source, edge.target)] = y + thick / 2
                y += thick
    made: list[Ribbon] = []
    for edge in edges:
        source, target = boxes[edge.source], boxes[edge.target]
        y1, y2 = starts[(edge.source, edge.target)], ends[(edge.source, edge.target)]
        forward = source.layer < target.layer
        if forward:
            x1, x2 = source.x + COLUMN, target.x
            bend = (x1 + x2) / 2
            path = f"M{x1:.0f} {y1:.1f}C{bend:.0f} {y1:.1f} {bend:.0f} {y2:.1f} {x2:.0f} {y2:.1f}"
        elif source.layer == target.layer:
            x = source.x + COLUMN if source.layer < 2 else source.x
            out = x + (46 if source.layer < 2 else -46)
            path = f"M{x:.0f} {y1:.1f}C{out:.0f} {y1:.1f} {out:.0f} {y2:.1f} {x:.0f} {y2:.1f}"
        else:
            x1, x2 = source.x, target.x + COLUMN
            bend = (x1 + x2) / 2
            path = f"M{x1:.0f} {y1:.1f}C{bend:.0f} {y1:.1f} {bend:.0f} {y2:.1f} {x2:.0f} {y2:.1f}"
        made.append(
            Ribbon(
                path,
                round(max(0.8, edge.bytes * scale), 1),
                source,
                target,
                edge.bytes,
                edge.communications,
                not forward,
            )
        )
    return tuple(made)
