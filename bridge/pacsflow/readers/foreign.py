"""Names what pacsflow does not read, and what to give instead, by a file's first bytes."""

from __future__ import annotations

import re

from pacsflow.readers.columns import FLOWS, normalise

_FRAMES = (
    "export the frames: tshark -T json, or tshark -T fields -E header=y -e frame.time_epoch ..."
)
_SPOKEN = "give the capture itself, or tshark -T json of it"
_FLOWS = "give the capture, Zeek's conn.log, or a table with a row a frame"
_SAMPLES = "give the capture of the sFlow datagrams, or what sflowtool -t writes"
_HEADER = "keep the lines above them that begin with #"
_HITS = "give its rows one a line: jq -c '.hits.hits[]'"
_STATISTICS = "statistics of tshark (-z)"
_WINDOW = "one of Wireshark's statistics, without times"
FOREIGN = (
    (rb'\{"index":\{"_index":"packets-', "frames as tshark -T ek writes them", _FRAMES),
    (rb"(?s)(?:<\?xml|<!--).{0,1000}<pdml|<pdml", "frames as PDML (tshark -T pdml)", _FRAMES),
    (rb"(?s)(?:<\?xml|<!--).{0,1000}<psml|<psml", "frames as PSML (tshark -T psml)", _FRAMES),
    (rb"%!", "frames as PostScript (tshark -T ps)", _FRAMES),
    (rb"Frame \d+: \d+ bytes on wire", "frames as text (tshark -V)", _FRAMES),
    (rb" *\d+\s+\S.{0,40}?\s(?:\xe2\x86\x92|->)\s", "frames as text (tshark -T text)", _FRAMES),
    (rb"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d+ (?:IP6? |ARP)", "text of tcpdump", _SPOKEN),
    (rb"=+\r?\n.{1,30} (?:Conversations|Endpoints)", _STATISTICS, _SPOKEN),
    (rb"=+\r?\n(?:\| IO Statistics|Protocol Hierarchy)", _STATISTICS, _SPOKEN),
    (rb'"?Address A"?[,;\t]', _WINDOW, _SPOKEN),
    (rb'"?Address"?[,;\t]"?(?:Port"?[,;\t]"?)?Packets"?[,;\t]', _WINDOW, _SPOKEN),
    (rb'"?Interval start"?[,;\t]|"?Protocol"?[,;\t]"?Percent Packets', _WINDOW, _SPOKEN),
    (rb"\d{9,10}\.\d+\t[CS]\w{10,20}\t", "rows of a Zeek log without its header", _HEADER),
    (rb"ts,te,td,sa,da|first(?:Seen)?,.{0,40}duration|Date first seen", "flows of nfdump", _FLOWS),
    (rb'"?(?:StartTime|SrcAddr)\b.{0,300}(?:TotBytes|SrcBytes|DstAddr)', "flows of argus", _FLOWS),
    (rb"(?:FLOW|CNTR),[0-9a-fA-F.:]+,", "samples as sflowtool -l writes them", _SAMPLES),
    (rb'(?s)\{.{0,300}?"hits"\s*:\s*\{', "an answer of Elasticsearch or OpenSearch", _HITS),
    (rb'\{[^{}]{0,400}"event_type"\s*:\s*"\w+"', "events of Suricata (eve.json)", _FLOWS),
)
"""How each begins, what it is, and what to give instead."""
_KNOWN = tuple((re.compile(begin), what, hint) for begin, what, hint in FOREIGN)
_ADDRESS = rb"[\"']?(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4})[\"']?"
_OF_FLOWS = FLOWS | {
    "network.bytes", "network.packets", "source.bytes", "source.packets", "destination.bytes",
    "sent", "received", "flow id",
}  # fmt: skip
_WITHIN = 50
"""The header stands in one of the first so many lines."""
_NO_HEADER = re.compile(
    rb"[^\n]*(?:^|[,;\t| ])%b[,;\t| ]%b(?:[,;\t| ]|\r?\n)" % (_ADDRESS, _ADDRESS)
)


def known(text: bytes) -> tuple[str, str] | None:
    """Return what begins like one of FOREIGN, and what to give instead."""
    text = text.lstrip(b"\r\n")
    return next(((what, hint) for begin, what, hint in _KNOWN if begin.match(text)), None)


def named(text: bytes) -> tuple[str, str] | None:
    """Return what a text is that pacsflow does not read, and what to give instead.

    >>> named(b"<pdml version='0'>")[0]
    'frames as PDML (tshark -T pdml)'
    """
    if told := known(text) or _table(text):
        return told
    if _NO_HEADER.match(text):
        return "a table without a header", "name its columns in the first line (tshark -E header=y)"
    return None


def _table(text: bytes) -> tuple[str, str] | None:
    """Return what a table is whose header says that its rows are no frames."""
    for line in text.decode("utf-8", "replace").splitlines()[:_WITHIN]:
        names = {normalise(name) for name in re.split(r"[,;\t|]", line)}
        if len(names) < 3:
            continue
        if found := sorted(_OF_FLOWS & names):
            return f"a table of flows or sums (it has a column {found[0]})", _FLOWS
    return None
