"""Writes the flow map for other programs: Graphviz DOT and GraphML."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from pacsflow.printable import escape_controls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pacsflow.terms.party import Party

Edge = tuple[str, str, int, int, int]
"""Source, destination, communications, packets, bytes."""
GRAPHML = "http://graphml.graphdrawing.org/xmlns"


def _quoted(text: str) -> str:
    return '"' + escape_controls(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def to_dot(parties: Mapping[str, Party], edges: Sequence[Edge]) -> str:
    """Return a directed graph in the DOT language."""
    lines = ["digraph pacsflow {", "  rankdir=LR;", "  node [shape=box];"]
    for address, party in parties.items():
        title = party.name or (party.ae_titles[0] if party.ae_titles else address)
        label = f"{title} / {address} / {party.role}"
        lines.append(f"  {_quoted(address)} [label={_quoted(label)}, class={_quoted(party.role)}];")
    for source, destination, communications, packets, octets in edges:
        told = f"communications={communications}, packets={packets}, bytes={octets}"
        lines.append(
            f"  {_quoted(source)} -> {_quoted(destination)} "
            f"[label={_quoted(f'{octets / 1e6:,.1f} MB')}, {told}];"
        )
    return "\n".join([*lines, "}", ""])


def to_graphml(parties: Mapping[str, Party], edges: Sequence[Edge]) -> str:
    """Return a GraphML document, as Gephi, yEd and networkx read it."""
    root = ET.Element("graphml", xmlns=GRAPHML)
    node_keys = ("name", "role", "basis", "modality", "site")
    edge_keys = ("communications", "packets", "bytes")
    for owner, names, kind in (("node", node_keys, "string"), ("edge", edge_keys, "long")):
        for name in names:
            told = {"id": name, "for": owner, "attr.name": name, "attr.type": kind}
            ET.SubElement(root, "key", told)
    graph = ET.SubElement(root, "graph", id="pacsflow", edgedefault="directed")
    for address, party in parties.items():
        node = ET.SubElement(graph, "node", id=address)
        for name in node_keys:
            ET.SubElement(node, "data", key=name).text = escape_controls(getattr(party, name))
    for number, (source, destination, *values) in enumerate(edges):
        edge = ET.SubElement(graph, "edge", id=f"e{number}", source=source, target=destination)
        for name, value in zip(edge_keys, values, strict=True):
            ET.SubElement(edge, "data", key=name).text = str(value)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"
