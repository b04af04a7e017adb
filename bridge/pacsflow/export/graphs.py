"""Writes the flow map for other programs: Graphviz DOT and GraphML."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from pacsflow.printable import escape_controls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pacsflow.terms.party import Party

Edge = tuple[str, str, int, int, int]
"""Source, destination, communications, packets, bytes."""
NOTHING: Mapping[str, str] = MappingProxyType({})
NODE_KEYS = ("label", "name", "ae_titles", "role", "basis", "evidence", "modality", "site")
GRAPHML = "http://graphml.graphdrawing.org/xmlns"


def _quoted(text: str) -> str:
    return '"' + escape_controls(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def to_dot(
    parties: Mapping[str, Party],
    edges: Sequence[Edge],
    about: Mapping[str, str] = NOTHING,
    counted: str = "communications",
) -> str:
    """Return a directed graph in the DOT language; what it is `about` stands below it.

    Where samples were counted, `counted` says so.
    """
    what = "; ".join(f"{key}: {value}" for key, value in about.items())
    lines = ["digraph pacsflow {", f"  label={_quoted(what)};", "  rankdir=LR;"]
    lines.append("  node [shape=box];")
    for address, party in parties.items():
        titles = ", ".join(title for title in party.ae_titles if title != party.name)
        label = " / ".join(filter(None, (party.name, titles, address, _role(party))))
        told = f"label={_quoted(label)}, class={_quoted(_role(party))}"
        lines.append(f"  {_quoted(address)} [{told}];")
    for source, destination, communications, packets, octets in edges:
        told = f"{counted}={communications}, packets={packets}, bytes={octets}"
        lines.append(
            f"  {_quoted(source)} -> {_quoted(destination)} "
            f"[label={_quoted(f'{octets / 1e6:,.1f} MB')}, {told}];"
        )
    return "\n".join([*lines, "}", ""])


def _role(party: Party) -> str:
    return "" if party.role == "unknown" else party.role


def _texts(party: Party) -> dict[str, str]:
    return {
        "label": party.name or ", ".join(party.ae_titles) or party.address,
        "name": party.name,
        "ae_titles": ", ".join(party.ae_titles),
        "role": _role(party),
        "basis": party.basis,
        "evidence": party.evidence,
        "modality": party.modality,
        "site": party.site,
    }


def to_graphml(
    parties: Mapping[str, Party],
    edges: Sequence[Edge],
    about: Mapping[str, str] = NOTHING,
    counted: str = "communications",
) -> str:
    """Return a GraphML document, as Gephi, yEd and networkx read it; `about` is of the graph.

    Where samples were counted, `counted` says so.
    """
    root = ET.Element("graphml", xmlns=GRAPHML)
    edge_keys = (counted, "packets", "bytes")
    keys = (("graph", about, "string"), ("node", NODE_KEYS, "string"), ("edge", edge_keys, "long"))
    for owner, names, kind in keys:
        for name in names:
            told = {"id": f"{owner} {name}", "for": owner, "attr.name": name, "attr.type": kind}
            ET.SubElement(root, "key", told)
    graph = ET.SubElement(root, "graph", id="pacsflow", edgedefault="directed")
    for name, value in about.items():
        ET.SubElement(graph, "data", key=f"graph {name}").text = escape_controls(value)
    for address, party in parties.items():
        node = ET.SubElement(graph, "node", id=escape_controls(address))
        for name, value in _texts(party).items():
            ET.SubElement(node, "data", key=f"node {name}").text = escape_controls(value)
    for number, (*ends, communications, packets, octets) in enumerate(edges):
        source, destination = map(escape_controls, ends)
        edge = ET.SubElement(graph, "edge", id=f"e{number}", source=source, target=destination)
        values = communications, packets, octets
        for name, number_of in zip(edge_keys, values, strict=True):
            ET.SubElement(edge, "data", key=f"edge {name}").text = str(number_of)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"
