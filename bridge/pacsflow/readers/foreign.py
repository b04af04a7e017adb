"""Names what pacsflow does not read, and what to give instead, by a file's first bytes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pacsflow.readers.columns import FLOWS, PLACES, SUMMED, normalise, read_header

if TYPE_CHECKING:
    from collections.abc import Iterator

_FRAMES = (
    "export the frames: tshark -T json, or tshark -T fields -E header=y -e frame.time_epoch ..."
)
_SPOKEN = "give the capture itself, or tshark -T json of it"
_FLOWS = "give the capture, Zeek's conn.log, or a table with a row a frame"
_SAMPLES = "give the capture of the sFlow datagrams, or what sflowtool -t writes"
_DUCKDB = "make a table of it: duckdb -c \"COPY (FROM 'FILE') TO 'conn.csv'\""
_ARROW = "write it as CSV, or as JSON with a row a line"
_TABLE = "save it as .xlsx or .csv"
_ZQ = "let zq write it: zq -f json"
_LOKI = "give the rows as they came: jq -r '.. | .values? // empty | .[][1]'"
_NAMES = "name its columns in the first line (tshark -E header=y); of sFlow give sflowtool -t"
_CALLED = "name its columns Time, Source, Destination, Length, as Wireshark does"
_HEADER = "keep the lines above them that begin with #"
_HITS = "give its rows one a line: jq -c '.hits.hits[]'"
_QUOTED = (
    'take the quotes off: sed \'s/^"//; s/"[[:space:]]*$//; s/""/"/g\' FILE > LOG, and give LOG'
)
_SETTINGS = "settings are given with --config FILE"
_STATISTICS = "statistics of tshark (-z)"
_WINDOW = "one of Wireshark's statistics, without times"
FOREIGN = (
    (rb'\{"index":\{"_index":"packets-', "frames as tshark -T ek writes them", _FRAMES),
    (rb"(?s)(?:<\?xml|<!--).{0,1000}<pdml|<pdml", "frames as PDML (tshark -T pdml)", _FRAMES),
    (rb"(?s)(?:<\?xml|<!--).{0,1000}<psml|<psml", "frames as PSML (tshark -T psml)", _FRAMES),
    (rb"No\. +Time +Source", "frames as text (File > Export Packet Dissections)", _FRAMES),
    (rb"/\* (?:Frame|Packet)|(?:static )?const unsigned char pkt", "frames as C arrays", _FRAMES),
    (rb"\+-{9}\+-{15}\+", "frames as K12 text", _SPOKEN),
    (rb"0000?0?0?0?  ?(?:[0-9a-f]{2} ){8}", "frames as hexadecimal digits", _SPOKEN),
    (rb"%!", "frames as PostScript (tshark -T ps)", _FRAMES),
    (rb"Frame \d+: \d+ bytes on wire", "frames as text (tshark -V)", _FRAMES),
    (rb" *\d+\s+\S.{0,40}?\s(?:\xe2\x86\x92|->)\s", "frames as text (tshark -T text)", _FRAMES),
    (rb"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d+ (?:IP6? |ARP)", "text of tcpdump", _SPOKEN),
    (rb"=+\r?\n.{1,30} (?:Conversations|Endpoints)", _STATISTICS, _SPOKEN),
    (rb"=+\r?\n(?:\| IO Statistics|Protocol Hierarchy)", _STATISTICS, _SPOKEN),
    (rb'"?Address A"?[,;\t]', _WINDOW, _SPOKEN),
    (rb'(?s)[\s\[{-]{1,20}"?Address(?: A)?"?\s*:', _WINDOW, _SPOKEN),
    (rb">==+ \w+ =+ ", "sums of trace-summary", "give the conn.log that it sums up"),
    (rb"PAR1", "a Parquet file", _DUCKDB),
    (rb"ARROW1|FEA1|\xff\xff\xff\xff", "a table of Arrow (Feather)", _ARROW),
    (
        rb"ORC|Obj\x01|\x89HDF|\x80[\x02-\x05]",
        "a table of a program (ORC, Avro, HDF5, pickle)",
        _ARROW,
    ),
    (
        rb"(?s)SQLite format 3|.{8}DUCK",
        "a database",
        "let it write the rows as CSV, with their names",
    ),
    (
        rb'"(?:#|\{""|(?:[^"\n,;\t|]|"")*[,;\t|](?:[^"\n]|"")*"\r?\n"[^"\n]*"\r?\n)',
        "lines that stand in quotes as a whole",
        _QUOTED,
    ),
    (
        rb"(?:\s*(?:#|[\w.-]+ *=)[^\n]*\n)*\s*\[[a-z][a-z_.]*\]\s*(?:#[^\n]*)?\r?\n",
        "a file of settings (TOML)",
        _SETTINGS,
    ),
    (rb"(?i)\s*<(?:!doctype )?html|\s*<table", "a page of HTML", _TABLE),
    (
        rb"(?s)<\?xml.{0,200}(?:mso-application|schemas-microsoft-com:office)",
        "a workbook as XML",
        _TABLE,
    ),
    (rb"%PDF-", "a PDF", "give the table or the log that it was printed from"),
    (rb"(?s)\{.{0,400}?[{,]id:\{orig_h:", "rows of Zeek as zq writes them (zson)", _ZQ),
    (rb'(?s)\{"type":\{"kind":', "rows of Zeek as zq writes them (zjson)", _ZQ),
    (
        rb'(?s)\{.{0,300}?"stream(?:s"\s*:\s*\[|"\s*:\s*\{.{0,2000}?"values")',
        "an answer of Loki",
        _LOKI,
    ),
    (rb'(?s)\[?\s*\{[^{}]{0,400}"(?:firstPacket|lastPacket)"', "sessions of Arkime", _FLOWS),
    (
        rb"[^\n]*(?:meanSkipCount|sampledPacketSize)",
        "samples as sflowtool -L writes them",
        _SAMPLES,
    ),
    (rb'"?Address"?[,;\t]"?(?:Port"?[,;\t]"?)?Packets"?[,;\t]', _WINDOW, _SPOKEN),
    (rb'"?Interval start"?[,;\t]|"?Protocol"?[,;\t]"?Percent Packets', _WINDOW, _SPOKEN),
    (
        rb"(?:\d{9,10}\.\d+|\d{4}-[\d-]{5}T[\d:+-]+)\t[CS]\w{10,20}\t",
        "rows of a Zeek log without its header",
        _HEADER,
    ),
    (rb"ts,te,td,sa,da|first(?:Seen)?,.{0,40}duration|Date first seen", "flows of nfdump", _FLOWS),
    (rb'"?(?:StartTime|SrcAddr)\b.{0,300}(?:TotBytes|SrcBytes|DstAddr)', "flows of argus", _FLOWS),
    (rb"(?:FLOW|CNTR),[0-9a-fA-F.:]+,", "samples as sflowtool -l writes them", _SAMPLES),
    (rb'(?s)\{.{0,300}?"hits"\s*:\s*\{', "an answer of Elasticsearch or OpenSearch", _HITS),
    (rb'(?s)\[?\s*\{[^{}]{0,400}"event_type"\s*:\s*"purge"', "flows of pmacct", _FLOWS),
    (rb'\{[^{}]{0,400}"event_type"\s*:\s*"\w+"', "events of Suricata (eve.json)", _FLOWS),
    (rb'(?s)\[?\s*\{[^{}]{0,400}"src[46]_addr"', "flows of nfdump", _FLOWS),
    (rb'(?s)\s*\{[^{}]{0,200}"datagramSourceIP"', "samples as sflowtool -j writes them", _SAMPLES),
    (rb"startDatagram =", "samples as sflowtool writes them", _SAMPLES),
    (rb"File name:\s|File name[\t,]File type", "what capinfos says of captures", _SPOKEN),
    (rb"version account-id interface-id ", "flow logs of a cloud", _FLOWS),
)
"""How each begins, what it is, and what to give instead."""
_KNOWN = tuple((re.compile(begin), what, hint) for begin, what, hint in FOREIGN)
_ADDRESS = rb"[\"']?(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4})[\"']?"
_OF_FLOWS = FLOWS | {
    "network.bytes", "network.packets", "source.bytes", "source.packets", "destination.bytes",
    "sent", "received", "flow id", "srcbytes", "dstbytes", "sentbytes", "receivedbytes",
    "srcpackets", "dstpackets",
}  # fmt: skip
_IN_CONN = {
    "ts": {"ts", *PLACES["ts"], "start", "start time", "first seen", "timegenerated"},
    "id.orig_h": {
        "id.orig_h", *PLACES["id.orig_h"], "client", "client ip", "cli ip", "orig h", "srcaddr",
        "sip", "sa", "ipv4 src addr", "ipv6 src addr", "srcipaddr", "sourceip",
    },
    "id.orig_p": {
        "id.orig_p", *PLACES["id.orig_p"], "sport", "srcport", "l4 src port", "orig p",
        "srcportnumber", "sourceport",
    },
    "id.resp_h": {
        "id.resp_h", *PLACES["id.resp_h"], "server", "server ip", "srv ip", "resp h", "dstaddr",
        "dip", "da", "ipv4 dst addr", "ipv6 dst addr", "dstipaddr", "destinationip",
    },
    "id.resp_p": {
        "id.resp_p", *PLACES["id.resp_p"], "dport", "dstport", "l4 dst port", "resp p",
        "dstportnumber", "destinationport",
    },
    "proto": {"proto", "protocol", "transport", "ip protocol", "networkprotocol"},
    "duration": {"duration", "elapsed time (sec)"},
    "orig_ip_bytes": {"orig_ip_bytes", "orig ip bytes", "orig bytes"},
    "resp_ip_bytes": {"resp_ip_bytes", "resp ip bytes", "resp bytes"},
}  # fmt: skip
"""Columns without which a row of conn.log says too little, and what others call them."""
_SHOWN = {"ts": "Time", "id.orig_h": "Source", "id.resp_h": "Destination", "length": "Length"}
_LONGEST = 40
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
        return "a table without a header", _NAMES
    return _unnamed(text) or _in_another_language(text)


def _in_another_language(text: bytes) -> tuple[str, str] | None:
    """Return what a table is of whose names none is known, and that has addresses below them."""
    if not _NO_HEADER.match(text.partition(b"\n")[2]):
        return None
    found = next(_headers(text), {})
    if any(map(SUMMED.match, found)):
        return None
    names = ", ".join([*found.values()][::-1][:8])
    return f"a table whose columns are not known ({names})", _CALLED


def _headers(text: bytes) -> Iterator[dict[str, str]]:
    """Yield the names of lines that may be a header, as they are compared and as written."""
    for line in text.decode("utf-8", "replace").splitlines()[:_WITHIN]:
        names = [name.strip().strip("\"'")[:_LONGEST] for name in re.split(r"[,;\t|]", line)]
        if len(names) > 2:
            yield {normalise(name): name for name in reversed(names) if name}


def _table(text: bytes) -> tuple[str, str] | None:
    """Return what a table is whose header says that its rows are no frames."""
    for names in _headers(text):
        if found := sorted(_OF_FLOWS & names.keys()):
            problem = f"a table of flows or sums (it has a column {names[found[0]]})"
            return problem, _renamed(names) or _FLOWS
    return None


def _renamed(names: dict[str, str]) -> str:
    """Return how the columns of a table of flows are called in conn.log; empty where it has none.

    What it does not have is named, too: which side's bytes they are, a name seldom tells.
    """
    found = {
        zeek: next(names[plain] for plain in names if plain in known)
        for zeek, known in _IN_CONN.items()
        if not known.isdisjoint(names)
    }
    if not {"id.orig_h", "id.resp_h"} <= found.keys():
        return ""
    called = [f"{zeek} for {name}" for zeek, name in found.items() if zeek != name]
    lacking = [zeek for zeek in _IN_CONN if zeek not in found]
    what = [f"name its columns as in conn.log: {', '.join(called)}"] if called else []
    what += [f"add {', '.join(lacking)} (what each side sent)"] if lacking else []
    return f"where a row is a connection, {' and '.join(what)}" if what else ""


def _unnamed(text: bytes) -> tuple[str, str] | None:
    """Return which columns of frames a table lacks, of which a name or two are known."""
    for names in _headers(text):
        lacking = [
            shown
            for column, shown in _SHOWN.items()
            if PLACES[column].keys().isdisjoint(names)
            and (column != "ts" or PLACES["date"].keys().isdisjoint(names))
        ]
        if any(map(SUMMED.match, names)):
            return None
        if len(lacking) < len(_SHOWN) and read_header([*names.values()]) is None:
            there = ", ".join([*names.values()][::-1][:8])
            problem = f"a table without a column {' or '.join(lacking)} (it has {there})"
            return problem, _CALLED
    return None
