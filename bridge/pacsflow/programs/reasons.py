"""Why the two taggers may tell of one thing differently, and neither is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, str]
"""One row of a log, the cells as they stand in the file."""
UNSET = "-"


def several(cell: str) -> set[str]:
    """Return the values in a cell of a set."""
    return set() if cell in {"", UNSET} else set(cell.split(","))


def is_cut(row: Row) -> bool:
    """Return whether frames of a row were cut, or sampled."""
    return bool({"truncated", "sampled"} & several(row.get("flags", "")))


def is_content(field: str) -> bool:
    """Return whether a field of dicom.log tells of the messages that were read."""
    return field.startswith(("rsp_", "data_")) or field.endswith(
        ("_rq", "sop_classes", "services", "modalities", "failure_codes", "move_destinations")
    )


def is_partial(row: Row) -> bool:
    """Return whether bytes of an association, or its end, are missing."""
    return is_lossy(row) or row["end"] == "incomplete"


def is_lossy(row: Row) -> bool:
    """Return whether a row says that bytes are missing."""
    return row.get("missed_bytes", "0") != "0"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a difference is no fault. `name` is what reports show, `text` what it stands for."""

    name: str
    text: str
    applies: Callable[[str, str, Row], bool]
    """Given the log, the field and the plugin's row; the field is ``row`` for a row that Zeek
    lacks, and ``no row``, with Zeek's row, for one that the plugin lacks."""


REASONS = (
    Reason(
        "cut frames",
        "Frames were captured shorter than they were on the wire, or are samples. Zeek takes a "
        "segment that is not whole for a gap; the plugin reads what there is of it.",
        lambda _log, _field, row: is_cut(row),
    ),
    Reason(
        "one address",
        "Both ends have one address (a capture made on one loopback address). Zeek 8.0's "
        "community_id_v1 then orders the ports by their bytes in the machine's order, not the "
        "network's, and gives another ID than Wireshark and the specification.",
        lambda log, field, row: (
            log != "known_dicom"
            and field == "community_id"
            and row["id.orig_h"] == row["id.resp_h"]
        ),
    ),
    Reason(
        "another port",
        "The association's request is missing and its port is none that Zeek's analyzer is "
        "registered for: nothing there tells Zeek to look. The plugin looks at every stream, and "
        "knows more of the two hosts.",
        lambda log, field, row: (
            (row.get("unwatched") == "T" and (field == "row" or log == "known_dicom"))
            or (field in {"category", "basis"} and row.get("of_unwatched") == "T")
        ),
    ),
    Reason(
        "no start",
        "Request and answer are missing. Where its analyzer is registered Zeek takes such a "
        "stream up at the header of a P-DATA-TF with one PDV, in what acknowledgments let it "
        "put in order; the plugin at the start of a segment, also at a command set without that"
        " header, and waits for no acknowledgment. So one may have read more than the other, "
        "and where packets of one side are missing too, or bytes, or the end, the plugin alone."
        " It also takes from such streams what a host is, with the basis traffic.",
        lambda log, field, row: (
            (
                log == "dicom"
                and "midstream" in several(row.get("flags", ""))
                and (
                    is_content(field)
                    or (
                        field == "row" and ("one_sided" in several(row["flags"]) or is_partial(row))
                    )
                )
            )
            or (
                field in {"category", "basis"}
                and row.get("of_midstream") == "T"
                and row["basis"] == "traffic"
            )
        ),
    ),
    Reason(
        "one side",
        "Of the connection only the direction that answers was captured. The plugin takes from its "
        "answers what the other host asked, with the basis traffic; Zeek takes nothing from them.",
        lambda _log, field, row: (
            field in {"category", "basis"}
            and row.get("of_one_sided") == "T"
            and row["basis"] == "traffic"
        ),
    ),
    Reason(
        "inside TLS",
        "The capture brings the keys of its TLS connections with it. Wireshark decrypts them, "
        "Zeek does not, and tells what can be seen of an encrypted connection.",
        lambda log, field, row: (
            (field == "row" or (log == "dicom_times" and field == "no row"))
            and row.get("tls") == "T"
        ),
    ),
    Reason(
        "lost bytes",
        "Bytes are missing from the capture, or stand in it after their acknowledgment: one of "
        "the two, or both, says so by missed_bytes. Zeek does not wait for what was acknowledged, "
        "the plugin does; after a gap each finds its way back into the stream where it can, and "
        "what it missed until then has no time. Where an answer was hit, one may know of an "
        "endpoint or a role, and the other not.",
        lambda log, field, row: (
            (("row" not in field or log == "dicom_times") and row.get("lost") == "T")
            or (log == "known_dicom" and row.get("unsure") == "T")
        ),
    ),
    Reason(
        "not looked into",
        "Zeek's conn.log has no such connection: it came through a tunnel, a label or a link layer "
        "that Zeek does not look into, or on a port where it does not expect one. The plugin does.",
        lambda _log, field, row: field == "row" and row.get("unseen") == "T",
    ),
    Reason(
        "no lengths",
        "IP packets say a length of 0: what a network card finds that cuts them up itself, or a "
        "jumbogram (Zeek's weird.log: ip_hdr_len_zero, truncated_header, invalid_IP_header_size). "
        "The plugin takes the length of the frame, or of the option; Zeek counts what they carry "
        "as bytes that it missed (conn.log: missed_bytes).",
        lambda _log, field, row: field == "row" and row.get("unmeasured") == "T",
    ),
    Reason(
        "lengths that cannot be",
        "The capture tells lengths of frames that are shorter than what it has of them. The plugin "
        "takes what is there, and says so in capture.log; Zeek leaves these frames out.",
        lambda _log, field, row: field == "row" and row.get("mislengthed") == "T",
    ),
    Reason(
        "several in one frame",
        "Frames of 802.11 bring several packets each (A-MSDU). The plugin reads all of them; Zeek "
        "loses its way in some (weird.log: invalid_802_11_amsdu_inner_packet), and misses what "
        "those behind carry (conn.log: missed_bytes).",
        lambda _log, field, row: field == "row" and row.get("bundled") == "T",
    ),
    Reason(
        "tunnel in tunnel",
        "The connection came through IP in IP inside another tunnel. The plugin names both, Zeek "
        "the outer one alone.",
        lambda _log, field, row: field == "tunnel" and row.get("nested") == "T",
    ),
    Reason(
        "a reset that was ignored",
        "A reset whose number is not the next one ends nothing (RFC 5961): data go on after it. "
        "The plugin reads them; Zeek takes the connection for ended (weird.log: data_after_reset).",
        lambda log, field, row: (
            row.get("reset") == "T"
            and (log == "dicom_times" or field in {"end", "flags", "duration"} or is_content(field))
        ),
    ),
    Reason(
        "a clock that was set",
        "The clock of the capture was set while an association was under way. The plugin goes on, "
        "by the clock as it was at its beginning; Zeek takes a day without a packet for the end "
        "of a connection, and what comes then for another one, or reckons times across the step.",
        lambda _log, _field, row: row.get("clock") == "T",
    ),
    Reason(
        "two networks",
        "Connections with the same addresses and ports run in two VLANs or tunnels. The plugin "
        "tells them apart; Zeek takes them for one (weird.log: TCP_seq_underflow_or_misorder, "
        "bad_SYN_ack) unless policy/frameworks/conn_key/vlan_fivetuple is loaded.",
        lambda _log, _field, row: row.get("networks") == "T",
    ),
    Reason(
        "two numberings",
        "Packets were captured before and behind a firewall that gives a connection other sequence "
        "numbers. The plugin counts them once, and says in capture.log how many came again; Zeek "
        "puts both into one stream (weird.log: TCP_seq_underflow_or_misorder).",
        lambda _log, _field, row: row.get("renumbered") == "T",
    ),
    Reason(
        "behind a proxy",
        "A client asked a proxy for the connection first (HTTP CONNECT, SOCKS), and the plugin "
        "says in capture.log that it did. Zeek finds the association behind some of these "
        "agreements, not behind SOCKS 4, and not where they came in pieces.",
        lambda _log, _field, row: row.get("proxied") == "T",
    ),
    Reason(
        "a route of segments",
        "IPv6 packets name the next host of a route as their destination (RFC 8754). The plugin "
        "takes the last host of the route; Zeek the next one (weird.log: unknown_routing_type), "
        "and each direction for a connection of its own.",
        lambda _log, _field, row: row.get("routed") == "T",
    ),
    Reason(
        "both began",
        "Both sides sent a SYN, and neither waited for the other's (RFC 9293, 3.5). The plugin "
        "tells no round trip of it; Zeek measures one (weird.log: SYN_seq_jump).",
        lambda _log, field, row: field == "round_trip" and row.get("crossed") == "T",
    ),
    Reason(
        "a PDU without end",
        "A PDU announces 256 MB or more that never came. To the plugin all that follows is of "
        "this PDU; Zeek takes it so, or looks for the next, and takes what was announced off what "
        "it counted.",
        lambda log, field, row: (
            row.get("endless") == "T"
            and (
                log == "dicom_times" or field in {"flags", "category", "basis"} or is_content(field)
            )
        ),
    ),
    Reason(
        "translated",
        "An association was captured before and after an address translation. The plugin counts it "
        "once, and names the other connection in capture.log; Zeek has a row of each.",
        lambda _log, field, row: field == "no row" and row.get("translated") == "T",
    ),
    Reason(
        "copies",
        "Packets stand in the capture more than once. The plugin leaves copies out, and says in "
        "capture.log how many; Zeek takes them for segments sent again, for one more way that a "
        "connection came, or, after its end, for the same connection again.",
        lambda _log, field, row: (
            row.get("copied") == "T"
            and (
                field in {"orig_resent", "resp_resent", "round_trip", "tunnel", "vlan"}
                or (field == "no row" and row.get("twice") == "T")
            )
        ),
    ),
)
"""All differences that are known and stay, each with why; there is no other list."""


def reason_of(log: str, field: str, row: Row) -> str:
    """Return the name of the first reason that applies, or nothing (see `Reason.applies`)."""
    return next((reason.name for reason in REASONS if reason.applies(log, field, row)), "")
